"""Curate an open epoch: its window's events, late work, and everybody's identities."""

from __future__ import annotations

from ledger_core.domain.curation import CurationCounts
from ledger_core.errors import EpochClosed
from ledger_core.identifiers import EpochId
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger


def curate_epoch(ledger: Ledger, epoch_id: EpochId, *, clock: Clock) -> CurationCounts:
    """Bring the epoch's curation up to date with the events and bindings there are.

    Holds:  running it again changes nothing; an admin's judgement is never touched; late work, and
            work that closed unresolved and is bound by now, enters once, marked late; what is
            unresolved stays visible with user None (IDENTITY_BEST_EFFORT).
    Raises: EpochNotFound, EpochClosed.
    """
    with ledger.begin() as transaction:
        epoch = transaction.epochs.lock(epoch_id)
        if not epoch.is_open:
            raise EpochClosed(epoch_id)
        return transaction.curation.refresh(epoch, at=clock())
