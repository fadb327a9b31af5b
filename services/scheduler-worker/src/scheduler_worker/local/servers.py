"""PostgreSQL and Temporal together in one folder, for a laptop: what `ledger demo` and the tests run on.

Both come up side by side without a thread: Temporal is launched first, and starts while PostgreSQL does.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scheduler_worker.local.cluster import read_password
from scheduler_worker.local.folder import hold_folder
from scheduler_worker.local.kept import KeptServers, forget_kept, read_kept, write_kept
from scheduler_worker.local.place import recorded_place
from scheduler_worker.local.postgres import (
    POSTGRES_STOPS,
    PostgresServer,
    describe_postgres,
    start_postgres,
)
from scheduler_worker.local.process import LIFELINE, GuardedProcess, adopt, dismiss
from scheduler_worker.local.temporal import TEMPORAL_STOPS, StartingTemporal, TemporalServer

POSTGRES = "postgres"
TEMPORAL = "temporal"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalServers:
    """Where the running servers are; database_url names PostgreSQL's superuser and its password."""

    database_url: str = field(repr=False)
    temporal_address: str
    temporal_ui_url: str | None
    folder: Path


@contextmanager
def local_servers(
    folder: Path, *, keep: bool = False, durable: bool = True, ui: bool = True
) -> Iterator[LocalServers]:
    """Run both servers on the data in the folder, made if there is none, or take over those kept there.

    Holds:   one process at a time has the folder. The servers end with the block, and with this process however
             it ends; keep lets them run on, but only after a block that ends without an exception. Kept servers
             are taken over by the next call on the folder, which ends them unless it keeps them again.
    Raises:  LocalFolderInUse, LocalFolderUnusable, LocalServersMissing, LocalClusterVersion,
             LocalAccountMissing, LocalServerFailed.
    """
    folder = folder.absolute()
    with _hold(folder):
        running = _take_over(folder, durable=durable, ui=ui) or _start(folder, durable=durable, ui=ui)
        kept = False
        try:
            yield running.describe(folder)
            if keep:
                running.keep(folder)
                kept = True
        finally:
            if kept:
                running.let_go()
            else:
                forget_kept(folder)
                running.stop()


def stop_local_servers(folder: Path) -> None:
    """End the servers that were kept in the folder, if any are.

    Raises:  LocalFolderInUse, LocalFolderUnusable, LocalServerFailed.
    """
    folder = folder.absolute()
    with _hold(folder):
        _dismiss(folder)


def remove_local_servers(folder: Path) -> None:
    """End the servers that were kept in the folder, and remove all their data, wherever it is.

    Raises:  LocalFolderInUse, LocalFolderUnusable, LocalServerFailed.
    """
    folder = folder.absolute()
    with _hold(folder):
        _dismiss(folder)
        if (elsewhere := recorded_place(folder / POSTGRES)) is not None:
            shutil.rmtree(elsewhere)
        shutil.rmtree(folder / POSTGRES)
        shutil.rmtree(folder / TEMPORAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    """Both servers with their processes, new or taken over."""

    postgres: PostgresServer
    postgres_process: GuardedProcess
    temporal: TemporalServer
    temporal_process: GuardedProcess
    durable: bool

    def describe(self, folder: Path) -> LocalServers:
        return LocalServers(
            database_url=self.postgres.url,
            temporal_address=self.temporal.address,
            temporal_ui_url=self.temporal.ui_url,
            folder=folder,
        )

    def keep(self, folder: Path) -> None:
        """Write down where they are and have them stay; until let go they can still be stopped."""
        write_kept(
            folder,
            KeptServers(
                durable=self.durable,
                postgres_port=self.postgres.port,
                postgres_pid=self.postgres.pid,
                temporal_address=self.temporal.address,
                temporal_ui_url=self.temporal.ui_url,
                temporal_pid=self.temporal.pid,
            ),
        )
        self.postgres_process.keep()
        self.temporal_process.keep()

    def let_go(self) -> None:
        """Own them no longer."""
        self.postgres_process.let_go()
        self.temporal_process.let_go()

    def stop(self) -> None:
        """End both at the same time."""
        self.temporal_process.order_stop()
        try:
            self.postgres_process.stop()
        finally:
            self.temporal_process.stop()


@contextmanager
def _hold(folder: Path) -> Iterator[None]:
    """Hold the folder and both servers' own, so that nobody starts one of them by itself meanwhile."""
    with hold_folder(folder), hold_folder(folder / POSTGRES), hold_folder(folder / TEMPORAL):
        yield


def _start(folder: Path, *, durable: bool, ui: bool) -> _Running:
    starting = StartingTemporal(folder / TEMPORAL, ui=ui, durable=durable)
    with ExitStack() as on_failure:
        on_failure.callback(starting.abandon)
        postgres_process, postgres = start_postgres(folder / POSTGRES, durable=durable)
        on_failure.callback(postgres_process.stop)
        temporal_process, temporal = starting.finish()
        on_failure.pop_all()
    return _Running(
        postgres=postgres,
        postgres_process=postgres_process,
        temporal=temporal,
        temporal_process=temporal_process,
        durable=durable,
    )


def _take_over(folder: Path, *, durable: bool, ui: bool) -> _Running | None:
    """Become the owner of kept servers that are as wanted; any other that are alive are ended."""
    kept = read_kept(folder)
    forget_kept(folder)
    if kept is None or (kept.durable, kept.temporal_ui_url is not None) != (durable, ui):
        return None  # each start ends what is still there
    with ExitStack() as on_failure:
        postgres_process = adopt(folder / POSTGRES / LIFELINE, pid=kept.postgres_pid, stops=POSTGRES_STOPS)
        if postgres_process is None:
            return None
        on_failure.callback(postgres_process.stop)
        temporal_process = adopt(folder / TEMPORAL / LIFELINE, pid=kept.temporal_pid, stops=TEMPORAL_STOPS)
        if temporal_process is None:
            return None
        on_failure.callback(temporal_process.stop)
        running = _Running(
            postgres=describe_postgres(
                read_password(folder / POSTGRES), port=kept.postgres_port, pid=kept.postgres_pid
            ),
            postgres_process=postgres_process,
            temporal=TemporalServer(
                address=kept.temporal_address, ui_url=kept.temporal_ui_url, pid=kept.temporal_pid
            ),
            temporal_process=temporal_process,
            durable=kept.durable,
        )
        on_failure.pop_all()
    return running


def _dismiss(folder: Path) -> None:
    """End whatever earlier owners left in the folder."""
    forget_kept(folder)
    dismiss(folder / POSTGRES / LIFELINE, stops=POSTGRES_STOPS)
    dismiss(folder / TEMPORAL / LIFELINE, stops=TEMPORAL_STOPS)
