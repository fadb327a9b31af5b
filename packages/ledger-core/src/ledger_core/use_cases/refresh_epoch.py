"""Curate an open epoch and propose its allocations, in one transaction: what is reviewed is never half new."""

from __future__ import annotations

from dataclasses import dataclass

from ledger_core.domain.curation import CurationCounts
from ledger_core.errors import EpochClosed
from ledger_core.identifiers import EpochId
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshedEpoch:
    """What curation changed, and how many allocation rows changed with it."""

    counts: CurationCounts
    allocations_changed: int


def refresh_epoch(ledger: Ledger, epoch_id: EpochId, *, clock: Clock) -> RefreshedEpoch:
    """Bring curation and proposals up to date with the events and bindings there are.

    Holds:  running it again changes nothing; admins' judgements and overrides stay.
    Raises: EpochNotFound, EpochClosed, UnitsOutOfRange.
    """
    with ledger.begin() as transaction:
        epoch = transaction.epochs.lock(epoch_id)
        if not epoch.is_open:
            raise EpochClosed(epoch_id)
        counts = transaction.curation.refresh(epoch, at=clock())
        changed = transaction.allocations.propose(epoch_id, is_curated=True)
        return RefreshedEpoch(counts=counts, allocations_changed=changed)
