from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import is_cancelled_exception

from ledger_core import SourceUnavailable
from ledger_core.testing import MONDAY, ScriptedSource, make_event
from scheduler_worker import worker
from scheduler_worker.workflows import collect_epoch
from tests.workflow.interruptions import InterruptedLedger, Stop, StoppedSource
from tests.workflow.ledger_runs import ISSUES, PULLS, LedgerRuns, Runtime, pages_of

PAGES = 300


def test_a_cancelled_collection_ends_after_its_activity_with_pages_and_cursor_in_step(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CURSOR_STATE_PERSISTED: a cancellation falls between pages, and the next run takes them up."""
    monkeypatch.setattr(worker, "HEARTBEAT_INTERVAL", timedelta(milliseconds=200))
    events = [make_event(number, at=MONDAY) for number in range(PAGES)]
    source = StoppedSource({PULLS: pages_of(events, size=1)}, page=2)

    async def story(runs: LedgerRuns) -> None:
        handle = await runs.start_collect()
        await source.stop.reached()
        await handle.cancel()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(handle.result(), 1)
        status_while_held = (await handle.describe()).status
        source.stop.release()
        with pytest.raises(WorkflowFailureError) as ended:
            await handle.result()
        being_read = source.being_read
        stored = len(runtime.event_ids())
        cursor = runtime.cursor()
        curated = runtime.count("activity_curation")
        again = await runs.collect()

        assert status_while_held == WorkflowExecutionStatus.RUNNING
        assert is_cancelled_exception(ended.value.cause)
        assert being_read == 0
        assert 2 <= stored < PAGES
        assert cursor == f"page-{stored - 1}"
        assert curated == 0
        assert again.complete
        assert again.streams[0].inserted == PAGES - stored
        assert again.curated is not None
        assert again.curated.events == PAGES

    runtime.play(story, source)


def test_a_cancelled_collection_waits_for_each_of_its_streams_also_when_one_ends_at_once(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One stream writes on while another only waits to be tried again: the run goes on as long as the first."""
    monkeypatch.setattr(worker, "HEARTBEAT_INTERVAL", timedelta(milliseconds=200))
    events = [make_event(number, at=MONDAY) for number in range(PAGES)]
    source = StoppedSource({PULLS: pages_of(events, size=1)}, page=2)
    resting = ScriptedSource({ISSUES: pages_of(events[:1], size=1)})
    unavailable = SourceUnavailable("github", "rate limit", retry_after_seconds=3_600)
    resting.fail(ISSUES, page=0, error=unavailable)

    async def story(runs: LedgerRuns) -> None:
        handle = await runs.start_collect()
        await source.stop.reached()
        await runs.await_retry(handle)
        await handle.cancel()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(handle.result(), 2)
        status_while_held = (await handle.describe()).status
        source.stop.release()
        with pytest.raises(WorkflowFailureError) as ended:
            await handle.result()

        assert status_while_held == WorkflowExecutionStatus.RUNNING
        assert is_cancelled_exception(ended.value.cause)
        assert source.being_read == 0
        assert runtime.cursor() == f"page-{len(runtime.event_ids()) - 1}"

    runtime.play(story, source, resting)


def test_a_cancelled_collection_waits_for_its_streams_also_while_others_wait_for_a_turn(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has no turn yet ends at once, and must not end the run: the first stream still writes."""
    monkeypatch.setattr(worker, "HEARTBEAT_INTERVAL", timedelta(milliseconds=200))
    monkeypatch.setattr(collect_epoch, "STREAMS_AT_ONCE", 1)
    events = [make_event(number, at=MONDAY) for number in range(PAGES)]
    source = StoppedSource({PULLS: pages_of(events, size=1)}, page=2)
    waiting = ScriptedSource({ISSUES: pages_of(events[:1], size=1)})

    async def story(runs: LedgerRuns) -> None:
        handle = await runs.start_collect()
        await source.stop.reached()
        await handle.cancel()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(handle.result(), 2)
        status_while_held = (await handle.describe()).status
        source.stop.release()
        with pytest.raises(WorkflowFailureError) as ended:
            await handle.result()

        assert status_while_held == WorkflowExecutionStatus.RUNNING
        assert is_cancelled_exception(ended.value.cause)
        assert source.being_read == 0

    runtime.play(story, source, waiting)


def test_a_collection_that_is_cancelled_while_its_epoch_is_opened_collects_nothing(runtime: Runtime) -> None:
    source = ScriptedSource({PULLS: pages_of([make_event(at=MONDAY)], size=1)})
    stop = Stop()

    async def story(runs: LedgerRuns) -> None:
        handle = await runs.start_collect()
        await stop.reached()
        await handle.cancel()
        stop.release()
        with pytest.raises(WorkflowFailureError) as ended:
            await handle.result()

        assert is_cancelled_exception(ended.value.cause)
        assert source.calls == []

    runtime.play(story, source, ledger=InterruptedLedger(runtime.ledger, before_begin=stop))
