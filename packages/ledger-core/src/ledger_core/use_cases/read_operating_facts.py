"""What whoever operates a ledger watches, in one snapshot and a few bounded queries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ledger_core.domain.epoch import Epoch
from ledger_core.domain.stream_health import StreamHealth
from ledger_core.identifiers import StreamRef
from ledger_core.ports.ledger import LedgerReader


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingFacts:
    """How a ledger stands; streams are those that were asked for, in that order."""

    open_epoch: Epoch | None
    unresolved_events: int
    streams: tuple[StreamHealth, ...]
    head_hash: str | None

    def overdue(self, now: datetime) -> timedelta:
        """Return how long ago the open epoch's window ended; nothing if it goes on, or none is open."""
        if self.open_epoch is None:
            return timedelta()
        return max(timedelta(), now - self.open_epoch.window.period_end)


def read_operating_facts(reader: LedgerReader, streams: Iterable[StreamRef]) -> OperatingFacts:
    """Return how the ledger stands; a stream that was never tried has nothing known of it.

    Holds: unresolved_events are the open epoch's; nothing that is read grows with events or users.
    """
    with reader.read() as view:
        known = {health.stream: health for health in view.stream_health.list_all()}
        epoch = view.epochs.find_open()
        return OperatingFacts(
            open_epoch=epoch,
            unresolved_events=0 if epoch is None else view.curation.count_unresolved(epoch.id),
            streams=tuple(known.get(stream) or StreamHealth(stream=stream) for stream in streams),
            head_hash=view.statements.head_hash(),
        )
