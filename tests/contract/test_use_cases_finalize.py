"""The use case `finalize_epoch`: an epoch closes once, into a statement that anyone can recompute."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from ledger_core import (
    AllocationsChanged,
    EpochId,
    EpochNotFound,
    LedgerAction,
    PayoutLine,
    PoolBaseMissing,
    PoolChanged,
    PoolTooLarge,
    UnitsOutOfRange,
    compute_activity_set_hash,
    compute_allocation_set_hash,
    compute_payouts,
    parse_canonical_json,
)
from ledger_core.testing import FixedClock, InMemoryLedger, make_component, make_context
from ledger_core.use_cases.finalize_epoch import FinalizedEpoch, finalize_epoch
from tests.contract.story import CONTEXT, NODE_ID, WEIGHTS, LedgerStory, annas, bobs, day

MAX_BIGINT = 2**63 - 1


def finalize(story: LedgerStory, epoch_id: EpochId, *, reviewed_hash: str | None = None) -> FinalizedEpoch:
    return finalize_epoch(story.ledger, epoch_id, CONTEXT, reviewed_hash=reviewed_hash, clock=story.clock)


def allocation_set_hash(story: LedgerStory, epoch_id: EpochId) -> str:
    with story.ledger.read() as view:
        return compute_allocation_set_hash(row.finalized() for row in view.allocations.list_all(epoch_id))


def actions(story: LedgerStory) -> list[LedgerAction]:
    with story.ledger.read() as view:
        return list(view.actions.list_latest(limit=1000))


def live_a_week(story: LedgerStory) -> EpochId:
    """Ann has a pull request and an issue, bob a pull request: 9000 to 8000 milli-units."""
    epoch_id = story.open()
    story.bind("ann", "1001")
    story.bind("bob", "2002")
    story.store(annas(1, at=day(0)), annas(2, at=day(1), event_type="issue_closed"), bobs(3, at=day(2)))
    story.curate(epoch_id)
    story.propose(epoch_id)
    return epoch_id


@pytest.fixture
def epoch_id(story: LedgerStory) -> EpochId:
    """An epoch of 9000 units for ann and 8000 for bob, without a pool."""
    return live_a_week(story)


def test_an_epoch_closes_into_its_payouts(story: LedgerStory, epoch_id: EpochId) -> None:
    """POOL_REPRODUCIBLE: 9000:8000 of 1000+7 is 533 to 474, as 533.1 and 473.9 round."""
    story.record(epoch_id, make_component(1000))
    story.record(epoch_id, make_component(7, component_id="top_up"))

    finalized = finalize(story, epoch_id)

    assert finalized.closed_now
    assert finalized.statement.payouts == (
        PayoutLine("ann", 9000, "0.529411", 533),
        PayoutLine("bob", 8000, "0.470588", 474),
    )
    assert finalized.statement.pool_total_credits == 1007
    assert not story.epoch(epoch_id).is_open
    assert story.epoch(epoch_id).pool_total_credits == 1007


def test_a_statement_is_recomputed_from_what_is_stored(story: LedgerStory, epoch_id: EpochId) -> None:
    """PAYOUT_DETERMINISTIC: every hash in it follows from rows that anyone may read."""
    statement = story.close(epoch_id)

    with story.ledger.read() as view:
        epoch = view.epochs.get(epoch_id)
        events = list(view.curation.ordered_events(epoch_id))
        allocations = [row.finalized() for row in view.allocations.list_all(epoch_id)]
        components = view.pool.list_all(epoch_id)
    assert statement.activity_set_hash == compute_activity_set_hash(events, epoch.weight_config)
    assert statement.allocation_set_hash == compute_allocation_set_hash(allocations)
    assert statement.payouts == compute_payouts(allocations, 1000)
    assert statement.pool_components == components
    assert (statement.window, statement.weight_config) == (epoch.window, WEIGHTS)
    assert statement.statement_hash == sha256(statement.document()).hexdigest()
    assert parse_canonical_json(statement.document())["epoch_id"] == str(epoch_id)


def test_a_closed_epoch_is_finalized_again_without_error_or_write(
    story: LedgerStory, epoch_id: EpochId
) -> None:
    """EPOCH_CLOSE_IDEMPOTENT: the statement it has, whatever happened since."""
    story.record(epoch_id, make_component(1000))
    first = finalize(story, epoch_id)
    before = (story.epoch(epoch_id), actions(story))
    story.store(annas(9, at=day(3)))

    again = finalize(story, epoch_id, reviewed_hash="not what it was")

    assert again == FinalizedEpoch(statement=first.statement, closed_now=False)
    assert (story.epoch(epoch_id), actions(story)) == before


def test_a_close_is_recorded_with_its_hashes(story: LedgerStory, epoch_id: EpochId) -> None:
    statement = story.close(epoch_id)

    action = actions(story)[0]
    assert (action.action, action.subject) == ("epoch-closed", f"epoch {epoch_id}")
    assert (action.context, action.at) == (CONTEXT, story.clock.now)
    assert action.after == {
        "statement_hash": statement.statement_hash,
        "allocation_set_hash": statement.allocation_set_hash,
        "pool_total_credits": "1000",
    }


def test_a_close_of_what_was_reviewed_goes_through(story: LedgerStory, epoch_id: EpochId) -> None:
    story.record(epoch_id, make_component())
    reviewed = allocation_set_hash(story, epoch_id)

    finalized = finalize(story, epoch_id, reviewed_hash=reviewed)

    assert finalized.statement.allocation_set_hash == reviewed
    assert reviewed == sha256(b"ann:9000\nbob:8000").hexdigest()


def test_a_close_of_what_was_not_reviewed_is_refused_and_shows_both(
    story: LedgerStory, epoch_id: EpochId
) -> None:
    story.record(epoch_id, make_component())
    reviewed = allocation_set_hash(story, epoch_id)
    story.adjust(epoch_id, "bob", 0)

    with pytest.raises(AllocationsChanged) as refused:
        finalize(story, epoch_id, reviewed_hash=reviewed)

    assert refused.value.reviewed_hash == reviewed
    assert refused.value.current_hash == sha256(b"ann:9000\nbob:0").hexdigest()
    assert story.epoch(epoch_id).is_open


def test_proposals_are_brought_up_to_date_before_the_close(story: LedgerStory, epoch_id: EpochId) -> None:
    """PAYOUT_DETERMINISTIC: the statement follows from the events that it pins."""
    story.record(epoch_id, make_component())
    reviewed = allocation_set_hash(story, epoch_id)
    story.store(bobs(4, at=day(3)))
    story.curate(epoch_id)

    with pytest.raises(AllocationsChanged):
        finalize(story, epoch_id, reviewed_hash=reviewed)

    assert story.units(epoch_id) == {"ann": 9000, "bob": 8000}
    assert (
        finalize(story, epoch_id).statement.allocation_set_hash == sha256(b"ann:9000\nbob:16000").hexdigest()
    )
    assert story.units(epoch_id) == {"ann": 9000, "bob": 16_000}


def test_an_epoch_without_a_base_issuance_is_not_closed(story: LedgerStory, epoch_id: EpochId) -> None:
    """POOL_REQUIRES_BASE: neither without any component, nor with others."""
    with pytest.raises(PoolBaseMissing):
        finalize(story, epoch_id)
    story.record(epoch_id, make_component(1000, component_id="top_up"))
    with pytest.raises(PoolBaseMissing) as refused:
        finalize(story, epoch_id)

    assert refused.value.epoch_id == epoch_id
    assert story.epoch(epoch_id).is_open


def test_a_base_issuance_of_zero_is_enough(story: LedgerStory, epoch_id: EpochId) -> None:
    """POOL_REQUIRES_BASE: it is the record that counts; nothing is paid from a pool of 0."""
    statement = story.close(epoch_id, 0)

    assert (statement.payouts, statement.undistributed_credits) == ((), 0)
    assert story.epoch(epoch_id).pool_total_credits == 0


def test_a_pool_of_the_largest_bigint_is_paid_to_the_last_credit(
    story: LedgerStory, epoch_id: EpochId
) -> None:
    """ALL_MATH_BIGINT, POOL_REPRODUCIBLE: exact where a float would be off by hundreds."""
    story.record(epoch_id, make_component(MAX_BIGINT - 1))
    story.record(epoch_id, make_component(1, component_id="top_up"))

    statement = story.finalize(epoch_id)

    # 2^63-1 = 17 * 542551296285575047 + 8; 9 and 8 of 17 parts leave remainders 4 and 13: bob gets the spare.
    assert [line.amount_credits for line in statement.payouts] == [
        9 * 542_551_296_285_575_047 + 4,
        8 * 542_551_296_285_575_047 + 4,
    ]
    assert story.epoch(epoch_id).pool_total_credits == MAX_BIGINT


def test_a_pool_above_the_largest_bigint_is_refused(story: LedgerStory, epoch_id: EpochId) -> None:
    """POOL_REPRODUCIBLE: overflow is an error, when it would be recorded: later it could not be mended."""
    story.record(epoch_id, make_component(MAX_BIGINT))

    with pytest.raises(PoolTooLarge):
        story.record(epoch_id, make_component(1, component_id="top_up"))

    assert finalize(story, epoch_id).statement.pool_total_credits == MAX_BIGINT


def test_a_pool_that_was_not_reviewed_is_not_closed(story: LedgerStory, epoch_id: EpochId) -> None:
    """What is closed is what was seen: the pool as well as the allocations."""
    story.record(epoch_id, make_component(1000))
    story.record(epoch_id, make_component(999_000, component_id="top_up"))

    with pytest.raises(PoolChanged) as refused:
        finalize_epoch(story.ledger, epoch_id, CONTEXT, reviewed_pool_credits=1000, clock=story.clock)

    assert (refused.value.reviewed_credits, refused.value.current_credits) == (1000, 1_000_000)
    assert story.epoch(epoch_id).is_open
    finalize_epoch(story.ledger, epoch_id, CONTEXT, reviewed_pool_credits=1_000_000, clock=story.clock)
    assert not story.epoch(epoch_id).is_open


def test_overflowing_units_stop_the_close(story: LedgerStory) -> None:
    """ALL_MATH_BIGINT: nobody's units wrap around."""
    epoch_id = story.open()
    story.bind("ann", "1001")
    story.store(annas(1, at=day(0)), annas(2, at=day(0)))
    story.curate(epoch_id)
    story.judge(epoch_id, annas(1, at=day(0)), weight=MAX_BIGINT - 8000)
    story.store(annas(3, at=day(0)))
    story.curate(epoch_id)
    story.record(epoch_id, make_component())

    with pytest.raises(UnitsOutOfRange):
        finalize(story, epoch_id)

    assert story.epoch(epoch_id).is_open


def test_units_of_zero_by_decision_get_zero(story: LedgerStory, epoch_id: EpochId) -> None:
    story.adjust(epoch_id, "bob", 0)

    statement = story.close(epoch_id, 1000)

    assert statement.payouts == (
        PayoutLine("ann", 9000, "1.000000", 1000),
        PayoutLine("bob", 0, "0.000000", 0),
    )


def test_zero_units_for_everybody_leave_the_pool_undistributed(story: LedgerStory, epoch_id: EpochId) -> None:
    story.adjust(epoch_id, "ann", 0)
    story.adjust(epoch_id, "bob", 0)

    statement = story.close(epoch_id, 1000)

    assert (statement.payouts, statement.undistributed_credits) == ((), 1000)
    assert statement.allocation_set_hash == sha256(b"ann:0\nbob:0").hexdigest()


def test_an_epoch_without_any_activity_closes(story: LedgerStory) -> None:
    epoch_id = story.open()

    statement = story.close(epoch_id, 1000)

    empty = sha256(b"").hexdigest()
    assert (statement.payouts, statement.undistributed_credits) == ((), 1000)
    assert (statement.activity_set_hash, statement.allocation_set_hash) == (empty, empty)


def test_an_unresolved_event_is_pinned_and_earns_nothing(story: LedgerStory) -> None:
    """IDENTITY_BEST_EFFORT: the statement's hash covers it, its payouts don't."""
    epoch_id = story.open()
    story.store(annas(1, at=day(0)))
    story.curate(epoch_id)

    statement = story.close(epoch_id)

    event = annas(1, at=day(0))
    line = f'["{event.id}","{event.payload_hash}",null,true,"8000"]'
    assert statement.activity_set_hash == sha256(line.encode()).hexdigest()
    assert statement.payouts == ()


def test_a_missing_epoch_is_refused(story: LedgerStory) -> None:
    with pytest.raises(EpochNotFound):
        finalize(story, EpochId(987_654_321))


def test_statements_of_three_epochs_form_a_chain(story: LedgerStory) -> None:
    statements = [story.close(story.open(week), 100 + week) for week in range(3)]

    assert statements[0].previous_statement_hash is None
    assert [statement.previous_statement_hash for statement in statements[1:]] == [
        statement.statement_hash for statement in statements[:2]
    ]
    assert len({statement.statement_hash for statement in statements}) == 3


def test_finalizing_an_older_epoch_again_does_not_move_the_chain(story: LedgerStory) -> None:
    """EPOCH_CLOSE_IDEMPOTENT: also while a later epoch is open."""
    first = story.open(0)
    written = story.close(first)
    story.close(story.open(1))
    story.open(2)

    assert finalize(story, first).statement == written
    with story.ledger.read() as view:
        assert len(list(view.statements.chain())) == 2


def test_equal_facts_give_equal_bytes_in_any_ledger(story: LedgerStory) -> None:
    """PAYOUT_DETERMINISTIC: neither clocks, nor actors, nor the order of events or components matter."""
    epoch_id = live_a_week(story)
    story.record(epoch_id, make_component(1000))
    story.record(epoch_id, make_component(7, component_id="top_up"))
    statement = story.finalize(epoch_id)

    other = LedgerStory(InMemoryLedger(NODE_ID))
    other.clock = FixedClock(day(0, week=40))
    other_id = other.open()
    other.store(bobs(3, at=day(2)), annas(2, at=day(1), event_type="issue_closed"))
    other.curate(other_id)
    other.record(other_id, make_component(7, component_id="top_up", computed_at=day(6)))
    other.store(annas(1, at=day(0)))
    other.bind("bob", "2002")
    other.bind("ann", "1001")
    other.curate(other_id)
    other.record(other_id, make_component(1000, computed_at=day(5)))
    context = make_context("because", actor="somebody else")
    recomputed = finalize_epoch(other.ledger, other_id, context, clock=other.clock).statement

    # Databases number epochs as they like; everything else is the facts' alone.
    assert statement.document() == replace(recomputed, epoch_id=epoch_id).document()
