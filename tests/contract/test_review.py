"""ReviewReader: what an admin looks at before a close, the same on every implementation."""

from __future__ import annotations

import pytest

from ledger_core import EpochId, Ledger, UnresolvedIdentity, UserId
from ledger_core.domain.identity_suggestion import (
    BoundAccount,
    Likeness,
    alike_names,
    suggest_users,
)
from ledger_core.ports.review_reader import LateWork
from ledger_core.testing import make_component, make_event
from ledger_core.use_cases.amend_statement import amend_statement
from tests.contract.story import CONTEXT, LedgerStory, annas, bobs, day


def bound_like(ledger: Ledger, *names: str, limit: int = 9) -> list[tuple[str, str | None, str]]:
    with ledger.read() as view:
        found = view.review.bound_like(names, limit=limit)
    return [(each.external_id, each.login, each.user_id) for each in found]


def test_judgements_are_counted_and_the_newest_come_first(story: LedgerStory) -> None:
    story.bind("ann", "1001")
    epoch_id = story.open()
    events = [annas(number, at=day(0)) for number in range(1, 6)]
    story.store(*events)
    story.curate(epoch_id)
    story.judge(epoch_id, events[3], included=False)
    story.judge(epoch_id, events[0], weight=5)
    story.judge(epoch_id, events[1], included=False)
    story.judge(epoch_id, events[2], weight=7)
    story.judge(epoch_id, events[2])  # taken back: it is as any other

    with story.ledger.read() as view:
        found = view.review.judged(epoch_id, limit=2)
        nothing = view.review.judged(EpochId(epoch_id + 1), limit=2)

    assert (found.excluded, found.weighed) == (2, 1)
    assert [each.fact.event_id for each in found.newest] == [events[1].id, events[0].id]
    assert found.newest[0].decision is not None
    assert found.newest[0].decision.by == "admin"
    assert (nothing.excluded, nothing.weighed, nothing.newest) == (0, 0, ())


def test_late_work_is_counted_by_the_epoch_it_is_from(story: LedgerStory) -> None:
    story.bind("ann", "1001")
    story.bind("bob", "2002")
    homes = []
    for week in (0, 1):
        home = story.open(week)
        story.record(home, make_component(10))
        story.finalize(home)
        homes.append(home)
    here = story.open(2)
    late = [
        annas(1, at=day(1)),
        annas(2, at=day(2)),
        bobs(3, at=day(3)),
        make_event(4, at=day(1, week=1), account="9"),
    ]
    story.store(*late, annas(5, at=day(0, week=2)))
    story.curate(here)
    story.judge(here, late[1], included=False)

    with story.ledger.read() as view:
        found = view.review.late_work(here)

    assert found == (
        LateWork(from_epoch_id=homes[1], events=1, people=0),
        LateWork(from_epoch_id=homes[0], events=2, people=2),
    )


def test_what_another_curation_would_bring_in_is_counted(story: LedgerStory, neighbour: Ledger) -> None:
    """Of the open window and of closed ones; what is of no epoch's window, or of a later one, waits elsewhere."""
    LedgerStory(neighbour).store(annas(1, at=day(1, week=2)))
    story.bind("ann", "1001")
    story.live_through(1, annas(1, at=day(1, week=1)))
    here = story.open(2)
    story.store(annas(2, at=day(1, week=2)))
    story.curate(here)

    def due() -> int:
        with story.ledger.read() as view:
            return view.review.count_due(here)

    assert due() == 0
    story.store(
        annas(3, at=day(0, week=2, hour=0)),
        annas(4, at=day(2, week=1)),
        annas(5, at=day(0, week=3, hour=0)),
        annas(6, at=day(6, week=0)),
    )
    assert due() == 2
    story.curate(here)
    assert due() == 0


def test_bound_accounts_are_found_by_account_login_or_user(story: LedgerStory) -> None:
    story.bind("ann", "1001")
    story.bind("Bob@Example.org", "2002")
    story.bind("cid", "1+ann@users.noreply.github.com", provider="git")
    story.bind("dora", "7")
    story.store(
        make_event(1, account="1001", login="old"), make_event(2, at=day(5), account="1001", login="ANNA")
    )

    assert bound_like(story.ledger, "ann") == [
        ("1+ann@users.noreply.github.com", None, "cid"),
        ("1001", "ANNA", "ann"),
    ]
    assert bound_like(story.ledger, "anna@work") == [("1001", "ANNA", "ann")]
    assert bound_like(story.ledger, "old") == []
    assert bound_like(story.ledger, "bob") == [("2002", None, "Bob@Example.org")]
    assert bound_like(story.ledger, "7", "1001", "root@x", "") == []
    assert len(bound_like(story.ledger, "ann", "bob", limit=1)) == 1


def test_accounts_of_a_name_are_found_bound_or_not(story: LedgerStory) -> None:
    story.bind("ann", "1001")
    story.bind("ann", "ann@example.org", provider="git")
    story.store(
        make_event(1, account="1001", login="Ann"),
        make_event(2, account="3003", login="ANN"),
        make_event(3, account="4004", login="anna"),
        make_event(4, account=None, login="ann"),
    )

    def named(name: str, *, limit: int = 9) -> list[tuple[str, str, str | None, str | None, int]]:
        with story.ledger.read() as view:
            return [
                (each.provider, each.external_id, each.login, each.user_id, each.events)
                for each in view.review.accounts_named(name, limit=limit)
            ]

    assert named("ann") == [("github", "1001", "Ann", "ann", 1), ("github", "3003", "ANN", None, 1)]
    assert named("ann", limit=1) == [("github", "1001", "Ann", "ann", 1)]
    assert named("ANN@example.org") == [("git", "ann@example.org", None, "ann", 0)]
    assert named("4004") == [("github", "4004", "anna", None, 1)]
    assert named("nobody") == []


def test_a_user_s_epochs_and_all_bindings(story: LedgerStory, neighbour: Ledger) -> None:
    LedgerStory(neighbour).bind("zoe", "1001")
    story.bind("ann", "1001", "0999")
    story.bind("bob", "b@example.org", provider="git")
    for week in (0, 1):
        epoch_id = story.open(week)
        story.store(annas(week, at=day(1, week=week)))
        story.curate(epoch_id)
        story.propose(epoch_id)
        if week == 0:
            story.adjust(epoch_id, "ann", 5)
            story.record(epoch_id, make_component(10))
            story.finalize(epoch_id)

    with story.ledger.read() as view:
        found = view.review.epochs_of_user(UserId("ann"), limit=9)
        newest = view.review.epochs_of_user(UserId("ann"), limit=1)
        everything = list(view.review.all_bindings())
        mine = view.review.epochs_of_user(UserId("zoe"), limit=9)

    assert [(each.epoch.is_open, each.units, each.amount_credits) for each in found] == [
        (True, 8000, None),
        (False, 5, 10),
    ]
    assert [each.correction for each in found] == [None, None]
    assert newest == found[:1]
    assert [(each.provider, each.external_id, each.user_id) for each in everything] == [
        ("git", "b@example.org", "bob"),
        ("github", "0999", "ann"),
        ("github", "1001", "ann"),
    ]
    assert mine == ()


def test_a_correction_alone_is_being_in_an_epoch(story: LedgerStory, neighbour: Ledger) -> None:
    """The one that counts: not what a later amendment took back, and not a neighbour's."""
    story.bind("ann", "1001")
    story.bind("zoe", "9009")
    closed = [story.live_through(week, annas(week + 1, at=day(1, week=week))) for week in (0, 1, 2)]
    here = story.open(3)

    def amend(epoch_id: EpochId, *cleared: str, **units: int) -> None:
        with story.ledger.read() as view:
            newest = view.statements.versions(epoch_id)[-1].statement_hash
        amend_statement(
            story.ledger,
            epoch_id,
            set_units={UserId(user): milli_units for user, milli_units in units.items()},
            cleared=[UserId(user) for user in cleared],
            reviewed_statement_hash=newest,
            context=CONTEXT,
            clock=story.clock,
        )

    amend(closed[0], zoe=8000)
    amend(closed[1], zoe=5, ann=0)
    amend(closed[2], zoe=9)
    amend(closed[2], "zoe", ann=7)
    other = LedgerStory(neighbour)
    other.bind("zoe", "9009")
    other.live_through(0, make_event(1, at=day(1), account="9009"))

    with story.ledger.read() as view:
        zoe = view.review.epochs_of_user(UserId("zoe"), limit=9)
        newest = view.review.epochs_of_user(UserId("zoe"), limit=1)
        ann = view.review.epochs_of_user(UserId("ann"), limit=9)
        statements = {each: view.statements.find(each) for each in closed}

    assert [(each.epoch.id, each.allocation, each.units, each.amount_credits) for each in zoe] == [
        (closed[1], None, 5, 1000),
        (closed[0], None, 8000, 500),
    ]
    assert newest == zoe[:1]
    assert [(each.epoch.id, each.units, each.amount_credits) for each in ann] == [
        (closed[2], 7, 1000),
        (closed[1], 0, 0),
        (closed[0], 8000, 500),
    ]
    assert ann[2].correction is None
    for held in (*zoe, *ann):
        statement = statements[held.epoch.id]
        assert statement is not None
        assert statement.amendment is not None
        assert held.correction in {None, *statement.amendment.corrections}
    assert here not in {each.epoch.id for each in (*zoe, *ann)}


def account(external_id: str | None, login: str | None, provider: str = "git") -> UnresolvedIdentity:
    return UnresolvedIdentity(
        provider=provider,
        external_id=external_id,
        login=login,
        events=1,
        first_event_time=day(0),
        last_event_time=day(0),
    )


def bound(external_id: str, user_id: str, login: str | None = None, provider: str = "github") -> BoundAccount:
    return BoundAccount(provider=provider, external_id=external_id, login=login, user_id=UserId(user_id))


@pytest.mark.parametrize(
    ("unresolved", "other", "likeness"),
    [
        (account("Ada@x.org", None), bound("ada@x.org", "u", provider="gitlab"), Likeness.SAME_EMAIL),
        (account("9", "ADA", "gitlab"), bound("1", "u", "ada"), Likeness.SAME_LOGIN),
        (account("1+ada@users.noreply.github.com", None), bound("1", "u", "ada"), Likeness.SAME_LOGIN),
        (account("9", "ada", "gitlab"), bound("1", "ada", "x"), Likeness.SAME_LOGIN),
        (account("ada@y.org", None), bound("ada@x.org", "u"), Likeness.ALIKE),
        (account("ada@y.org", None), bound("1", "u", "ada"), Likeness.ALIKE),
        (account("7", None, "gitlab"), bound("7", "u"), None),
        (account("root@a.org", None), bound("root@b.org", "u"), None),
        (account(None, None), bound("1", "u", "ada"), None),
        (account("adam@y.org", None), bound("1", "u", "ada"), None),
    ],
)
def test_whose_an_account_may_be(
    unresolved: UnresolvedIdentity, other: BoundAccount, likeness: Likeness | None
) -> None:
    assert [found.likeness for found in suggest_users(unresolved, [other])] == (
        [likeness] if likeness else []
    )


def test_a_user_is_suggested_once_by_the_strongest_likeness() -> None:
    found = suggest_users(
        account("ada@x.org", "ada"),
        [bound("ada@y.org", "b"), bound("2", "a", "ada"), bound("ada@x.org", "b"), bound("ada@z.org", "a")],
    )

    assert [(each.user_id, each.likeness) for each in found] == [
        ("b", Likeness.SAME_EMAIL),
        ("a", Likeness.SAME_LOGIN),
    ]


def test_what_anybody_is_called_is_no_name() -> None:
    assert alike_names("Root@Example.org") == {"root@example.org"}
    assert alike_names("12345") == frozenset()
    assert alike_names("9+Ada@users.noreply.github.com") == {
        "9+ada@users.noreply.github.com", "9+ada", "ada",
    }  # fmt: skip
    assert alike_names(None) == frozenset()
