"""How streams fare: for whoever operates the ledger, and part of nothing that is paid."""

from __future__ import annotations

from collections.abc import Collection
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

    def record_listed(self, directory: StreamRef, streams: Collection[StreamRef], *, at: datetime) -> None:
        """Note that a directory lists exactly these streams, of some of which nothing may be known yet.

        Holds: the directory and its streams have the same listed_at, later than any before; what it listed
               once, and does no longer, keeps an older one.
        """

    def record_problem(self, stream: StreamRef, *, problem: str, at: datetime) -> None:
        """Note that the stream fails, since `at` unless it failed already; the newest problem is kept."""
