"""Late work: nobody loses credit in silence, nobody is paid twice, and what an admin excluded stays out."""

from __future__ import annotations

from datetime import timedelta

from ledger_core import EventId, LedgerView
from ledger_core.domain.curation import CurationCounts
from ledger_core.ports.curation_store import CuratedActivity
from ledger_core.testing import make_event, make_window
from tests.contract.story import CONTEXT, LedgerStory, annas, bobs, day


def activity_of(view: LedgerView, story_epoch: int, event_id: EventId) -> CuratedActivity:
    epoch = next(epoch for epoch in view.epochs.list_latest(limit=100) if epoch.id == story_epoch)
    return next(found for found in view.curation.ordered_activity(epoch.id) if found.event.id == event_id)


def test_an_event_that_comes_after_its_epoch_closed_lands_once_in_the_next(story: LedgerStory) -> None:
    """EVENT_PAID_ONCE: in the next open epoch, marked with the window that it comes from."""
    story.bind("ann", "1001")
    first = story.live_through(0)
    late = annas(1, at=day(3))
    story.store(late)
    second = story.open(1)

    counts = story.curate(second)
    again = story.curate(second)
    story.close(second)
    third = story.open(2)
    after = story.curate(third)

    assert counts == CurationCounts(added_late=1)
    assert again == after == CurationCounts()
    assert story.curated(second)[late.id].late_from_epoch_id == first
    assert story.curated(first) == story.curated(third) == {}
    assert story.paid(second) == {"ann": 1000}


def test_an_event_of_the_open_window_is_not_late(story: LedgerStory) -> None:
    story.live_through(0)
    second = story.open(1)
    story.store(annas(1, at=day(3, week=1)))

    counts = story.curate(second)

    assert counts == CurationCounts(added=1)
    assert [event.late_from_epoch_id for event in story.curated(second).values()] == [None]


def test_late_events_know_each_its_own_epoch(story: LedgerStory) -> None:
    first, second = story.live_through(0), story.live_through(1)
    story.store(annas(1, at=day(0)), annas(2, at=day(0, week=1)))
    third = story.open(2)

    story.curate(third)

    assert [event.late_from_epoch_id for event in story.curated(third).values()] == [first, second]


def test_an_event_that_no_window_covers_waits_until_one_does(story: LedgerStory) -> None:
    story.live_through(0)
    skipped = annas(1, at=day(3, week=1))
    story.store(skipped)
    third = story.open(2)
    before = story.curate(third)
    story.close(third)
    second = story.open(1)

    after = story.curate(second)

    assert before == CurationCounts()
    assert after == CurationCounts(added=1)
    assert list(story.curated(second)) == [skipped.id]


def test_an_event_on_a_boundary_lies_in_exactly_one_window(story: LedgerStory) -> None:
    """EVENT_PAID_ONCE: the end of a window is the start of the next, and belongs to it."""
    boundary = make_window(1).period_start
    before, at = annas(1, at=boundary - timedelta(microseconds=1)), annas(2, at=boundary)
    first = story.live_through(0, before, at)
    second = story.live_through(1)

    assert list(story.curated(first)) == [before.id]
    assert list(story.curated(second)) == [at.id]


def test_a_late_event_on_a_boundary_is_late_from_the_window_that_begins_there(story: LedgerStory) -> None:
    story.live_through(0)
    second = story.live_through(1)
    boundary = annas(1, at=make_window(1).period_start)
    story.store(boundary)
    third = story.open(2)

    story.curate(third)

    assert story.curated(third)[boundary.id].late_from_epoch_id == second


def test_an_event_that_closed_unresolved_is_paid_once_its_account_is_known(story: LedgerStory) -> None:
    """IDENTITY_BEST_EFFORT, EVENT_PAID_ONCE: carried into the next open epoch, once."""
    event = annas(1, at=day(3))
    first = story.live_through(0, event)
    story.bind("ann", "1001")
    second = story.open(1)

    counts = story.curate(second)
    again = story.curate(second)
    story.close(second)
    third = story.open(2)
    after = story.curate(third)

    assert counts == CurationCounts(carried=1)
    assert again == after == CurationCounts()
    assert story.curated(second)[event.id].late_from_epoch_id == first
    assert story.users(second) == ["ann"]
    assert story.users(first) == [None]
    assert (story.paid(first), story.paid(second)) == ({}, {"ann": 1000})


def test_a_carried_event_is_marked_with_the_window_it_lies_in(story: LedgerStory) -> None:
    """Whatever other epochs there are, before and after."""
    story.live_through(0)
    event = annas(1, at=day(3, week=1))
    second = story.live_through(1, event)
    story.live_through(2)
    story.bind("ann", "1001")
    fourth = story.open(3)

    story.curate(fourth)

    assert story.curated(fourth)[event.id].late_from_epoch_id == second


def test_an_event_of_nobody_yet_is_not_carried(story: LedgerStory) -> None:
    story.live_through(0, annas(1, at=day(3)))
    second = story.open(1)

    assert story.curate(second) == CurationCounts()


def test_an_account_bound_while_the_next_epoch_is_open_is_carried_into_it(story: LedgerStory) -> None:
    event = annas(1, at=day(3))
    story.live_through(0, event)
    second = story.open(1)
    story.curate(second)
    story.bind("ann", "1001")

    assert story.curate(second) == CurationCounts(carried=1)


def test_an_event_left_unresolved_by_two_epochs_is_carried_at_last_once(story: LedgerStory) -> None:
    """EVENT_PAID_ONCE: it is carried from the window that it lies in, however long it waited."""
    event = annas(1, at=day(3))
    first = story.live_through(0, event)
    story.live_through(1)
    story.bind("ann", "1001")
    third = story.open(2)

    counts = story.curate(third)

    assert counts == CurationCounts(carried=1)
    assert story.curated(third)[event.id].late_from_epoch_id == first


def test_an_event_that_was_carried_and_lost_its_owner_is_carried_again(story: LedgerStory) -> None:
    """EVENT_PAID_ONCE: two carries in a row, one payment; both epochs that nobody was paid by show it."""
    event = annas(1, at=day(3))
    first = story.live_through(0, event)
    story.bind("ann", "1001")
    second = story.open(1)
    story.curate(second)
    story.unbind("1001")
    story.curate(second)
    story.close(second)
    story.bind("bob", "1001")
    third = story.open(2)

    counts = story.curate(third)
    story.close(third)

    assert counts == CurationCounts(carried=1)
    assert story.users(first) == story.users(second) == [None]
    assert story.curated(third)[event.id].late_from_epoch_id == first
    assert (story.paid(second), story.paid(third)) == ({}, {"bob": 1000})


def test_a_late_event_that_closed_unresolved_is_carried_from_its_own_window(story: LedgerStory) -> None:
    first = story.live_through(0)
    event = annas(1, at=day(3))
    second = story.live_through(1, event)
    story.bind("ann", "1001")
    third = story.open(2)

    counts = story.curate(third)

    assert story.curated(second)[event.id].late_from_epoch_id == first
    assert counts == CurationCounts(carried=1)
    assert story.curated(third)[event.id].late_from_epoch_id == first


def test_a_resolved_event_stays_with_whom_it_was_paid_to(story: LedgerStory) -> None:
    """EVENT_PAID_ONCE, EPOCH_CLOSED_FOREVER: an account that changes hands takes no old credit along."""
    story.bind("ann", "1001")
    first = story.live_through(0, annas(1, at=day(3)))
    story.unbind("1001")
    story.bind("bob", "1001")
    second = story.open(1)

    counts = story.curate(second)

    assert counts == CurationCounts()
    assert story.users(first) == ["ann"]


def test_an_excluded_event_stays_excluded(story: LedgerStory) -> None:
    story.bind("ann", "1001")
    first = story.open(0)
    event = annas(1, at=day(3))
    story.store(event)
    story.curate(first)
    story.judge(first, event, included=False)
    story.close(first)
    second = story.open(1)

    assert story.curate(second) == CurationCounts()
    assert story.paid(first) == {}


def test_an_event_excluded_while_unresolved_stays_excluded(story: LedgerStory) -> None:
    first = story.open(0)
    event = annas(1, at=day(3))
    story.store(event)
    story.curate(first)
    story.judge(first, event, included=False)
    story.close(first)
    story.bind("ann", "1001")
    second = story.open(1)

    assert story.curate(second) == CurationCounts()


def test_an_event_excluded_where_it_was_carried_to_stays_excluded(story: LedgerStory) -> None:
    event = annas(1, at=day(3))
    story.live_through(0, event)
    story.bind("ann", "1001")
    second = story.open(1)
    story.curate(second)
    story.judge(second, event, included=False)
    again = story.curate(second)
    story.close(second)
    third = story.open(2)

    assert again == CurationCounts()
    assert story.curate(third) == CurationCounts()
    assert story.paid(second) == {}


def test_an_event_excluded_where_it_was_carried_to_and_lost_its_owner_stays_excluded(
    story: LedgerStory,
) -> None:
    """No row of it has a user any more: the exclusion alone keeps it out."""
    event = annas(1, at=day(3))
    story.live_through(0, event)
    story.bind("ann", "1001")
    second = story.open(1)
    story.curate(second)
    story.unbind("1001")
    story.curate(second)
    story.judge(second, event, included=False)
    story.close(second)
    story.bind("bob", "1001")
    third = story.open(2)

    counts = story.curate(third)

    assert story.users(second) == [None]
    assert counts == CurationCounts()
    assert story.curated(third) == {}


def test_the_weight_and_the_note_of_an_unresolved_event_are_carried(story: LedgerStory) -> None:
    first = story.open(0)
    event = annas(1, at=day(3))
    story.store(event)
    story.curate(first)
    story.judge(first, event, weight=500)
    story.close(first)
    story.bind("ann", "1001")
    second = story.open(1)
    story.curate(second)
    story.propose(second)

    with story.ledger.read() as view:
        before, after = activity_of(view, first, event.id), activity_of(view, second, event.id)
    assert after.curation.weight_override_milli == 500
    assert after.note == before.note
    assert after.note is not None
    assert (after.judged_by, after.judged_at) == (before.judged_by, before.judged_at)
    assert after.judged_by == CONTEXT.actor
    assert story.units(second) == {"ann": 500}


def test_of_two_judgements_of_an_unresolved_event_the_newer_is_carried(story: LedgerStory) -> None:
    """The newer is the one of the epoch that closed last, though its window is the earlier one."""
    event = annas(1, at=day(3, week=1))
    late_window = story.open(1)
    story.store(event)
    story.curate(late_window)
    story.judge(late_window, event, weight=500)
    story.close(late_window)
    story.bind("ann", "1001")
    early_window = story.open(0)
    story.curate(early_window)
    story.judge(early_window, event, weight=700)
    story.unbind("1001")
    story.curate(early_window)
    story.close(early_window)
    story.bind("ann", "1001")
    third = story.open(2)

    counts = story.curate(third)

    carried = story.curated(third)[event.id]
    assert counts == CurationCounts(carried=1)
    assert carried.weight_override_milli == 700
    assert carried.late_from_epoch_id == late_window


def test_late_waiting_and_carried_work_come_together(story: LedgerStory) -> None:
    """EVENT_PAID_ONCE: all three ways into an epoch at once, and no event by two of them."""
    unresolved = annas(1, at=day(3))
    first = story.live_through(0, unresolved)
    story.bind("ann", "1001")
    late, current = annas(2, at=day(4)), annas(3, at=day(3, week=1))
    story.store(late, current, make_event(4, at=day(3, week=2), account="1001"))
    second = story.open(1)

    counts = story.curate(second)
    story.close(second)

    assert counts == CurationCounts(added=1, added_late=1, carried=1)
    marks = {event.event_id: event.late_from_epoch_id for event in story.curated(second).values()}
    assert marks == {unresolved.id: first, late.id: first, current.id: None}
    with story.ledger.read() as view:
        [allocation] = view.allocations.list_all(second)
        assert view.curation.summary(second).late == 2
    assert (allocation.proposed_units, allocation.activity_count) == (24_000, 3)


def test_many_unresolved_events_of_several_accounts_are_carried_by_account(story: LedgerStory) -> None:
    """IDENTITY_BEST_EFFORT: only the account that is known by now is carried, all of it."""
    events = [annas(number, at=day(1)) for number in range(5)]
    story.live_through(0, *events, *[bobs(number, at=day(2)) for number in range(10, 13)])
    story.bind("ann", "1001")
    second = story.open(1)

    counts = story.curate(second)

    assert counts == CurationCounts(carried=5)
    assert list(story.curated(second)) == [event.id for event in events]
