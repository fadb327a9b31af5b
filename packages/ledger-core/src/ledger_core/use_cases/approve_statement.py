"""Check signatures of statements against the node's approvers; add one to a statement that stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ledger_core.amendment_errors import StatementUnknown
from ledger_core.domain.approvals import ApprovalPolicy, GivenApprovals
from ledger_core.domain.ledger_action import ActionContext, LedgerAction
from ledger_core.domain.signature import StatementSignature, check_signature, signing_text
from ledger_core.domain.statement import PayoutStatement
from ledger_core.errors import StatementNotFound
from ledger_core.identifiers import EpochId
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger, LedgerTransaction
from ledger_core.signature_errors import (
    ApprovalsMissing,
    ApprovalsTooLate,
    SignerNotApprover,
    TooFewApprovers,
)
from ledger_core.use_cases.nothing_changed import record_nothing_changed


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedStatement:
    """Who signed, and whether that is new."""

    statement_hash: str
    signer: str
    is_new: bool


def check_approvals(
    statement: PayoutStatement, given: GivenApprovals, policy: ApprovalPolicy
) -> tuple[StatementSignature, ...]:
    """Return the approvals of a statement that is about to be written, one an approver, ordered by signer.

    Holds:  APPROVED_BEFORE_WRITTEN: as many approvers signed this very statement as the policy asks for, or the
            caller, who may ask for more.
    Raises: SignatureInvalid, SignerNotApprover, TooFewApprovers, ApprovalsMissing, InvalidValue.
    """
    required = max(policy.required, given.required)
    if required > len(policy.approvers):
        raise TooFewApprovers(required, len(policy.approvers))
    found: dict[str, StatementSignature] = {}
    for signature in given.signatures:
        signed = _signed(statement, signature, policy)
        found.setdefault(signed.signer, signed)
    if len(found) < required:
        raise ApprovalsMissing(statement.statement_hash, required, len(found))
    return tuple(found[signer] for signer in sorted(found))


def check_stands(
    transaction: LedgerTransaction,
    statement: PayoutStatement,
    given: GivenApprovals,
    policy: ApprovalPolicy,
) -> None:
    """Hold a statement that stands already to what its caller asks for; what the policy asks now it did not then.

    Raises: ApprovalsTooLate, ApprovalsMissing.
    """
    stored = transaction.statements.signatures(statement.statement_hash)
    if not set(given.signatures) <= {found.signature for found in stored}:
        raise ApprovalsTooLate(statement.epoch_id)
    approved = sum(found.signer in policy.approvers for found in stored)
    if approved < given.required:
        raise ApprovalsMissing(statement.statement_hash, given.required, approved)


def write_approved(
    transaction: LedgerTransaction,
    statement: PayoutStatement,
    signatures: Iterable[StatementSignature],
    *,
    at: datetime,
) -> None:
    """Store a statement with its approvals, all in the caller's transaction."""
    transaction.statements.add(statement, created_at=at)
    for signature in signatures:
        transaction.statements.add_signature(signature, signed_at=at)


def sign_statement(
    ledger: Ledger,
    epoch_id: EpochId,
    *,
    statement_hash: str | None,
    signature: str,
    policy: ApprovalPolicy,
    context: ActionContext,
    clock: Clock,
) -> SignedStatement:
    """Store an approver's signature of the epoch's newest statement, or of the one with statement_hash.

    Holds:  a signer signs a statement once; the same again changes nothing.
    Raises: EpochNotFound, StatementNotFound for an open epoch, StatementUnknown, SignatureInvalid,
            SignerNotApprover, InvalidValue.
    """
    with ledger.begin() as transaction:
        applied = transaction.actions.find_applied(context.idempotency_key)
        transaction.epochs.lock(epoch_id)
        versions = transaction.statements.versions(epoch_id)
        if not versions:
            raise StatementNotFound(epoch_id)
        wanted = versions[-1].statement_hash if statement_hash is None else statement_hash
        statement = next((found for found in versions if found.statement_hash == wanted), None)
        if statement is None:
            raise StatementUnknown(epoch_id, wanted)
        signed = _signed(statement, signature, policy)
        known = transaction.statements.signatures(wanted)
        is_new = all(found.signer != signed.signer for found in known)
        if applied is not None:
            is_new = applied.has_changed_something
        elif is_new:
            at = clock()
            transaction.statements.add_signature(signed, signed_at=at)
            transaction.actions.append(
                LedgerAction(
                    action="statement-signed",
                    subject=f"epoch {epoch_id}",
                    context=context,
                    at=at,
                    after={"statement_hash": wanted, "signer": signed.signer},
                )
            )
        else:
            record_nothing_changed(transaction, f"epoch {epoch_id}", context, at=clock())
        return SignedStatement(statement_hash=wanted, signer=signed.signer, is_new=is_new)


def _signed(statement: PayoutStatement, signature: str, policy: ApprovalPolicy) -> StatementSignature:
    check_signature(signature)
    signer = policy.recover(signing_text(statement), signature)
    if signer not in policy.approvers:
        raise SignerNotApprover(statement.statement_hash, signer)
    return StatementSignature(statement_hash=statement.statement_hash, signer=signer, signature=signature)
