"""What is read of the schedule on a real server."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from scheduler_worker.cron import parse_cron
from scheduler_worker.messages import PlanRequest
from scheduler_worker.schedule_health import ScheduleHealth, find_schedule_health
from scheduler_worker.schedule_policy import Cron, SchedulePolicy
from scheduler_worker.schedules import apply_schedule, collection_schedule
from scheduler_worker.temporal_client import LAST_BREATH_SECONDS
from scheduler_worker.workflow_ids import COLLECT_SCHEDULE_ID

WEEK = timedelta(days=7)
REQUEST = PlanRequest(
    anchor="1970-01-05", length_days=7, weight_config={}, base_issuance_credits=None, streams=()
)


async def found_at_last(client: Client) -> ScheduleHealth | None:
    """Ask again where a server that has just begun takes longer for an answer than we have patience."""
    for _ in range(8):
        try:
            return await find_schedule_health(client)
        except RPCError as error:
            if error.status not in {RPCStatusCode.CANCELLED, RPCStatusCode.DEADLINE_EXCEEDED}:
                raise
    return await find_schedule_health(client)


@pytest.mark.parametrize(
    ("timing", "interval"),
    [
        (timedelta(hours=12), timedelta(hours=12)),
        (Cron(expression="0 6 * * mon", times=parse_cron("0 6 * * mon")), WEEK),
        (Cron(expression="0 6 * * mon,tue", times=parse_cron("0 6 * * mon,tue")), timedelta(days=6)),
    ],
    ids=["an interval", "a weekly cron", "two days a week"],
)
def test_a_new_schedule_is_due_one_interval_after_its_creation(
    temporal_address: str, namespace: str, timing: timedelta | Cron, interval: timedelta
) -> None:
    async def look() -> tuple[ScheduleHealth | None, ScheduleHealth | None]:
        client = await Client.connect(temporal_address, namespace=namespace)
        before = await found_at_last(client)
        policy = SchedulePolicy(timing=timing, jitter=timedelta(), catch_up=WEEK)
        await apply_schedule(client, collection_schedule(REQUEST, policy, task_queue="nobody's"))
        await client.get_schedule_handle(COLLECT_SCHEDULE_ID).pause(note="an audit")
        after = await found_at_last(client)
        await asyncio.sleep(LAST_BREATH_SECONDS)
        return before, after

    before, found = asyncio.run(look())
    now = datetime.now(tz=UTC)

    assert before is None
    assert found is not None
    assert (found.is_paused, found.note, found.interval) == (True, "an audit", interval)
    assert (found.last_success_at, found.last_run_at, found.last_run_outcome) == (None, None, None)
    assert abs(found.due_since - (now + interval)) < timedelta(minutes=5)
    assert found.overdue(now) == timedelta()
    assert found.overdue(found.due_since + timedelta(hours=1)) == timedelta(hours=1)
