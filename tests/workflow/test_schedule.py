from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from temporalio.client import ScheduleActionExecutionStartWorkflow, ScheduleHandle

from ledger_core import compute_epoch_window
from ledger_core.testing import ScriptedSource, make_event, make_page
from scheduler_worker.messages import PlanReport, PlanRequest
from scheduler_worker.schedules import (
    CATCHUP_WINDOW,
    JITTER,
    ScheduleOutcome,
    apply_schedule,
    collection_schedule,
)
from scheduler_worker.workflow_ids import COLLECT_SCHEDULE_ID, PLAN_WORKFLOW_ID, collect_workflow_id
from tests.temporal_runtime import TASK_QUEUE
from tests.workflow.interruptions import DEADLINE_SECONDS
from tests.workflow.ledger_runs import PULLS, LedgerRuns, Runtime


def source() -> ScriptedSource:
    return ScriptedSource({PULLS: [make_page(make_event(at=datetime.now(tz=UTC)), cursor="1")]})


async def apply(runs: LedgerRuns, request: PlanRequest, *, interval_days: int = 7) -> ScheduleOutcome:
    wanted = collection_schedule(request, interval_days=interval_days, task_queue=TASK_QUEUE)
    return await apply_schedule(runs.client, wanted)


async def started_by(schedule: ScheduleHandle) -> str:
    """Return the id of the newest workflow that the schedule started, within the deadline."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not (recent := (await schedule.describe()).info.recent_actions):  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(0.05)
    action = recent[-1].action
    assert isinstance(action, ScheduleActionExecutionStartWorkflow)
    return action.workflow_id


def test_a_schedule_is_created_once_updated_in_place_and_keeps_what_an_operator_set(runtime: Runtime) -> None:
    async def story(runs: LedgerRuns) -> None:
        request = runs.plan_request()
        schedule = runs.client.get_schedule_handle(COLLECT_SCHEDULE_ID)
        outcomes = [await apply(runs, request), await apply(runs, request)]
        await schedule.pause(note="the auditor asked for it")
        outcomes.append(await apply(runs, request))
        unchanged = await schedule.describe()
        dearer = replace(request, base_issuance_credits=2000)
        outcomes += [await apply(runs, dearer), await apply(runs, dearer)]
        outcomes += [await apply(runs, dearer, interval_days=1), await apply(runs, dearer, interval_days=1)]
        updated = await schedule.describe()
        found = [entry.id async for entry in await runs.client.list_schedules()]

        created, same, changed = (
            ScheduleOutcome.CREATED,
            ScheduleOutcome.UNCHANGED,
            ScheduleOutcome.UPDATED,
        )
        assert outcomes == [created, same, same, changed, same, changed, same]
        for described in (unchanged, updated):
            assert described.schedule.state.paused
            assert described.schedule.state.note == "the auditor asked for it"
        assert updated.schedule.spec.intervals[0].every == timedelta(days=1)
        assert updated.schedule.policy.catchup_window == CATCHUP_WINDOW
        assert found == [COLLECT_SCHEDULE_ID]

    runtime.play(story, source())


def test_five_who_apply_at_once_create_one_schedule(runtime: Runtime) -> None:
    async def story(runs: LedgerRuns) -> None:
        outcomes = await asyncio.gather(*(apply(runs, runs.plan_request()) for _ in range(5)))

        assert sorted(outcomes) == [ScheduleOutcome.CREATED, *[ScheduleOutcome.UNCHANGED] * 4]

    runtime.play(story, source())


def test_it_fires_where_windows_begin_and_what_it_starts_collects_them(runtime: Runtime) -> None:
    async def story(runs: LedgerRuns) -> None:
        await apply(runs, runs.plan_request())
        schedule = runs.client.get_schedule_handle(COLLECT_SCHEDULE_ID)
        weekly = (await schedule.describe()).info.next_action_times
        await schedule.trigger()
        plan = runs.client.get_workflow_handle(await started_by(schedule), result_type=PlanReport)
        report = await plan.result()
        fired_at = (await plan.describe()).start_time
        current = compute_epoch_window(fired_at)
        previous = compute_epoch_window(current.period_start - timedelta(days=1))
        await apply(runs, runs.plan_request(length_days=10), interval_days=10)
        by_tens = (await schedule.describe()).info.next_action_times

        assert len(weekly) >= 3
        for instant in weekly:
            window = compute_epoch_window(instant)
            assert instant - window.period_start < JITTER
            assert (window.period_start.weekday(), window.period_start.hour) == (0, 0)
        assert len(by_tens) >= 3
        for instant in by_tens:
            assert instant - compute_epoch_window(instant, length_days=10).period_start < JITTER
        assert plan.id.startswith(f"{PLAN_WORKFLOW_ID}-")
        assert [collection.workflow_id for collection in report.collections] == [
            collect_workflow_id(previous),
            collect_workflow_id(current),
        ]
        assert [collection.complete for collection in report.collections] == [True, True]
        assert runtime.count("activity_events") == 1

    runtime.play(story, source())
