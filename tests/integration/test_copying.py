"""COPY through the driver: what goes wrong is told as by any other statement, and a savepoint undoes it."""

from __future__ import annotations

import pytest
from psycopg.errors import InvalidTextRepresentation, UniqueViolation
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from db_client.copying import copy_rows, let_copy

TABLE = "CREATE TEMPORARY TABLE copied (number int PRIMARY KEY, word text)"
COPY = "COPY copied (number, word) FROM STDIN"


@pytest.fixture(autouse=True)
def _copying(worker_engine: Engine) -> None:
    let_copy(worker_engine)
    let_copy(worker_engine)


def test_rows_are_copied_as_they_are(worker_engine: Engine) -> None:
    rows = [("1", "a\tb\\\nc"), ("2", None), ("3", "\\N"), ("4", ""), ("5", "\\.")]
    with worker_engine.begin() as connection:
        connection.execute(text(TABLE))

        assert copy_rows(connection, COPY, rows) == 5
        found = connection.execute(text("SELECT CAST(number AS text), word FROM copied ORDER BY number"))
        assert [tuple(row) for row in found] == rows


def test_no_rows_are_none(worker_engine: Engine) -> None:
    with worker_engine.begin() as connection:
        connection.execute(text(TABLE))

        assert copy_rows(connection, COPY, []) == 0


def test_a_refused_row_is_told_as_ever_and_a_savepoint_undoes_the_rest(worker_engine: Engine) -> None:
    with worker_engine.begin() as connection:
        connection.execute(text(TABLE))
        with pytest.raises(IntegrityError) as refused, connection.begin_nested():
            copy_rows(connection, COPY, [("1", "a secret"), ("1", "another")])
        assert isinstance(refused.value.orig, UniqueViolation)
        with pytest.raises(DataError) as unfit, connection.begin_nested():
            copy_rows(connection, COPY, [("1", "a secret"), ("no number", "a secret")])
        assert isinstance(unfit.value.orig, InvalidTextRepresentation)

        assert connection.execute(text("SELECT count(*) FROM copied")).scalar_one() == 0


def test_listeners_are_told_of_a_copy_and_of_its_failure(worker_engine: Engine) -> None:
    told: list[str] = []
    event.listen(worker_engine, "before_cursor_execute", lambda *of_it: told.append(of_it[2]))
    event.listen(
        worker_engine, "handle_error", lambda context: told.append(type(context.original_exception).__name__)
    )
    with worker_engine.begin() as connection:
        connection.execute(text(TABLE))
        with pytest.raises(IntegrityError), connection.begin_nested():
            copy_rows(connection, COPY, [("1", None), ("1", None)])

    assert told[told.index(COPY) + 1] == "UniqueViolation"


def test_a_session_that_the_server_ended_is_told_and_replaced(
    worker_engine: Engine, owner_engine: Engine
) -> None:
    with worker_engine.connect() as connection:
        connection.execute(text(TABLE))
        session = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with owner_engine.connect() as owner:
            owner.execute(text("SELECT pg_terminate_backend(:session, 5000)"), {"session": session})

        with pytest.raises(OperationalError) as lost:
            copy_rows(connection, COPY, [("1", None)])

        assert lost.value.connection_invalidated
    with worker_engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
