"""How PostgreSQL is to go about a statement, where its size is known better than the planner can know it.

Right after many events came in, the planner believes that there are few, and would look each up in an index, or read an
epoch's curation once for each user; and where few are new among many, it would read the many.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, text

# For a million events 110 MB are used; with PostgreSQL's own 4 MB everything is written to files and read back.
WORK_MEMORY: Final = "256MB"
_LARGE: Final = {"enable_nestloop": "off", "work_mem": WORK_MEMORY}
_SMALL: Final = {"enable_hashjoin": "off", "enable_mergejoin": "off", "enable_seqscan": "off"}


@contextmanager
def large_statements(connection: Connection) -> Iterator[None]:
    """Let the statements of the block read each table once, and hash it in memory."""
    with _planned(connection, _LARGE):
        yield


@contextmanager
def small_statements(connection: Connection) -> Iterator[None]:
    """Let the statements of the block look each row up in an index."""
    with _planned(connection, _SMALL):
        yield


@contextmanager
def _planned(connection: Connection, settings: dict[str, str]) -> Iterator[None]:
    """Set them for the block; what comes after it in the transaction is planned as ever."""
    connection.execute(text("; ".join(f"SET LOCAL {name} = '{value}'" for name, value in settings.items())))
    yield
    connection.execute(text("; ".join(f"SET LOCAL {name} TO DEFAULT" for name in settings)))
