"""Database roles: a worker that cannot rewrite history, and a reader that cannot write at all."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from psycopg import Connection as DriverConnection
from psycopg import sql
from psycopg.errors import InsufficientPrivilege, InternalError_
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from ledger_core.errors import LedgerError


class LedgerRole(StrEnum):
    """The two group roles; people and services log in as members of one."""

    WORKER = "ledger_worker"
    READER = "ledger_reader"


class RoleRightsMissing(LedgerError):
    """The connected database user may not create roles."""

    code = "role-rights-missing"

    def __init__(self) -> None:
        super().__init__(
            "this database user may not create roles; run `ledger db grant` as one with CREATEROLE"
        )


# What each table lets the worker do besides SELECT; what is append-only is INSERT alone.
WORKER_RIGHTS: Final = {
    "epochs": "INSERT, UPDATE (status, pool_total_credits, closed_at)",
    "activity_events": "INSERT",
    "activity_curation": (
        "INSERT, UPDATE (user_id, included, weight_override_milli, note, judged_by, judged_at, updated_at)"
    ),
    "epoch_allocations": (
        "INSERT, DELETE, UPDATE"
        " (proposed_units, final_units, override_reason, override_by, override_at, activity_count)"
    ),
    "source_cursors": "INSERT, UPDATE (cursor_value, retrieved_at)",
    "stream_health": "INSERT, UPDATE (collected_until, failing_since, problem, listed_at)",
    "epoch_pool_components": "INSERT",
    "payout_statements": "INSERT",
    "statement_signatures": "INSERT",
    "stream_readings": "INSERT",
    "gap_waivers": "INSERT",
    "users": "INSERT",
    "user_bindings": "INSERT, DELETE",
    "identity_events": "INSERT",
    "ledger_actions": "INSERT",
    # Notes for the next refresh, which takes them away; the first of each epoch does without them.
    "touched_epochs": "INSERT, DELETE",
    "touched_days": "INSERT, DELETE",
    "touched_identities": "INSERT, DELETE",
    "payload_seed": "",
}
READABLE_TABLES: Final = (*WORKER_RIGHTS, "alembic_version")

# A grant that meets another fails ("tuple concurrently updated") once the other is done: each failure
# is another's success, and more than a handful at once is a mistake.
MOST_ATTEMPTS: Final = 20


def grant_roles(engine: Engine) -> None:
    """Create both roles if need be, and set their rights on this database to exactly what is written here.

    Holds:  running it again changes nothing.
    Raises: RoleRightsMissing.
    """

    def grant(connection: Connection) -> None:
        database = connection.execute(text("SELECT current_database()")).scalar_one()
        for role in LedgerRole:
            _create_role(connection, role)
            # A database that was closed to the public is open to these two.
            connect = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}")
            _execute(connection, connect.format(sql.Identifier(database), sql.Identifier(role)))
            for what in ("ALL TABLES IN SCHEMA", "ALL SEQUENCES IN SCHEMA", "SCHEMA"):
                _run(connection, sql.SQL("REVOKE ALL ON " + what + " public FROM {}"), role)
            _run(connection, sql.SQL("GRANT USAGE ON SCHEMA public TO {}"), role)
            for table in READABLE_TABLES:
                _run(connection, sql.SQL("GRANT SELECT ON {table} TO {}"), role, table=table)
        for table, rights in WORKER_RIGHTS.items():
            if not rights:
                continue
            statement = sql.SQL("GRANT " + rights + " ON {table} TO {}")  # rights: the constants above
            _run(connection, statement, LedgerRole.WORKER, table=table)
        sequences = sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}")
        _run(connection, sequences, LedgerRole.WORKER)

    _change_roles(engine, grant)


def grant_login(engine: Engine, role: LedgerRole, login: str, *, password: str | None) -> None:
    """Let login act as role; create it if need be, and set its password if one is given.

    Holds:  the password itself leaves this process neither to the server, which gets what it stores of
            one, nor in an error.
    Raises: RoleRightsMissing.
    """

    def grant(connection: Connection) -> None:
        _create_role(connection, login)
        _run(connection, sql.SQL("ALTER ROLE {} LOGIN INHERIT"), login)
        if password is not None:
            statement = sql.SQL("ALTER ROLE {} PASSWORD {verifier}")
            verifier = sql.Literal(_password_verifier(connection, login, password))
            _execute(connection, statement.format(sql.Identifier(login), verifier=verifier))
        _execute(
            connection,
            sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(login)),
        )

    _change_roles(engine, grant)


def _change_roles(engine: Engine, change: Callable[[Connection], None]) -> None:
    for attempt in range(1, MOST_ATTEMPTS + 1):
        try:
            with engine.begin() as connection:
                change(connection)
        except DBAPIError as error:
            if isinstance(error.orig, InsufficientPrivilege):
                raise RoleRightsMissing from error
            if not isinstance(error.orig, InternalError_) or attempt == MOST_ATTEMPTS:
                raise
        else:
            return


def _password_verifier(connection: Connection, login: str, password: str) -> str:
    driver_connection = connection.connection.driver_connection
    assert isinstance(driver_connection, DriverConnection)
    verifier = driver_connection.pgconn.encrypt_password(password.encode(), login.encode())
    return verifier.decode()


def _create_role(connection: Connection, role: str) -> None:
    # Roles belong to the whole cluster: another database's grant may create it at the same moment.
    _execute(
        connection,
        sql.SQL(
            "DO {body}",
        ).format(
            body=sql.Literal(
                sql.SQL(
                    "BEGIN CREATE ROLE {}; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END"
                )
                .format(sql.Identifier(role))
                .as_string()
            )
        ),
    )


def _run(connection: Connection, statement: sql.SQL, role: str, *, table: str | None = None) -> None:
    names = {} if table is None else {"table": sql.Identifier(table)}
    _execute(connection, statement.format(sql.Identifier(role), **names))


def _execute(connection: Connection, statement: sql.Composed) -> None:
    connection.exec_driver_sql(statement.as_string().replace("%", "%%"))
