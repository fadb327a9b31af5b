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
)
from ledger_core.domain.curation import CurationCounts, CurationSummary
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


def refresh(ledger: Ledger, epoch_id: EpochId) -> CurationCounts:
    with ledger.begin() as transaction:
        return transaction.curation.refresh(transaction.epochs.lock(epoch_id), at=RETRIEVED_AT)


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

    added = refresh(story.ledger, epoch_id)

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
    assert added == CurationCounts(added=1)
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

    added = refresh(story.ledger, epoch_id)

    assert added == CurationCounts(added=2)
    assert list(story.curated(epoch_id)) == [annas(1, at=day(0)).id, annas(2, at=day(0)).id]


def test_an_event_is_added_to_its_window_once(story: LedgerStory) -> None:
    epoch_id = story.open()
    story.store(annas(1, at=day(0)))
    first = refresh(story.ledger, epoch_id)
    story.store(annas(2, at=day(0)))

    second = refresh(story.ledger, epoch_id)

    assert (first, second) == (CurationCounts(added=1), CurationCounts(added=1))


def test_an_event_of_the_open_window_is_no_late_event(story: LedgerStory) -> None:
    """Of the events that no epoch holds, those of an open epoch's window are its own, never late."""
    first = story.live_through(0)
    epoch_id = story.open(1)
    late, current = annas(1, at=day(0)), annas(2, at=day(0, week=1))
    story.store(late, current, annas(3, at=day(0, week=2)))

    counts = refresh(story.ledger, epoch_id)

    assert counts == CurationCounts(added=1, added_late=1)
    assert {event.event_id: event.late_from_epoch_id for event in story.curated(epoch_id).values()} == {
        late.id: first,
        current.id: None,
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


REASONS_TO_WRITE: dict[str, Callable[[LedgerStory], object]] = {
    "window events": lambda story: story.store(bobs(3, at=day(1, week=1))),
    "late events": lambda story: story.store(bobs(3, at=day(1))),
    "carried events": lambda story: story.bind("bob", "2002"),
    "users": lambda story: story.bind("ann", "1001"),
}


@pytest.mark.parametrize("reason", REASONS_TO_WRITE)
def test_a_closed_epoch_takes_no_curation(story: LedgerStory, reason: str) -> None:
    """CURATION_FREEZE_ON_CLOSE: whatever there is to write, and nothing else, is refused."""
    earlier = story.live_through(0, bobs(1, at=day(0)))  # to carry
    epoch_id = story.live_through(1, annas(2, at=day(0, week=1)))  # to resolve
    before = (story.curated(earlier), story.curated(epoch_id))
    REASONS_TO_WRITE[reason](story)

    with pytest.raises(EpochClosed):
        refresh(story.ledger, epoch_id)

    assert (story.curated(earlier), story.curated(epoch_id)) == before


def test_a_closed_epoch_takes_no_judgement(story: LedgerStory) -> None:
    """CURATION_FREEZE_ON_CLOSE: what counted when it closed counts for ever."""
    event = annas(at=day(0))
    epoch_id = story.live_through(0, event)
    before = story.curated(epoch_id)

    with pytest.raises(EpochClosed):
        judge_directly(story.ledger, epoch_id, event.id)

    assert story.curated(epoch_id) == before
