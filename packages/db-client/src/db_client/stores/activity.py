"""Activity events on PostgreSQL: one COPY a page, however long it is; where some of it is known, one INSERT."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from itertools import pairwise
from typing import Any, Final

from psycopg.errors import UniqueViolation
from sqlalchemy import Connection, Row, select, text
from sqlalchemy.exc import IntegrityError

from db_client.copying import copy_rows
from db_client.tables.activity import activity_events
from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.instant import instant_text
from ledger_core.errors import EventCorrupt
from ledger_core.identifiers import EventId, NodeId
from ledger_core.ports.activity_store import StoredEvents

LOOKED_UP: Final = 16  # events of a page, to tell whether it is known

_COLUMNS: Final = (
    *("id", "source", "event_type", "platform_user_id", "platform_login", "artifact_url", "metadata"),
    *("payload_hash", "producer", "producer_version", "event_time", "retrieved_at"),
)

# COPY writes many rows at once and asks nothing of each, but takes all or nothing: it is for pages of which nothing seems
# to be known.
_COPY: Final = f"COPY activity_events (node_id, {', '.join(_COLUMNS)}) FROM STDIN"

# One text array a column, cast in SQL: three times as fast as typed arrays, as fast as COPY through a
# staging table, and it needs none. Ordered by id, so that two writers of the same events cannot
# deadlock; then by position, so that of two with one id the first is kept.
_INSERT: Final = text("""
    INSERT INTO activity_events (
        node_id, id, source, event_type, platform_user_id, platform_login, artifact_url, metadata,
        payload_hash, producer, producer_version, event_time, retrieved_at
    )
    SELECT :node_id, id, source, event_type, platform_user_id, platform_login, artifact_url,
        CAST(metadata AS jsonb), payload_hash, producer, producer_version,
        CAST(event_time AS timestamptz), CAST(retrieved_at AS timestamptz)
    FROM unnest(
        CAST(:id AS text[]), CAST(:source AS text[]), CAST(:event_type AS text[]),
        CAST(:platform_user_id AS text[]), CAST(:platform_login AS text[]),
        CAST(:artifact_url AS text[]), CAST(:metadata AS text[]), CAST(:payload_hash AS text[]),
        CAST(:producer AS text[]), CAST(:producer_version AS text[]), CAST(:event_time AS text[]),
        CAST(:retrieved_at AS text[])
    ) WITH ORDINALITY AS page (
        id, source, event_type, platform_user_id, platform_login, artifact_url, metadata, payload_hash,
        producer, producer_version, event_time, retrieved_at, position
    )
    ORDER BY id COLLATE "C", position
    ON CONFLICT (node_id, id) DO NOTHING
""")

# Each id by the primary key: while the planner takes a growing table for small it would read all of it for every page. OFFSET 0
# keeps it from beginning with the table.
_KNOWN: Final = text("""
    SELECT page.id, page.payload_hash <> stored.payload_hash AS is_conflict
    FROM unnest(CAST(:id AS text[]), CAST(:payload_hash AS text[])) AS page (id, payload_hash)
    CROSS JOIN LATERAL (
        SELECT known.payload_hash FROM activity_events AS known
        WHERE known.node_id = :node_id AND known.id = page.id OFFSET 0
    ) AS stored
""")

_COUNT_WAITING: Final = text("""
    SELECT count(*) FROM activity_events AS event
    WHERE event.node_id = :node_id AND NOT EXISTS (
        SELECT FROM activity_curation AS curation
        WHERE curation.node_id = event.node_id AND curation.event_id = event.id
    )
""")


class PostgresActivityStore:
    """The port ActivityStore."""

    def __init__(self, connection: Connection, node_id: NodeId) -> None:
        self._connection = connection
        self._node_id = node_id

    def find(self, event_id: EventId) -> ActivityEvent | None:
        """Return the event, if it is stored."""
        row = self._connection.execute(
            select(activity_events).where(
                activity_events.c.node_id == self._node_id, activity_events.c.id == event_id
            )
        ).one_or_none()
        return None if row is None else event_of_row(row)

    def count_waiting(self) -> int:
        """Return how many events no epoch has curated yet."""
        return int(self._connection.execute(_COUNT_WAITING, {"node_id": self._node_id}).scalar_one())

    def store(self, events: Sequence[ActivityEvent]) -> StoredEvents:
        """Insert what is new; the primary key makes the rest a no-op (ACTIVITY_IDEMPOTENT).

        What is known is looked up first, as that costs a fraction of an insert that comes to nothing; but only where one
        of a few events is known, so that new pages do not pay for it.
        """
        if not events:
            return StoredEvents(inserted=0, duplicates=0, conflicts=0)
        found = self._known(events) if self._known(_some(events)) else []
        known = {row.id for row in found}
        new = [event for event in events if event.id not in known] if known else events
        inserted = (self._copy(new) or self._insert(new)) if new else 0
        if inserted < len(new):  # twice in the page, or stored by another meanwhile
            found += self._known(new)
        conflicts = sum(row.is_conflict for row in found)
        return StoredEvents(
            inserted=inserted, duplicates=len(events) - inserted - conflicts, conflicts=conflicts
        )

    def _known(self, events: Sequence[ActivityEvent]) -> list[Row[Any]]:
        """Return the id of each event that is stored, and whether with another payload."""
        page = {
            "node_id": self._node_id,
            "id": _array([event.id for event in events]),
            "payload_hash": _array([event.payload_hash for event in events]),
        }
        return list(self._connection.execute(_KNOWN, page))

    def _copy(self, events: Sequence[ActivityEvent]) -> int:
        """Copy the events in, all of which seem to be new; return how many there were, 0 where one was not.

        Ordered as by _INSERT, and for its reason. Another's insert of the same id is waited for.
        """
        node = str(self._node_id)
        rows = sorted(events, key=lambda event: event.id)  # code points are in the order of their bytes
        if any(event.id == following.id for event, following in pairwise(rows)):
            return 0
        try:
            with self._connection.begin_nested():
                return copy_rows(self._connection, _COPY, ((node, *_texts(event)) for event in rows))
        except IntegrityError as error:
            if isinstance(error.orig, UniqueViolation):
                return 0
            raise

    def _insert(self, events: Sequence[ActivityEvent]) -> int:
        """Insert the events that are not stored yet; return how many there were."""
        return self._connection.execute(_INSERT, _columns(events) | {"node_id": self._node_id}).rowcount


def _some(events: Sequence[ActivityEvent]) -> list[ActivityEvent]:
    """Return the first event, the last, and a few between: what is known of a page lies together."""
    return [*events[:: max(1, len(events) // LOOKED_UP)], events[-1]]


def _columns(events: Sequence[ActivityEvent]) -> dict[str, str]:
    values = zip(*(_texts(event) for event in events), strict=True)
    return {name: _array(column) for name, column in zip(_COLUMNS, values, strict=True)}


def _texts(event: ActivityEvent) -> tuple[str | None, ...]:
    """Return the event's columns as PostgreSQL reads them, in the order of _COLUMNS."""
    return (
        event.id, event.source, event.event_type, event.platform_user_id, event.platform_login, event.artifact_url,
        event.metadata_json, event.payload_hash, event.producer, event.producer_version,
        instant_text(event.event_time), instant_text(event.retrieved_at),
    )  # fmt: skip


def _array(texts: Sequence[str | None]) -> str:
    """Return PostgreSQL's own text of an array of texts; the driver, which looks at every value's type, takes ten times as long."""
    quoted = [
        "NULL" if text is None else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        for text in texts
    ]
    return "{" + ",".join(quoted) + "}"


def event_of_row(row: Row[Any]) -> ActivityEvent:
    """Return the event that a row of `activity_events` holds; it must give the hash it is stored with."""
    event = ActivityEvent(
        id=EventId(row.id),
        source=row.source,
        event_type=row.event_type,
        platform_user_id=row.platform_user_id,
        platform_login=row.platform_login,
        artifact_url=row.artifact_url,
        event_time=row.event_time.astimezone(UTC),
        metadata=row.metadata,
        producer=row.producer,
        producer_version=row.producer_version,
        retrieved_at=row.retrieved_at.astimezone(UTC),
    )
    if event.payload_hash != row.payload_hash:
        raise EventCorrupt(row.id, row.payload_hash, event.payload_hash)
    return event
