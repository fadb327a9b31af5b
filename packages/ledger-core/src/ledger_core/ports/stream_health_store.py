"""How streams fare: for whoever operates the ledger, and part of nothing that is paid."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from ledger_core.domain.stream_health import StreamHealth
from ledger_core.identifiers import StreamRef


class StreamHealthReader(Protocol):
    """How streams fare, to read."""

    def list_all(self) -> tuple[StreamHealth, ...]:
        """Return what is known of each stream that was ever tried, in order of the streams."""


class StreamHealthStore(StreamHealthReader, Protocol):
    """How streams fare, to write."""

    def record_collected(self, stream: StreamRef, *, until: datetime) -> None:
        """Note that the stream is complete up to an instant, and that it fails no longer.

        Holds: collected_until never goes back.
        """

    def record_problem(self, stream: StreamRef, *, problem: str, at: datetime) -> None:
        """Note that the stream fails, since `at` unless it failed already; the newest problem is kept."""
