"""The port `CurationStore`: which events count in an epoch, and for whom.

What these sets amount to over several epochs is told in test_use_cases_late_work.py.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from ledger_core import (
    CuratedEvent,
    EpochClosed,
    EpochId,
    EventId,
    EventNotCurated,
    Ledger,
    LedgerTransaction,
)
from ledger_core.domain.curation import CurationSummary
from ledger_core.testing import RETRIEVED_AT, make_event, make_window
from tests.contract.story import LedgerStory, annas, bobs, day


def judge_directly(ledger: Ledger, epoch_id: EpochId, event_id: str) -> None:
    with ledger.begin() as transaction:
        transaction.epochs.lock(epoch_id)
        transaction.curation.judge(
            epoch_id,
            EventId(event_id),
            included=False,
            weight_override_milli=None,
            note=None,
            by="admin",
            at=RETRIEVED_AT,
        )


def add_window_events(ledger: Ledger, epoch_id: EpochId) -> int:
    with ledger.begin() as transaction:
        epoch = transaction.epochs.lock(epoch_id)
        return transaction.curation.add_window_events(epoch, at=RETRIEVED_AT)


def summary(ledger: Ledger, epoch_id: EpochId) -> CurationSummary:
    with ledger.read() as view:
        return view.curation.summary(epoch_id)


def test_an_epoch_begins_without_events(story: LedgerStory) -> None:
    epoch_id = story.open()

    with story.ledger.read() as view:
        assert view.curation.find(epoch_id, EventId("github:pr:1")) is None
        assert list(view.curation.ordered_events(epoch_id)) == []
        assert list(view.curation.ordered_activity(epoch_id)) == []
        assert view.curation.summary(epoch_id) == CurationSummary(events=0, included=0, unresolved=0, late=0)


def test_an_event_of_the_window_is_curated_for_whom_its_account_belongs_to(story: LedgerStory) -> None:
    epoch_id = story.open()
    event = annas(at=day(2))
    story.bind("ann", "1001")
    story.store(event)

    added = add_window_events(story.ledger, epoch_id)

    expected = CuratedEvent(
        event_id=event.id,
        source="github",
        event_type="pr_merged",
        payload_hash=event.payload_hash,
        user_id=story.users(epoch_id)[0],
        included=True,
        weight_override_milli=None,
        late_from_epoch_id=None,
    )
    assert added == 1
    assert story.users(epoch_id) == ["ann"]
    with story.ledger.read() as view:
        assert view.curation.find(epoch_id, event.id) == expected
        [activity] = view.curation.ordered_activity(epoch_id)
    assert (activity.event, activity.curation, activity.note) == (event, expected, None)
    assert (activity.judged_by, activity.judged_at) == (None, None)


def test_an_event_of_nobody_known_is_curated_unresolved(story: LedgerStory) -> None:
    """IDENTITY_BEST_EFFORT: it is there for all to see, and for nobody."""
    epoch_id = story.open()
    story.store(annas(at=day(2)))

    story.curate(epoch_id)

    assert story.users(epoch_id) == [None]
    assert summary(story.ledger, epoch_id).unresolved == 1


@pytest.mark.parametrize(("provider", "account"), [("git", "1001"), ("github", "100"), ("github", "ann")])
def test_only_the_very_account_resolves_an_event(story: LedgerStory, provider: str, account: str) -> None:
    """IDENTITY_BEST_EFFORT: neither another provider's account, nor a login, nor a prefix will do."""
    epoch_id = story.open()
    story.store(annas(at=day(2)))
    story.bind("ann", account, provider=provider)

    story.curate(epoch_id)

    assert story.users(epoch_id) == [None]


def test_an_event_without_an_account_stays_unresolved(story: LedgerStory) -> None:
    """IDENTITY_BEST_EFFORT: an account that is gone belongs to nobody."""
    epoch_id = story.open()
    story.bind("ann", "1001")
    story.store(make_event(at=day(2), account=None, login=None))

    story.curate(epoch_id)

    assert story.users(epoch_id) == [None]


def test_the_first_instant_of_a_window_is_in_it_and_the_end_is_not(story: LedgerStory) -> None:
    epoch_id = story.open()
    window = make_window()
    tick = timedelta(microseconds=1)
    instants = [window.period_start - tick, window.period_start, window.period_end - tick, window.period_end]
    story.store(*[annas(number, at=at) for number, at in enumerate(instants)])

    added = add_window_events(story.ledger, epoch_id)

    assert added == 2
    assert list(story.curated(epoch_id)) == [annas(1, at=day(0)).id, annas(2, at=day(0)).id]


def test_an_event_is_added_to_its_window_once(story: LedgerStory) -> None:
    epoch_id = story.open()
    story.store(annas(1, at=day(0)))
    first = add_window_events(story.ledger, epoch_id)
    story.store(annas(2, at=day(0)))

    second = add_window_events(story.ledger, epoch_id)

    assert (first, second) == (1, 1)


def test_an_event_of_the_open_window_is_no_late_event(story: LedgerStory) -> None:
    """Of the events that no epoch holds, those of an open epoch's window are its own, never late."""
    first = story.live_through(0)
    epoch_id = story.open(1)
    late, current = annas(1, at=day(0)), annas(2, at=day(0, week=1))
    story.store(late, current, annas(3, at=day(0, week=2)))

    with story.ledger.begin() as transaction:
        epoch = transaction.epochs.lock(epoch_id)
        added = transaction.curation.add_late_events(epoch, at=RETRIEVED_AT)

    assert added == 1
    assert {event.event_id: event.late_from_epoch_id for event in story.curated(epoch_id).values()} == {
        late.id: first
    }


def test_events_come_in_order_of_their_code_points(story: LedgerStory) -> None:
    """PAYOUT_DETERMINISTIC: no locale decides; upper case before lower, astral after all others."""
    epoch_id = story.open()
    ordered = ["Z", "a", "a:b", "ab", "\u00e9", "\ufb00", "\U0001f600"]
    story.store(*[make_event(event_id=name, at=day(0)) for name in reversed(ordered)])

    story.curate(epoch_id)

    assert list(story.curated(epoch_id)) == ordered
    with story.ledger.read() as view:
        activity = [curated.event.id for curated in view.curation.ordered_activity(epoch_id)]
    assert activity == ordered


def test_a_judgement_replaces_the_one_before(story: LedgerStory) -> None:
    epoch_id = story.open()
    event = annas(at=day(0))
    story.store(event)
    story.curate(epoch_id)
    with story.ledger.begin() as transaction:
        transaction.epochs.lock(epoch_id)
        transaction.curation.judge(
            epoch_id,
            event.id,
            included=False,
            weight_override_milli=7,
            note="spam",
            by="eve",
            at=RETRIEVED_AT,
        )
    with story.ledger.read() as view:
        [judged] = view.curation.ordered_activity(epoch_id)
    with story.ledger.begin() as transaction:
        transaction.epochs.lock(epoch_id)
        transaction.curation.judge(
            epoch_id,
            event.id,
            included=True,
            weight_override_milli=None,
            note=None,
            by="ada",
            at=day(3),
        )
    with story.ledger.read() as view:
        [restored] = view.curation.ordered_activity(epoch_id)

    assert (judged.curation.included, judged.curation.weight_override_milli, judged.note) == (
        False,
        7,
        "spam",
    )
    assert (judged.judged_by, judged.judged_at) == ("eve", RETRIEVED_AT)
    assert (restored.judged_by, restored.judged_at) == ("ada", day(3))
    assert restored.curation.included
    assert (restored.curation.weight_override_milli, restored.note) == (None, None)


def test_an_event_that_the_epoch_does_not_hold_is_not_judged(story: LedgerStory) -> None:
    epoch_id = story.open()
    story.store(annas(at=day(0)))

    with pytest.raises(EventNotCurated) as refused:
        judge_directly(story.ledger, epoch_id, annas(at=day(0)).id)

    assert refused.value.epoch_id == epoch_id
    assert refused.value.event_id == annas(at=day(0)).id


def test_a_summary_counts_how_events_stand(story: LedgerStory) -> None:
    first = story.live_through(0, annas(1, at=day(0)))
    epoch_id = story.open(1)
    unknown = annas(2, at=day(0, week=1))
    excluded = annas(3, at=day(1, week=1))
    story.bind("bob", "2002")
    story.store(unknown, excluded, bobs(4, at=day(2, week=1)), bobs(5, at=day(3, week=0)))
    story.curate(epoch_id)
    story.judge(epoch_id, excluded, included=False)

    assert summary(story.ledger, epoch_id) == CurationSummary(events=4, included=3, unresolved=1, late=1)
    assert summary(story.ledger, first) == CurationSummary(events=1, included=1, unresolved=1, late=0)


FROZEN_WRITES: dict[str, Callable[[LedgerTransaction, EpochId], object]] = {
    "window events": lambda transaction, epoch_id: transaction.curation.add_window_events(
        transaction.epochs.get(epoch_id), at=RETRIEVED_AT
    ),
    "late events": lambda transaction, epoch_id: transaction.curation.add_late_events(
        transaction.epochs.get(epoch_id), at=RETRIEVED_AT
    ),
    "carried events": lambda transaction, epoch_id: transaction.curation.carry_resolved_events(
        transaction.epochs.get(epoch_id), at=RETRIEVED_AT
    ),
    "users": lambda transaction, epoch_id: transaction.curation.sync_users(
        transaction.epochs.get(epoch_id), at=RETRIEVED_AT
    ),
    "judgement": lambda transaction, epoch_id: transaction.curation.judge(
        epoch_id,
        bobs(2, at=day(0, week=1)).id,
        included=False,
        weight_override_milli=None,
        note=None,
        by="admin",
        at=RETRIEVED_AT,
    ),
}


@pytest.mark.parametrize("name", FROZEN_WRITES)
def test_a_closed_epoch_takes_no_curation(story: LedgerStory, name: str) -> None:
    """CURATION_FREEZE_ON_CLOSE: each of these writes has something to write, and is refused."""
    earlier = story.live_through(0, bobs(1, at=day(0)))  # to carry
    epoch_id = story.live_through(1, bobs(2, at=day(0, week=1)))  # to judge and to resolve
    story.bind("bob", "2002")
    story.store(bobs(3, at=day(1, week=1 if name == "window events" else 0)))  # of the window, else late
    before = (story.curated(earlier), story.curated(epoch_id))

    def attack() -> None:
        with story.ledger.begin() as transaction:
            transaction.epochs.lock(epoch_id)
            FROZEN_WRITES[name](transaction, epoch_id)

    with pytest.raises(EpochClosed):
        attack()

    assert (story.curated(earlier), story.curated(epoch_id)) == before
