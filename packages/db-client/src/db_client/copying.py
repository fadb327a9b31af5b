"""COPY as a statement like any other: its errors are wrapped, and its listeners told, as ever."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from psycopg import Cursor
from sqlalchemy import Connection, Engine, ExecutionContext, event

_ROWS: Final = "copied_rows"


def copy_rows(connection: Connection, statement: str, rows: Iterable[Sequence[str | None]]) -> int:
    """Run `COPY ... FROM STDIN` with these rows; return how many there were.

    Holds:  rows are sent as they come, and are data whatever they hold.
    Raises: sqlalchemy.exc.DBAPIError; the transaction, or its savepoint, has to be rolled back then.
    """
    options = {_ROWS: rows, "preserve_rowcount": True}
    return connection.exec_driver_sql(statement, execution_options=options).rowcount


def let_copy(engine: Engine) -> None:
    """Let the engine's connections run what `copy_rows` gives them; again changes nothing."""
    # `event.contains` goes by an engine's address, which another may come to have.
    if _copy not in list(engine.dialect.dispatch.do_execute):
        event.listen(engine, "do_execute", _copy)


def _copy(cursor: Cursor[Any], statement: str, _parameters: object, context: ExecutionContext) -> bool:
    """Return True where it was a COPY, and was run here."""
    rows = context.execution_options.get(_ROWS)
    if rows is None:
        return False
    with cursor.copy(statement.encode()) as into:
        for row in rows:
            into.write_row(row)
    return True
