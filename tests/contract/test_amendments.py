"""The use case `amend_statement`: a closed epoch is corrected by a statement that supersedes its newest."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from ledger_core import (
    EpochId,
    EpochNotFound,
    InvalidValue,
    LedgerRuleBroken,
    PayoutStatement,
    StatementNotFound,
    UnitsOutOfRange,
    UserId,
    UserNotFound,
)
from ledger_core.amendment_errors import (
    AmendmentChangesNothing,
    NothingToClear,
    StatementSuperseded,
    TooManyCorrections,
)
from ledger_core.domain.amended_statement import net_differences
from ledger_core.domain.amendment import Amendment, Correction
from ledger_core.domain.ledger_action import ActionContext
from ledger_core.explanation import LedgerFacts, explain_user
from ledger_core.explanation.bundle_facts import read_verified
from ledger_core.explanation.user_lines import user_lines
from ledger_core.testing import RETRIEVED_AT
from ledger_core.use_cases.amend_statement import amend_statement
from ledger_core.use_cases.check_coherence import check_coherence
from ledger_core.use_cases.finalize_epoch import finalize_epoch
from ledger_core.verification import write_bundle
from tests.contract.story import CONTEXT, LedgerStory, annas, bobs, day

MAX_BIGINT = 2**63 - 1


@pytest.fixture
def epoch_id(story: LedgerStory) -> EpochId:
    """A closed epoch of 8000 units for ann and 8000 for bob, with a pool of 1000."""
    story.bind("ann", "1001")
    story.bind("bob", "2002")
    story.bind("zoe", "9009")
    return story.live_through(0, annas(1, at=day(0)), bobs(2, at=day(1)))


def versions(story: LedgerStory, epoch_id: EpochId) -> tuple[PayoutStatement, ...]:
    with story.ledger.read() as view:
        found = view.statements.versions(epoch_id)
        assert view.statements.find(epoch_id) == (found[-1] if found else None)
    return found


def chain(story: LedgerStory) -> list[PayoutStatement]:
    with story.ledger.read() as view:
        return list(view.statements.chain())


def amend(
    story: LedgerStory,
    epoch_id: EpochId,
    *cleared: str,
    reviewed: str | None = None,
    context: ActionContext = CONTEXT,
    set_units: dict[str, int] | None = None,
    **units: int,
) -> PayoutStatement:
    known = versions(story, epoch_id)
    wanted = units if set_units is None else set_units
    return amend_statement(
        story.ledger,
        epoch_id,
        set_units={UserId(user): milli_units for user, milli_units in wanted.items()},
        cleared=[UserId(user) for user in cleared],
        reviewed_statement_hash=reviewed or (known[-1].statement_hash if known else "0" * 64),
        context=context,
        clock=story.clock,
    ).statement


def paid(statement: PayoutStatement) -> dict[str, int]:
    return {line.user_id: line.amount_credits for line in statement.payouts}


def test_an_amendment_pays_by_other_units_and_supersedes(story: LedgerStory, epoch_id: EpochId) -> None:
    """AMENDMENT_SUPERSEDES: the old statement stays, and the new one names it."""
    (closed,) = versions(story, epoch_id)

    amended = amend(story, epoch_id, ann=24000, zoe=0)

    assert versions(story, epoch_id) == (closed, amended)
    assert chain(story) == [closed, amended]
    assert paid(closed) == {"ann": 500, "bob": 500}
    assert paid(amended) == {"ann": 750, "bob": 250, "zoe": 0}
    assert amended.format == "ledger-statement/3"
    assert amended.amendment == Amendment(
        supersedes=closed.statement_hash,
        reason=str(CONTEXT.reason),
        amended_by=CONTEXT.actor,
        corrections=tuple(
            Correction(user_id=user, units=units, reason=str(CONTEXT.reason), amended_by=CONTEXT.actor)
            for user, units in (("ann", 24000), ("zoe", 0))
        ),
    )
    unchanged = replace(
        amended,
        amendment=None,
        payouts=closed.payouts,
        allocation_set_hash=closed.allocation_set_hash,
        previous_statement_hash=closed.previous_statement_hash,
    )
    assert unchanged == closed
    assert check_coherence(story.ledger) == ()


def test_the_epochs_own_rows_stay_frozen(story: LedgerStory, epoch_id: EpochId) -> None:
    """CURATION_FREEZE_ON_CLOSE: units are set in the amendment alone."""
    before = story.units(epoch_id)
    amend(story, epoch_id, ann=1)

    assert story.units(epoch_id) == before


def test_net_differences_sum_to_nothing(story: LedgerStory, epoch_id: EpochId) -> None:
    (closed,) = versions(story, epoch_id)
    amended = amend(story, epoch_id, ann=24000, zoe=8000)

    found = net_differences(closed, amended)

    assert [(each.user_id, each.credits, each.units_after - each.units_before) for each in found] == [
        ("ann", 100, 16000),
        ("bob", -300, 0),
        ("zoe", 200, 8000),
    ]
    assert sum(each.credits for each in found) == 0


def test_corrections_stand_until_they_are_set_anew_or_cleared(story: LedgerStory, epoch_id: EpochId) -> None:
    first = amend(story, epoch_id, ann=1000, zoe=1000)
    second = amend(story, epoch_id, zoe=3000, context=replace(CONTEXT, actor="cid", reason="more"))
    third = amend(story, epoch_id, "ann", context=replace(CONTEXT, actor="dot", reason="less"))

    assert second.amendment is not None
    assert [(made.user_id, made.units, made.amended_by) for made in second.amendment.corrections] == [
        ("ann", 1000, CONTEXT.actor),
        ("zoe", 3000, "cid"),
    ]
    assert third.amendment is not None
    assert [(made.user_id, made.units, made.amended_by) for made in third.amendment.corrections] == [
        ("zoe", 3000, "cid")
    ]
    assert third.amendment.amended_by == "dot"
    assert [found.statement_hash for found in versions(story, epoch_id)[1:]] == [
        first.statement_hash,
        second.statement_hash,
        third.statement_hash,
    ]
    assert check_coherence(story.ledger) == ()


def test_an_amendment_that_takes_all_back_pays_as_the_first_did(
    story: LedgerStory, epoch_id: EpochId
) -> None:
    (closed,) = versions(story, epoch_id)
    amend(story, epoch_id, ann=1)
    restored = amend(story, epoch_id, "ann")

    assert restored.payouts == closed.payouts
    assert restored.statement_hash != closed.statement_hash


def test_nothing_distributed_may_be_distributed_afterwards(story: LedgerStory) -> None:
    """An epoch that closed with nobody resolved keeps its pool; an amendment pays it out."""
    epoch_id = story.live_through(0, annas(1, at=day(0)))
    story.bind("ann", "1001")
    amended = amend(story, epoch_id, ann=5)

    assert (paid(amended), amended.undistributed_credits) == ({"ann": 1000}, 0)
    assert check_coherence(story.ledger) == ()


def test_epochs_close_and_are_amended_in_one_chain(story: LedgerStory, epoch_id: EpochId) -> None:
    """STATEMENT_CHAIN_LINEAR: whatever comes next follows the newest statement of the node."""
    second = story.live_through(1, annas(3, at=day(0, week=1)))
    first_amended = amend(story, epoch_id, ann=1)
    third = story.live_through(2, annas(4, at=day(0, week=2)))
    second_amended = amend(story, second, zoe=1)

    hashes = [found.statement_hash for found in chain(story)]
    assert len(hashes) == 5
    assert [found.previous_statement_hash for found in chain(story)] == [None, *hashes[:-1]]
    assert hashes[2] == first_amended.statement_hash
    assert hashes[3] == versions(story, third)[0].statement_hash
    assert hashes[4] == second_amended.statement_hash
    assert check_coherence(story.ledger) == ()


def test_finalizing_an_amended_epoch_returns_what_counts(story: LedgerStory, epoch_id: EpochId) -> None:
    """EPOCH_CLOSE_IDEMPOTENT: no error and no write."""
    amended = amend(story, epoch_id, ann=1)

    found = finalize_epoch(story.ledger, epoch_id, CONTEXT, clock=story.clock)

    assert (found.statement, found.closed_now) == (amended, False)
    assert len(chain(story)) == 2


def test_an_amendment_is_recorded_with_who_and_why(story: LedgerStory, epoch_id: EpochId) -> None:
    (closed,) = versions(story, epoch_id)
    amended = amend(story, epoch_id, ann=1)

    with story.ledger.read() as view:
        (action,) = view.actions.list_latest(limit=1)
    assert (action.action, action.subject, action.context) == (
        "statement-amended",
        f"epoch {epoch_id}",
        CONTEXT,
    )
    assert action.before == {"statement_hash": closed.statement_hash}
    assert action.after["statement_hash"] == amended.statement_hash


def test_the_same_request_again_amends_once(story: LedgerStory, epoch_id: EpochId) -> None:
    """ACTION_APPLIED_ONCE: also after somebody else amended since."""
    context = replace(CONTEXT, idempotency_key="amend-1")
    amended = amend(story, epoch_id, context=context, ann=1)
    later = amend(story, epoch_id, ann=2)

    again = amend(story, epoch_id, context=context, reviewed="f" * 64, ann=1)

    assert again == amended
    assert versions(story, epoch_id)[1:] == (amended, later)


def test_an_amendment_of_what_was_not_reviewed_is_refused(story: LedgerStory, epoch_id: EpochId) -> None:
    (closed,) = versions(story, epoch_id)
    amended = amend(story, epoch_id, ann=1)

    with pytest.raises(StatementSuperseded) as refused:
        amend(story, epoch_id, reviewed=closed.statement_hash, ann=2)

    assert (refused.value.reviewed, refused.value.current) == (closed.statement_hash, amended.statement_hash)
    assert len(chain(story)) == 2


@pytest.mark.parametrize(
    ("cleared", "units"), [((), {}), ((), {"ann": 8000}), ((), {"ann": 8000, "bob": 8000})]
)
def test_an_amendment_that_changes_nothing_is_refused(
    story: LedgerStory, epoch_id: EpochId, cleared: tuple[str, ...], units: dict[str, int]
) -> None:
    with pytest.raises(AmendmentChangesNothing):
        amend(story, epoch_id, *cleared, set_units=units)

    assert len(chain(story)) == 1


def test_who_is_no_user_is_refused(story: LedgerStory, epoch_id: EpochId) -> None:
    with pytest.raises(UserNotFound):
        amend(story, epoch_id, ann=1, nobody=1)

    assert len(chain(story)) == 1


def test_an_amendment_needs_a_reason_and_a_closed_epoch(story: LedgerStory, epoch_id: EpochId) -> None:
    open_epoch = story.open(5)

    with pytest.raises(InvalidValue):
        amend(story, epoch_id, ann=1, context=replace(CONTEXT, reason=None))
    with pytest.raises(StatementNotFound):
        amend(story, open_epoch, ann=1)
    with pytest.raises(EpochNotFound):
        amend(story, EpochId(987_654_321), ann=1)
    assert len(chain(story)) == 1


@pytest.mark.parametrize("units", [-1, MAX_BIGINT + 1])
def test_units_beyond_what_is_stored_are_refused(story: LedgerStory, epoch_id: EpochId, units: int) -> None:
    with pytest.raises((InvalidValue, UnitsOutOfRange)):
        amend(story, epoch_id, ann=units)

    assert len(chain(story)) == 1


def test_the_largest_units_are_paid_exactly(story: LedgerStory, epoch_id: EpochId) -> None:
    amended = amend(story, epoch_id, ann=MAX_BIGINT, bob=MAX_BIGINT, zoe=1)

    assert paid(amended) == {"ann": 500, "bob": 500, "zoe": 0}
    assert versions(story, epoch_id)[-1].document() == amended.document()


def test_more_corrections_than_a_statement_names_are_refused(story: LedgerStory, epoch_id: EpochId) -> None:
    story.bind("ann", "5")
    users = {f"user-{number:04}": number for number in range(1_001)}
    for user in users:
        story.bind(user, f"account of {user}")

    with pytest.raises(TooManyCorrections):
        amend(story, epoch_id, set_units=users)
    users.popitem()
    amended = amend(story, epoch_id, set_units=users)

    assert amended.amendment is not None
    assert len(amended.amendment.corrections) == 1_000


def add(story: LedgerStory, statement: PayoutStatement) -> None:
    with story.ledger.begin() as transaction:
        transaction.epochs.lock(statement.epoch_id)
        transaction.statements.add(statement, created_at=RETRIEVED_AT)


def test_a_store_takes_no_amendment_of_anything_but_the_newest(story: LedgerStory, epoch_id: EpochId) -> None:
    """AMENDMENT_SUPERSEDES: on both sides, whatever the use case would do."""
    (closed,) = versions(story, epoch_id)
    amended = amend(story, epoch_id, ann=1)
    assert amended.amendment is not None
    again = replace(amended, previous_statement_hash=amended.statement_hash)
    unknown = replace(again, amendment=replace(amended.amendment, supersedes="f" * 64))
    right = replace(amended.amendment, supersedes=amended.statement_hash)
    other_events = replace(again, amendment=right, activity_set_hash="f" * 64)

    for forged in (again, unknown, other_events):
        with pytest.raises(LedgerRuleBroken) as refused:
            add(story, forged)
        assert refused.value.invariant == "AMENDMENT_SUPERSEDES"
    assert versions(story, epoch_id) == (closed, amended)
    add(story, replace(again, amendment=right))
    assert len(versions(story, epoch_id)) == 3


def test_what_an_amendment_set_is_explained_with_who_and_why(story: LedgerStory, epoch_id: EpochId) -> None:
    amend(
        story, epoch_id, ann=24000, bob=0, zoe=8000, context=replace(CONTEXT, actor="cid", reason="minutes 4")
    )

    with story.ledger.read() as view:
        facts = LedgerFacts(view, epoch_id)
        ann, bob, zoe = (explain_user(facts, user, limit=9) for user in ("ann", "bob", "zoe"))

    assert [each.amount_credits for each in (ann, bob, zoe)] == [750, 0, 250]
    assert all(each.units is not None and each.units.correction is not None for each in (ann, bob, zoe))
    assert [reason.code.value for each in (ann, bob, zoe) for reason in each.reasons] == ["final-units-zero"]
    said = "\n".join(line.text for each in (ann, bob, zoe) for line in user_lines(each))
    assert "24.000 set when the statement was amended, by cid: minutes 4; before that:" in said
    assert "8.000 proposed, from 1 event" in said
    assert "an amendment set the units to 0: cid: minutes 4" in said


def test_a_bundle_explains_an_amendment_as_the_ledger_does(story: LedgerStory, epoch_id: EpochId) -> None:
    amend(story, epoch_id, ann=24000, zoe=8000)
    file = io.BytesIO()

    with story.ledger.read() as view:
        write_bundle(view, epoch_id, file)
        from_ledger = explain_user(LedgerFacts(view, epoch_id), "ann", limit=9)
    from_bundle = explain_user(read_verified(file), "ann", limit=9)

    assert (from_bundle.amount, from_bundle.units) == (from_ledger.amount, from_ledger.units)
    assert from_bundle.stated == from_ledger.stated


@pytest.mark.parametrize(
    ("cleared", "units"), [(("bob",), {}), (("bob",), {"ann": 1}), (("ann",), {"ann": 1})]
)
def test_a_correction_that_does_not_stand_is_not_taken_back(
    story: LedgerStory, epoch_id: EpochId, cleared: tuple[str, ...], units: dict[str, int]
) -> None:
    with pytest.raises(NothingToClear):
        amend(story, epoch_id, *cleared, set_units=units)

    assert len(chain(story)) == 1


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u3000 "])
def test_a_blank_is_no_reason_and_nobody(story: LedgerStory, epoch_id: EpochId, blank: str) -> None:
    for context in (replace(CONTEXT, reason=blank), replace(CONTEXT, actor=blank)):
        with pytest.raises(InvalidValue, match="blank"):
            amend(story, epoch_id, context=context, ann=1)

    assert len(chain(story)) == 1
