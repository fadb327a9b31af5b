"""Curation: which events count in an epoch, and for whom; all bulk work is set-based."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.curation import CuratedEvent, CurationCounts, CurationSummary
from ledger_core.domain.epoch import Epoch
from ledger_core.identifiers import EpochId, EventId


@dataclass(frozen=True, slots=True, kw_only=True)
class CuratedActivity:
    """A curated event together with the fact itself, as a bundle carries it.

    Holds: note, judged_by and judged_at are the admin's who judged it last; None where nobody did.
    """

    event: ActivityEvent
    curation: CuratedEvent
    note: str | None
    judged_by: str | None = None
    judged_at: datetime | None = None


class CurationReader(Protocol):
    """Curation to read."""

    def find(self, epoch_id: EpochId, event_id: EventId) -> CuratedEvent | None:
        """Return one event as it stands in the epoch."""

    def ordered_events(self, epoch_id: EpochId) -> Iterator[CuratedEvent]:
        """Yield the epoch's events in order of their ids (code point), memory flat."""

    def ordered_activity(self, epoch_id: EpochId) -> Iterator[CuratedActivity]:
        """Yield the same with the facts behind them."""

    def summary(self, epoch_id: EpochId) -> CurationSummary:
        """Return how many events the epoch holds, and how they stand."""

    def count_unresolved(self, epoch_id: EpochId) -> int:
        """Return how many of the epoch's included events have no user, without counting the others."""


class CurationStore(CurationReader, Protocol):
    """Curation to write; the caller holds the epoch's lock."""

    def refresh(self, epoch: Epoch, *, at: datetime) -> CurationCounts:
        """Bring the epoch's curation up to date with the events and bindings there are; return what changed.

        added:      events of the epoch's window that no epoch holds;
        added_late: events that no epoch holds and whose window's epoch is closed, marked late;
        carried:    events that closed unresolved and whose identity is bound by now, marked late;
        resolved:   events of the epoch whose user is another now; after an unbinding that is none.

        Holds: all four are as of one moment: what is stored or bound meanwhile is in all of them or in none.
               An event that an admin excluded anywhere, or that is paid anywhere, is not carried; an
               override of its weight is, with its note and who judged it when.
        Raises: EpochClosed.
        """

    def judge(
        self,
        epoch_id: EpochId,
        event_id: EventId,
        *,
        included: bool,
        weight_override_milli: int | None,
        note: str | None,
        by: str,
        at: datetime,
    ) -> None:
        """Set an admin's judgement of one event: what, why, who and when.

        Raises: EventNotCurated, EpochClosed.
        """
