from __future__ import annotations

import asyncio
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from attrs import evolve
from temporalio.client import Client, ScheduleActionExecutionStartWorkflow, ScheduleHandle

from ledger_core import compute_epoch_window
from ledger_core.testing import ScriptedSource, make_event, make_page
from scheduler_worker.cron import parse_cron
from scheduler_worker.messages import PlanReport, PlanRequest
from scheduler_worker.payload_codec import hiding_converter
from scheduler_worker.payload_keys import PayloadKeys, parse_payload_keys
from scheduler_worker.schedule_facts import differences, facts_of
from scheduler_worker.schedule_policy import Cron, Overlap, SchedulePolicy, weekly
from scheduler_worker.schedules import ScheduleOutcome, apply_schedule, backfill_days, collection_schedule
from scheduler_worker.workflow_ids import COLLECT_SCHEDULE_ID, PLAN_WORKFLOW_ID, collect_workflow_id
from tests.temporal_runtime import KEYS, TASK_QUEUE
from tests.workflow.interruptions import DEADLINE_SECONDS
from tests.workflow.ledger_runs import ISSUES, PULLS, LedgerRuns, Runtime

WEEKLY = weekly(7)


def source() -> ScriptedSource:
    return ScriptedSource({PULLS: [make_page(make_event(at=datetime.now(tz=UTC)), cursor="1")]})


async def apply(runs: LedgerRuns, request: PlanRequest, policy: SchedulePolicy = WEEKLY) -> ScheduleOutcome:
    wanted = collection_schedule(request, policy, task_queue=TASK_QUEUE)
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
        outcomes += [await apply(runs, dearer, weekly(1)), await apply(runs, dearer, weekly(1))]
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
        assert updated.schedule.policy.catchup_window == timedelta(days=1)
        assert found == [COLLECT_SCHEDULE_ID]

    runtime.play(story, source())


def test_a_schedule_that_is_kept_under_another_key_is_drift_until_it_is_applied(runtime: Runtime) -> None:
    """PAYLOADS_HIDDEN: a key that was changed, or is gone, does not leave a schedule that no worker can read."""
    new = parse_payload_keys(b64encode(b"n" * 32).decode())
    rotated = PayloadKeys(keys=(*new, *KEYS.keys), id_key=KEYS.id_key)
    only_new = PayloadKeys(keys=new, id_key=KEYS.id_key)

    async def story(runs: LedgerRuns) -> None:
        request = runs.plan_request()
        wanted = collection_schedule(request, WEEKLY, task_queue=TASK_QUEUE)
        outcomes, drifts = [await apply(runs, request)], []
        for keys in (rotated, rotated, only_new, KEYS):
            client = await Client.connect(
                runtime.address, namespace=runtime.namespace, data_converter=hiding_converter(keys)
            )
            described = await client.get_schedule_handle(COLLECT_SCHEDULE_ID).describe()
            drift = differences(await facts_of(client, wanted), await facts_of(client, described.schedule))
            drifts.append({name for name, _, _ in drift})
            outcomes.append(await apply_schedule(client, wanted))

        assert drifts[:3] == [{"hidden with key"}, set(), set()]
        assert "arguments" in drifts[3]  # it has lost the key, and says so
        assert outcomes == ["created", "updated", "unchanged", "unchanged", "updated"]

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
        by_weeks = (await schedule.describe()).info.next_action_times
        await schedule.trigger()
        plan = runs.client.get_workflow_handle(await started_by(schedule), result_type=PlanReport)
        report = await plan.result()
        fired_at = (await plan.describe()).start_time
        current = compute_epoch_window(fired_at)
        previous = compute_epoch_window(current.period_start - timedelta(days=1))
        await apply(runs, runs.plan_request(length_days=10), weekly(10))
        by_tens = (await schedule.describe()).info.next_action_times

        assert len(by_weeks) >= 3
        for instant in by_weeks:
            window = compute_epoch_window(instant)
            assert instant - window.period_start < WEEKLY.jitter
            assert (window.period_start.weekday(), window.period_start.hour) == (0, 0)
        assert len(by_tens) >= 3
        for instant in by_tens:
            assert instant - compute_epoch_window(instant, length_days=10).period_start < WEEKLY.jitter
        assert plan.id.startswith(f"{PLAN_WORKFLOW_ID}-")
        assert [collection.workflow_id for collection in report.collections] == [
            collect_workflow_id(previous),
            collect_workflow_id(current),
        ]
        assert [collection.complete for collection in report.collections] == [True, True]
        assert runtime.count("activity_events") == 1

    runtime.play(story, source())


MONDAYS = SchedulePolicy(
    timing=Cron(
        expression="*/20 6,18 * mar-oct mon,wed-fri",
        times=parse_cron("*/20 6,18 * mar-oct mon,wed-fri"),
        time_zone="Europe/Berlin",
    ),
    catch_up=timedelta(days=7),
)


@pytest.mark.parametrize(
    "policy",
    [
        WEEKLY,
        evolve(WEEKLY, timing=timedelta(hours=1), offset=timedelta(minutes=7), jitter=timedelta()),
        evolve(WEEKLY, timing=timedelta(days=365), catch_up=timedelta(seconds=60)),
        evolve(WEEKLY, overlap=Overlap.BUFFER_ALL),
        MONDAYS,
        evolve(MONDAYS, timing=Cron(expression="0 0 1 1 *", times=parse_cron("0 0 1 1 *"))),
        evolve(MONDAYS, timing=Cron(expression="* * * * *", times=parse_cron("* * * * *"))),
    ],
    ids=["weekly", "hourly", "yearly", "buffered", "mondays", "new-year", "minutely"],
)
def test_every_spelling_comes_back_from_the_server_as_what_it_means(
    runtime: Runtime, policy: SchedulePolicy
) -> None:
    async def story(runs: LedgerRuns) -> None:
        first = await apply(runs, runs.plan_request(), policy)
        second = await apply(runs, runs.plan_request(), policy)
        described = await runs.client.get_schedule_handle(COLLECT_SCHEDULE_ID).describe()

        assert (first, second) == (ScheduleOutcome.CREATED, ScheduleOutcome.UNCHANGED)
        if isinstance(policy.timing, Cron):
            for instant in described.info.next_action_times:
                local = instant.astimezone(ZoneInfo(policy.timing.time_zone))
                times = policy.timing.times
                assert local.month in times.months
                assert (local.weekday() + 1) % 7 in times.days_of_week
                assert local.hour in times.hours

    runtime.play(story, source())


def test_each_kind_of_drift_is_named(runtime: Runtime) -> None:
    async def story(runs: LedgerRuns) -> None:
        request = runs.plan_request()
        await apply(runs, request)
        other = replace(
            request,
            anchor="2026-01-01",
            base_issuance_credits=None,
            weight_config={"github:pr_merged": 1},
            streams=(*request.streams, ISSUES),
        )
        policy = evolve(
            MONDAYS, jitter=timedelta(seconds=1), catch_up=timedelta(days=2), overlap=Overlap.BUFFER_ONE
        )
        wanted = await facts_of(runs.client, collection_schedule(other, policy, task_queue="elsewhere"))
        described = await runs.client.get_schedule_handle(COLLECT_SCHEDULE_ID).describe()
        drift = differences(wanted, await facts_of(runs.client, described.schedule))

        assert {name for name, _, _ in drift} == {
            "fires", "time zone", "jitter", "catch up", "overlap", "task queue", "windows", "base issuance",
            "weight github:pr_merged", "weight github:issue_closed", "weight git:commit_authored",
            f"stream {ISSUES}",
        }  # fmt: skip
        assert ("jitter", "1s", "5m") in drift
        assert ("weight git:commit_authored", "-", "500") in drift
        assert (f"stream {ISSUES}", "collected", "-") in drift

    runtime.play(story, source())


def test_a_backfill_starts_each_run_of_its_days_by_its_own_time_and_collects_in_order(
    runtime: Runtime,
) -> None:
    first = datetime(2026, 1, 5, tzinfo=UTC)
    pages = {PULLS: [make_page(make_event(at=first + timedelta(hours=1)), cursor="1")]}

    async def story(runs: LedgerRuns) -> None:
        await apply(runs, runs.plan_request())
        schedule = runs.client.get_schedule_handle(COLLECT_SCHEDULE_ID)
        await schedule.pause(note="so that only the backfill starts anything")
        await backfill_days(schedule, date(2026, 1, 5), date(2026, 1, 19))
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                described = await schedule.describe()
                if described.info.num_actions == 3 and not described.info.running_actions:
                    break
                await asyncio.sleep(0.1)
        reports = []
        for action in described.info.recent_actions:
            assert isinstance(action.action, ScheduleActionExecutionStartWorkflow)
            handle = runs.client.get_workflow_handle(action.action.workflow_id, result_type=PlanReport)
            reports.append([found.workflow_id[-21:] for found in (await handle.result()).collections])

        assert reports == [
            ["2025-12-29-2026-01-05", "2026-01-05-2026-01-12"],
            ["2025-12-29-2026-01-05", "2026-01-05-2026-01-12", "2026-01-12-2026-01-19"],
            [
                "2025-12-29-2026-01-05",
                "2026-01-05-2026-01-12",
                "2026-01-12-2026-01-19",
                "2026-01-19-2026-01-26",
            ],
        ]
        assert runtime.count("activity_events") == 1

    runtime.play(story, ScriptedSource(pages))
