"""How streams fare, on PostgreSQL: a row a stream, written over at each try."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from db_client.tables.activity import stream_health
from ledger_core.domain.stream_health import StreamHealth
from ledger_core.identifiers import NodeId, StreamRef


class PostgresStreamHealthStore:
    """The port StreamHealthStore."""

    def __init__(self, connection: Connection, node_id: NodeId) -> None:
        self._connection = connection
        self._node_id = node_id

    def list_all(self) -> tuple[StreamHealth, ...]:
        """Return what is known of each stream."""
        columns = stream_health.c
        rows = self._connection.execute(
            select(stream_health)
            .where(columns.node_id == self._node_id)
            .order_by(columns.source, columns.source_ref, columns.stream)
        )
        return tuple(
            StreamHealth(
                stream=StreamRef(source=row.source, source_ref=row.source_ref, stream=row.stream),
                collected_until=row.collected_until,
                failing_since=row.failing_since,
                problem=row.problem,
            )
            for row in rows
        )

    def record_collected(self, stream: StreamRef, *, until: datetime) -> None:
        """Note that the stream is complete up to an instant."""
        new = insert(stream_health).values(**self._key(stream), collected_until=until)
        self._connection.execute(
            new.on_conflict_do_update(
                constraint=stream_health.primary_key,
                set_={
                    "collected_until": func.greatest(
                        stream_health.c.collected_until, new.excluded.collected_until
                    ),
                    "failing_since": None,
                    "problem": None,
                },
            )
        )

    def record_problem(self, stream: StreamRef, *, problem: str, at: datetime) -> None:
        """Note that the stream fails."""
        new = insert(stream_health).values(**self._key(stream), failing_since=at, problem=problem)
        self._connection.execute(
            new.on_conflict_do_update(
                constraint=stream_health.primary_key,
                set_={
                    "failing_since": func.coalesce(stream_health.c.failing_since, new.excluded.failing_since),
                    "problem": new.excluded.problem,
                },
            )
        )

    def _key(self, stream: StreamRef) -> dict[str, object]:
        return {
            "node_id": self._node_id,
            "source": stream.source,
            "stream": stream.stream,
            "source_ref": stream.source_ref,
        }
