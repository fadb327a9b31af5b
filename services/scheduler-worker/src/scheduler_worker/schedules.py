"""The Temporal Schedule that starts collection: created once, updated in place, never doubled."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleBackfill,
    ScheduleCalendarSpec,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from scheduler_worker import schedule_policy
from scheduler_worker.messages import PlanRequest
from scheduler_worker.retry_profiles import PLAN_EXECUTION_TIMEOUT
from scheduler_worker.schedule_facts import facts_of
from scheduler_worker.workflow_ids import COLLECT_SCHEDULE_ID, PLAN_WORKFLOW_ID
from scheduler_worker.workflows.plan_collection import PlanCollectionWorkflow

_UNIX_EPOCH: Final = date(1970, 1, 1)  # intervals count from here, a Thursday
_OVERLAPS: Final = {
    schedule_policy.Overlap.SKIP: ScheduleOverlapPolicy.SKIP,
    schedule_policy.Overlap.BUFFER_ONE: ScheduleOverlapPolicy.BUFFER_ONE,
    schedule_policy.Overlap.BUFFER_ALL: ScheduleOverlapPolicy.BUFFER_ALL,
}


class ScheduleOutcome(StrEnum):
    """What applying a schedule did."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


def collection_schedule(
    request: PlanRequest, policy: schedule_policy.SchedulePolicy, *, task_queue: str
) -> Schedule:
    """Return the schedule that starts the planner when the policy says."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            PlanCollectionWorkflow.run,
            request,
            id=PLAN_WORKFLOW_ID,
            task_queue=task_queue,
            execution_timeout=PLAN_EXECUTION_TIMEOUT,
        ),
        spec=_spec(policy, anchor=date.fromisoformat(request.anchor)),
        policy=SchedulePolicy(overlap=_OVERLAPS[policy.overlap], catchup_window=policy.catch_up),
    )


async def apply_schedule(client: Client, wanted: Schedule) -> ScheduleOutcome:
    """Create the schedule, or change it where it differs; an operator's pause and note stay."""
    try:
        await client.create_schedule(COLLECT_SCHEDULE_ID, wanted)
    except ScheduleAlreadyRunningError:
        pass
    else:
        return ScheduleOutcome.CREATED
    outcome = ScheduleOutcome.UNCHANGED
    wanted_facts = await facts_of(client, wanted)

    async def change(found: ScheduleUpdateInput) -> ScheduleUpdate | None:
        nonlocal outcome
        if await facts_of(client, found.description.schedule) == wanted_facts:
            outcome = ScheduleOutcome.UNCHANGED
            return None
        outcome = ScheduleOutcome.UPDATED
        return ScheduleUpdate(dataclasses.replace(wanted, state=found.description.schedule.state))

    await client.get_schedule_handle(COLLECT_SCHEDULE_ID).update(change)
    return outcome


async def backfill_days(schedule: ScheduleHandle, first: date, last: date) -> None:
    """Start, one after the other, every run that the schedule names from a day to another, both included."""
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    instant = timedelta(seconds=1)  # a range's start is not in it, and an end on the next day would be
    await schedule.backfill(
        ScheduleBackfill(
            start_at=start - instant, end_at=end - instant, overlap=ScheduleOverlapPolicy.BUFFER_ALL
        )
    )


def _spec(policy: schedule_policy.SchedulePolicy, *, anchor: date) -> ScheduleSpec:
    jitter = policy.jitter or None  # as the server gives it back
    if isinstance(policy.timing, timedelta):
        offset = (timedelta(days=(anchor - _UNIX_EPOCH).days) + policy.offset) % policy.timing
        return ScheduleSpec(
            intervals=[ScheduleIntervalSpec(every=policy.timing, offset=offset or None)], jitter=jitter
        )
    times = policy.timing.times
    calendar = ScheduleCalendarSpec(
        minute=_ranges(times.minutes),
        hour=_ranges(times.hours),
        day_of_month=_ranges(times.days_of_month),
        month=_ranges(times.months),
        day_of_week=_ranges(times.days_of_week),
        comment=policy.timing.expression,
    )
    return ScheduleSpec(calendars=[calendar], jitter=jitter, time_zone_name=policy.timing.time_zone)


def _ranges(values: Sequence[int]) -> Sequence[ScheduleRange]:
    """Return ascending values as as few ranges as hold them."""
    return [ScheduleRange(run[0], run[-1]) for run in _runs(values)]


def _runs(values: Sequence[int]) -> Iterable[list[int]]:
    run = [values[0]]
    for value, following in pairwise(values):
        if following != value + 1:
            yield run
            run = []
        run.append(following)
    yield run
