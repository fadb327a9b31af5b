"""Cursors on PostgreSQL: moved by compare and set."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, select, update
from sqlalchemy.dialects.postgresql import insert

from db_client.tables.activity import source_cursors
from ledger_core.errors import CursorMoved
from ledger_core.identifiers import NodeId, StreamRef


class PostgresCursorStore:
    """The port CursorStore."""

    def __init__(self, connection: Connection, node_id: NodeId) -> None:
        self._connection = connection
        self._node_id = node_id

    def find(self, stream: StreamRef) -> str | None:
        """Return the stream's cursor."""
        return self._connection.execute(
            select(source_cursors.c.cursor_value).where(self._is_of(stream))
        ).scalar_one_or_none()

    def advance(
        self, stream: StreamRef, *, expected: str | None, cursor: str, retrieved_at: datetime
    ) -> None:
        """Move the cursor if it stands where the caller saw it."""
        if expected is None:
            moved = self._connection.execute(
                insert(source_cursors)
                .values(
                    node_id=self._node_id,
                    source=stream.source,
                    stream=stream.stream,
                    source_ref=stream.source_ref,
                    cursor_value=cursor,
                    retrieved_at=retrieved_at,
                )
                .on_conflict_do_nothing()
            )
        else:
            moved = self._connection.execute(
                update(source_cursors)
                .where(self._is_of(stream), source_cursors.c.cursor_value == expected)
                .values(cursor_value=cursor, retrieved_at=retrieved_at)
            )
        if moved.rowcount != 1:
            raise CursorMoved(str(stream))

    def _is_of(self, stream: StreamRef) -> ColumnElement[bool]:
        return and_(
            source_cursors.c.node_id == self._node_id,
            source_cursors.c.source == stream.source,
            source_cursors.c.stream == stream.stream,
            source_cursors.c.source_ref == stream.source_ref,
        )
