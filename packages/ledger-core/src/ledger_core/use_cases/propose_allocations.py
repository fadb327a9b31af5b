"""Propose what everybody gets, from curated events and the epoch's pinned weights."""

from __future__ import annotations

from ledger_core.errors import EpochClosed
from ledger_core.identifiers import EpochId
from ledger_core.ports.ledger import Ledger


def propose_allocations(ledger: Ledger, epoch_id: EpochId) -> int:
    """Recompute the epoch's proposals; return how many rows changed.

    Holds:  admin overrides stay; running it again changes nothing.
    Raises: EpochNotFound, EpochClosed, UnitsOutOfRange.
    """
    with ledger.begin() as transaction:
        if not transaction.epochs.lock(epoch_id).is_open:
            raise EpochClosed(epoch_id)
        return transaction.allocations.propose(epoch_id)
