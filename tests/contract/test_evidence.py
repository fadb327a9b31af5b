"""EvidenceReader: what explanations are made of, the same on every implementation."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from ledger_core import EpochId, Ledger, UserId
from ledger_core.domain.evidence import fact_of_event
from ledger_core.ports.evidence_reader import ActivityElsewhere, DailyActivity
from ledger_core.testing import make_event, make_window
from tests.contract.story import LedgerStory, annas, bobs, day

ANN = UserId("ann")


def unresolved_like(story: LedgerStory, epoch_id: EpochId, *names: str, limit: int = 9) -> list[str | None]:
    with story.ledger.read() as view:
        found = view.evidence.unresolved_like(epoch_id, names, limit=limit)
    return [identity.external_id for identity in found]


def elsewhere(story: LedgerStory, epoch_id: EpochId, *, limit: int = 99) -> tuple[ActivityElsewhere, ...]:
    with story.ledger.read() as view:
        return view.evidence.activity_elsewhere(view.epochs.get(epoch_id), ANN, limit=limit)


def test_a_user_s_events_come_by_id_excluded_ones_too_and_nobody_else_s(story: LedgerStory) -> None:
    story.bind("ann", "1001")
    story.bind("bob", "2002")
    epoch_id = story.open()
    events = [annas(3, at=day(0)), bobs(2, at=day(0)), annas(1, at=day(2)), make_event(9, account=None)]
    story.store(*events)
    story.curate(epoch_id)
    story.judge(epoch_id, events[0], included=False)

    with story.ledger.read() as view:
        found = list(view.evidence.activity_of_user(epoch_id, ANN))
        others = list(view.evidence.activity_of_user(epoch_id, UserId("cid")))

    assert [curated.fact for curated in found] == [fact_of_event(events[2]), fact_of_event(events[0])]
    assert [curated.included for curated in found] == [True, False]
    assert found[0].decision is None
    assert found[1].decision is not None
    assert (found[1].decision.by, found[1].decision.reason) == ("admin", "agreed in the weekly call")
    assert others == []


def test_unresolved_accounts_are_found_by_login_or_account_whole_or_before_the_at(story: LedgerStory) -> None:
    epoch_id = story.open()
    story.store(
        make_event(1, account="1", login="ANN"),
        make_event(2, account="1", login="ANN"),
        make_event(3, account="Ann@example.org", login="somebody"),
        make_event(4, account="4", login="ann@work"),
        make_event(5, account="annette", login="xann"),
        make_event(6, account=None, login="ann"),
        make_event(7, account="7", login=None),
        make_event(8, account="8", login="@"),
        make_event(9, account="9", login="\u00e4nn"),
    )
    story.curate(epoch_id)

    assert unresolved_like(story, epoch_id, "ann") == ["1", "4", "Ann@example.org", None]
    assert unresolved_like(story, epoch_id, "aNN@elsewhere", limit=1) == ["1"]
    assert unresolved_like(story, epoch_id, "7") == ["7"]
    assert unresolved_like(story, epoch_id, "\u00c4nn") == []  # only A to Z are folded, wherever it runs
    assert unresolved_like(story, epoch_id, "@") == ["8"]
    assert unresolved_like(story, epoch_id) == []


def test_who_is_bound_or_excluded_is_no_look_alike(story: LedgerStory) -> None:
    story.bind("bob", "1")
    epoch_id = story.open()
    excluded = make_event(2, account="2", login="ann")
    story.store(make_event(1, account="1", login="ann"), excluded)
    story.curate(epoch_id)
    story.judge(epoch_id, excluded, included=False)

    assert unresolved_like(story, epoch_id, "ann") == []


def test_bindings_and_history_are_a_user_s_and_an_identity_s_own(
    story: LedgerStory, neighbour: Ledger
) -> None:
    LedgerStory(neighbour).bind("ann", "1001")
    story.bind("ann", "1002")
    story.bind("ann", "1001")
    story.unbind("1001")
    story.bind("bob", "1001")

    with story.ledger.read() as view:
        evidence = view.evidence
        bound = [binding.external_id for binding in evidence.bindings_of(ANN, limit=9)]
        ann = [(it.change, it.binding.external_id) for it in evidence.history_of_user(ANN, limit=9)]
        newest = [(it.change, it.binding.external_id) for it in evidence.history_of_user(ANN, limit=1)]
        account = [
            (it.change, it.binding.user_id) for it in evidence.history_of_identity("github", "1001", limit=9)
        ]
        nobody = evidence.history_of_identity("git", "1001", limit=9)

    assert bound == ["1002"]
    assert ann == [("bound", "1002"), ("bound", "1001"), ("unbound", "1001")]
    assert newest == [("unbound", "1001")]
    assert account == [("bound", "ann"), ("unbound", "ann"), ("bound", "bob")]
    assert nobody == ()


def test_who_an_identity_was_ever_bound_to_is_asked_of_several_at_once(
    story: LedgerStory, neighbour: Ledger
) -> None:
    LedgerStory(neighbour).bind("cid", "1001")
    story.bind("ann", "1001")
    story.unbind("1001")
    story.bind("bob", "1001")
    story.bind("dan", "1002")
    story.bind("eve", "1003")

    with story.ledger.read() as view:
        ever = view.evidence.users_ever_bound
        of_two = ever([("github", "1001"), ("github", "1002"), ("github", "9999")])
        of_other_providers, of_none = ever([("git", "1001"), ("1001", "github")]), ever([])

    assert of_two == {"ann", "bob", "dan"}
    assert (of_other_providers, of_none) == (frozenset(), frozenset())


def test_events_elsewhere_are_counted_by_how_they_stand(story: LedgerStory) -> None:
    first = story.live_through(0, annas(1, at=day(0)), annas(2, at=day(1)))  # unresolved here, then carried
    story.bind("ann", "1001")
    second = story.live_through(1, annas(3, at=day(2)), annas(4, at=day(0, week=1)))
    story.store(annas(5, at=day(5)), annas(6, at=day(0, week=4)))

    of_first, of_second = elsewhere(story, first), elsewhere(story, second)

    assert [(row.epoch_id, row.in_window, row.user_id, row.included, row.events) for row in of_first] == [
        (None, True, None, None, 1),
        (second, True, "ann", True, 3),
        (first, True, None, True, 2),
        (None, False, None, None, 1),
        (second, False, "ann", True, 1),
    ]
    assert (of_first[1].first_event_time, of_first[1].last_event_time) == (day(0), day(2))
    assert [(row.epoch_id, row.in_window, row.events) for row in of_second] == [(None, False, 2)]
    assert elsewhere(story, first, limit=2) == of_first[:2]


def test_an_event_s_standings_are_all_its_epochs_in_order(story: LedgerStory) -> None:
    event = annas(1, at=day(0))
    first = story.live_through(0, event)
    story.bind("ann", "1001")
    second = story.live_through(1)

    with story.ledger.read() as view:
        found = view.evidence.standings(event.id)
        nothing = view.evidence.standings(annas(2, at=day(0)).id)

    assert [(held.epoch_id, held.curated.user_id) for held in found] == [
        (first, None),
        (second, "ann"),
    ]
    assert all(held.curated.fact == fact_of_event(event) for held in found)
    assert nothing == ()


@pytest.mark.parametrize(("seconds", "is_found"), [(-1, False), (0, True), (604_799, True), (604_800, False)])
def test_an_epoch_is_found_by_an_instant_of_its_window(
    story: LedgerStory, seconds: int, *, is_found: bool
) -> None:
    epoch_id = story.open(0)

    with story.ledger.read() as view:
        found = view.epochs.find_at(make_window(0).period_start + timedelta(seconds=seconds))

    assert (None if found is None else found.id) == (epoch_id if is_found else None)


def test_a_week_s_activity_is_counted_by_day_and_source_and_what_came_late_apart(
    story: LedgerStory, neighbour: Ledger
) -> None:
    LedgerStory(neighbour).live_through(1, annas(99, at=day(0, week=1)))
    first = story.live_through(0, annas(1, at=day(6)))
    story.bind("ann", "1001")
    second = story.open(1)
    excluded, weighed = annas(3, at=day(0, week=1)), annas(4, at=day(0, week=1, hour=23))
    story.store(
        annas(2, at=day(0, week=1, hour=0)), excluded, weighed,
        make_event(5, at=day(0, week=1), source="git", account="nobody"), annas(6, at=day(6, week=1)),
    )  # fmt: skip
    story.curate(second)
    story.judge(second, excluded, included=False)
    story.judge(second, weighed, weight=0)

    with story.ledger.read() as view:
        found = view.evidence.daily_activity(view.epochs.get(second))
        judged = view.evidence.judged_activity(second, limit=9)
        late = view.evidence.late_activity(second, limit=9)
        fewer = view.evidence.judged_activity(second, limit=1)
        of_first = view.evidence.daily_activity(view.epochs.get(first))

    monday, sunday = date(2026, 11, 23), date(2026, 11, 29)
    assert found == (
        DailyActivity(day=monday, source="git", events=1, included=1, unresolved=1, reweighted=0),
        DailyActivity(day=monday, source="github", events=3, included=2, unresolved=0, reweighted=1),
        DailyActivity(day=sunday, source="github", events=1, included=1, unresolved=0, reweighted=0),
        DailyActivity(day=None, source="github", events=1, included=1, unresolved=0, reweighted=0),
    )
    assert [it.fact for it in judged] == [fact_of_event(excluded), fact_of_event(weighed)]
    assert fewer == judged[:1]
    assert [(it.fact.event_id[-1], it.late_from_epoch_id) for it in late] == [("1", first)]
    assert [(row.day, row.unresolved) for row in of_first] == [(date(2026, 11, 22), 1)]
