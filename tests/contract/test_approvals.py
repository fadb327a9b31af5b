"""Signatures of statements: who may, what of, and how many before one is written (APPROVED_BEFORE_WRITTEN)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger_core import (
    EpochClosed,
    EpochId,
    EpochNotFound,
    InvalidValue,
    LedgerError,
    LedgerRuleBroken,
    PayoutStatement,
    PoolBaseMissing,
    StatementNotFound,
    UserId,
)
from ledger_core.amendment_errors import StatementUnknown
from ledger_core.domain.amended_statement import amend
from ledger_core.domain.approvals import ApprovalPolicy, GivenApprovals
from ledger_core.domain.signature import StatementSignature, signing_text
from ledger_core.signature_errors import (
    ApprovalsMissing,
    ApprovalsTooLate,
    SignatureInvalid,
    SignerNotApprover,
    TooFewApprovers,
)
from ledger_core.testing import RETRIEVED_AT, make_component
from ledger_core.use_cases.amend_statement import amend_statement
from ledger_core.use_cases.approve_statement import SignedStatement, sign_statement
from ledger_core.use_cases.build_statement import preview_statement
from ledger_core.use_cases.finalize_epoch import finalize_epoch
from tests.contract.story import CONTEXT, LedgerStory, annas, bobs, day
from tests.signers import APPROVER, SECOND, STRANGER, address_of, approval_policy, signature_of


@pytest.fixture
def epoch_id(story: LedgerStory) -> EpochId:
    """An open epoch of ann's and bob's with a pool, proposals made."""
    story.bind("ann", "1001")
    story.bind("bob", "2002")
    epoch_id = story.open()
    story.store(annas(1, at=day(0)), bobs(2, at=day(1)))
    story.curate(epoch_id)
    story.propose(epoch_id)
    story.record(epoch_id, make_component(1000))
    return epoch_id


def preview(story: LedgerStory, epoch_id: EpochId) -> PayoutStatement:
    return preview_statement(story.ledger, epoch_id, at=story.clock())


def close(
    story: LedgerStory, epoch_id: EpochId, *signatures: str, required: int = 0, asked: int = 0
) -> PayoutStatement:
    return finalize_epoch(
        story.ledger,
        epoch_id,
        CONTEXT,
        approvals=GivenApprovals(signatures=signatures, required=asked),
        approval_policy=approval_policy(required),
        clock=story.clock,
    ).statement


def sign(
    story: LedgerStory,
    epoch_id: EpochId,
    signature: str,
    *,
    of: str | None = None,
    policy: ApprovalPolicy | None = None,
    key: str | None = None,
) -> SignedStatement:
    return sign_statement(
        story.ledger,
        epoch_id,
        statement_hash=of,
        signature=signature,
        policy=policy or approval_policy(),
        context=replace(CONTEXT, idempotency_key=key),
        clock=story.clock,
    )


def signers(story: LedgerStory, statement: PayoutStatement) -> list[str]:
    with story.ledger.read() as view:
        return [found.signer for found in view.statements.signatures(statement.statement_hash)]


def by(key: Any, statement: PayoutStatement) -> str:
    return signature_of(key, signing_text(statement))


def test_what_is_signed_names_node_epoch_pool_and_statement(story: LedgerStory, epoch_id: EpochId) -> None:
    statement = preview(story, epoch_id)

    assert signing_text(statement) == (
        "I approve this payout statement.\n"
        f"node: {statement.node_id}\n"
        f"epoch: {epoch_id}\n"
        "pool: 1000 credits\n"
        f"statement: {statement.statement_hash}"
    )


def test_a_close_writes_what_its_preview_showed(story: LedgerStory, epoch_id: EpochId) -> None:
    shown = preview(story, epoch_id)

    assert close(story, epoch_id) == shown
    with pytest.raises(EpochClosed):
        preview(story, epoch_id)


def test_a_preview_of_an_epoch_without_a_pool_is_refused(story: LedgerStory) -> None:
    epoch_id = story.open()

    with pytest.raises(PoolBaseMissing):
        preview(story, epoch_id)
    with pytest.raises(EpochNotFound):
        preview(story, EpochId(987_654_321))


def test_approvals_are_stored_with_the_statement(story: LedgerStory, epoch_id: EpochId) -> None:
    """APPROVED_BEFORE_WRITTEN: two of two signed what the close then wrote."""
    shown = preview(story, epoch_id)
    closed = close(story, epoch_id, by(APPROVER, shown), by(SECOND, shown), required=2)

    assert closed == shown
    assert signers(story, closed) == sorted((address_of(APPROVER), address_of(SECOND)))


@pytest.mark.parametrize(
    ("given", "required", "asked", "refusal"),
    [
        ((), 1, 0, ApprovalsMissing),
        ((), 0, 1, ApprovalsMissing),
        ((APPROVER,), 2, 0, ApprovalsMissing),
        ((APPROVER, APPROVER), 2, 0, ApprovalsMissing),
        ((APPROVER,), 1, 2, ApprovalsMissing),
        ((APPROVER,), 2, 1, ApprovalsMissing),
        ((STRANGER,), 0, 0, SignerNotApprover),
        ((APPROVER, STRANGER), 1, 0, SignerNotApprover),
        ((APPROVER, SECOND), 0, 3, TooFewApprovers),
    ],
)
def test_without_its_approvals_nothing_is_written(
    story: LedgerStory,
    epoch_id: EpochId,
    given: tuple[Any, ...],
    required: int,
    asked: int,
    refusal: type[LedgerError],
) -> None:
    """APPROVED_BEFORE_WRITTEN: and one approver counts once."""
    shown = preview(story, epoch_id)

    with pytest.raises(refusal):
        close(story, epoch_id, *(by(key, shown) for key in given), required=required, asked=asked)

    assert story.epoch(epoch_id).is_open
    assert signers(story, shown) == []


def test_what_changed_since_it_was_signed_is_another_statement(story: LedgerStory, epoch_id: EpochId) -> None:
    """APPROVED_BEFORE_WRITTEN: of the new one it is a signature of nobody."""
    signature = by(APPROVER, preview(story, epoch_id))
    story.adjust(epoch_id, "ann", 1)

    with pytest.raises(SignerNotApprover):
        close(story, epoch_id, signature, required=1)

    assert story.epoch(epoch_id).is_open


def test_an_amendment_needs_approvals_of_its_own(story: LedgerStory, epoch_id: EpochId) -> None:
    """APPROVED_BEFORE_WRITTEN: those of the superseded statement are none of the new one."""
    shown = preview(story, epoch_id)
    closed = close(story, epoch_id, by(APPROVER, shown), required=1)
    with story.ledger.read() as view:
        allocations = [row.finalized() for row in view.allocations.list_all(epoch_id)]
    amended = amend(
        closed,
        allocations,
        set_units={"ann": 1},
        cleared=(),
        reason=str(CONTEXT.reason),
        amended_by=CONTEXT.actor,
        previous_statement_hash=closed.statement_hash,
    )

    def write(*signatures: str) -> PayoutStatement:
        return amend_statement(
            story.ledger,
            epoch_id,
            set_units={UserId("ann"): 1},
            cleared=(),
            reviewed_statement_hash=closed.statement_hash,
            context=CONTEXT,
            approvals=GivenApprovals(signatures=signatures),
            approval_policy=approval_policy(1),
            clock=story.clock,
        ).statement

    for wrong, refusal in (((), ApprovalsMissing), ((by(APPROVER, closed),), SignerNotApprover)):
        with pytest.raises(refusal):
            write(*wrong)
    assert write(by(SECOND, amended)) == amended
    assert signers(story, amended) == [address_of(SECOND)]
    assert signers(story, closed) == [address_of(APPROVER)]


def test_a_signature_is_added_to_a_statement_that_stands_once(story: LedgerStory, epoch_id: EpochId) -> None:
    """SIGNED_ONCE: the same again changes nothing."""
    closed = close(story, epoch_id)
    signature = by(APPROVER, closed)

    assert sign(story, epoch_id, signature).is_new
    assert not sign(story, epoch_id, signature).is_new
    assert not sign(story, epoch_id, signature, of=closed.statement_hash).is_new
    assert sign(story, epoch_id, by(SECOND, closed)).signer == address_of(SECOND)
    assert signers(story, closed) == sorted((address_of(APPROVER), address_of(SECOND)))
    with story.ledger.read() as view:
        action = view.actions.list_latest(limit=1)[0]
    assert (action.action, action.after["signer"]) == ("statement-signed", address_of(SECOND))


def test_a_request_that_is_tried_again_answers_as_it_did(story: LedgerStory, epoch_id: EpochId) -> None:
    """ACTION_APPLIED_ONCE."""
    closed = close(story, epoch_id)
    signature = by(APPROVER, closed)

    assert sign(story, epoch_id, signature, key="one").is_new
    assert sign(story, epoch_id, signature, key="one").is_new
    assert not sign(story, epoch_id, signature, key="two").is_new


def test_a_superseded_statement_can_be_signed_by_name(story: LedgerStory, epoch_id: EpochId) -> None:
    closed = close(story, epoch_id)
    amended = amend_statement(
        story.ledger,
        epoch_id,
        set_units={UserId("ann"): 1},
        cleared=(),
        reviewed_statement_hash=closed.statement_hash,
        context=CONTEXT,
        clock=story.clock,
    ).statement

    assert sign(story, epoch_id, by(APPROVER, amended)).statement_hash == amended.statement_hash
    old = sign(story, epoch_id, by(APPROVER, closed), of=closed.statement_hash)
    assert old.statement_hash == closed.statement_hash
    with pytest.raises(SignerNotApprover):
        sign(story, epoch_id, by(SECOND, closed))
    with pytest.raises(StatementUnknown):
        sign(story, epoch_id, by(SECOND, closed), of="f" * 64)


def test_who_is_no_approver_and_what_is_no_signature_is_refused(
    story: LedgerStory, epoch_id: EpochId
) -> None:
    closed = close(story, epoch_id)

    with pytest.raises(SignerNotApprover) as refused:
        sign(story, epoch_id, by(STRANGER, closed))
    assert refused.value.signer == address_of(STRANGER)
    with pytest.raises(SignatureInvalid):
        sign(story, epoch_id, f"0x{'ff' * 64}1b")
    for malformed in ("0x", by(APPROVER, closed).upper(), by(APPROVER, closed)[:-2] + "ff"):
        with pytest.raises(InvalidValue):
            sign(story, epoch_id, malformed)
    with pytest.raises(SignerNotApprover):
        sign(story, epoch_id, by(APPROVER, closed), policy=replace(approval_policy(), approvers=frozenset()))
    assert signers(story, closed) == []


def test_an_open_epoch_has_nothing_to_add_a_signature_to(story: LedgerStory, epoch_id: EpochId) -> None:
    signature = by(APPROVER, preview(story, epoch_id))

    with pytest.raises(StatementNotFound):
        sign(story, epoch_id, signature)
    with pytest.raises(EpochNotFound):
        sign(story, EpochId(987_654_321), signature)


def test_a_store_keeps_one_signature_a_signer(story: LedgerStory, epoch_id: EpochId) -> None:
    """SIGNED_ONCE: on both sides, whatever the use case would do."""
    closed = close(story, epoch_id)
    signed = StatementSignature(
        statement_hash=closed.statement_hash, signer=address_of(APPROVER), signature=by(APPROVER, closed)
    )

    def add() -> None:
        with story.ledger.begin() as transaction:
            transaction.epochs.lock(epoch_id)
            transaction.statements.add_signature(signed, signed_at=RETRIEVED_AT)

    add()
    with pytest.raises(LedgerRuleBroken) as refused:
        add()
    assert refused.value.invariant == "SIGNED_ONCE"
    assert signers(story, closed) == [address_of(APPROVER)]


def test_a_policy_asks_for_no_more_than_there_are() -> None:
    with pytest.raises(InvalidValue):
        ApprovalPolicy(required=1)
    with pytest.raises(InvalidValue):
        ApprovalPolicy(approvers=frozenset(("0xABC",)))


def test_a_closed_epoch_is_held_to_what_its_caller_asks_for(story: LedgerStory, epoch_id: EpochId) -> None:
    """APPROVED_BEFORE_WRITTEN: and what was closed before the policy asked for more stands."""
    shown = preview(story, epoch_id)
    first, second = by(APPROVER, shown), by(SECOND, shown)
    closed = close(story, epoch_id, first)

    assert close(story, epoch_id) == closed
    assert close(story, epoch_id, first, asked=1) == closed
    assert close(story, epoch_id, required=2) == closed
    with pytest.raises(ApprovalsMissing):
        close(story, epoch_id, asked=2)
    with pytest.raises(ApprovalsTooLate):
        close(story, epoch_id, first, second)
    assert signers(story, closed) == [address_of(APPROVER)]
