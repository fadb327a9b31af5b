"""The use cases of an admin: units, identities and pool components, each recorded with who and why."""

from __future__ import annotations

import pytest

from ledger_core import (
    ActionContext,
    Allocation,
    EpochClosed,
    EpochId,
    EpochNotFound,
    IdentityAlreadyBound,
    IdentityNotBound,
    InvalidValue,
    LedgerAction,
    PoolComponent,
    PoolComponentDiffers,
    UserId,
    UserNotFound,
)
from ledger_core.testing import make_binding, make_component
from ledger_core.use_cases.adjust_allocation import adjust_allocation
from ledger_core.use_cases.bind_identity import MAX_BINDINGS, bind_identities, unbind_identity
from tests.contract.story import CONTEXT, LedgerStory, annas, day

MISSING = EpochId(987_654_321)
MAX_BIGINT = 2**63 - 1
NO_REASON = ActionContext(actor="admin")


def actions(story: LedgerStory) -> list[LedgerAction]:
    with story.ledger.read() as view:
        return list(view.actions.list_latest(limit=1000))


@pytest.fixture
def epoch_id(story: LedgerStory) -> EpochId:
    """An epoch in which ann is proposed 8000."""
    made = story.open()
    story.bind("ann", "1001")
    story.store(annas(1, at=day(0)))
    story.curate(made)
    story.propose(made)
    return made


def test_an_admins_units_win_and_are_recorded(story: LedgerStory, epoch_id: EpochId) -> None:
    changed = story.adjust(epoch_id, "ann", 500)

    assert changed
    with story.ledger.read() as view:
        found = view.allocations.find(epoch_id, UserId("ann"))
    assert found == Allocation(
        user_id=UserId("ann"),
        proposed_units=8000,
        final_units=500,
        override_reason=CONTEXT.reason,
        override_by=CONTEXT.actor,
        override_at=story.clock.now,
        activity_count=1,
    )
    action = actions(story)[0]
    assert (action.action, action.subject) == ("allocation-set", f"epoch {epoch_id} ann")
    assert (action.context, action.at) == (CONTEXT, story.clock.now)
    assert action.before == {"proposed_units": "8000", "final_units": None, "override_reason": None}
    assert action.after == {"final_units": "500"}


def test_units_of_zero_are_a_real_zero(story: LedgerStory, epoch_id: EpochId) -> None:
    story.adjust(epoch_id, "ann", 0)

    assert story.units(epoch_id) == {"ann": 0}


def test_the_same_units_again_are_no_change(story: LedgerStory, epoch_id: EpochId) -> None:
    story.adjust(epoch_id, "ann", 0)
    before = actions(story)

    assert not story.adjust(epoch_id, "ann", 0)
    assert actions(story) == before


def test_units_equal_to_the_proposal_are_a_decision_all_the_same(
    story: LedgerStory, epoch_id: EpochId
) -> None:
    assert story.adjust(epoch_id, "ann", 8000)

    story.judge(epoch_id, annas(1, at=day(0)), included=False)
    assert story.units(epoch_id) == {"ann": 8000}


def test_a_decision_is_taken_back(story: LedgerStory, epoch_id: EpochId) -> None:
    story.adjust(epoch_id, "ann", 500)

    changed = story.adjust(epoch_id, "ann", None)

    assert changed
    assert story.units(epoch_id) == {"ann": 8000}
    action = actions(story)[0]
    assert action.action == "allocation-cleared"
    assert action.before["final_units"] == "500"
    assert action.after == {"final_units": None}
    assert not story.adjust(epoch_id, "ann", None)


def test_a_decision_that_was_never_taken_is_not_taken_back(story: LedgerStory, epoch_id: EpochId) -> None:
    story.bind("bob", "2002")

    assert not story.adjust(epoch_id, "bob", None)
    assert story.units(epoch_id) == {"ann": 8000}


def test_a_user_without_activity_is_given_units(story: LedgerStory, epoch_id: EpochId) -> None:
    story.bind("bob", "2002")
    story.adjust(epoch_id, "bob", MAX_BIGINT)

    assert story.units(epoch_id) == {"ann": 8000, "bob": MAX_BIGINT}
    assert actions(story)[0].before == {}


@pytest.mark.parametrize("units", [-1, MAX_BIGINT + 1])
def test_units_outside_a_bigint_are_refused(story: LedgerStory, epoch_id: EpochId, units: int) -> None:
    """ALL_MATH_BIGINT: on both sides."""
    with pytest.raises(InvalidValue):
        story.adjust(epoch_id, "ann", units)

    assert story.units(epoch_id) == {"ann": 8000}


def test_units_of_nobody_or_without_a_reason_are_refused(story: LedgerStory, epoch_id: EpochId) -> None:
    with pytest.raises(UserNotFound):
        story.adjust(epoch_id, "nobody", 5)
    with pytest.raises(InvalidValue, match="reason"):
        adjust_allocation(
            story.ledger, epoch_id, UserId("ann"), final_units=5, context=NO_REASON, clock=story.clock
        )

    assert story.units(epoch_id) == {"ann": 8000}


def test_units_in_a_closed_or_a_missing_epoch_are_refused(story: LedgerStory, epoch_id: EpochId) -> None:
    """CURATION_FREEZE_ON_CLOSE: after the close nothing is adjusted."""
    story.close(epoch_id)

    with pytest.raises(EpochClosed):
        story.adjust(epoch_id, "ann", 5)
    with pytest.raises(EpochNotFound):
        story.adjust(MISSING, "ann", 5)

    assert story.units(epoch_id) == {"ann": 8000}


def test_bindings_are_recorded_once(story: LedgerStory) -> None:
    added = story.bind("ann", "1001", "1002")
    again = story.bind("ann", "1001", "1002")

    assert (added, again) == (2, 0)
    [action] = actions(story)
    assert (action.action, action.subject) == ("identities-bound", "ann")
    assert action.after == {
        "bindings": 2,
        "identities": [["github", "1001", "ann"], ["github", "1002", "ann"]],
    }


def test_an_identity_of_another_user_is_refused_and_nothing_is_recorded(story: LedgerStory) -> None:
    story.bind("ann", "1001")

    with pytest.raises(IdentityAlreadyBound):
        story.bind("bob", "2002", "1001")

    assert len(actions(story)) == 1
    assert story.bind("cid", "2002") == 1


def test_an_identity_given_twice_is_refused(story: LedgerStory) -> None:
    with pytest.raises(InvalidValue, match="twice"):
        story.bind("ann", "1001", "1001")
    with pytest.raises(InvalidValue, match="twice"):
        bind_identities(
            story.ledger,
            [make_binding("ann", "1001"), make_binding("bob", "1001")],
            CONTEXT,
            clock=story.clock,
        )

    assert actions(story) == []


def test_as_many_identities_are_bound_at_once_as_are_allowed(story: LedgerStory) -> None:
    accounts = [str(number) for number in range(MAX_BINDINGS + 1)]

    with pytest.raises(InvalidValue, match="1 to 500"):
        story.bind("ann", *accounts)
    with pytest.raises(InvalidValue, match="1 to 500"):
        story.bind("ann")

    assert story.bind("ann", *accounts[:-1]) == MAX_BINDINGS


def test_an_unbinding_is_recorded_with_whose_it_was(story: LedgerStory) -> None:
    story.bind("ann", "1001")

    owner = story.unbind("1001")

    assert owner == "ann"
    action = actions(story)[0]
    assert (action.action, action.subject) == ("identity-unbound", "ann")
    assert action.before == {"provider": "github", "external_id": "1001"}


def test_an_unbinding_of_nobody_or_without_a_reason_is_refused(story: LedgerStory) -> None:
    story.bind("ann", "1001")

    with pytest.raises(IdentityNotBound):
        story.unbind("2002")
    with pytest.raises(InvalidValue, match="reason"):
        unbind_identity(story.ledger, "github", "1001", NO_REASON, clock=story.clock)

    assert story.bind("ann", "1001") == 0


def test_a_component_is_recorded_with_what_it_was_computed_from(
    story: LedgerStory, epoch_id: EpochId
) -> None:
    component = make_component(2**60, inputs={"rate": "1"}, evidence_ref="https://e.example/1")

    assert story.record(epoch_id, component)

    action = actions(story)[0]
    assert (action.action, action.subject) == ("pool-component-recorded", f"epoch {epoch_id} base_issuance")
    assert action.after == {
        "algorithm_version": "1",
        "amount_credits": str(2**60),
        "evidence_ref": "https://e.example/1",
        "inputs_hash": component.inputs_hash,
    }


def test_the_same_component_again_is_no_change_whenever_it_was_computed(
    story: LedgerStory, epoch_id: EpochId
) -> None:
    """POOL_UNIQUE_PER_TYPE: the same content is a no-op, in a closed epoch too."""
    story.record(epoch_id, make_component(5))
    before = actions(story)

    assert not story.record(epoch_id, make_component(5, computed_at=day(1)))
    assert actions(story) == before
    story.finalize(epoch_id)
    assert not story.record(epoch_id, make_component(5))


@pytest.mark.parametrize(
    "other",
    [make_component(6), make_component(5, inputs={"rate": "2"}), make_component(5, evidence_ref="elsewhere")],
    ids=["amount", "inputs", "evidence"],
)
def test_a_component_with_other_content_is_refused(
    story: LedgerStory, epoch_id: EpochId, other: PoolComponent
) -> None:
    """POOL_UNIQUE_PER_TYPE, POOL_IMMUTABLE: what is recorded is not overwritten."""
    story.record(epoch_id, make_component(5))

    with pytest.raises(PoolComponentDiffers) as refused:
        story.record(epoch_id, other)

    assert (refused.value.epoch_id, refused.value.component_id) == (epoch_id, "base_issuance")
    with story.ledger.read() as view:
        assert view.pool.list_all(epoch_id) == (make_component(5),)


def test_a_component_of_a_closed_or_a_missing_epoch_is_refused(story: LedgerStory, epoch_id: EpochId) -> None:
    """POOL_IMMUTABLE: after the close the pool takes nothing more."""
    story.close(epoch_id, 5)

    with pytest.raises(EpochClosed):
        story.record(epoch_id, make_component(7, component_id="top_up"))
    with pytest.raises(EpochNotFound):
        story.record(MISSING, make_component(7))


def test_a_decision_that_is_taken_back_leaves_no_row_behind(story: LedgerStory) -> None:
    """What an admin reviews is what a close computes: an idle user's row goes with the decision."""
    epoch_id = story.open()
    story.bind("ann", "1001")
    story.adjust(epoch_id, "ann", 5)
    story.adjust(epoch_id, "ann", None)

    with story.ledger.read() as view:
        assert view.allocations.list_all(epoch_id) == ()
