"""A PostgreSQL of the fault suites' own: durable, on memory, to be killed as a machine would lose it."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy import Engine, text

from db_client.database_url import parse_database_url
from db_client.engine import create_ledger_engine
from db_client.migrate import upgrade_schema
from db_client.roles import LedgerRole, grant_login, grant_roles
from scheduler_worker.local.folder import hold_folder
from scheduler_worker.local.postgres import start_postgres
from tests.local_owners import eventually, folder_for_all

LOGIN: Final = "ledger_fault_worker"
PASSWORD: Final = "only for tests on loopback"
TEMPLATE: Final = "ledger_fault_template"
PATIENCE_SECONDS: Final = 60.0


class KillableServer:
    """A PostgreSQL that can be killed with all its processes, and started again on what is on its disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process, self._server = start_postgres(folder, durable=True)
        self.kills = 0

    @property
    def port(self) -> int:
        """Where it listens now."""
        return self._server.port

    @property
    def url(self) -> str:
        """Its superuser's URL."""
        return self._server.url

    @property
    def folder(self) -> Path:
        """Where its cluster is."""
        return self._folder

    def kill(self) -> None:
        """End every process of the server at once, with SIGKILL, and start it again."""
        postmaster = self._server.pid
        os.kill(postmaster, signal.SIGSTOP)  # or it would see its children die, and begin to recover
        for process_id in (*_children_of(postmaster), postmaster):
            with suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)
        self._process.stop()
        self.kills += 1
        self._process, self._server = start_postgres(self._folder, durable=True)

    def kill_backend(self) -> None:
        """End one session's process with SIGKILL, as a machine out of memory does: all sessions end, and it recovers."""
        with suppress(IndexError, ProcessLookupError):
            os.kill(self._sessions()[0], signal.SIGKILL)
            self.kills += 1

    def await_up(self, _failure: BaseException | None = None) -> None:
        """Wait until it takes connections again."""
        assert eventually(self._answers, seconds=PATIENCE_SECONDS)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=10).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """End it in good order."""
        self._process.stop()

    def _sessions(self) -> list[int]:
        return [
            process_id
            for process_id in _children_of(self._server.pid)
            if LOGIN in Path(f"/proc/{process_id}/cmdline").read_text(encoding="utf-8", errors="replace")
        ]


def _children_of(parent: int) -> list[int]:
    tasks = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(process_id) for process_id in tasks.read_text(encoding="ascii").split()]


@contextmanager
def killable_server() -> Iterator[KillableServer]:
    """Run the server, with a migrated template to copy databases from."""
    with folder_for_all() as folder, hold_folder(folder):
        server = KillableServer(folder)
        try:
            _make_template(server.url)
            yield server
        finally:
            server.stop()


def _make_template(url: str) -> None:
    run_alone(url, f'CREATE DATABASE "{TEMPLATE}"')
    engine = create_ledger_engine(database_url(url, TEMPLATE), application_name="faults")
    upgrade_schema(engine)
    grant_roles(engine)
    grant_login(engine, LedgerRole.WORKER, LOGIN, password=PASSWORD)
    engine.dispose()


@contextmanager
def fresh_database(server: KillableServer) -> Iterator[str]:
    """Make an empty database, and yield its name; it goes with the block."""
    name = f"ledger_fault_{uuid.uuid4().hex[:12]}"
    run_alone(server.url, f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')
    try:
        yield name
    finally:
        run_alone(server.url, f'DROP DATABASE "{name}" WITH (FORCE)')


def database_url(url: str, name: str) -> str:
    """Return the URL of another database for the same user."""
    parsed = parse_database_url(url).set(database=name, drivername="postgresql")
    return parsed.render_as_string(hide_password=False)


@contextmanager
def admin_session(server: KillableServer, name: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Open a superuser's session of a database, in which each statement commits by itself."""
    with psycopg.connect(database_url(server.url, name), autocommit=True) as session:
        yield session


def worker_url(port: int, name: str) -> str:
    """Return the worker's URL of a database, unencrypted so that a wire can read along."""
    return f"postgresql://{LOGIN}:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{port}/{name}?sslmode=disable"


def run_alone(url: str, statement: str) -> None:
    """Run a statement outside any transaction, once the server is up."""
    engine: Engine = create_ledger_engine(url, application_name="faults")
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()
