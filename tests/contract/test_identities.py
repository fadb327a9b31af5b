"""The port `IdentityStore`: nobody is merged by accident, and nothing unresolved is hidden."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ledger_core import (
    IdentityAlreadyBound,
    IdentityBinding,
    IdentityNotBound,
    Ledger,
    UnresolvedIdentity,
    UserId,
)
from ledger_core.testing import RETRIEVED_AT, make_binding, make_context, make_event
from tests.contract.story import LedgerStory, annas, bobs, day

CONTEXT = make_context()


def bind(ledger: Ledger, *bindings: IdentityBinding) -> int:
    with ledger.begin() as transaction:
        return transaction.identities.bind(bindings, CONTEXT, at=RETRIEVED_AT)


def unbind(ledger: Ledger, external_id: str) -> UserId:
    with ledger.begin() as transaction:
        return transaction.identities.unbind("github", external_id, CONTEXT, at=RETRIEVED_AT)


def owners(ledger: Ledger, *external_ids: str) -> list[str]:
    with ledger.read() as view:
        found = view.identities.find_bindings([("github", external_id) for external_id in external_ids])
    return [f"{binding.external_id}={binding.user_id}" for binding in found]


def has_user(ledger: Ledger, name: str) -> bool:
    with ledger.read() as view:
        return view.identities.find_user(UserId(name)) == name


def test_nobody_is_known_at_first(ledger: Ledger) -> None:
    assert not has_user(ledger, "ann")
    assert owners(ledger, "1001") == []
    with ledger.read() as view:
        assert view.identities.find_bindings([]) == ()
        assert view.identities.list_unresolved(None, limit=10) == ()


def test_a_binding_makes_its_user(ledger: Ledger) -> None:
    added = bind(
        ledger, make_binding("ann", "1001"), make_binding("ann", "1002"), make_binding("bob", "2002")
    )

    assert added == 3
    assert has_user(ledger, "ann")
    assert has_user(ledger, "bob")
    assert not has_user(ledger, "Ann")
    assert owners(ledger, "1001", "1002", "2002") == ["1001=ann", "1002=ann", "2002=bob"]


def test_bindings_are_found_in_order_and_those_of_nobody_left_out(ledger: Ledger) -> None:
    bind(ledger, make_binding("ann", "b"), make_binding("bob", "a"), make_binding("cid", "Z"))
    bind(ledger, make_binding("dan", "z", provider="git"))

    with ledger.read() as view:
        found = view.identities.find_bindings(
            [("github", "b"), ("github", "x"), ("git", "z"), ("github", "Z")]
        )

    assert found == (
        make_binding("dan", "z", provider="git"),
        make_binding("cid", "Z"),
        make_binding("ann", "b"),
    )


def test_the_same_account_name_of_two_providers_is_two_identities(ledger: Ledger) -> None:
    added = bind(ledger, make_binding("ann", "1"), make_binding("bob", "1", provider="git"))

    assert added == 2
    assert owners(ledger, "1") == ["1=ann"]


def test_a_binding_that_is_there_already_is_no_change(ledger: Ledger) -> None:
    bind(ledger, make_binding("ann", "1001"))

    added = bind(ledger, make_binding("ann", "1001"), make_binding("ann", "1002"))

    assert added == 1
    assert owners(ledger, "1001", "1002") == ["1001=ann", "1002=ann"]


def test_an_identity_of_another_is_not_taken_and_nothing_else_is_bound(ledger: Ledger) -> None:
    bind(ledger, make_binding("ann", "1001"))

    with pytest.raises(IdentityAlreadyBound) as refused:
        bind(ledger, make_binding("bob", "2002"), make_binding("bob", "1001"), make_binding("bob", "2003"))

    assert (refused.value.provider, refused.value.external_id, refused.value.user_id) == (
        "github",
        "1001",
        "ann",
    )
    assert owners(ledger, "1001", "2002", "2003") == ["1001=ann"]
    assert not has_user(ledger, "bob")


def test_many_identities_are_bound_at_once(ledger: Ledger) -> None:
    bindings = [make_binding(f"user-{number % 7}", str(number)) for number in range(500)]

    assert bind(ledger, *bindings) == 500
    assert bind(ledger, *bindings) == 0


def test_an_unbound_identity_is_free_and_its_user_stays(ledger: Ledger) -> None:
    bind(ledger, make_binding("ann", "1001"))

    owner = unbind(ledger, "1001")

    assert owner == "ann"
    assert owners(ledger, "1001") == []
    assert has_user(ledger, "ann")


def test_an_unbound_identity_may_be_bound_to_another(ledger: Ledger) -> None:
    bind(ledger, make_binding("ann", "1001"))
    unbind(ledger, "1001")

    added = bind(ledger, make_binding("bob", "1001"))

    assert added == 1
    assert owners(ledger, "1001") == ["1001=bob"]


def test_an_identity_of_nobody_is_not_unbound(ledger: Ledger) -> None:
    bind(ledger, make_binding("ann", "1001", provider="git"))

    with pytest.raises(IdentityNotBound) as refused:
        unbind(ledger, "1001")

    assert (refused.value.provider, refused.value.external_id) == ("github", "1001")


def test_unresolved_identities_are_listed_with_what_they_did(story: LedgerStory) -> None:
    """IDENTITY_BEST_EFFORT: always visible as unresolved."""
    story.store(
        make_event(1, at=day(2), account="1001", login="anna"),
        make_event(2, at=day(0), account="1001", login="ann-old"),
        make_event(3, at=day(4), account="1001", login="ann-new"),
    )

    with story.ledger.read() as view:
        found = view.identities.list_unresolved(None, limit=10)

    assert found == (
        UnresolvedIdentity(
            provider="github",
            external_id="1001",
            login="ann-new",
            events=3,
            first_event_time=day(0),
            last_event_time=day(4),
        ),
    )


def test_of_two_latest_events_the_greater_id_names_the_login(story: LedgerStory) -> None:
    story.store(
        make_event(event_id="a", at=day(0), login="small"),
        make_event(event_id="\U0001f600", at=day(0), login=None),
        make_event(event_id="\ufb00", at=day(0), login="middle"),
    )

    with story.ledger.read() as view:
        [found] = view.identities.list_unresolved(None, limit=10)

    assert found.login is None


def test_unresolved_identities_come_by_events_then_provider_then_code_points(story: LedgerStory) -> None:
    accounts: list[tuple[str, str | None]] = [
        ("github", "busy"),
        ("git", "z"),
        ("git", None),
        ("github", "Z"),
        ("github", "a"),
        ("github", "\u00e9"),
        ("github", "\ufb00"),
        ("github", "\U0001f600"),
        ("github", None),
    ]
    events = [
        make_event(number, at=day(0), source=source, account=account, login=None)
        for number, (source, account) in enumerate(accounts)
    ]
    busy = make_event(99, at=day(0), account="busy")
    story.store(*reversed(events), busy)

    with story.ledger.read() as view:
        found = view.identities.list_unresolved(None, limit=100)
        first_two = view.identities.list_unresolved(None, limit=2)

    assert [(identity.provider, identity.external_id) for identity in found] == accounts
    assert first_two == found[:2]


def test_a_bound_identity_is_not_listed_until_it_is_unbound(story: LedgerStory) -> None:
    """IDENTITY_BEST_EFFORT: over all events, what is bound now decides."""
    story.store(annas(1, at=day(0)), bobs(2, at=day(0)))
    story.bind("ann", "1001")
    with story.ledger.read() as view:
        bound = [identity.external_id for identity in view.identities.list_unresolved(None, limit=10)]
    story.unbind("1001")
    with story.ledger.read() as view:
        unbound = [identity.external_id for identity in view.identities.list_unresolved(None, limit=10)]

    assert bound == ["2002"]
    assert unbound == ["1001", "2002"]


def test_of_an_epoch_its_own_unresolved_and_included_events_are_listed(story: LedgerStory) -> None:
    """IDENTITY_BEST_EFFORT: an excluded event, one of another window and a resolved one are not asked about."""
    epoch_id = story.open()
    excluded = make_event(3, at=day(1), account="3003")
    story.bind("bob", "2002")
    story.store(
        annas(1, at=day(0)),
        annas(4, at=day(0) + timedelta(hours=1)),
        bobs(2, at=day(0)),
        excluded,
        make_event(5, at=day(0, week=3), account="1001"),
    )
    story.curate(epoch_id)
    story.judge(epoch_id, excluded, included=False)

    with story.ledger.read() as view:
        of_epoch = view.identities.list_unresolved(epoch_id, limit=10)
        of_all = view.identities.list_unresolved(None, limit=10)

    assert [(identity.external_id, identity.events) for identity in of_epoch] == [("1001", 2)]
    assert of_epoch[0].last_event_time == day(0) + timedelta(hours=1)
    assert [(identity.external_id, identity.events) for identity in of_all] == [("1001", 3), ("3003", 1)]


def test_a_closed_epoch_shows_whom_it_left_unresolved_for_ever(story: LedgerStory) -> None:
    """IDENTITY_BEST_EFFORT: a later binding does not rewrite what happened."""
    epoch_id = story.live_through(0, annas(1, at=day(0)))
    story.bind("ann", "1001")

    with story.ledger.read() as view:
        [found] = view.identities.list_unresolved(epoch_id, limit=10)
        assert view.identities.list_unresolved(None, limit=10) == ()
    assert found.external_id == "1001"
