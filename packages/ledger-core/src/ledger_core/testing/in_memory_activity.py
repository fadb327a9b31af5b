"""Activity events, the cursors behind them and how their streams fare, in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.stream_health import StreamHealth
from ledger_core.errors import CursorMoved
from ledger_core.identifiers import EventId, StreamRef
from ledger_core.ports.activity_store import StoredEvents
from ledger_core.testing.in_memory_state import Scope


class InMemoryActivityReader:
    """Events to read."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def find(self, event_id: EventId) -> ActivityEvent | None:
        """Return the event, if it is stored."""
        return self._scope.state.events.get(event_id)

    def count_waiting(self) -> int:
        """Return how many events have no row of curation in any epoch."""
        state = self._scope.state
        return len(state.events) - len({event_id for _, event_id in state.curation})


class InMemoryActivityStore(InMemoryActivityReader):
    """Events to write."""

    def store(self, events: Sequence[ActivityEvent]) -> StoredEvents:
        """Insert what is new; of one id the first is kept, also within a page (ACTIVITY_IDEMPOTENT)."""
        stored = self._scope.state.events
        duplicates = conflicts = 0
        for event in events:
            kept = stored.get(event.id)
            if kept is None:
                stored[event.id] = event
            elif kept.payload_hash == event.payload_hash:
                duplicates += 1
            else:
                conflicts += 1
        inserted = len(events) - duplicates - conflicts
        return StoredEvents(inserted=inserted, duplicates=duplicates, conflicts=conflicts)


class InMemoryCursorReader:
    """Cursors to read."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def find(self, stream: StreamRef) -> str | None:
        """Return the stream's cursor; None when nothing was collected yet."""
        return self._scope.state.cursors.get(stream)


class InMemoryCursorStore(InMemoryCursorReader):
    """Cursors to write."""

    def advance(
        self,
        stream: StreamRef,
        *,
        expected: str | None,
        cursor: str,
        retrieved_at: datetime,  # noqa: ARG002 - PostgreSQL keeps it for people to look at; no port reads it
    ) -> None:
        """Move the cursor, or raise CursorMoved when it no longer stands at `expected`."""
        if self.find(stream) != expected:
            raise CursorMoved(str(stream))
        self._scope.state.cursors[stream] = cursor


class InMemoryStreamHealthReader:
    """How streams fare, to read."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def list_all(self) -> tuple[StreamHealth, ...]:
        """Return what is known of each stream, in order of the streams."""
        known = self._scope.state.stream_health
        return tuple(known[stream] for stream in sorted(known))


class InMemoryStreamHealthStore(InMemoryStreamHealthReader):
    """How streams fare, to write."""

    def record_collected(self, stream: StreamRef, *, until: datetime) -> None:
        """Note that the stream is complete up to an instant."""
        before = self._find(stream).collected_until
        newest = until if before is None else max(before, until)
        self._scope.state.stream_health[stream] = StreamHealth(
            stream=stream, collected_until=newest, listed_at=self._find(stream).listed_at
        )

    def record_listed(self, directory: StreamRef, streams: Collection[StreamRef], *, at: datetime) -> None:
        """Note that a directory lists exactly these streams."""
        before = self._find(directory).listed_at
        if before is not None:
            at = max(at, before + timedelta(microseconds=1))
        for stream in (directory, *streams):
            self._scope.state.stream_health[stream] = replace(self._find(stream), listed_at=at)

    def record_problem(self, stream: StreamRef, *, problem: str, at: datetime) -> None:
        """Note that the stream fails."""
        before = self._find(stream)
        self._scope.state.stream_health[stream] = replace(
            before, failing_since=before.failing_since or at, problem=problem
        )

    def _find(self, stream: StreamRef) -> StreamHealth:
        return self._scope.state.stream_health.get(stream) or StreamHealth(stream=stream)
