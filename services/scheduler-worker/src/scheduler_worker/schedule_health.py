"""Whether the schedule does what it is for: present, not paused, and its last runs successful."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from temporalio.api.enums.v1 import WorkflowExecutionStatus as RawStatus
from temporalio.api.schedule.v1 import ScheduleActionResult
from temporalio.client import Client, ScheduleDescription
from temporalio.service import RPCError, RPCStatusCode

from scheduler_worker.workflow_ids import COLLECT_SCHEDULE_ID

PATIENCE: Final = timedelta(seconds=5)
_UNKNOWN_INTERVAL: Final = timedelta(days=7)  # of a schedule that names no two times


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleHealth:
    """How a schedule stands on the server.

    Holds: last_success_at is the nominal time of the newest run that completed: by then, everything due
           was collected. due_since is when the first run that is missing after it should have begun.
    """

    is_paused: bool
    note: str
    interval: timedelta
    last_success_at: datetime | None
    last_run_at: datetime | None
    last_run_outcome: str | None
    next_run_at: datetime | None
    due_since: datetime

    def overdue(self, now: datetime) -> timedelta:
        """Return for how long a successful run has been missing; nothing while none is."""
        return max(timedelta(), now - self.due_since)


async def find_schedule_health(client: Client) -> ScheduleHealth | None:
    """Return how the collecting schedule stands; None where there is none.

    Raises: RPCError.
    """
    try:
        described = await client.get_schedule_handle(COLLECT_SCHEDULE_ID).describe(rpc_timeout=PATIENCE)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND and "amespace" not in error.message:
            return None
        raise
    return _health(described)


def _health(described: ScheduleDescription) -> ScheduleHealth:
    raw = described.raw_description.info
    runs = list(raw.recent_actions)
    succeeded = [_nominal(run) for run in runs if _status(run) == "completed"]
    interval = _interval(described)
    last_success_at = max(succeeded, default=None)
    # A run that the server remembers no longer may have succeeded: then count from the oldest that it does.
    known_from = _nominal(runs[0]) if raw.action_count > len(runs) > 0 else described.info.created_at
    return ScheduleHealth(
        is_paused=described.schedule.state.paused,
        note=described.schedule.state.note or "",
        interval=interval,
        last_success_at=last_success_at,
        last_run_at=_nominal(runs[-1]) if runs else None,
        last_run_outcome=_status(runs[-1]) if runs else None,
        next_run_at=next(iter(described.info.next_action_times), None),
        due_since=(last_success_at or known_from) + interval,
    )


def _nominal(run: ScheduleActionResult) -> datetime:
    return run.schedule_time.ToDatetime(tzinfo=UTC)


def _status(run: ScheduleActionResult) -> str:
    name = RawStatus.Name(run.start_workflow_status)
    return name.removeprefix("WORKFLOW_EXECUTION_STATUS_").lower().replace("_", " ")


def _interval(described: ScheduleDescription) -> timedelta:
    """Return the longest time between two runs: an interval's own, a calendar's from its next times."""
    if described.schedule.spec.intervals:
        return min(found.every for found in described.schedule.spec.intervals)
    times = described.info.next_action_times
    return max((later - earlier for earlier, later in pairwise(times)), default=_UNKNOWN_INTERVAL)
