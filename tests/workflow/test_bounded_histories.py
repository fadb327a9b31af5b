"""No run's history grows with the events, and none can reach the server's limits: 51,200 events, 50 MB."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from temporalio.api.history.v1 import HistoryEvent

from ledger_core import StreamRef
from ledger_core.testing import MONDAY, ScriptedSource, make_event, make_page, make_window
from scheduler_worker.messages import MAX_STREAMS
from scheduler_worker.workflow_ids import collect_workflow_id
from scheduler_worker.workflows.plan_collection import WINDOWS_A_RUN
from tests.workflow.ledger_runs import PULLS, LedgerRuns, Runtime, pages_of

STREAMS = 200
MOST_EVENTS = 51_200
MOST_BYTES = 50 * 1024 * 1024
MOST_BYTES_A_PAYLOAD = 2 * 1024 * 1024
WINDOWS = 2 * WINDOWS_A_RUN + 3


def bytes_of(history: Sequence[HistoryEvent]) -> int:
    return sum(event.ByteSize() for event in history)


def longest(number: int) -> StreamRef:
    """Return a stream with names as long as GitHub's may be."""
    return StreamRef(
        source="github", source_ref=f"{'o' * 39}/{'r' * 90}-{number:04d}", stream="pull_request_comments"
    )


def test_two_hundred_streams_fit_into_one_run_and_the_most_streams_that_a_node_may_have_do_too(
    runtime: Runtime,
) -> None:
    streams = [longest(number) for number in range(STREAMS)]
    pages = {
        stream: [make_page(make_event(at=MONDAY, event_id=f"github:{number}"), cursor="x" * 500)]
        for number, stream in enumerate(streams)
    }

    async def story(runs: LedgerRuns) -> None:
        report = await runs.collect()
        history = await runs.history(collect_workflow_id(make_window()))
        completed = history[-1].workflow_execution_completed_event_attributes.result.ByteSize()
        started = history[0].workflow_execution_started_event_attributes.input.ByteSize()
        times = MAX_STREAMS / STREAMS
        print(  # the figures that docs/temporal.md states
            f"{STREAMS} streams: {len(history)} events, {bytes_of(history)} bytes,"
            f" request {started}, report {completed} bytes"
        )

        assert (report.complete, len(report.streams)) == (True, STREAMS)
        assert len(history) * times < MOST_EVENTS / 2
        assert bytes_of(history) * times < MOST_BYTES / 2
        assert max(started, completed) * times < MOST_BYTES_A_PAYLOAD
        # a plan holds the request and the report of each of its windows
        assert (started + completed) * times * (WINDOWS_A_RUN + 1) < MOST_BYTES
        assert runtime.count("activity_events") == STREAMS

    runtime.play(story, ScriptedSource(pages))


def test_a_history_does_not_grow_with_the_events(runtime: Runtime) -> None:
    events = [make_event(number, at=MONDAY) for number in range(3_000)]
    source = ScriptedSource({PULLS: pages_of(events[:10], size=10)})

    async def story(runs: LedgerRuns) -> tuple[int, int]:
        await runs.collect()
        few = await runs.history(collect_workflow_id(make_window()))
        source.add_pages(PULLS, *pages_of(events[10:], size=10, prefix="later"))
        await runs.collect()
        many = await runs.history(collect_workflow_id(make_window()))

        assert runtime.count("activity_events") == 3_000
        assert len(few) == len(many)
        return bytes_of(few), bytes_of(many)

    few_bytes, many_bytes = runtime.play(story, source)
    assert abs(many_bytes - few_bytes) < 200  # longer numbers; the base issuance is recorded once


def test_a_plan_of_many_windows_goes_on_as_a_new_run_and_leaves_none_out(runtime: Runtime) -> None:
    async def story(runs: LedgerRuns) -> None:
        opened = await runs.collect(0)
        report = await runs.plan(make_window(WINDOWS - 1).period_start + timedelta(hours=1))
        planned = [
            found async for found in runs.client.list_workflows("WorkflowType = 'PlanCollectionWorkflow'")
        ]

        assert [found.workflow_id for found in report.collections] == [
            collect_workflow_id(make_window(week)) for week in range(WINDOWS)
        ]
        assert all(found.complete for found in report.collections)
        assert {found.blocked_by_epoch_id for found in report.collections[1:]} == {opened.epoch_id}
        assert len({found.id for found in planned}) == 1
        assert len(planned) == 3

    runtime.play(story, ScriptedSource({PULLS: [make_page(make_event(at=MONDAY), cursor="1")]}))
