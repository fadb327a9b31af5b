"""The port `AllocationStore`: proposed by policy, set by an admin."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ledger_core import (
    Allocation,
    EpochClosed,
    EpochId,
    Ledger,
    UnitsOutOfRange,
    UserId,
    UserNotFound,
    WeightConfig,
)
from ledger_core.testing import make_component, make_event
from tests.contract.story import LedgerStory, annas, bobs, day

ANN, BOB = UserId("ann"), UserId("bob")
MAX_BIGINT = 2**63 - 1


def set_final(ledger: Ledger, epoch_id: EpochId, user: str, units: int | None, reason: str | None) -> None:
    with ledger.begin() as transaction:
        transaction.epochs.lock(epoch_id)
        transaction.allocations.set_final(
            epoch_id, UserId(user), final_units=units, reason=reason, by="eve", at=day(6)
        )


def propose(ledger: Ledger, epoch_id: EpochId) -> int:
    with ledger.begin() as transaction:
        transaction.epochs.lock(epoch_id)
        return transaction.allocations.propose(epoch_id)


def allocations(story: LedgerStory, epoch_id: EpochId) -> tuple[Allocation, ...]:
    with story.ledger.read() as view:
        return view.allocations.list_all(epoch_id)


@pytest.fixture
def epoch_id(story: LedgerStory) -> EpochId:
    """An epoch in which ann has a pull request and an issue, and bob has a pull request."""
    made = story.open()
    story.bind("ann", "1001")
    story.bind("bob", "2002")
    story.store(annas(1, at=day(0)), annas(1, at=day(1), event_type="issue_closed"), bobs(2, at=day(2)))
    story.curate(made)
    return made


def test_late_work_counts_beside_what_lies_in_the_window(story: LedgerStory) -> None:
    """An event's weight is that of its kind wherever it lies; so is one on either end of the window."""
    story.bind("ann", "1001")
    story.live_through(0, annas(1, at=day(0)))
    epoch_id = story.open(1)
    first, last = day(0, week=1, hour=0), day(6, week=1, hour=23)
    story.store(
        annas(2, at=day(3)), annas(3, at=first), annas(4, at=last), annas(5, at=day(4), event_type="x")
    )
    story.curate(epoch_id)
    propose(story.ledger, epoch_id)

    (found,) = allocations(story, epoch_id)
    with story.ledger.read() as view:
        weight = view.epochs.get(epoch_id).weight_config["github:pr_merged"]
    assert (found.proposed_units, found.activity_count) == (3 * weight, 4)


def test_an_epoch_begins_without_allocations(story: LedgerStory) -> None:
    epoch_id = story.open()

    assert allocations(story, epoch_id) == ()
    assert propose(story.ledger, epoch_id) == 0


def test_a_proposal_sums_the_weights_of_a_users_events(story: LedgerStory, epoch_id: EpochId) -> None:
    """WEIGHT_PINNING: 8000 for a pull request and 1000 for an issue, as the epoch was opened with."""
    changed = propose(story.ledger, epoch_id)

    ann = Allocation(user_id=ANN, proposed_units=9000, activity_count=2)
    bob = Allocation(user_id=BOB, proposed_units=8000, activity_count=1)
    assert changed == 2
    assert allocations(story, epoch_id) == (ann, bob)
    with story.ledger.read() as view:
        assert view.allocations.find(epoch_id, ANN) == ann
        assert view.allocations.find(epoch_id, UserId("cid")) is None


def test_proposing_again_changes_nothing(story: LedgerStory, epoch_id: EpochId) -> None:
    propose(story.ledger, epoch_id)
    before = allocations(story, epoch_id)

    assert propose(story.ledger, epoch_id) == 0
    assert allocations(story, epoch_id) == before


def test_a_proposal_follows_curation(story: LedgerStory, epoch_id: EpochId) -> None:
    propose(story.ledger, epoch_id)
    story.store(bobs(3, at=day(3)))
    story.curate(epoch_id)

    changed = propose(story.ledger, epoch_id)

    assert changed == 1
    assert story.units(epoch_id) == {"ann": 9000, "bob": 16000}


def test_an_event_of_unknown_weight_still_counts_as_activity(story: LedgerStory) -> None:
    epoch_id = story.open()
    story.bind("ann", "1001")
    story.store(annas(1, at=day(0), event_type="review"))
    story.curate(epoch_id)

    changed = propose(story.ledger, epoch_id)

    assert changed == 1
    assert allocations(story, epoch_id) == (Allocation(user_id=ANN, proposed_units=0, activity_count=1),)


def test_a_change_of_the_count_alone_is_a_change(story: LedgerStory, epoch_id: EpochId) -> None:
    propose(story.ledger, epoch_id)
    story.store(annas(4, at=day(3), event_type="review"))
    story.curate(epoch_id)

    changed = propose(story.ledger, epoch_id)

    assert changed == 1
    assert allocations(story, epoch_id)[0] == Allocation(user_id=ANN, proposed_units=9000, activity_count=3)


def test_the_weight_of_the_event_itself_wins_over_the_policy(story: LedgerStory, epoch_id: EpochId) -> None:
    story.judge(epoch_id, annas(1, at=day(0)), weight=0)
    story.judge(epoch_id, bobs(2, at=day(2)), weight=20_000)

    assert story.units(epoch_id) == {"ann": 1000, "bob": 20_000}


def test_unresolved_and_excluded_events_earn_nothing(story: LedgerStory, epoch_id: EpochId) -> None:
    """IDENTITY_BEST_EFFORT: nor do they make anybody a row."""
    story.store(make_event(9, at=day(4), account="9009"))
    story.curate(epoch_id)
    story.judge(epoch_id, bobs(2, at=day(2)), included=False)

    assert story.units(epoch_id) == {"ann": 9000}


def test_the_row_of_a_user_without_activity_goes(story: LedgerStory, epoch_id: EpochId) -> None:
    propose(story.ledger, epoch_id)
    story.unbind("2002")
    story.curate(epoch_id)

    changed = propose(story.ledger, epoch_id)

    assert changed == 1
    assert story.units(epoch_id) == {"ann": 9000}


def test_the_row_of_a_user_without_activity_stays_when_an_admin_set_it(
    story: LedgerStory, epoch_id: EpochId
) -> None:
    propose(story.ledger, epoch_id)
    set_final(story.ledger, epoch_id, "bob", 500, "mentoring")
    story.unbind("2002")
    story.curate(epoch_id)

    first = propose(story.ledger, epoch_id)
    second = propose(story.ledger, epoch_id)

    expected = Allocation(
        user_id=BOB,
        proposed_units=0,
        final_units=500,
        override_reason="mentoring",
        override_by="eve",
        override_at=day(6),
        activity_count=0,
    )
    assert (first, second) == (1, 0)
    assert allocations(story, epoch_id)[1] == expected


def test_a_decision_of_zero_keeps_a_row_too(story: LedgerStory, epoch_id: EpochId) -> None:
    set_final(story.ledger, epoch_id, "bob", 0, "a bot")
    story.unbind("2002")
    story.curate(epoch_id)

    propose(story.ledger, epoch_id)

    assert story.units(epoch_id) == {"ann": 9000, "bob": 0}


def test_a_proposal_leaves_the_admins_units_alone(story: LedgerStory, epoch_id: EpochId) -> None:
    set_final(story.ledger, epoch_id, "ann", 5, "agreed")

    changed = propose(story.ledger, epoch_id)

    expected = Allocation(
        user_id=ANN,
        proposed_units=9000,
        final_units=5,
        override_reason="agreed",
        override_by="eve",
        override_at=day(6),
        activity_count=2,
    )
    assert changed == 2
    assert allocations(story, epoch_id)[0] == expected


def test_a_decision_is_taken_back(story: LedgerStory, epoch_id: EpochId) -> None:
    propose(story.ledger, epoch_id)
    set_final(story.ledger, epoch_id, "ann", 5, "agreed")
    set_final(story.ledger, epoch_id, "ann", None, None)

    assert allocations(story, epoch_id)[0] == Allocation(user_id=ANN, proposed_units=9000, activity_count=2)


def test_a_decision_taken_back_lets_the_row_go(story: LedgerStory, epoch_id: EpochId) -> None:
    story.bind("cid", "3003")
    propose(story.ledger, epoch_id)
    set_final(story.ledger, epoch_id, "cid", 700, "mentoring")
    set_final(story.ledger, epoch_id, "cid", None, None)

    changed = propose(story.ledger, epoch_id)

    assert changed == 1
    assert story.units(epoch_id) == {"ann": 9000, "bob": 8000}


def test_a_decision_that_was_never_taken_is_not_taken_back(story: LedgerStory, epoch_id: EpochId) -> None:
    story.bind("cid", "3003")
    set_final(story.ledger, epoch_id, "cid", None, None)

    propose(story.ledger, epoch_id)

    assert story.units(epoch_id) == {"ann": 9000, "bob": 8000}


def test_a_user_without_activity_may_be_given_units(story: LedgerStory, epoch_id: EpochId) -> None:
    story.bind("cid", "3003")
    set_final(story.ledger, epoch_id, "cid", MAX_BIGINT, "the founder")

    assert story.units(epoch_id) == {"cid": MAX_BIGINT}


def test_units_of_nobody_are_refused(story: LedgerStory, epoch_id: EpochId) -> None:
    with pytest.raises(UserNotFound) as refused:
        set_final(story.ledger, epoch_id, "nobody", 5, "agreed")

    assert refused.value.user_id == "nobody"
    assert story.units(epoch_id) == {}


def test_allocations_come_in_order_of_code_points(story: LedgerStory) -> None:
    """PAYOUT_DETERMINISTIC: no locale decides."""
    epoch_id = story.open()
    ordered = ["Zoe", "ann", "ann-b", "annb", "\u00e9ve", "\ufb00", "\U0001f600"]
    for number, name in enumerate(reversed(ordered)):
        story.bind(name, str(number))
        set_final(story.ledger, epoch_id, name, number, "agreed")

    assert [row.user_id for row in allocations(story, epoch_id)] == ordered


def test_units_up_to_the_largest_bigint_are_proposed(story: LedgerStory, epoch_id: EpochId) -> None:
    """ALL_MATH_BIGINT: exact where a float would not be."""
    story.judge(epoch_id, annas(1, at=day(0)), weight=MAX_BIGINT - 1000)

    assert story.units(epoch_id)["ann"] == MAX_BIGINT


def test_units_above_the_largest_bigint_are_refused(story: LedgerStory, epoch_id: EpochId) -> None:
    """ALL_MATH_BIGINT: overflow is a refusal, and undoes the judgement that caused it."""
    propose(story.ledger, epoch_id)

    with pytest.raises(UnitsOutOfRange):
        story.judge(epoch_id, annas(1, at=day(0)), weight=MAX_BIGINT - 999)

    assert story.units(epoch_id) == {"ann": 9000, "bob": 8000}


def test_the_largest_weights_are_exact(story: LedgerStory) -> None:
    """WEIGHTS_INTEGER_ONLY: three events of the largest weight sum to the unit."""
    epoch_id = story.open(weights=WeightConfig({"github:pr_merged": 10**12}))
    story.bind("ann", "1001")
    story.store(*[annas(number, at=day(0)) for number in range(3)])
    story.curate(epoch_id)
    propose(story.ledger, epoch_id)

    assert story.units(epoch_id) == {"ann": 3_000_000_000_000}


@pytest.mark.parametrize(("user", "units"), [("ann", 5), ("ann", None), ("cid", 5)])
def test_a_closed_epoch_takes_no_decision(
    story: LedgerStory, epoch_id: EpochId, user: str, units: int | None
) -> None:
    """CURATION_FREEZE_ON_CLOSE: neither a new one, nor one taken back, nor a row of its own."""
    story.bind("cid", "3003")
    story.adjust(epoch_id, "ann", 7)
    story.close(epoch_id)
    before = allocations(story, epoch_id)

    with pytest.raises(EpochClosed):
        set_final(story.ledger, epoch_id, user, units, None if units is None else "too late")

    assert allocations(story, epoch_id) == before


# --- settled rows ---------------------------------------------------------------------------------


def is_still_settled(story: LedgerStory, epoch_id: EpochId, happens: Callable[[], object]) -> bool:
    """Say whether the rows that a snapshot found settled are held for the same after something happened."""
    with story.ledger.session() as session:
        with session.read() as view:
            rows = view.allocations.find_settled(epoch_id)
        assert rows is not None, "proposals are behind"
        happens()
        with session.begin() as transaction:
            transaction.epochs.lock(epoch_id)
            return transaction.allocations.are_settled(epoch_id, rows)


def find_settled(story: LedgerStory, epoch_id: EpochId) -> str | None:
    with story.ledger.read() as view:
        return view.allocations.find_settled(epoch_id)


SETTLED_WRITES: dict[str, Callable[[LedgerStory, EpochId], object]] = {
    "units set": lambda story, epoch_id: story.adjust(epoch_id, "bob", 5),
    "units taken back": lambda story, epoch_id: story.adjust(epoch_id, "ann", None),
    "units of nobody before": lambda story, epoch_id: story.adjust(epoch_id, "cid", 0),
    "an event excluded": lambda story, epoch_id: story.judge(epoch_id, bobs(2, at=day(2)), included=False),
    "an event weighed": lambda story, epoch_id: story.judge(epoch_id, bobs(2, at=day(2)), weight=1),
    "an event excluded that counts for nobody": lambda story, epoch_id: story.judge(
        epoch_id, make_event(4, at=day(3), account="4004"), included=False
    ),
    "an event curated": lambda story, epoch_id: (
        story.store(annas(9, at=day(3))),
        story.curate(epoch_id),
    ),
    "a user resolved": lambda story, epoch_id: (story.bind("dan", "4004"), story.curate(epoch_id)),
    "a user unbound": lambda story, epoch_id: (story.unbind("2002"), story.curate(epoch_id)),
}
OTHER_WRITES: dict[str, Callable[[LedgerStory, EpochId], object]] = {
    "nothing": lambda _story, _epoch_id: None,
    "an event stored": lambda story, _epoch_id: story.store(annas(9, at=day(3))),
    "an account bound": lambda story, _epoch_id: story.bind("dan", "4004"),
    "a component recorded": lambda story, epoch_id: story.record(epoch_id, make_component()),
    "proposed and curated again": lambda story, epoch_id: (story.curate(epoch_id), story.propose(epoch_id)),
}


@pytest.fixture
def settled_id(story: LedgerStory, epoch_id: EpochId) -> EpochId:
    """The same epoch with an event of nobody's and a decision, proposed."""
    story.bind("cid", "3003")
    story.store(make_event(4, at=day(3), account="4004"))
    story.curate(epoch_id)
    story.propose(epoch_id)
    story.adjust(epoch_id, "ann", 7)
    return epoch_id


@pytest.mark.parametrize("what", SETTLED_WRITES)
def test_rows_that_were_written_since_are_not_those_that_were_settled(
    story: LedgerStory, settled_id: EpochId, what: str
) -> None:
    """PAYOUT_DETERMINISTIC: what was computed of the former rows is of no use for these."""
    assert not is_still_settled(story, settled_id, lambda: SETTLED_WRITES[what](story, settled_id))


@pytest.mark.parametrize("what", OTHER_WRITES)
def test_rows_stay_settled_whatever_else_is_written(
    story: LedgerStory, settled_id: EpochId, what: str
) -> None:
    assert is_still_settled(story, settled_id, lambda: OTHER_WRITES[what](story, settled_id))


def test_rows_stay_settled_beside_a_neighbour_that_writes_its_own(
    story: LedgerStory, neighbour: Ledger, settled_id: EpochId
) -> None:
    """NODE_SCOPED: another node's close and curation are nothing to this one."""
    theirs = LedgerStory(neighbour)

    assert is_still_settled(story, settled_id, lambda: theirs.live_through(0, bobs(1, at=day(0))))


def test_no_rows_are_settled_while_proposals_are_behind(story: LedgerStory, epoch_id: EpochId) -> None:
    before = find_settled(story, epoch_id)
    story.propose(epoch_id)
    proposed = find_settled(story, epoch_id)
    story.judge(epoch_id, bobs(2, at=day(2)), included=False)
    without_bob = find_settled(story, epoch_id)
    story.adjust(epoch_id, "bob", 5)
    by_decision = find_settled(story, epoch_id)
    story.unbind("1001")
    story.curate(epoch_id)
    idle = find_settled(story, epoch_id)

    assert [each is None for each in (before, proposed, without_bob, by_decision, idle)] == [
        True, False, False, False, True,
    ]  # fmt: skip


def test_no_rows_are_settled_where_units_overflow(story: LedgerStory, epoch_id: EpochId) -> None:
    """ALL_MATH_BIGINT: who computes them under the lock is told of it."""
    story.propose(epoch_id)
    with story.ledger.begin() as transaction:
        transaction.epochs.lock(epoch_id)
        for event in (annas(1, at=day(0)), annas(1, at=day(1), event_type="issue_closed")):
            transaction.curation.judge(
                epoch_id,
                event.id,
                included=True,
                weight_override_milli=MAX_BIGINT,
                note="x",
                by="eve",
                at=day(6),
            )

    assert find_settled(story, epoch_id) is None
