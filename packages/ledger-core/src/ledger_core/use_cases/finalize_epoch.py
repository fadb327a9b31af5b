"""Close an epoch into its payout statement: what takes long is computed of a snapshot, then one transaction takes it or not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from ledger_core.domain.approvals import NO_APPROVALS, NONE_GIVEN, ApprovalPolicy, GivenApprovals
from ledger_core.domain.epoch import Epoch
from ledger_core.domain.ledger_action import ActionContext, LedgerAction
from ledger_core.domain.payout_text import WrittenPayouts
from ledger_core.domain.statement import PayoutStatement
from ledger_core.errors import AllocationsChanged, PoolChanged, StatementNotFound
from ledger_core.identifiers import EpochId, NodeId
from ledger_core.ports.allocation_store import SettledRows
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger, LedgerTransaction
from ledger_core.use_cases.approve_statement import check_approvals, check_stands, write_approved
from ledger_core.use_cases.build_statement import (
    ComputedShares,
    build_statement,
    compute_shares,
    total_of_epoch,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalizedEpoch:
    """The statement, and whether this call wrote it."""

    statement: PayoutStatement
    closed_now: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _PreparedClose:
    """What a snapshot's rows come to, and what tells those rows from any later ones."""

    epoch: Epoch
    rows: SettledRows
    shares: ComputedShares


def finalize_epoch(
    ledger: Ledger,
    epoch_id: EpochId,
    context: ActionContext,
    *,
    reviewed_hash: str | None = None,
    reviewed_pool_credits: int | None = None,
    approvals: GivenApprovals = NONE_GIVEN,
    approval_policy: ApprovalPolicy = NO_APPROVALS,
    clock: Clock,
) -> FinalizedEpoch:
    """Close the epoch and return its statement; of a closed epoch, the statement it has.

    Holds:  the epoch's lock is held while it is told whether the snapshot's curation and allocations are still what
            is there, and while the statement is written; if they are not, everything is computed under the lock.
            EPOCH_CLOSE_IDEMPOTENT: a closed epoch is no error and no write; of an amended one, the newest
            statement is returned. Proposals are computed anew from the epoch's curation as it stands, so that the
            statement follows from the events it pins; what was bound or arrived since it was last curated is
            late work of the next epoch. APPROVED_BEFORE_WRITTEN: approvals are stored with it, or none is.
    Raises: EpochNotFound, PoolBaseMissing, PoolTooLarge, UnitsOutOfRange, StreamIncomplete for a gap that no
            admin waived, AllocationsChanged or PoolChanged when the allocations or the pool are not those that
            were reviewed, and ApprovalsMissing, SignerNotApprover, SignatureInvalid or TooFewApprovers when not
            as many approvers signed this very statement as must; ApprovalsTooLate for signatures of a closed one.
    """
    with ledger.session() as session:
        prepared = _prepared(session, epoch_id)
        with session.begin() as transaction:
            applied = transaction.actions.find_applied(context.idempotency_key)
            epoch = transaction.epochs.lock(epoch_id)
            if not epoch.is_open:
                found = transaction.statements.find(epoch_id)
                if found is None:
                    raise StatementNotFound(epoch_id)
                check_stands(transaction, found, approvals, approval_policy)
                return FinalizedEpoch(statement=found, closed_now=applied is not None)
            statement, at = _statement(transaction, ledger.node_id, epoch, prepared, clock)
            _check_reviewed(statement, reviewed_hash, reviewed_pool_credits)
            signatures = check_approvals(statement, approvals, approval_policy)
            transaction.epochs.close(epoch_id, pool_total_credits=statement.pool_total_credits, closed_at=at)
            write_approved(transaction, statement, signatures, at=at)
            transaction.actions.append(_action(statement, context, at=at))
            return FinalizedEpoch(statement=statement, closed_now=True)


def _prepared(session: Ledger, epoch_id: EpochId) -> _PreparedClose | None:
    """Return the close as one snapshot would have it; None of a closed epoch, and where proposals are behind.

    Raises: EpochNotFound, PoolBaseMissing, PoolTooLarge, UnitsOutOfRange.
    """
    with session.read() as view:
        epoch = view.epochs.get(epoch_id)
        if not epoch.is_open:
            return None
        pool_total = total_of_epoch(view.pool.list_all(epoch_id), epoch_id)  # before anything is computed
        rows = view.allocations.find_settled(epoch_id)
        if rows is None:
            return None
        shares = compute_shares(view, epoch, pool_total)
    shares = replace(shares, payouts=WrittenPayouts(shares.payouts))  # to be hashed, and to be stored
    return _PreparedClose(epoch=epoch, rows=rows, shares=shares)


def _statement(
    transaction: LedgerTransaction,
    node_id: NodeId,
    epoch: Epoch,
    prepared: _PreparedClose | None,
    clock: Clock,
) -> tuple[PayoutStatement, datetime]:
    """Return the statement, and the instant as of which it closes the epoch."""
    total_of_epoch(transaction.pool.list_all(epoch.id), epoch.id)  # before anything is computed or written
    shares = None
    if (
        prepared is not None
        and prepared.epoch == epoch
        and transaction.allocations.are_settled(epoch.id, prepared.rows)
    ):
        shares = prepared.shares
    else:
        transaction.allocations.propose(epoch.id, anew=True, is_curated=True)  # nobody curates it again
    at = clock()
    head = transaction.statements.lock_head
    return build_statement(transaction, node_id, epoch, at=at, head=head, shares=shares), at


def _check_reviewed(
    statement: PayoutStatement, reviewed_hash: str | None, reviewed_pool_credits: int | None
) -> None:
    if reviewed_hash is not None and reviewed_hash != statement.allocation_set_hash:
        raise AllocationsChanged(reviewed_hash, statement.allocation_set_hash)
    if reviewed_pool_credits is not None and reviewed_pool_credits != statement.pool_total_credits:
        raise PoolChanged(reviewed_pool_credits, statement.pool_total_credits)


def _action(statement: PayoutStatement, context: ActionContext, *, at: datetime) -> LedgerAction:
    return LedgerAction(
        action="epoch-closed",
        subject=f"epoch {statement.epoch_id}",
        context=context,
        at=at,
        after={
            "statement_hash": statement.statement_hash,
            "allocation_set_hash": statement.allocation_set_hash,
            "pool_total_credits": str(statement.pool_total_credits),
        },
    )
