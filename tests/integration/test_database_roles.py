"""What each login may do: the worker adds and never rewrites, the reader reads, and no secret gets out."""

from __future__ import annotations

import logging
import re
import traceback
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from db_client.engine import DatabaseUrlInvalid, create_ledger_engine, parse_database_url
from db_client.postgres_ledger import PostgresLedger
from db_client.roles import (
    READABLE_TABLES,
    WORKER_RIGHTS,
    LedgerRole,
    RoleRightsMissing,
    grant_login,
    grant_roles,
)
from ledger_core import EpochId
from ledger_core.testing import RETRIEVED_AT, make_event, make_window
from psycopg import sql
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from tests.conftest import TestDatabase
from tests.contract.story import CONTEXT, WEIGHTS, LedgerStory, annas, day
from tests.ledger_history import TABLES, Session, contents, name_of_rule, opened_session, run_alone

DENIED = "InsufficientPrivilege"
SECRET = "s3cr3t % ' \\ \" of one login"
APPEND_ONLY = [table for table, rights in WORKER_RIGHTS.items() if rights == "INSERT"]
UPDATABLE = {
    table: re.findall(r"\w+", found[0])
    for table, rights in WORKER_RIGHTS.items()
    if (found := re.findall(r"UPDATE \(([^)]*)\)", rights))
}


@pytest.fixture
def past(postgres_ledger: PostgresLedger) -> EpochId:
    """A closed epoch and an open one after it."""
    story = LedgerStory(postgres_ledger)
    story.bind("ann", "1001")
    epoch_id = story.live_through(0, annas(1, at=day(0)))
    story.live_through(1, annas(2, at=day(0, week=1)))
    story.open(2)
    return epoch_id


@pytest.fixture
def worker(fresh_database: TestDatabase, past: EpochId) -> Iterator[Session]:
    with opened_session(parse_database_url(fresh_database.worker_url)) as session:
        yield session


@pytest.fixture
def reader(fresh_database: TestDatabase, past: EpochId) -> Iterator[Session]:
    with opened_session(parse_database_url(fresh_database.reader_url)) as session:
        yield session


def refusal(session: Session, script: str) -> str:
    before = contents(session)
    session.commit()
    try:
        session.execute(script.encode())
        session.commit()
    except psycopg.Error as error:
        session.rollback()
        assert contents(session) == before
        return name_of_rule(error)
    return "allowed"


def privileges(engine: Engine) -> list[tuple[object, ...]]:
    """All that both roles may do in this database, and whatever everybody may."""
    queries = (
        "SELECT 'table', grantee, table_name, '', privilege_type FROM information_schema.table_privileges",
        "SELECT 'column', grantee, table_name, column_name, privilege_type FROM information_schema.column_privileges",
        "SELECT 'use', grantee, object_name, '', privilege_type FROM information_schema.usage_privileges",
        """
        SELECT 'schema', coalesce(pg_roles.rolname, 'PUBLIC'), nspname, '', privilege_type
        FROM pg_namespace, aclexplode(nspacl) AS entry LEFT JOIN pg_roles ON pg_roles.oid = entry.grantee
        """,
        """
        SELECT 'sequence', coalesce(pg_roles.rolname, 'PUBLIC'), relname, '', privilege_type
        FROM pg_class, aclexplode(relacl) AS entry LEFT JOIN pg_roles ON pg_roles.oid = entry.grantee
        WHERE relkind = 'S'
        """,
    )
    with engine.connect() as connection:
        rows = [tuple(row) for query in queries for row in connection.execute(text(query))]
    return sorted(row for row in rows if row[1] in ("PUBLIC", *LedgerRole) and not _is_system(str(row[2])))


def _is_system(name: str) -> bool:
    return name.startswith(("pg_", "sql_", "_pg_", "gbtree")) or name in SYSTEM_NAMES


SYSTEM_NAMES = {"information_schema"}


def is_of_schema(engine: Engine, row: tuple[object, ...]) -> bool:
    """Whether a right is on something of ours, and not on a system view that everybody may read."""
    with engine.connect() as connection:
        known = connection.execute(
            text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        )
        return row[2] in {"public", *known.scalars()}


def ours(engine: Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        relations = connection.execute(
            text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        )
        known = {"public", *relations.scalars()}
    return [row for row in privileges(engine) if row[2] in known]
