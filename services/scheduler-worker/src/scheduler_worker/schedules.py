"""The Temporal Schedule that starts collection: created once, updated in place, never doubled."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from scheduler_worker.messages import PlanRequest
from scheduler_worker.retry_profiles import PLAN_EXECUTION_TIMEOUT
from scheduler_worker.workflow_ids import COLLECT_SCHEDULE_ID, PLAN_WORKFLOW_ID
from scheduler_worker.workflows.plan_collection import PlanCollectionWorkflow

_UNIX_EPOCH: Final = date(1970, 1, 1)  # intervals count from here, a Thursday
JITTER: Final = timedelta(minutes=5)
CATCHUP_WINDOW: Final = timedelta(days=2)  # a server down over the minute still starts the week


class ScheduleOutcome(StrEnum):
    """What applying a schedule did."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


def collection_schedule(request: PlanRequest, *, interval_days: int, task_queue: str) -> Schedule:
    """Return the schedule that fires whenever a window begins, or every interval_days from there."""
    anchor = date.fromisoformat(request.anchor)
    offset = timedelta(days=(anchor - _UNIX_EPOCH).days % interval_days)
    return Schedule(
        action=ScheduleActionStartWorkflow(
            PlanCollectionWorkflow.run,
            request,
            id=PLAN_WORKFLOW_ID,
            task_queue=task_queue,
            execution_timeout=PLAN_EXECUTION_TIMEOUT,
        ),
        spec=ScheduleSpec(
            intervals=[
                # No offset is None, as the server gives it back: a zero would differ from itself.
                ScheduleIntervalSpec(every=timedelta(days=interval_days), offset=offset or None)
            ],
            jitter=JITTER,
        ),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCHUP_WINDOW),
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

    async def change(found: ScheduleUpdateInput) -> ScheduleUpdate | None:
        nonlocal outcome
        if await _is_same(client, found.description.schedule, wanted):
            outcome = ScheduleOutcome.UNCHANGED
            return None
        outcome = ScheduleOutcome.UPDATED
        return ScheduleUpdate(dataclasses.replace(wanted, state=found.description.schedule.state))

    await client.get_schedule_handle(COLLECT_SCHEDULE_ID).update(change)
    return outcome


async def _is_same(client: Client, found: Schedule, wanted: Schedule) -> bool:
    have, want = found.action, wanted.action
    assert isinstance(have, ScheduleActionStartWorkflow)
    assert isinstance(want, ScheduleActionStartWorkflow)
    return (
        found.spec == wanted.spec
        and found.policy == wanted.policy
        and (have.workflow, have.id, have.task_queue, have.execution_timeout)
        == (want.workflow, want.id, want.task_queue, want.execution_timeout)
        and list(have.args) == await client.data_converter.encode(want.args)
    )
