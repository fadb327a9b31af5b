from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from temporalio.api.enums.v1 import ParentClosePolicy
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import is_cancelled_exception

from ledger_core import InvalidValue, LedgerRuleBroken, compute_epoch_window
from ledger_core.testing import MONDAY, ScriptedSource, make_event, make_page, make_window
from scheduler_worker.messages import CollectReport, PlannedCollection
from scheduler_worker.retry_profiles import COLLECT_EXECUTION_TIMEOUT
from scheduler_worker.workflow_ids import collect_workflow_id
from scheduler_worker.workflows.plan_collection import PlanCollectionWorkflow
from tests.temporal_runtime import TASK_QUEUE
from tests.workflow.interruptions import Failure, InterruptedLedger, StoppedSource
from tests.workflow.ledger_runs import PULLS, LedgerRuns, Runtime
from tests.workflow.record_histories import read_histories


def source() -> ScriptedSource:
    return ScriptedSource({PULLS: [make_page(make_event(at=MONDAY), cursor="1")]})


def noon(week: int) -> datetime:
    """Return noon of the week's first day."""
    return make_window(week).period_start + timedelta(hours=12)


def collect_ids(*weeks: int) -> list[str]:
    return [collect_workflow_id(make_window(week)) for week in weeks]


def ids(collections: tuple[PlannedCollection, ...]) -> list[str]:
    return [collection.workflow_id for collection in collections]


def test_the_planner_catches_up_week_after_week_and_goes_on_after_each_close(runtime: Runtime) -> None:
    async def story(runs: LedgerRuns) -> None:
        first = (await runs.plan(noon(1))).collections
        unchanged = (await runs.plan(noon(1))).collections
        weeks_later = (await runs.plan(noon(4))).collections
        await runs.finalize(first[0].epoch_id)
        after_close = (await runs.plan(noon(4))).collections
        on_the_boundary = (await runs.plan(make_window(5).period_start)).collections
        described = await runs.client.get_workflow_handle(collect_ids(0)[0]).describe()

        assert ids(first) == [
            "ledger-collect-2026-11-16-2026-11-23",
            "ledger-collect-2026-11-23-2026-11-30",
        ]
        assert [collection.complete for collection in first] == [True, True]
        assert first[0].epoch_id is not None
        assert [collection.epoch_id for collection in first] == [first[0].epoch_id, None]
        assert [collection.blocked_by_epoch_id for collection in first] == [None, first[0].epoch_id]
        assert unchanged == first
        assert ids(weeks_later) == collect_ids(0, 1, 2, 3, 4)
        assert [collection.blocked_by_epoch_id for collection in weeks_later] == [
            None,
            *[first[0].epoch_id] * 4,
        ]
        assert ids(after_close) == collect_ids(1, 2, 3, 4)
        assert after_close[0].epoch_id not in (None, first[0].epoch_id)
        assert ids(on_the_boundary) == collect_ids(1, 2, 3, 4, 5)
        assert described.workflow_type == "CollectEpochWorkflow"
        assert runtime.count("epochs") == 2

    runtime.play(story, source())


def test_without_a_nominal_time_the_start_time_counts(runtime: Runtime) -> None:
    async def story(runs: LedgerRuns) -> None:
        handle = await runs.client.start_workflow(
            PlanCollectionWorkflow.run, runs.plan_request(), id="by-hand", task_queue=TASK_QUEUE
        )
        report = await handle.result()
        started = (await handle.describe()).start_time
        current = compute_epoch_window(started)
        previous = compute_epoch_window(current.period_start - timedelta(days=1))

        assert ids(report.collections) == [collect_workflow_id(previous), collect_workflow_id(current)]

    runtime.play(story, source())


def test_a_window_that_is_being_collected_is_joined(runtime: Runtime) -> None:
    held = StoppedSource({PULLS: [make_page(make_event(at=MONDAY), cursor="1")]}, page=0)

    async def story(runs: LedgerRuns) -> None:
        running = await runs.start_collect(0)
        await held.stop.reached()
        planned = (await runs.plan(noon(1))).collections
        held.stop.release()
        report = await running.result()

        assert ids(planned) == collect_ids(0, 1)
        assert planned[0] == PlannedCollection(workflow_id=collect_ids(0)[0], joined=True)
        assert not planned[1].joined
        assert planned[1].complete
        assert planned[1].blocked_by_epoch_id == report.epoch_id
        assert report.complete
        assert runtime.count("activity_events") == 1

    runtime.play(story, held)


def test_a_collection_that_fails_is_reported_and_the_others_still_run(runtime: Runtime) -> None:
    async def story(runs: LedgerRuns) -> None:
        sentence, report = await runs.plan_incomplete(await runs.start_plan(noon(1)))
        planned = report.collections

        assert sentence.startswith(
            f"1 of 2 collections are incomplete, first {collect_ids(0)[0]}: ledger-rule-"
        )
        assert ids(planned) == collect_ids(0, 1)
        assert planned[0] == PlannedCollection(
            workflow_id=collect_ids(0)[0],
            problem="ledger-rule-broken: the store refused a write that breaks ONE_OPEN_EPOCH",
        )
        assert planned[1].complete
        assert planned[1].epoch_id is not None

    refusal = Failure(LedgerRuleBroken("ONE_OPEN_EPOCH"), times=1)
    runtime.play(story, source(), ledger=InterruptedLedger(runtime.ledger, before_begin=refusal))


@pytest.mark.parametrize("end", ["cancel", "terminate"])
def test_a_collection_that_an_operator_ends_does_not_end_the_plan(runtime: Runtime, end: str) -> None:
    held = StoppedSource({PULLS: [make_page(make_event(at=MONDAY), cursor="1")]}, page=0)

    async def story(runs: LedgerRuns) -> None:
        plan = await runs.start_plan(noon(1))
        await held.stop.reached()
        collection = runs.client.get_workflow_handle(collect_ids(0)[0])
        await (collection.cancel() if end == "cancel" else collection.terminate())
        held.stop.release()
        planned = (await runs.plan_incomplete(plan))[1].collections

        assert ids(planned) == collect_ids(0, 1)
        assert planned[0].problem in (
            "cancelled: the run was cancelled",
            "terminated: the run was terminated",
        )
        assert str(planned[0].problem).startswith(end)
        assert planned[1].complete

    runtime.play(story, held)


def test_a_cancelled_plan_cancels_its_collection_and_starts_no_other(runtime: Runtime) -> None:
    held = StoppedSource({PULLS: [make_page(make_event(at=MONDAY), cursor="1")]}, page=0)

    async def story(runs: LedgerRuns) -> None:
        plan = await runs.start_plan(noon(1))
        await held.stop.reached()
        await plan.cancel()
        held.stop.release()
        with pytest.raises(WorkflowFailureError) as ended:
            await plan.result()
        with pytest.raises(WorkflowFailureError) as child_ended:
            await runs.client.get_workflow_handle(collect_ids(0)[0]).result()
        started = [
            event.start_child_workflow_execution_initiated_event_attributes.workflow_id
            for event in await runs.history(plan.id)
            if event.HasField("start_child_workflow_execution_initiated_event_attributes")
        ]

        assert is_cancelled_exception(ended.value.cause)
        assert is_cancelled_exception(child_ended.value.cause)
        assert started == collect_ids(0)

    runtime.play(story, held)


def test_a_plan_that_dies_leaves_its_collection_running_and_the_next_joins_it(runtime: Runtime) -> None:
    held = StoppedSource({PULLS: [make_page(make_event(at=MONDAY), cursor="1")]}, page=0)

    async def story(runs: LedgerRuns) -> None:
        plan = await runs.start_plan(noon(1))
        await held.stop.reached()
        await plan.terminate()
        planned = (await runs.plan(noon(1) + timedelta(minutes=1))).collections
        collection = runs.client.get_workflow_handle(collect_ids(0)[0], result_type=CollectReport)
        described = await collection.describe()
        held.stop.release()
        report = await collection.result()

        assert described.status is WorkflowExecutionStatus.RUNNING
        assert [found.joined for found in planned] == [True, False]
        assert report.complete
        assert runtime.count("activity_events") == 1

    runtime.play(story, held)


@pytest.mark.parametrize("path", ["PlanCollectionWorkflow.done", "PlanCollectionWorkflow.many-windows"])
def test_every_collection_of_a_plan_ends_some_day_and_outlives_the_plan(path: str) -> None:
    """Whoever starts a window's collection next joins the one that runs, so it must not run for ever."""
    started = [
        event.start_child_workflow_execution_initiated_event_attributes
        for event in read_histories()[path].events
        if event.HasField("start_child_workflow_execution_initiated_event_attributes")
    ]

    assert len(started) >= 2
    for found in started:
        assert found.workflow_execution_timeout.ToTimedelta() == COLLECT_EXECUTION_TIMEOUT
        assert found.parent_close_policy == ParentClosePolicy.PARENT_CLOSE_POLICY_ABANDON


def test_a_stream_that_stays_incomplete_fails_the_plan_and_names_itself(runtime: Runtime) -> None:
    broken = source()
    broken.fail(PULLS, page=0, error=InvalidValue("page 0", "is unreadable"))

    async def story(runs: LedgerRuns) -> None:
        sentence, report = await runs.plan_incomplete(await runs.start_plan(noon(1)))
        healed = await runs.plan(noon(1))

        problem = f"{PULLS}: invalid-value: page 0 is unreadable"
        assert sentence == f"1 of 2 collections are incomplete, first {collect_ids(0)[0]}: {problem}"
        assert [found.problem for found in report.collections] == [problem, None]
        assert [found.complete for found in report.collections] == [False, True]
        assert [found.complete for found in healed.collections] == [True, True]

    runtime.play(story, broken)
