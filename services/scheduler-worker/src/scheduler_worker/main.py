"""`ledger worker`: settings, composition, and a run until the process is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal

from scheduler_worker.activities.create_activities import create_activities
from scheduler_worker.bootstrap import create_sources, opened_ledger, system_clock
from scheduler_worker.policy import read_policy
from scheduler_worker.settings import Settings
from scheduler_worker.temporal_client import connected
from scheduler_worker.worker import running_worker

CONNECT_ATTEMPTS = 8  # about a minute: a worker may come up before its servers do

logger = logging.getLogger(__name__)


async def run_worker(settings: Settings) -> None:
    """Work on the task queue until SIGTERM or SIGINT, then drain.

    Raises: PolicyUnreadable, PolicyInvalid, SettingMissing, DatabaseUnreachable, SchemaOutdated,
            TemporalUnreachable.
    """
    policy = read_policy(settings.config)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with opened_ledger(
        settings.required_database_url(), policy.node_id, application_name="ledger-worker"
    ) as ledger:
        activities = create_activities(ledger=ledger, sources=create_sources(policy), clock=system_clock)
        async with (
            connected(attempts=CONNECT_ATTEMPTS) as client,
            running_worker(client, task_queue=settings.task_queue, activities=activities),
        ):
            logger.info("worker_started", extra={"task_queue": settings.task_queue})
            await stop.wait()
            logger.info("worker_stopping")
