"""What explanations are made of, whoever has it: the ledger, or a bundle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger_core.domain.allocation import Allocation
from ledger_core.domain.amendment import Correction
from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.evidence import CuratedFact, EventFact
from ledger_core.domain.identity import UnresolvedIdentity
from ledger_core.domain.payouts import PayoutLine
from ledger_core.explanation.values import Beyond, EpochSummary, HistoryLine, PoolPart, Source


class EpochFacts(Protocol):
    """The facts of one epoch."""

    @property
    def source(self) -> Source:
        """Where they are from."""

    @property
    def summary(self) -> EpochSummary:
        """The epoch."""

    @property
    def weights(self) -> Mapping[str, int]:
        """The epoch's weight policy."""

    def pool(self) -> tuple[PoolPart, ...]:
        """Return the components, ordered by id."""

    def allocations(self) -> Iterable[Allocation]:
        """Yield everybody's allocation, ordered by user id."""

    def corrections(self) -> Mapping[str, Correction]:
        """Return the corrections that stand if the epoch's statement was amended, by user id."""

    def activity_of_user(self, user_id: str) -> Iterator[CuratedFact]:
        """Yield the events that belong to the user, by id, memory flat."""

    def unresolved_like(self, names: Sequence[str], *, limit: int) -> tuple[UnresolvedIdentity, ...]:
        """Return unresolved identities that are like a name, the most events first."""

    def stated_payout(self, user_id: str) -> PayoutLine | None:
        """Return the user's line of the statement."""

    def beyond(self, user_id: str) -> Beyond | None:
        """Return what only the ledger knows of the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingFact:
    """An event in one epoch, with that epoch's policy and the final units of the event's user there.

    Holds: user_final_units are those of an amendment where one corrects the user.
    """

    epoch: EpochSummary
    weights: Mapping[str, int]
    curated: CuratedFact
    user_final_units: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeWindow:
    """The window that an event happened in, and the epoch of it."""

    epoch_id: int
    window: EpochWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFacts:
    """All that is known of one event; bound_to, history and open_epoch_id only the ledger knows."""

    source: Source
    fact: EventFact
    standings: tuple[StandingFact, ...]
    home: HomeWindow | None
    home_is_open: bool
    bound_to: str | None
    history: tuple[HistoryLine, ...] | None
    open_epoch_id: int | None
