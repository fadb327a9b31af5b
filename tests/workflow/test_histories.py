from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.client import WorkflowFailureError, WorkflowHistory
from temporalio.exceptions import is_cancelled_exception
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from ledger_core import InvalidValue
from ledger_core.testing import MONDAY, ScriptedSource, make_event, make_window
from scheduler_worker.activities.epoch_activities import EpochActivities
from scheduler_worker.messages import CollectReport, CollectRequest, OpenRequest
from scheduler_worker.retry_profiles import BULK, DATABASE
from scheduler_worker.worker import create_replayer
from scheduler_worker.workflow_ids import collect_workflow_id
from scheduler_worker.workflows.all_workflows import ALL_WORKFLOWS
from tests.readable_histories import raw_bytes, readable
from tests.temporal_runtime import KEYS
from tests.workflow.interruptions import StoppedSource
from tests.workflow.ledger_runs import ISSUES, PULLS, LedgerRuns, Runtime, pages_of, refused

MARKER = "a text that no history may hold"
MAIL_DOMAIN = "people.example.org"
EVENTS = 10_000
MAX_HISTORY_BYTES = 100_000


@workflow.defn(name="CollectEpochWorkflow")
class SwappedCollectEpochWorkflow:
    """A collection that curates before it opens its epoch."""

    @workflow.run
    async def run(self, request: CollectRequest) -> CollectReport:
        await workflow.execute_activity_method(EpochActivities.curate_epoch, 1, **BULK)
        await workflow.execute_activity_method(
            EpochActivities.open_epoch,
            OpenRequest(window=request.window, weight_config=request.weight_config),
            **DATABASE,
        )
        return CollectReport(
            window=request.window, epoch_id=None, blocked_by_epoch_id=None, complete=True, streams=()
        )


async def opened_content(runs: LedgerRuns) -> bytes:
    """Return all that a history holds for whoever has the keys: no event enters even a hidden payload."""
    handle = runs.client.get_workflow_handle(collect_workflow_id(make_window()))
    return raw_bytes(await readable(await handle.fetch_history(), KEYS))


def test_the_history_of_ten_thousand_events_is_small_and_names_nobody(runtime: Runtime) -> None:
    """No event enters a history: Temporal is no place for personal data."""
    events = [
        make_event(
            number, at=MONDAY, account=f"ann{number}@{MAIL_DOMAIN}", metadata={"title": f"{MARKER} {number}"}
        )
        for number in range(EVENTS)
    ]
    source = ScriptedSource({PULLS: pages_of(events, size=1_000)})
    source.fail(PULLS, page=5, error=KeyError("bug"))

    async def story(runs: LedgerRuns) -> None:
        report = await runs.collect()
        content = await opened_content(runs)

        assert report.curated is not None
        assert report.curated.events == runtime.count("activity_events") == EVENTS
        assert len(content) < MAX_HISTORY_BYTES
        assert b"acme/widgets" in content  # opened, payloads are readable, so what is absent is absent
        assert MARKER.encode() not in content
        assert MAIL_DOMAIN.encode() not in content
        assert b"pr_merged:acme" not in content

    runtime.play(story, source)


def test_a_refusal_and_a_conflict_about_an_event_leave_no_trace_of_it_in_the_history(
    runtime: Runtime,
) -> None:
    kept = make_event(1, at=MONDAY, account=f"ann@{MAIL_DOMAIN}", metadata={"title": MARKER})
    changed = make_event(1, at=MONDAY, account=f"bob@{MAIL_DOMAIN}", metadata={"title": MARKER * 2})
    source = ScriptedSource({PULLS: pages_of([kept, changed, kept], size=1)})

    async def story(runs: LedgerRuns) -> None:
        report = await runs.collect()
        content = await opened_content(runs)

        stream = report.streams[0]
        assert (stream.inserted, stream.conflicts, stream.duplicates) == (1, 1, 1)
        assert MARKER.encode() not in content
        assert MAIL_DOMAIN.encode() not in content

    runtime.play(story, source)


def test_every_workflow_replays_from_its_history_and_a_changed_one_is_caught(runtime: Runtime) -> None:
    pulls = [make_event(number, at=MONDAY) for number in range(4)]
    issues = [make_event(number, at=MONDAY, event_type="issue_closed") for number in range(2)]
    source = StoppedSource({PULLS: pages_of(pulls, size=1), ISSUES: pages_of(issues, size=1)}, page=2)
    source.fail(ISSUES, page=1, error=InvalidValue("page 1", "is unreadable"))

    async def story(runs: LedgerRuns) -> list[WorkflowHistory]:
        cancelled = await runs.start_collect()
        await source.stop.reached()
        await cancelled.cancel()
        source.stop.release()
        with pytest.raises(WorkflowFailureError) as ended:
            await cancelled.result()
        assert is_cancelled_exception(ended.value.cause)
        planned = (await runs.plan(make_window(1).period_start + timedelta(hours=1))).collections
        epoch_id = planned[0].epoch_id
        assert epoch_id is not None
        await runs.bind(ann="1001", bob="1002")
        await runs.unbind("1002")
        await runs.record(epoch_id, 50)
        await runs.adjust(epoch_id, "ann", 3)
        await runs.judge(epoch_id, pulls[0].id, included=False)
        await refused(runs.finalize(epoch_id, reviewed_hash="0" * 64, workflow_id="refused"))
        await runs.finalize(epoch_id)
        await runs.plan(make_window(1).period_start + timedelta(hours=2))
        return [
            await runs.client.get_workflow_handle(found.id, run_id=found.run_id).fetch_history()
            async for found in runs.client.list_workflows()
        ]

    histories = [asyncio.run(readable(found, KEYS)) for found in runtime.play(story, source)]
    recorded_types = {
        history.events[0].workflow_execution_started_event_attributes.workflow_type.name
        for history in histories
    }
    collections = [
        history for history in histories if history.workflow_id == collect_workflow_id(make_window())
    ]
    changed = Replayer(workflows=[SwappedCollectEpochWorkflow], workflow_runner=UnsandboxedWorkflowRunner())

    assert recorded_types == {each.__name__ for each in ALL_WORKFLOWS}
    assert len(collections) == 2
    for history in histories:
        asyncio.run(create_replayer().replay_workflow(history))
    for history in collections:
        with pytest.raises(NondeterminismError):
            asyncio.run(changed.replay_workflow(history))
