"""Evidence: why somebody got what they got, and what became of an event; read, and never decided by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from ledger_core.domain.epoch import Epoch
from ledger_core.domain.evidence import CuratedFact
from ledger_core.domain.identity import IdentityBinding, IdentityEvent, UnresolvedIdentity
from ledger_core.identifiers import EpochId, EventId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityElsewhere:
    """Events of somebody's accounts that do not stand for them in an epoch, counted by how they do stand.

    Holds: epoch_id and included are None for events that no epoch holds; in_window says that they happened
           in the window of the epoch that was asked about.
    """

    epoch_id: EpochId | None
    in_window: bool
    user_id: UserId | None
    included: bool | None
    events: int
    first_event_time: datetime
    last_event_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EventInEpoch:
    """An event as it stands in one epoch."""

    epoch_id: EpochId
    curated: CuratedFact


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyActivity:
    """How many of an epoch's events a source has on one day (UTC), and how they stand.

    Holds: day is None for events from before or after the epoch's window, which came late. unresolved ones count
           and belong to nobody; reweighted ones count with a weight of their own; excluded = events - included.
    """

    day: date | None
    source: str
    events: int
    included: int
    unresolved: int
    reweighted: int


class EvidenceReader(Protocol):
    """Evidence to read."""

    def activity_of_user(self, epoch_id: EpochId, user_id: UserId) -> Iterator[CuratedFact]:
        """Yield the epoch's events that belong to the user, excluded ones too, by id, memory flat.

        Holds: no payload is read, and none hashed: whoever has very many events is explained, too.
        """

    def unresolved_like(
        self, epoch_id: EpochId, names: Sequence[str], *, limit: int
    ) -> tuple[UnresolvedIdentity, ...]:
        """Return the epoch's unresolved identities of which an event's login or account is like a name.

        Shape: the most events first; only the events that are like a name count.
        Holds: names and logins are compared by `like_names`.
        """

    def bindings_of(self, user_id: UserId, *, limit: int) -> tuple[IdentityBinding, ...]:
        """Return the identities that are bound to the user now, in order."""

    def history_of_user(self, user_id: UserId, *, limit: int) -> tuple[IdentityEvent, ...]:
        """Return the newest binds and unbinds of the user's identities, the oldest of them first."""

    def history_of_identity(
        self, provider: str, external_id: str, *, limit: int
    ) -> tuple[IdentityEvent, ...]:
        """Return the newest binds and unbinds of an identity, the oldest of them first."""

    def users_ever_bound(self, identities: Sequence[tuple[str, str]]) -> frozenset[UserId]:
        """Return everybody to whom one of the identities, each a provider and an account, was ever bound.

        Shape: a few identities; one statement reads the history of all.
        """

    def activity_elsewhere(
        self, epoch: Epoch, user_id: UserId, *, limit: int
    ) -> tuple[ActivityElsewhere, ...]:
        """Count the events of identities that are, or ever were, the user's, and do not stand for the user here.

        Shape: those of the epoch's window first, then by epoch, the newest first.
        """

    def standings(self, event_id: EventId) -> tuple[EventInEpoch, ...]:
        """Return how the event stands in each epoch that holds it, ordered by the epochs' ids."""

    def daily_activity(self, epoch: Epoch) -> tuple[DailyActivity, ...]:
        """Count the epoch's events by day and source: by day, those from outside the window last, then by source."""

    def judged_activity(self, epoch_id: EpochId, *, limit: int) -> tuple[CuratedFact, ...]:
        """Return the first of the epoch's events, by id, that are excluded or have a weight of their own."""

    def late_activity(self, epoch_id: EpochId, *, limit: int) -> tuple[CuratedFact, ...]:
        """Return the first of the epoch's events, by id, that came late from another epoch's window."""
