"""Time-outs and retries, one profile a kind of work; refusals are never retried (see activities.refusals)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, TypedDict

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType


class ActivityProfile(TypedDict, total=False):
    """The keyword arguments of an activity's execution that its kind of work decides."""

    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy
    cancellation_type: ActivityCancellationType


# One short transaction. A broken connection, a deadlock or a lock that is held is tried again for an hour,
# which includes the wait for a free worker: a database restart or a failover takes less.
DATABASE: Final[ActivityProfile] = {
    "start_to_close_timeout": timedelta(minutes=2),
    "schedule_to_close_timeout": timedelta(hours=1),
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(milliseconds=500),
        backoff_coefficient=2.0,
        maximum_interval=timedelta(seconds=15),
    ),
    "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
}

# Set-based work over a whole epoch, and its close: a million events take half a minute.
BULK: Final[ActivityProfile] = DATABASE | {
    "start_to_close_timeout": timedelta(minutes=15),
    "schedule_to_close_timeout": timedelta(hours=2),
}

# Pages of one source, one after the other. A rate limit counts as an attempt, so time is the only cap.
# A heartbeat thread speaks while a source is silent, so two minutes of silence mean a dead worker.
SOURCE_STREAM: Final[ActivityProfile] = {
    "start_to_close_timeout": timedelta(hours=2),
    "schedule_to_close_timeout": timedelta(hours=12),
    "heartbeat_timeout": timedelta(minutes=2),
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(seconds=2),
        backoff_coefficient=2.0,
        maximum_interval=timedelta(minutes=2),
    ),
    "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
}

# One thing of a source. A limit that lasts an hour is waited for; what takes longer, the next collection finds.
SOURCE_ITEM: Final[ActivityProfile] = DATABASE | {
    "start_to_close_timeout": timedelta(minutes=5),
    "schedule_to_close_timeout": timedelta(hours=2),
    "retry_policy": SOURCE_STREAM["retry_policy"],
}

# A stuck run would block its window: whoever starts it next joins the one that runs.
COLLECT_EXECUTION_TIMEOUT: Final = timedelta(days=1)
PLAN_EXECUTION_TIMEOUT: Final = timedelta(days=2)
WRITE_EXECUTION_TIMEOUT: Final = timedelta(hours=2)
ITEM_EXECUTION_TIMEOUT: Final = timedelta(hours=3)
