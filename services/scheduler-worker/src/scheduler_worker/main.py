"""`ledger worker`: settings, composition, and a run until the process is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal

from scheduler_worker.activities.create_activities import create_activities
from scheduler_worker.bootstrap import create_sources, opened_ledger, read_payload_keys, system_clock
from scheduler_worker.policy import read_policy
from scheduler_worker.settings import Settings
from scheduler_worker.temporal_client import connected
from scheduler_worker.worker import running_worker

CONNECT_ATTEMPTS = 8  # about a minute: a worker may come up before its servers do

logger = logging.getLogger(__name__)


async def run_worker(settings: Settings) -> None:
    """Work on the node's task queue until SIGTERM or SIGINT, then drain; also while servers are awaited.

    Raises: PolicyUnreadable, PolicyInvalid, SettingMissing, DatabaseUnreachable, SchemaOutdated,
            TemporalUnreachable.
    """
    work = asyncio.create_task(_work(settings))
    was_told = False

    def stop() -> None:
        nonlocal was_told
        if not was_told:  # a second signal must not tear the draining
            was_told = True
            logger.info("worker_stopping")
            work.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await work
    except asyncio.CancelledError:
        if not was_told:
            raise


async def _work(settings: Settings) -> None:
    policy = read_policy(settings.config)
    task_queue = settings.task_queue_of(policy.node_id)
    database_url = settings.required_database_url()
    with opened_ledger(database_url, policy.node_id, application_name="ledger-worker") as ledger:
        keys = read_payload_keys(database_url, policy.node_id, settings.payload_keys)
        activities = create_activities(ledger=ledger, sources=create_sources(policy), clock=system_clock)
        async with (
            connected(keys=keys, attempts=CONNECT_ATTEMPTS) as client,
            running_worker(client, task_queue=task_queue, activities=activities),
        ):
            logger.info("worker_started", extra={"task_queue": task_queue})
            await asyncio.Event().wait()
