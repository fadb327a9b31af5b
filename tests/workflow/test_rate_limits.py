"""A source's rate limit is waited for exactly as long as it says, and holds nothing meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import is_cancelled_exception

from ledger_core import SourceUnavailable
from ledger_core.testing import MONDAY, ScriptedSource, make_event
from scheduler_worker import worker
from scheduler_worker.retry_profiles import SOURCE_STREAM
from tests.workflow.interruptions import DEADLINE_SECONDS
from tests.workflow.ledger_runs import ISSUES, PULLS, LedgerRuns, Runtime, pages_of

TEN_MINUTES = 600
CLOCK_READINGS = timedelta(milliseconds=100)  # the server reads its clock twice
EVENTS = [make_event(number, at=MONDAY) for number in range(3)]


async def pending(handle: WorkflowHandle[Any, Any]) -> list[PendingActivityInfo]:
    return list((await handle.describe()).raw_description.pending_activities)


def limited(*, after_seconds: int) -> ScriptedSource:
    """Return a source of three pages that asks for patience before the second."""
    source = ScriptedSource({PULLS: pages_of(EVENTS, size=1)})
    source.fail(PULLS, page=1, error=SourceUnavailable("github", "limit", retry_after_seconds=after_seconds))
    return source


def test_a_wait_of_ten_minutes_is_exactly_that_frees_its_slot_keeps_its_pages_and_ends_when_cancelled(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CURSOR_STATE_PERSISTED: the worker has one slot, and another stream is collected on it meanwhile."""
    monkeypatch.setattr(worker, "ACTIVITY_THREADS", 1)
    source = limited(after_seconds=TEN_MINUTES)
    other = ScriptedSource({ISSUES: pages_of(EVENTS[:1], size=1)})

    async def story(runs: LedgerRuns) -> None:
        limited_runs, other_runs = (replace(runs, streams=(stream,)) for stream in (PULLS, ISSUES))
        handle = await limited_runs.start_collect(0)
        await runs.await_retry(handle)
        [waiting] = await pending(handle)
        meanwhile = await other_runs.collect(1)
        [still] = await pending(handle)
        cursor = runtime.cursor()
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as ended:
            await asyncio.wait_for(handle.result(), DEADLINE_SECONDS)
        [again] = (await limited_runs.collect(0)).streams

        waits = (
            waiting.next_attempt_schedule_time.ToDatetime() - waiting.last_attempt_complete_time.ToDatetime()
        )
        assert abs(waits - timedelta(seconds=TEN_MINUTES)) < CLOCK_READINGS
        assert waiting.state == still.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
        assert meanwhile.complete
        assert cursor == "page-0"
        assert is_cancelled_exception(ended.value.cause)
        assert (again.inserted, again.complete) == (2, True)
        assert len(runtime.event_ids()) == len(EVENTS)

    runtime.play(story, source, other)


def test_a_wait_beyond_what_a_run_may_last_is_reported_at_once_and_taken_up_by_the_next(
    runtime: Runtime,
) -> None:
    source = limited(after_seconds=int(SOURCE_STREAM["schedule_to_close_timeout"].total_seconds()))

    async def story(runs: LedgerRuns) -> None:
        first = await runs.collect()
        second = await runs.collect()

        [stopped], [done] = first.streams, second.streams
        assert (first.complete, stopped.problem) == (
            False,
            "source-unavailable: github is unavailable: limit",
        )
        assert (second.complete, done.inserted) == (True, 2)

    runtime.play(story, source)
