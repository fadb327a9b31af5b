"""Engines: how this package connects to PostgreSQL."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Engine, create_engine, text

from db_client.database_url import parse_database_url

POOL_CONNECTIONS: Final = 20  # one for each of the worker's activity threads, and a few to spare
CONNECT_TIMEOUT_SECONDS: Final = 10
LOCK_TIMEOUT_MILLISECONDS: Final = 30_000  # a writer that waits longer gives way and is tried again
IDLE_IN_TRANSACTION_TIMEOUT_MILLISECONDS: Final = 600_000  # a stuck client must not hold an epoch for ever

# A host that vanished says nothing, and a thread that waits for it would hold an activity for hours: after a
# minute without a sign of life the connection is broken, and what it did is tried again.
SIGNS_OF_LIFE: Final = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds that sent data may stay unconfirmed
}


def create_ledger_engine(
    url: str,
    *,
    application_name: str,
    pool_connections: int = POOL_CONNECTIONS,
    read_only: bool = False,
) -> Engine:
    """Return an engine whose sessions speak UTC, give way on long locks, and show application_name.

    Holds:  read_only sessions refuse every write; nothing connects before the first use; a connection that died is replaced.
    Raises: DatabaseUrlInvalid.
    """
    return create_engine(
        parse_database_url(url),
        pool_size=pool_connections,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,  # errors are logged; events and identities are not
        connect_args={
            "application_name": application_name,
            "client_encoding": "utf8",  # else a database in SQL_ASCII answers in bytes
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            **SIGNS_OF_LIFE,
            "options": (
                "-c TimeZone=UTC"
                f" -c lock_timeout={LOCK_TIMEOUT_MILLISECONDS}"
                f" -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_TIMEOUT_MILLISECONDS}"
                f" -c default_transaction_read_only={'on' if read_only else 'off'}"
            ),
        },
    )


def create_database_if_missing(engine: Engine, name: str) -> str:
    """Create a database on the engine's server, if it has none of that name, and return its URL."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        found = connection.execute(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name})
        if found.one_or_none() is None:
            connection.exec_driver_sql(f"CREATE DATABASE {engine.dialect.identifier_preparer.quote(name)}")
    return engine.url.set(database=name).render_as_string(hide_password=False)
