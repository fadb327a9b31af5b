"""A durable PostgreSQL of the benchmarks' own, and a migrated database on it as the worker sees it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from uuid import UUID

from db_client.engine import create_database_if_missing, create_ledger_engine
from db_client.migrate import upgrade_schema
from db_client.postgres_ledger import PostgresLedger
from ledger_core import NodeId
from scheduler_worker.local.postgres import local_postgres

ON_DISK: Final = "/var/tmp"  # /tmp may be memory
NODE: Final = NodeId(UUID("0195f1d2-0000-7000-8000-00000000be7c"))


@contextmanager
def served_postgres() -> Iterator[str]:
    """Serve a PostgreSQL that keeps its promises to a disk; yield its URL."""
    with TemporaryDirectory(prefix="ledger-benchmarks-", dir=ON_DISK, ignore_cleanup_errors=True) as made:
        folder = Path(made)
        folder.chmod(0o755)  # root's server runs as another account, which has to come in
        with local_postgres(folder, durable=True) as server:
            yield server.url


def fresh_database(server_url: str, name: str) -> str:
    """Create a migrated database and return its URL."""
    admin = create_ledger_engine(server_url, application_name="ledger-benchmarks")
    url = create_database_if_missing(admin, name)
    admin.dispose()
    engine = create_ledger_engine(url, application_name="ledger-benchmarks")
    upgrade_schema(engine)
    engine.dispose()
    return url


@contextmanager
def ledger_at(url: str) -> Iterator[PostgresLedger]:
    """Open the database's ledger as a worker does."""
    engine = create_ledger_engine(url, application_name="ledger-benchmarks")
    try:
        yield PostgresLedger(engine, NODE)
    finally:
        engine.dispose()
