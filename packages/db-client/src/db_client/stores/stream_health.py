"""How streams fare, on PostgreSQL: a row a stream, written over at each try."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, func, select, text
from sqlalchemy.dialects.postgresql import insert

from db_client.tables.activity import stream_health
from ledger_core.domain.stream_health import StreamHealth
from ledger_core.identifiers import NodeId, StreamRef

# In order, so that two listings at once can't deadlock.
_RECORD_LISTED: Final = text("""
    INSERT INTO stream_health (node_id, source, stream, source_ref, listed_at)
    SELECT DISTINCT
        CAST(:node_id AS uuid), source COLLATE "C", stream COLLATE "C", source_ref COLLATE "C",
        CAST(:at AS timestamptz)
    FROM unnest(CAST(:source AS text[]), CAST(:stream AS text[]), CAST(:source_ref AS text[]))
        AS listed (source, stream, source_ref)
    ORDER BY 2, 3, 4
    ON CONFLICT (node_id, source, stream, source_ref) DO UPDATE SET listed_at = excluded.listed_at
""")
_A_MOMENT: Final = timedelta(microseconds=1)


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
                listed_at=row.listed_at,
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

    def record_listed(self, directory: StreamRef, streams: Collection[StreamRef], *, at: datetime) -> None:
        """Note that a directory lists exactly these streams, in one statement for all of them."""
        new = insert(stream_health).values(**self._key(directory), listed_at=at)
        # The directory's own row first: of two listings at once, one waits here, and is the later.
        listed_at = self._connection.execute(
            new.on_conflict_do_update(
                constraint=stream_health.primary_key,
                set_={
                    "listed_at": func.greatest(new.excluded.listed_at, stream_health.c.listed_at + _A_MOMENT)
                },
            ).returning(stream_health.c.listed_at)
        ).scalar_one()
        self._connection.execute(
            _RECORD_LISTED,
            {
                "node_id": self._node_id,
                "source": [stream.source for stream in streams],
                "stream": [stream.stream for stream in streams],
                "source_ref": [stream.source_ref for stream in streams],
                "at": listed_at,
            },
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
