"""`ledger worker`: settings, composition, and a run until the process is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from typing import Final

from temporalio.worker import Worker

from ledger_core.identifiers import NodeId
from ledger_core.ports.ledger import Ledger
from scheduler_worker.activities.create_activities import create_activities
from scheduler_worker.bootstrap import (
    create_directories,
    create_sources,
    opened_ledger,
    read_facts,
    read_payload_keys,
    system_clock,
)
from scheduler_worker.health import WorkerHealth, served_health
from scheduler_worker.observability.core_runtime import create_runtime
from scheduler_worker.observability.ledger_gauges import LedgerGauges
from scheduler_worker.observing import Observer, observing
from scheduler_worker.operating_settings import OperatingSettings
from scheduler_worker.payload_keys import PayloadKeys
from scheduler_worker.policy import read_policy
from scheduler_worker.settings import Settings
from scheduler_worker.signing import load_recovery, recover_signer
from scheduler_worker.temporal_client import connected
from scheduler_worker.temporal_config import read_temporal_config
from scheduler_worker.waiting import wait_for_database, wait_for_namespace
from scheduler_worker.worker import running_worker

FORCED_STATUS: Final = 3  # incomplete, as of a command
STOP_MARGIN: Final = timedelta(seconds=5)  # for what is left once the activities had their time to drain
CONNECT_ATTEMPTS: Final = 8  # about a minute for each server: a worker may come up before they do
NAMESPACE_ATTEMPTS: Final = 5  # a quarter of a minute: a server that sets itself up makes its namespace last

logger = logging.getLogger(__name__)


async def run_worker(settings: Settings, operating: OperatingSettings) -> None:
    """Work on the node's task queue until SIGTERM or SIGINT, then drain; also while servers are awaited.

    Raises: PolicyUnreadable, PolicyInvalid, SettingMissing, DatabaseUnreachable, SchemaOutdated,
            ProgramOutdated, TemporalConfigInvalid, TemporalUnreachable, NamespaceMissing, AddressUnusable.
    """
    health = WorkerHealth()
    last_resort = _LastResort(operating.drain + STOP_MARGIN)
    work = asyncio.create_task(_work(settings, operating, health))
    was_told = False

    def stop() -> None:
        nonlocal was_told
        if not was_told:  # a second signal must not tear the draining
            was_told = True
            health.draining()
            last_resort.arm()
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
    logger.info("worker_stopped")


async def _work(settings: Settings, operating: OperatingSettings, health: WorkerHealth) -> None:
    policy = read_policy(settings.config)
    # What is wrong with either is said at once, and not after a wait for the database.
    read_temporal_config()
    settings.required_database_url()
    if policy.approvals.approvers:
        load_recovery()
    sources = create_sources(policy)
    async with served_health(operating.health_address, health):
        with ExitStack() as open_things:
            ledger, keys = await wait_for_database(
                partial(_open_ledger, open_things, settings, policy.node_id), attempts=CONNECT_ATTEMPTS
            )
            runtime = create_runtime(operating.metrics_address)
            gauges = LedgerGauges(runtime.metric_meter)
            async with connected(keys=keys, attempts=CONNECT_ATTEMPTS, runtime=runtime) as client:
                await wait_for_namespace(client, attempts=NAMESPACE_ATTEMPTS)
                directories = create_directories(policy)
                read = partial(read_facts, ledger, tuple(sources), directories)
                observer = Observer(read_facts=read, client=client, gauges=gauges, clock=system_clock)
                task_queue = settings.task_queue_of(policy.node_id)
                activities = create_activities(
                    ledger=ledger,
                    sources=sources,
                    directories=directories,
                    clock=system_clock,
                    approval_policy=policy.approvals.with_recovery(recover_signer),
                )
                async with (
                    running_worker(
                        client,
                        task_queue=task_queue,
                        activities=activities,
                        graceful_shutdown=operating.drain,
                        build_id=settings.worker_build_id,
                    ) as worker,
                    observing(observer, operating.observe_interval),
                ):
                    health.started(is_running=partial(_is_running, worker), servers=observer.servers)
                    logger.info("worker_started", extra={"task_queue": task_queue})
                    await observer.until_outdated()  # then it drains as if told to, and says why


def _open_ledger(open_things: ExitStack, settings: Settings, node_id: NodeId) -> tuple[Ledger, PayloadKeys]:
    database_url = settings.required_database_url()
    keys = read_payload_keys(database_url, node_id, settings.payload_keys)
    opened = opened_ledger(database_url, node_id, application_name="ledger-worker")
    return open_things.enter_context(opened), keys


class _LastResort:
    """Ends the process when draining hangs on something that no cancellation reaches: a read from a frozen server.

    Holds: what was under way is undone by its database and tried again by Temporal; the status is not 0.
    """

    def __init__(self, after: timedelta) -> None:
        self._timer = threading.Timer(after.total_seconds(), self._end)
        self._timer.daemon = True
        self._handlers: list[logging.Handler] = []

    def arm(self) -> None:
        """Begin to count."""
        self._handlers = logging.getLogger().handlers[:]
        self._timer.start()

    def _end(self) -> None:
        logging.getLogger().handlers[:] = self._handlers  # the log may have been taken down by now
        logger.error("worker_stop_forced")
        if sys.stderr is not None:
            sys.stderr.flush()
        os._exit(FORCED_STATUS)


def _is_running(worker: Worker) -> bool:
    return worker.is_running
