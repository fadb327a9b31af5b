"""What `ledger status` says of facts: both sides of each limit, and a next step wherever one is needed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ledger_core import Epoch, EpochId, EpochStatus, StreamRef, WeightConfig
from ledger_core.domain.operating_facts import OperatingFacts
from ledger_core.domain.stream_health import StreamHealth
from ledger_core.testing import MONDAY, make_window
from scheduler_worker.cli.status_checks import (
    Check,
    State,
    ago,
    ledger_checks,
    schedule_check,
    stream_checks,
)
from scheduler_worker.schedule_health import ScheduleHealth

PULLS = StreamRef(source="github", source_ref="acme/widgets", stream="pull_requests")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
END = make_window().period_end


def facts(*, unresolved: int = 0, is_open: bool = True) -> OperatingFacts:
    epoch = Epoch(
        id=EpochId(7),
        status=EpochStatus.OPEN,
        window=make_window(),
        weight_config=WeightConfig({}),
        pool_total_credits=None,
        opened_at=MONDAY,
        closed_at=None,
    )
    return OperatingFacts(
        open_epoch=epoch if is_open else None, unresolved_events=unresolved, streams=(), head_hash="ab" * 32
    )


def schedule(**changed: object) -> ScheduleHealth:
    values: dict[str, object] = {
        "is_paused": False,
        "note": "",
        "interval": 7 * DAY,
        "last_success_at": MONDAY,
        "last_run_at": MONDAY,
        "last_run_outcome": "completed",
        "next_run_at": MONDAY + 7 * DAY,
        "due_since": MONDAY + 7 * DAY,
    }
    return ScheduleHealth(**(values | changed))  # type: ignore[arg-type]


def state_of(checks: list[Check], name: str) -> State:
    [found] = [check for check in checks if check.name == name]
    assert (found.next_step is None) == (found.state is State.OK)
    return found.state


@pytest.mark.parametrize(
    ("past_end", "state"),
    [
        (-HOUR, State.OK),
        (timedelta(), State.OK),
        (HOUR, State.NOTE),
        (7 * DAY, State.NOTE),
        (7 * DAY + HOUR, State.PROBLEM),
    ],
)
def test_an_open_epoch_may_be_reviewed_for_a_week(past_end: timedelta, state: State) -> None:
    assert state_of(ledger_checks(facts(), END + past_end), "epoch") is state


def test_no_open_epoch_is_all_right() -> None:
    checks = ledger_checks(facts(is_open=False), END)

    assert {check.state for check in checks} == {State.OK}


@pytest.mark.parametrize(("unresolved", "state"), [(0, State.OK), (1, State.NOTE)])
def test_accounts_that_are_nobody_s_are_worth_a_look(unresolved: int, state: State) -> None:
    assert state_of(ledger_checks(facts(unresolved=unresolved), MONDAY), "accounts") is state


@pytest.mark.parametrize(
    ("health", "state"),
    [
        (StreamHealth(stream=PULLS), State.NOTE),
        (StreamHealth(stream=PULLS, collected_until=MONDAY - 9 * DAY), State.OK),
        (StreamHealth(stream=PULLS, collected_until=MONDAY - 9 * DAY - HOUR), State.PROBLEM),
        (
            StreamHealth(stream=PULLS, collected_until=MONDAY, failing_since=MONDAY, problem="a: b"),
            State.PROBLEM,
        ),
    ],
    ids=["never", "nine days", "more", "failing"],
)
def test_a_stream_may_lag_nine_days_and_not_fail(health: StreamHealth, state: State) -> None:
    assert state_of(stream_checks([health], MONDAY), "stream") is state


def test_streams_with_a_problem_come_first() -> None:
    fine = StreamHealth(stream=PULLS, collected_until=MONDAY)
    broken = StreamHealth(stream=PULLS, failing_since=MONDAY, problem="a: b")

    states = [check.state for check in stream_checks([fine, broken, fine], MONDAY)]

    assert states == [State.PROBLEM, State.OK, State.OK]


@pytest.mark.parametrize(
    ("found", "drift", "words"),
    [
        (None, None, "there is none"),
        (schedule(is_paused=True, note="audit"), 0, "paused: audit"),
        (schedule(last_run_outcome="failed"), 0, "ended as failed"),
        (schedule(last_run_outcome="timed out"), 0, "ended as timed out"),
        (schedule(due_since=MONDAY - DAY - HOUR), 0, "missing for 1d"),
        (schedule(), 2, "differs from ledger.toml in 2 facts"),
    ],
    ids=["none", "paused", "failed", "timed out", "missing", "drift"],
)
def test_a_schedule_s_problem_is_named(found: ScheduleHealth | None, drift: int | None, words: str) -> None:
    check = schedule_check(found, MONDAY, drift=drift)

    assert state_of([check], "schedule") is State.PROBLEM
    assert words in check.sentence


@pytest.mark.parametrize(
    ("found", "drift"),
    [
        (schedule(), 0),
        (schedule(), None),
        (schedule(last_run_outcome="running"), 0),
        (schedule(last_run_outcome=None, last_success_at=None, next_run_at=None), 0),
        (schedule(due_since=MONDAY - DAY), 0),
    ],
    ids=["fine", "drift unknown", "running", "new", "a day"],
)
def test_a_schedule_that_does_its_work_is_all_right(found: ScheduleHealth, drift: int | None) -> None:
    assert schedule_check(found, MONDAY, drift=drift).state is State.OK


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=59), "59s"),
        (timedelta(seconds=60), "1m"),
        (timedelta(minutes=59, seconds=59), "59m"),
        (HOUR, "1h"),
        (DAY - timedelta(seconds=1), "23h"),
        (3 * DAY, "3d"),
    ],
)
def test_a_length_of_time_is_told_in_its_largest_whole_unit(time: timedelta, text: str) -> None:
    assert ago(time) == text
