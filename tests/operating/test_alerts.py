"""Each alert rule fires by the condition that should raise it, on a real worker's metrics, and is quiet otherwise."""

from __future__ import annotations

import re
import signal
from datetime import UTC, datetime, timedelta

import pytest
from promql_parser import parse as parse_promql
from sqlalchemy import Engine, text

from scheduler_worker.cli.exits import Exit
from scheduler_worker.health_limits import (
    EPOCH_OVERDUE,
    SCHEDULE_OVERDUE,
    STREAM_BEHIND,
    STREAM_FAILING,
)
from tests.operating.alert_rules import Rule, firing, read_rules, scraped
from tests.operating.operated import STREAM, OperatedNode, OperatedWorker, Sample, until
from tests.operating.promql import Instant, evaluate


def test_a_healthy_worker_raises_nothing_and_each_condition_its_own_alert(
    operated_node: OperatedNode, owner_engine: Engine
) -> None:
    today = datetime.now(tz=UTC).date().isoformat()
    with operated_node.worker() as worker:
        worker.await_ready()
        seen = {"no schedule": firing(scraped(worker))}
        must(operated_node, "schedule", "apply")
        until(lambda: worker.value("ledger_schedule_present") == 1, "the schedule")

        must(operated_node, "epoch", "collect", "--at", "2026-01-05")
        until(lambda: worker.value("ledger_epoch_overdue_seconds") or None, "an old open epoch")
        seen["an epoch of January open"] = firing(scraped(worker))
        must(operated_node, "epoch", "finalize", "1", "--yes")
        must(operated_node, "epoch", "collect", "--at", today)
        until(lambda: worker.value("ledger_epoch_overdue_seconds") == 0, "an epoch that goes on")
        until(lambda: lag(worker) < 86_400, "a stream that was just collected")
        seen["healthy"] = firing(scraped(worker))

        seen |= schedule_story(operated_node, worker)
        seen |= source_story(operated_node, worker, owner_engine)
        worker.process.send_signal(signal.SIGKILL)
        worker.process.wait()
        seen["killed"] = firing(scraped(worker))

    assert seen == {
        "no schedule": ["LedgerScheduleNotRun"],
        "an epoch of January open": ["LedgerEpochOverdue", "LedgerSourceBehind"],
        "healthy": [],
        "a schedule that ran last in January": ["LedgerScheduleNotRun"],
        "a schedule that ran": [],
        "failing for an hour": [],
        "failing for a day": ["LedgerSourceFailing"],
        "behind for ten days": ["LedgerSourceBehind", "LedgerSourceFailing"],
        "a source that is back": [],
        "killed": ["LedgerWorkerDown"],
    }


def schedule_story(node: OperatedNode, worker: OperatedWorker) -> dict[str, list[str]]:
    """The schedule's last success lies in January, then it runs."""
    must(node, "schedule", "backfill", "2026-01-12", "2026-01-12")
    until(lambda: worker.value("ledger_schedule_overdue_seconds") or None, "an old success")
    old = firing(scraped(worker))
    must(node, "schedule", "trigger")
    until(lambda: worker.value("ledger_schedule_overdue_seconds") == 0, "a new success")
    return {"a schedule that ran last in January": old, "a schedule that ran": firing(scraped(worker))}


def source_story(node: OperatedNode, worker: OperatedWorker, owner_engine: Engine) -> dict[str, list[str]]:
    """The repository is gone, and time goes by; then it is back."""
    moved = node.repository.with_name("moved")
    node.repository.rename(moved)
    must(node, "epoch", "collect", "--at", datetime.now(tz=UTC).date().isoformat(), "--no-wait")

    def failing_seconds() -> float:
        return worker.value("ledger_stream_failing_seconds", stream=STREAM) or 0

    def let_pass(column: str, time: timedelta) -> None:
        with owner_engine.begin() as connection:
            connection.execute(
                text(f"UPDATE stream_health SET {column} = {column} - :time"),
                {"time": time},
            )

    until(lambda: failing_seconds() > 0, "a failure")
    let_pass("failing_since", timedelta(hours=1))
    until(lambda: failing_seconds() > 3_600, "an hour of it")
    hour = firing(scraped(worker))
    let_pass("failing_since", timedelta(days=1))
    until(lambda: failing_seconds() > 86_400, "a day of it")
    day = firing(scraped(worker))
    let_pass("collected_until", timedelta(days=10))
    until(lambda: lag(worker) > 864_000, "ten days")
    behind = firing(scraped(worker))
    moved.rename(node.repository)
    # The try above waits for its next turn; another window's finds the source at once, and its epoch has to wait.
    next_week = (datetime.now(tz=UTC) + timedelta(days=7)).date().isoformat()
    assert node.run("epoch", "collect", "--at", next_week).status == Exit.INCOMPLETE
    until(lambda: failing_seconds() == 0 and lag(worker) < 86_400, "no failure")
    back = firing(scraped(worker))
    return {
        "failing for an hour": hour,
        "failing for a day": day,
        "behind for ten days": behind,
        "a source that is back": back,
    }


def lag(worker: OperatedWorker) -> float:
    return worker.value("ledger_stream_lag_seconds", stream=STREAM) or 0


def must(node: OperatedNode, *words: str) -> None:
    ended = node.run(*words)
    assert ended.status == 0, (words, ended)


def test_an_alert_without_any_worker_is_raised_too() -> None:
    nobody = Instant([], 1_000.0)

    assert firing(nobody) == ["LedgerWorkerDown"]


@pytest.mark.parametrize(("age", "fires"), [(899, []), (901, ["LedgerUnobserved"])])
def test_gauges_that_nobody_sets_any_more_are_told(age: int, fires: list[str]) -> None:
    """A worker that scrapes well and has stopped looking: the time of its last look stands still."""
    now = 2_000_000.0
    samples = [
        Sample("up", {"job": "ledger-worker"}, 1.0),
        Sample("ledger_observed_timestamp_seconds", {"server": "database"}, now - age),
    ]

    assert firing(Instant(samples, now)) == fires


@pytest.mark.parametrize("rule", read_rules(), ids=lambda rule: rule.name)
def test_a_rule_waits_before_it_wakes_anybody_and_says_what_to_do(rule: Rule) -> None:
    parse_promql(rule.expression)

    assert 60 <= rule.hold_seconds <= 300
    assert rule.severity in {"critical", "warning"}
    assert {"summary", "action"} <= rule.annotations.keys()


def test_the_limits_are_those_of_ledger_status() -> None:
    limits = {
        rule.name: re.findall(r"> (\d+)", rule.expression)
        for rule in read_rules()
        if "Unobserved" not in rule.name
    }

    assert {name: int(found[0]) for name, found in limits.items() if found} == {
        "LedgerSourceFailing": STREAM_FAILING.total_seconds(),
        "LedgerSourceBehind": STREAM_BEHIND.total_seconds(),
        "LedgerEpochOverdue": EPOCH_OVERDUE.total_seconds(),
        "LedgerScheduleNotRun": SCHEDULE_OVERDUE.total_seconds(),
    }


def test_what_the_evaluation_does_not_know_it_refuses() -> None:
    with pytest.raises(NotImplementedError):
        evaluate("rate(ledger_pages_total[5m])", Instant([], 0.0))
