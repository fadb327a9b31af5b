"""Correct a closed epoch: a new statement supersedes its newest one, and the old one stays as it was."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ledger_core.amendment_errors import StatementSuperseded
from ledger_core.domain.amended_statement import amend
from ledger_core.domain.approvals import NO_APPROVALS, NONE_GIVEN, ApprovalPolicy, GivenApprovals
from ledger_core.domain.ledger_action import ActionContext, LedgerAction
from ledger_core.domain.statement import PayoutStatement
from ledger_core.errors import StatementNotFound, UserNotFound
from ledger_core.identifiers import EpochId, UserId
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger, LedgerTransaction
from ledger_core.use_cases.approve_statement import check_approvals, write_approved


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendedStatement:
    """The statement that stands now, and the one that it supersedes."""

    statement: PayoutStatement
    superseded_hash: str


def amend_statement(
    ledger: Ledger,
    epoch_id: EpochId,
    *,
    set_units: Mapping[UserId, int],
    cleared: Collection[UserId],
    reviewed_statement_hash: str,
    context: ActionContext,
    approvals: GivenApprovals = NONE_GIVEN,
    approval_policy: ApprovalPolicy = NO_APPROVALS,
    clock: Clock,
) -> AmendedStatement:
    """Set people's units (milli-units) in a statement that supersedes the epoch's newest, and store it.

    Holds:  AMENDMENT_SUPERSEDES; the epoch's own rows stay frozen, and so does every earlier statement. A user in
            cleared counts as the epoch's allocations have it again.
    Raises: EpochNotFound, StatementNotFound for an open epoch, StatementSuperseded when the newest statement is
            not the one that was reviewed, UserNotFound, AmendmentChangesNothing, NothingToClear, TooManyCorrections,
            UnitsOutOfRange, InvalidValue without a reason; and ApprovalsMissing, SignerNotApprover, SignatureInvalid
            or TooFewApprovers when not as many approvers signed the new statement as must.
    """
    reason = context.required_reason()
    with ledger.begin() as transaction:
        applied = transaction.actions.find_applied(context.idempotency_key)
        transaction.epochs.lock(epoch_id)
        current = transaction.statements.find(epoch_id)
        if current is None:
            raise StatementNotFound(epoch_id)
        if applied is not None:
            return _as_it_was_written(transaction, epoch_id, str(applied.after["statement_hash"]))
        if current.statement_hash != reviewed_statement_hash:
            raise StatementSuperseded(epoch_id, reviewed_statement_hash, current.statement_hash)
        statement = _amended(
            transaction, current, set_units, cleared, reason=reason, amended_by=context.actor
        )
        signatures = check_approvals(statement, approvals, approval_policy)  # APPROVED_BEFORE_WRITTEN
        write_approved(transaction, statement, signatures, at=(at := clock()))
        action = LedgerAction(
            action="statement-amended",
            subject=f"epoch {epoch_id}",
            context=context,
            at=at,
            before={"statement_hash": current.statement_hash},
            after={
                "statement_hash": statement.statement_hash,
                "allocation_set_hash": statement.allocation_set_hash,
            },
        )
        transaction.actions.append(action)
        return AmendedStatement(statement=statement, superseded_hash=current.statement_hash)


def _amended(
    transaction: LedgerTransaction,
    current: PayoutStatement,
    set_units: Mapping[UserId, int],
    cleared: Collection[UserId],
    *,
    reason: str,
    amended_by: str,
) -> PayoutStatement:
    allocations = [row.finalized() for row in transaction.allocations.list_all(current.epoch_id)]
    known = {each.user_id for each in allocations}
    for user in sorted(set(set_units) - known):
        if transaction.identities.find_user(user) is None:
            raise UserNotFound(user)
    head = transaction.statements.lock_head()
    assert head is not None, "a node with a statement has a newest one"
    return amend(
        current,
        allocations,
        set_units={str(user): units for user, units in set_units.items()},
        cleared=cleared,
        reason=reason,
        amended_by=amended_by,
        previous_statement_hash=head,
    )


def _as_it_was_written(
    transaction: LedgerTransaction, epoch_id: EpochId, statement_hash: str
) -> AmendedStatement:
    versions = transaction.statements.versions(epoch_id)
    written = next(found for found in versions if found.statement_hash == statement_hash)
    assert written.amendment is not None
    return AmendedStatement(statement=written, superseded_hash=written.amendment.supersedes)
