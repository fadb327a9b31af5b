from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from ledger_core import InMemoryLedger, NodeId
from ledger_core.domain.approvals import NO_APPROVALS
from ledger_core.testing import MONDAY, FixedClock, ScriptedSource, make_event, make_page
from scheduler_worker.activities.create_activities import create_activities
from scheduler_worker.local import temporal
from scheduler_worker.local.startup import free_ports
from scheduler_worker.local.temporal import local_temporal
from scheduler_worker.messages import CollectReport
from scheduler_worker.temporal_client import TemporalUnreachable, connected
from scheduler_worker.worker import running_worker
from tests.temporal_runtime import KEYS, TASK_QUEUE
from tests.workflow.interruptions import DEADLINE_SECONDS
from tests.workflow.ledger_runs import PULLS, LedgerRuns, Runtime, refused


def source() -> ScriptedSource:
    return ScriptedSource({PULLS: [make_page(make_event(at=MONDAY), cursor="1")]})


def test_a_refusal_is_no_error_in_the_log_and_a_bug_is(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    faulty = source()

    async def story(runs: LedgerRuns) -> None:
        collected = await runs.collect()
        assert collected.epoch_id is not None
        await refused(runs.finalize(collected.epoch_id + 1))
        await refused(runs.finalize(collected.epoch_id, reviewed_hash="0" * 64))
        await refused(runs.adjust(collected.epoch_id, "nobody", 1))
        loud = [record for record in caplog.records if record.levelno >= logging.WARNING or record.exc_info]
        faulty.add_pages(PULLS, make_page(cursor="2"))
        faulty.fail(PULLS, page=1, error=KeyError("bug"))
        await runs.collect()

        assert loud == []
        assert any(
            record.exc_info and record.exc_info[0] is KeyError and record.levelno >= logging.WARNING
            for record in caplog.records
        )

    runtime.play(story, faulty)


def test_a_worker_waits_for_a_server_that_comes_up_later(
    node_id: NodeId, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = free_ports(4)
    monkeypatch.setattr(temporal, "free_ports", lambda _: ports)
    refused_twice = threading.Event()
    reports: list[CollectReport] = []

    class Counting(logging.Handler):
        """Sets the event at the second warning that no server answered."""

        def emit(self, record: logging.LogRecord) -> None:
            if sum(each.getMessage() == "temporal_unreachable" for each in [*caplog.records, record]) >= 2:
                refused_twice.set()

    async def work() -> None:
        pulls = source()
        ledger = InMemoryLedger(node_id)
        activities = create_activities(
            ledger=ledger, sources={PULLS: pulls}, clock=FixedClock(), approval_policy=NO_APPROVALS
        )
        async with (
            connected(keys=KEYS, attempts=8, address=f"127.0.0.1:{ports[0]}") as client,
            running_worker(client, task_queue=TASK_QUEUE, activities=activities),
        ):
            reports.append(await LedgerRuns(client=client, ledger=ledger, streams=(PULLS,)).collect())

    logger = logging.getLogger("scheduler_worker.temporal_client")
    handler = Counting()
    logger.addHandler(handler)
    try:
        worker = threading.Thread(target=lambda: asyncio.run(work()))
        worker.start()
        assert refused_twice.wait(DEADLINE_SECONDS)
        with local_temporal(None, ui=False):
            worker.join(DEADLINE_SECONDS)
    finally:
        logger.removeHandler(handler)

    assert not worker.is_alive()
    assert [report.complete for report in reports] == [True]


def test_a_server_that_never_comes_up_is_a_refusal_after_the_last_attempt(
    caplog: pytest.LogCaptureFixture,
) -> None:
    [port] = free_ports(1)

    async def connect() -> None:
        async with connected(keys=KEYS, attempts=2, address=f"127.0.0.1:{port}"):
            pass

    with pytest.raises(TemporalUnreachable, match=f"127.0.0.1:{port}") as refusal:
        asyncio.run(connect())

    assert refusal.value.code == "temporal-unreachable"
    assert [record.getMessage() for record in caplog.records] == ["temporal_unreachable"]
