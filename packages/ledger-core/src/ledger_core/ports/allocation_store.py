"""Allocations: proposed by policy, set by an admin."""

from __future__ import annotations

from datetime import datetime
from typing import NewType, Protocol

from ledger_core.domain.allocation import Allocation
from ledger_core.identifiers import EpochId, UserId

SettledRows = NewType("SettledRows", str)  # only the ledger that gave it can tell what it says


class AllocationReader(Protocol):
    """Allocations to read."""

    def list_all(self, epoch_id: EpochId) -> tuple[Allocation, ...]:
        """Return the epoch's allocations, ordered by user id (code point)."""

    def find(self, epoch_id: EpochId, user_id: UserId) -> Allocation | None:
        """Return one user's allocation."""

    def find_settled(self, epoch_id: EpochId) -> SettledRows | None:
        """Return what tells the epoch's rows of curation and allocations from any later ones.

        Holds:  it computes the proposals anew; None where a row of allocations would change by that.
        """


class AllocationStore(AllocationReader, Protocol):
    """Allocations to write; the caller holds the epoch's lock."""

    def are_settled(self, epoch_id: EpochId, rows: SettledRows) -> bool:
        """Say whether the epoch's rows of curation and allocations are those that a snapshot found settled.

        Holds:  True is proved: they are the very rows that the snapshot showed, whoever wrote meanwhile, and stay so until the
                end. False may be said of equal rows as well: of what is written and taken back, or when the snapshot
                was not one of this session.
        """

    def propose(self, epoch_id: EpochId, *, anew: bool = False, is_curated: bool = False) -> int:
        """Bring the proposals up to date with curation and the pinned weights; return how many rows changed.

        Holds:  rows of users without activity go, unless an admin set their units. With anew they are computed
                whatever the store knows of what was written since; without it, equal writes give equal rows.
                is_curated says that this very transaction has refreshed the epoch's curation: without it, whatever
                the store knows of events that curation has not looked at stays known.
        Raises: UnitsOutOfRange, EpochClosed.
        """

    def set_final(
        self,
        epoch_id: EpochId,
        user_id: UserId,
        *,
        final_units: int | None,
        reason: str | None,
        by: str,
        at: datetime,
    ) -> None:
        """Set what an admin decided for a user, with why, who and when; final_units None takes it all back.

        Raises: UserNotFound, EpochClosed.
        """
