"""CollectEpochWorkflow: one window, from its sources to proposed allocations."""

from __future__ import annotations

import asyncio
from typing import Final

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from ledger_core.identifiers import StreamRef
    from scheduler_worker.activities.collect_activities import CollectActivities
    from scheduler_worker.activities.epoch_activities import EpochActivities
    from scheduler_worker.messages import (
        MAX_STREAMS,
        CollectReport,
        CollectRequest,
        ListedStreams,
        OpenRequest,
        StreamReport,
        StreamRequest,
    )
    from scheduler_worker.retry_profiles import BULK, DATABASE, SOURCE_STREAM
    from scheduler_worker.workflows.cancellation import end_if_cancelled
    from scheduler_worker.workflows.problems import problem_of


STREAMS_AT_ONCE: Final = 100  # a server takes 2,000 pending activities a run; rate limits keep some for hours


@workflow.defn
class CollectEpochWorkflow:
    """Collects a window's streams side by side, then curates and proposes if its epoch is open.

    Holds: events are stored whatever blocks the epoch; a stream that fails leaves the others theirs, and
           the report says incomplete.
    """

    def __init__(self) -> None:
        self._step = "opening the epoch"
        self._turns = asyncio.Semaphore(STREAMS_AT_ONCE)

    @workflow.query
    def step(self) -> str:
        """What the run is doing, for a person."""
        return self._step

    @workflow.run
    async def run(self, request: CollectRequest) -> CollectReport:
        """Collect the window."""
        opened = await workflow.execute_activity_method(
            EpochActivities.open_epoch,
            OpenRequest(window=request.window, weight_config=request.weight_config),
            **DATABASE,
        )
        end_if_cancelled()
        if request.directories:
            self._step = "listing repositories"
        unlisted, listed = await _list_streams(request)
        self._step = "collecting"
        streams = (*unlisted, *await self._collect_all(request, listed))
        end_if_cancelled()
        curated = None
        if opened.epoch_id is not None and opened.is_open:
            self._step = "curating"
            curated = await workflow.execute_activity_method(
                EpochActivities.curate_epoch, opened.epoch_id, **BULK
            )
            end_if_cancelled()
            if curated is not None and request.base_issuance_credits is not None:
                self._step = "recording the base issuance"
                await workflow.execute_activity_method(
                    EpochActivities.record_base_issuance,
                    args=[opened.epoch_id, request.base_issuance_credits],
                    **DATABASE,
                )
        self._step = "done"
        return CollectReport(
            window=request.window,
            epoch_id=opened.epoch_id,
            blocked_by_epoch_id=opened.blocked_by_epoch_id,
            complete=all(report.complete for report in streams),
            streams=streams,
            curated=curated,
        )

    async def _collect_all(
        self, request: CollectRequest, streams: list[StreamRef]
    ) -> tuple[StreamReport, ...]:
        """Collect the streams side by side; whatever becomes of one, the others have ended when this does."""
        outcomes = await asyncio.gather(
            *(self._collect(StreamRequest(stream=stream, window=request.window)) for stream in streams),
            # Without it the first stream that is cancelled would end the run, while others still write.
            return_exceptions=True,
        )
        return tuple(_report(outcome) for outcome in outcomes)

    async def _collect(self, request: StreamRequest) -> StreamReport:
        try:
            async with self._turns:
                return await workflow.execute_activity_method(
                    CollectActivities.collect_stream, request, summary=str(request.stream), **SOURCE_STREAM
                )
        except ActivityError as error:
            return StreamReport(stream=request.stream, problem=problem_of(error))


def _report(outcome: StreamReport | BaseException) -> StreamReport:
    assert isinstance(outcome, StreamReport), outcome  # a cancelled run has left `gather` before
    return outcome


async def _list_streams(request: CollectRequest) -> tuple[list[StreamReport], list[StreamRef]]:
    """Return the streams to collect, the directories' included, and reports of what could not be listed."""
    answers = await asyncio.gather(
        *(
            _list_directory(StreamRequest(stream=directory, window=request.window))
            for directory in request.directories
        ),
        return_exceptions=True,
    )
    end_if_cancelled()
    for answer in answers:
        assert isinstance(answer, (ListedStreams, StreamReport)), answer
    listed = {stream for answer in answers if isinstance(answer, ListedStreams) for stream in answer.streams}
    new = sorted(listed.difference(request.streams))
    unlisted = [answer for answer in answers if isinstance(answer, StreamReport)]
    room = max(0, MAX_STREAMS - len(request.streams))
    if len(new) > room:
        # Not some of them in silence: none, and the reason by name.
        problem = (
            f"too-many-streams: {len(new)} were listed, and one collection takes {room} beside those named"
        )
        unlisted += [StreamReport(stream=directory, problem=problem) for directory in request.directories]
        new = []
    return unlisted, [*request.streams, *new]


async def _list_directory(request: StreamRequest) -> ListedStreams | StreamReport:
    try:
        return await workflow.execute_activity_method(
            CollectActivities.list_streams, request, summary=str(request.stream), **SOURCE_STREAM
        )
    except ActivityError as error:
        return StreamReport(stream=request.stream, problem=problem_of(error))
