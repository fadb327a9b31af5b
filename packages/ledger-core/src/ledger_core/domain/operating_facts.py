"""What whoever operates a ledger watches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ledger_core.domain.epoch import Epoch
from ledger_core.domain.stream_health import StreamHealth


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingFacts:
    """How a ledger stands; streams are those that were asked for, in that order, then what directories list.

    Holds: unresolved_events are the open epoch's.
    """

    open_epoch: Epoch | None
    unresolved_events: int
    streams: tuple[StreamHealth, ...]
    head_hash: str | None

    def overdue(self, now: datetime) -> timedelta:
        """Return how long ago the open epoch's window ended; nothing if it goes on, or none is open."""
        if self.open_epoch is None:
            return timedelta()
        return max(timedelta(), now - self.open_epoch.window.period_end)
