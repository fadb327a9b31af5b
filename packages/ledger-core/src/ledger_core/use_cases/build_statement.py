"""What a close would write of an open epoch, from what is stored: the close itself, and whoever looks before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ledger_core.completeness_errors import check_complete
from ledger_core.domain.allocation import compute_allocation_set_hash
from ledger_core.domain.curation import compute_activity_set_hash
from ledger_core.domain.epoch import Epoch
from ledger_core.domain.payouts import PayoutLines, compute_payouts
from ledger_core.domain.pool import PoolComponent, compute_pool_total
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputedShares:
    """What takes long of a statement: what follows from the epoch's curation and allocations, and from the size of its pool."""

    pool_total_credits: int
    activity_set_hash: str
    allocation_set_hash: str
    payouts: PayoutLines


def compute_shares(facts: ClosingFacts, epoch: Epoch, pool_total_credits: int) -> ComputedShares:
    """Return the shares of a pool in the epoch's allocations as they stand.

    Raises: UnitsOutOfRange.
    """
    allocations = [row.finalized() for row in facts.allocations.list_all(epoch.id)]
    return ComputedShares(
        pool_total_credits=pool_total_credits,
        activity_set_hash=compute_activity_set_hash(
            facts.curation.ordered_events(epoch.id), epoch.weight_config
        ),
        allocation_set_hash=compute_allocation_set_hash(allocations),
        payouts=compute_payouts(allocations, pool_total_credits),
    )


def build_statement(
    facts: ClosingFacts,
    node_id: NodeId,
    epoch: Epoch,
    *,
    at: datetime,
    head: Callable[[], str | None],
    shares: ComputedShares | None = None,
) -> PayoutStatement:
    """Return the statement of an epoch that closes at an instant; head gives the newest hash, asked last.

    Holds:  shares that were computed before are taken if they are of the pool as it is now; the caller knows that curation
            and allocations are what they were computed of.
    Raises: PoolBaseMissing, PoolTooLarge, UnitsOutOfRange, StreamIncomplete for a gap that no admin waived.
    """
    components = facts.pool.list_all(epoch.id)
    pool_total = total_of_epoch(components, epoch.id)
    completeness = read_completeness(facts.completeness, epoch, at=at)
    check_complete(epoch.id, completeness)  # GAP_BLOCKS_CLOSE
    if shares is None or shares.pool_total_credits != pool_total:
        shares = compute_shares(facts, epoch, pool_total)
    return PayoutStatement(
        node_id=node_id,
        epoch_id=epoch.id,
        window=epoch.window,
        weight_config=epoch.weight_config,
        activity_set_hash=shares.activity_set_hash,
        allocation_set_hash=shares.allocation_set_hash,
        pool_components=components,
        pool_total_credits=pool_total,
        payouts=shares.payouts,
        previous_statement_hash=head(),
        completeness=completeness,
    )


def total_of_epoch(components: Iterable[PoolComponent], epoch_id: EpochId) -> int:
    """Return the credits of an epoch's pool.

    Raises: PoolBaseMissing, PoolTooLarge.
    """
    try:
        return compute_pool_total(components)
    except PoolBaseMissing:
        raise PoolBaseMissing(epoch_id) from None


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
