"""What a close would write of an open epoch, from what is stored: the close itself, and whoever looks before it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from ledger_core.completeness_errors import check_complete
from ledger_core.domain.allocation import compute_allocation_set_hash
from ledger_core.domain.curation import compute_activity_set_hash
from ledger_core.domain.epoch import Epoch
from ledger_core.domain.payouts import compute_payouts
from ledger_core.domain.pool import compute_pool_total
from ledger_core.domain.statement import PayoutStatement
from ledger_core.errors import EpochClosed, PoolBaseMissing
from ledger_core.identifiers import EpochId, NodeId
from ledger_core.ports.allocation_store import AllocationReader
from ledger_core.ports.completeness_store import CompletenessReader
from ledger_core.ports.curation_store import CurationReader
from ledger_core.ports.ledger import LedgerReader
from ledger_core.ports.pool_store import PoolReader
from ledger_core.use_cases.read_completeness import read_completeness


class ClosingFacts(Protocol):
    """What a statement is made of: a snapshot, or the transaction that closes."""

    @property
    def pool(self) -> PoolReader:
        """Pool components."""

    @property
    def allocations(self) -> AllocationReader:
        """Allocations."""

    @property
    def curation(self) -> CurationReader:
        """Curation."""

    @property
    def completeness(self) -> CompletenessReader:
        """Readings of streams, and waivers of their gaps."""


def build_statement(
    facts: ClosingFacts,
    node_id: NodeId,
    epoch: Epoch,
    *,
    at: datetime,
    head: Callable[[], str | None],
) -> PayoutStatement:
    """Return the statement of an epoch that closes at an instant; head gives the newest hash, asked last.

    Raises: PoolBaseMissing, PoolTooLarge, UnitsOutOfRange, StreamIncomplete for a gap that no admin waived.
    """
    components = facts.pool.list_all(epoch.id)
    try:
        pool_total = compute_pool_total(components)
    except PoolBaseMissing:
        raise PoolBaseMissing(epoch.id) from None
    allocations = [row.finalized() for row in facts.allocations.list_all(epoch.id)]
    allocation_set_hash = compute_allocation_set_hash(allocations)
    completeness = read_completeness(facts.completeness, epoch, at=at)
    check_complete(epoch.id, completeness)  # GAP_BLOCKS_CLOSE
    return PayoutStatement(
        node_id=node_id,
        epoch_id=epoch.id,
        window=epoch.window,
        weight_config=epoch.weight_config,
        activity_set_hash=compute_activity_set_hash(
            facts.curation.ordered_events(epoch.id), epoch.weight_config
        ),
        allocation_set_hash=allocation_set_hash,
        pool_components=components,
        pool_total_credits=pool_total,
        payouts=compute_payouts(allocations, pool_total),
        previous_statement_hash=head(),
        completeness=completeness,
    )


def preview_statement(reader: LedgerReader, epoch_id: EpochId, *, at: datetime) -> PayoutStatement:
    """Return what a close of the open epoch at an instant would write, if nothing is stored until then.

    Holds:  it reads one snapshot, and takes the proposals as they stand there; a close proposes anew first.
    Raises: EpochNotFound, EpochClosed, and what build_statement raises.
    """
    with reader.read() as view:
        epoch = view.epochs.get(epoch_id)
        if not epoch.is_open:
            raise EpochClosed(epoch_id)
        return build_statement(view, reader.node_id, epoch, at=at, head=view.statements.head_hash)
