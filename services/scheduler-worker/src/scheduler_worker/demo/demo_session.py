"""The demo's servers put to use: a migrated database, and a worker for as long as the weeks take."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from ledger_core.domain.epoch_window import EpochWindow
from scheduler_worker.activities.create_activities import create_activities
from scheduler_worker.bootstrap import (
    create_database,
    create_sources,
    grant_database_roles,
    login_url,
    opened_ledger,
    read_payload_keys,
    system_clock,
    upgrade_database,
)
from scheduler_worker.demo.run_demo import DemoEpoch, DemoRun
from scheduler_worker.local.folder import write_private_file
from scheduler_worker.local.servers import LocalServers
from scheduler_worker.policy import Policy
from scheduler_worker.settings import Settings
from scheduler_worker.signing import recover_signer
from scheduler_worker.temporal_client import connected
from scheduler_worker.worker import running_worker

WORKER_LOGIN: Final = "ledger_demo_worker"
WORKER_PASSWORD: Final = "worker-password"  # noqa: S105 - a file's name
DATABASE: Final = "ledger"
GRACEFUL_SHUTDOWN: Final = timedelta(seconds=3)  # whoever presses ctrl-C wants to be out


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUrls:
    """The demo's database, for its owner and for the worker; both hold passwords."""

    owner: str = field(repr=False)
    worker: str = field(repr=False)


def prepare_database(servers: LocalServers, folder: Path) -> DatabaseUrls:
    """Migrate as the owner, and let a login of its own have the worker's rights, and no more.

    Raises: DatabaseUnreachable, RoleRightsMissing.
    """
    owner_url = create_database(servers.database_url, DATABASE)
    upgrade_database(owner_url)
    password = _worker_password(folder)
    grant_database_roles(owner_url, logins={WORKER_LOGIN: "worker"}, passwords={WORKER_LOGIN: password})
    return DatabaseUrls(owner=owner_url, worker=login_url(owner_url, WORKER_LOGIN, password))


async def take_windows(
    policy: Policy,
    windows: Sequence[EpochWindow],
    servers: LocalServers,
    worker_url: str,
    tell: Callable[[str], None],
) -> list[DemoEpoch]:
    """Take the windows to their statements, the oldest first, with a worker of our own.

    Raises: the refusals of DemoRun.take.
    """
    sources = create_sources(policy)
    task_queue = Settings().task_queue_of(policy.node_id)
    with opened_ledger(worker_url, policy.node_id, application_name="ledger-demo") as ledger:
        keys = read_payload_keys(worker_url, policy.node_id, ())
        activities = create_activities(
            ledger=ledger,
            sources=sources,
            clock=system_clock,
            approval_policy=policy.approvals.with_recovery(recover_signer),
        )
        tell("starting the worker")
        async with (
            connected(keys=keys, address=servers.temporal_address) as client,
            running_worker(
                client,
                task_queue=task_queue,
                activities=activities,
                graceful_shutdown=GRACEFUL_SHUTDOWN,
            ),
        ):
            run = DemoRun(
                client=client,
                id_key=keys.id_key,
                reader=ledger,
                policy=policy,
                streams=tuple(sources),
                task_queue=task_queue,
                tell=tell,
            )
            with ledger.read() as view:
                left_open = view.epochs.find_open()
            if left_open is not None and left_open.window not in windows:
                await run.take(left_open.window)  # an earlier run was interrupted, or its week is over
            return [await run.take(window) for window in windows]


def _worker_password(folder: Path) -> str:
    """Return the same password each time: a worker that was left running on kept servers goes on."""
    file = folder / WORKER_PASSWORD
    if not file.exists():
        write_private_file(file, secrets.token_urlsafe(24))
    return file.read_text(encoding="ascii")
