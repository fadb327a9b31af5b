"""Activity events: inserted once, never changed (ACTIVITY_APPEND_ONLY)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.identifiers import EventId


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvents:
    """What became of a page's events; the three sum to its length."""

    inserted: int
    duplicates: int
    conflicts: int


class ActivityReader(Protocol):
    """Events to read."""

    def find(self, event_id: EventId) -> ActivityEvent | None:
        """Return the event, if it is stored."""

    def count_waiting(self) -> int:
        """Return how many events no epoch has curated yet."""


class ActivityStore(ActivityReader, Protocol):
    """Events to write."""

    def store(self, events: Sequence[ActivityEvent]) -> StoredEvents:
        """Insert what is new (ACTIVITY_IDEMPOTENT).

        Holds: an event that is there already is a duplicate; one with the same id and another
               payload_hash is a conflict, and the event first seen is kept.
        """
