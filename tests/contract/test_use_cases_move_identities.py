"""Merge, split and import: accounts move all or none, closed epochs stay, and nothing is moved by accident."""

from __future__ import annotations

import pytest

from ledger_core import EpochId, IdentityAlreadyBound, InvalidValue, Ledger, UserId, UserNotFound
from ledger_core.domain.identity import IdentityBinding
from ledger_core.domain.ledger_action import ActionContext
from ledger_core.identity_errors import AccountNotOfUser, BindingConflicts, SplitTakesAll, UserHasOverride
from ledger_core.testing import make_binding, make_component
from ledger_core.use_cases import import_bindings as imports
from ledger_core.use_cases.import_bindings import import_bindings
from ledger_core.use_cases.move_identities import MovedIdentities, merge_users, split_user
from tests.contract.story import CONTEXT, LedgerStory, annas, bobs, day

ANN, BOB, CID = UserId("ann"), UserId("bob"), UserId("cid")


def owners(ledger: Ledger) -> dict[str, str]:
    with ledger.read() as view:
        return {each.external_id: each.user_id for each in view.review.all_bindings()}


def units(ledger: Ledger, epoch_id: EpochId) -> dict[str, int]:
    with ledger.read() as view:
        return {row.user_id: row.finalized().units for row in view.allocations.list_all(epoch_id)}


def changes(ledger: Ledger, user: UserId) -> list[tuple[str, str]]:
    with ledger.read() as view:
        return [
            (each.change.value, each.binding.external_id)
            for each in view.evidence.history_of_user(user, limit=99)
        ]


def merge(
    story: LedgerStory, gone: UserId, into: UserId, context: ActionContext = CONTEXT
) -> MovedIdentities:
    return merge_users(story.ledger, gone, into, context, clock=story.clock)


def split(story: LedgerStory, user: UserId, into: UserId, *accounts: str) -> MovedIdentities:
    named = [("github", account) for account in accounts]
    return split_user(story.ledger, user, into, named, CONTEXT, clock=story.clock)


@pytest.fixture
def epoch_id(story: LedgerStory) -> EpochId:
    """A closed week and an open one, with work of ann and bob in both."""
    story.bind("ann", "1001", "1002")
    story.bind("bob", "2002")
    story.live_through(0, annas(1, at=day(1)), bobs(2, at=day(2)))
    epoch_id = story.open(1)
    story.store(annas(11, at=day(1, week=1)), bobs(12, at=day(2, week=1)))
    story.curate(epoch_id)
    story.propose(epoch_id)
    return epoch_id


def test_a_merge_moves_all_and_the_open_epoch_follows_at_once(story: LedgerStory, epoch_id: EpochId) -> None:
    with story.ledger.read() as view:
        before = view.statements.find(view.epochs.list_latest(limit=2)[1].id)

    moved = merge(story, BOB, ANN)

    assert (moved.moved, moved.epoch_id, moved.counts and moved.counts.resolved) == (1, epoch_id, 1)
    assert owners(story.ledger) == {"1001": "ann", "1002": "ann", "2002": "ann"}
    assert units(story.ledger, epoch_id) == {"ann": 16_000}
    assert changes(story.ledger, BOB) == [("bound", "2002"), ("unbound", "2002")]
    assert changes(story.ledger, ANN)[-1] == ("bound", "2002")
    with story.ledger.read() as view:
        assert view.statements.find(view.epochs.list_latest(limit=2)[1].id) == before
        assert before is not None
        assert {line.user_id for line in before.payouts} == {"ann", "bob"}
        [action] = view.actions.list_latest(limit=1)
        assert view.identities.find_user(BOB) == BOB
    assert (action.action, action.subject, action.before["user_id"]) == ("users-merged", "ann", "bob")
    assert action.context == CONTEXT


def test_a_merge_of_who_has_no_account_changes_nothing(story: LedgerStory, epoch_id: EpochId) -> None:
    merge(story, BOB, ANN)

    assert merge(story, BOB, ANN) == MovedIdentities(moved=0)
    assert units(story.ledger, epoch_id) == {"ann": 16_000}


@pytest.mark.parametrize("who", ["ann", "bob"])
def test_units_that_an_admin_set_stop_a_move_of_either(
    story: LedgerStory, epoch_id: EpochId, who: str
) -> None:
    story.adjust(epoch_id, who, 5)
    before = owners(story.ledger)

    with pytest.raises(UserHasOverride) as refused:
        merge(story, BOB, ANN)
    with pytest.raises(UserHasOverride):
        split(story, ANN, BOB, "1002")

    assert (refused.value.user_id, refused.value.epoch_id) == (who, epoch_id)
    assert f"ledger allocation clear {epoch_id} {who}" in str(refused.value)
    assert owners(story.ledger) == before
    story.adjust(epoch_id, who, None)
    assert merge(story, BOB, ANN).moved == 1


def test_an_override_of_a_closed_epoch_stops_nothing(story: LedgerStory, epoch_id: EpochId) -> None:
    story.adjust(epoch_id, "bob", 5)
    story.record(epoch_id, make_component(10))
    story.finalize(epoch_id)

    assert merge(story, BOB, ANN).moved == 1
    assert units(story.ledger, epoch_id) == {"ann": 8000, "bob": 5}


def test_a_split_undoes_a_merge_and_makes_a_user_if_need_be(story: LedgerStory, epoch_id: EpochId) -> None:
    merge(story, BOB, ANN)

    assert split(story, ANN, BOB, "2002").moved == 1
    assert units(story.ledger, epoch_id) == {"ann": 8000, "bob": 8000}
    assert split(story, ANN, CID, "1001").moved == 1
    assert units(story.ledger, epoch_id) == {"bob": 8000, "cid": 8000}
    assert owners(story.ledger) == {"1001": "cid", "1002": "ann", "2002": "bob"}


def test_a_split_names_what_is_not_the_user_s_and_moves_nothing(
    story: LedgerStory, epoch_id: EpochId
) -> None:
    before = owners(story.ledger)

    with pytest.raises(AccountNotOfUser, match="2002 is bob's, and not ann's"):
        split(story, ANN, CID, "1001", "2002")
    with pytest.raises(AccountNotOfUser, match="9009 is nobody's"):
        split(story, ANN, CID, "9009")
    with pytest.raises(SplitTakesAll, match="every account of ann"):
        split(story, ANN, CID, "1002", "1001")
    with pytest.raises(SplitTakesAll):
        split(story, ANN, CID, "1002", "1001", "2002")

    assert owners(story.ledger) == before
    assert units(story.ledger, epoch_id) == {"ann": 8000, "bob": 8000}


def test_what_is_no_merge_is_refused_by_name(story: LedgerStory, epoch_id: EpochId) -> None:
    del epoch_id
    with pytest.raises(InvalidValue, match="one and the same"):
        merge(story, ANN, ANN)
    with pytest.raises(UserNotFound):
        merge(story, UserId("nobody"), ANN)
    with pytest.raises(UserNotFound):
        merge(story, ANN, UserId("nobody"))
    with pytest.raises(UserNotFound):
        split(story, UserId("nobody"), ANN, "1001")
    with pytest.raises(InvalidValue, match="each once"):
        split(story, ANN, BOB, "1001", "1001")
    with pytest.raises(InvalidValue, match="each once"):
        split(story, ANN, BOB)
    with pytest.raises(InvalidValue, match="reason"):
        merge(story, ANN, BOB, ActionContext(actor="admin"))


def test_a_merge_without_an_open_epoch_moves_the_accounts(story: LedgerStory) -> None:
    story.bind("ann", "1001")
    story.bind("bob", "2002")

    assert merge(story, BOB, ANN) == MovedIdentities(moved=1)
    assert owners(story.ledger) == {"1001": "ann", "2002": "ann"}


def test_a_move_that_is_tried_again_is_applied_once(story: LedgerStory, epoch_id: EpochId) -> None:
    del epoch_id
    once = ActionContext(actor="admin", reason="one person", idempotency_key="a")
    assert merge(story, BOB, ANN, once).moved == 1
    split(story, ANN, BOB, "2002")

    assert merge(story, BOB, ANN, once).moved == 1
    assert owners(story.ledger)["2002"] == "bob"
    nothing = ActionContext(actor="admin", reason="one person", idempotency_key="b")
    merge(story, BOB, ANN)
    assert merge(story, BOB, ANN, nothing).moved == 0
    split(story, ANN, BOB, "2002")
    assert merge(story, BOB, ANN, nothing).moved == 0
    assert owners(story.ledger)["2002"] == "bob"


def take(story: LedgerStory, *bindings: IdentityBinding, context: ActionContext = CONTEXT) -> int:
    return import_bindings(story.ledger, bindings, context, clock=story.clock)


def test_an_import_binds_what_is_new_all_or_none(story: LedgerStory) -> None:
    story.bind("ann", "1001")

    assert take(story, make_binding("ann", "1001"), make_binding("bob", "2002")) == 1
    assert take(story, make_binding("ann", "1001"), make_binding("bob", "2002")) == 0
    with pytest.raises(BindingConflicts) as refused:
        take(story, make_binding("bob", "1001"), make_binding("cid", "3003"), make_binding("ann", "2002"))

    assert refused.value.conflicts == (("github", "1001", "bob", "ann"), ("github", "2002", "ann", "bob"))
    assert "github account 1001 is ann's, and not bob's" in str(refused.value)
    assert owners(story.ledger) == {"1001": "ann", "2002": "bob"}
    with story.ledger.read() as view:
        [action, *_] = view.actions.list_latest(limit=1)
    assert (action.action, action.after["bindings"]) == ("bindings-imported", 1)


def test_many_conflicts_are_counted(story: LedgerStory) -> None:
    story.bind("ann", *(str(number) for number in range(10, 40)))

    with pytest.raises(BindingConflicts, match=r"; and 10 more$"):
        take(story, *(make_binding("bob", str(number)) for number in range(10, 40)))


def test_an_import_has_limits_and_a_reason(story: LedgerStory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "MAX_IMPORTED", 2)
    some = [make_binding("ann", str(number)) for number in range(3)]

    with pytest.raises(InvalidValue, match="1 to 2 at a time"):
        take(story, *some)
    with pytest.raises(InvalidValue, match="1 to 2 at a time"):
        take(story)
    with pytest.raises(InvalidValue, match="name github account 0 twice"):
        take(story, some[0], make_binding("bob", "0"))
    with pytest.raises(InvalidValue, match="reason"):
        take(story, some[0], context=ActionContext(actor="admin"))
    assert owners(story.ledger) == {}


def test_an_import_that_is_tried_again_is_applied_once(story: LedgerStory) -> None:
    once = ActionContext(actor="admin", reason="a list", idempotency_key="i")
    assert take(story, make_binding("ann", "1001"), context=once) == 1
    story.unbind("1001")

    assert take(story, make_binding("ann", "1001"), context=once) == 1
    assert owners(story.ledger) == {}
    story.bind("ann", "1001")
    nothing = ActionContext(actor="admin", reason="a list", idempotency_key="j")
    assert take(story, make_binding("ann", "1001"), context=nothing) == 0


def test_what_is_moved_is_nobody_else_s_to_bind(story: LedgerStory) -> None:
    story.bind("ann", "1001")
    story.bind("bob", "2002")
    merge(story, ANN, BOB)

    with pytest.raises(IdentityAlreadyBound, match="bound to bob"):
        story.bind("ann", "1001")
