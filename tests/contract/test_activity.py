"""The port `ActivityStore`: events are inserted once and never change."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest

from ledger_core import ActivityEvent, EventId, Ledger
from ledger_core.ports.activity_store import StoredEvents
from ledger_core.testing import MONDAY, RETRIEVED_AT, make_event
from tests.contract.story import LedgerStory, annas, bobs, day


def find_event(ledger: Ledger, event_id: str) -> ActivityEvent | None:
    with ledger.read() as view:
        return view.activity.find(EventId(event_id))


def test_an_event_that_was_never_stored_is_not_found(ledger: Ledger) -> None:
    assert find_event(ledger, "github:pr:acme/widgets:1") is None


@pytest.mark.parametrize(
    "event",
    [
        make_event(),
        make_event(account=None, login=None),
        make_event(at=MONDAY + timedelta(microseconds=1)),
        make_event(event_id="git:commit:depot/naïve-\U0001f600:abc"),
        make_event(
            metadata={"z": [1, None, True, {"deep": []}], "a": "\U0001f600 \\ \" '", "": -(2**53 - 1)}
        ),
    ],
    ids=["plain", "without account", "microsecond", "wide id", "metadata"],
)
def test_an_event_is_found_as_it_was_stored(story: LedgerStory, event: ActivityEvent) -> None:
    """PROVENANCE_REQUIRED: producer, version, hash and retrieval time come back too."""
    story.store(event)

    found = find_event(story.ledger, event.id)
    assert found == event
    assert found.payload_hash == event.payload_hash
    assert found.metadata_json == event.metadata_json


def test_an_event_without_a_link_is_found_as_it_was_stored(story: LedgerStory) -> None:
    event = ActivityEvent(
        id=EventId("depot:change:1"),
        source="depot",
        event_type="change",
        platform_user_id="x",
        platform_login=None,
        artifact_url=None,
        event_time=MONDAY,
        metadata={},
        producer="depot-adapter",
        producer_version="0",
        retrieved_at=RETRIEVED_AT,
    )
    story.store(event)

    assert find_event(story.ledger, event.id) == event


def test_a_page_of_new_events_is_inserted(story: LedgerStory) -> None:
    stored = story.store(annas(1, at=day(0)), bobs(2, at=day(1)))

    assert stored == StoredEvents(inserted=2, duplicates=0, conflicts=0)


def test_an_empty_page_stores_nothing(story: LedgerStory) -> None:
    assert story.store() == StoredEvents(inserted=0, duplicates=0, conflicts=0)


def test_an_event_seen_again_is_a_duplicate(story: LedgerStory) -> None:
    """ACTIVITY_IDEMPOTENT: the same fact again changes nothing."""
    first = make_event()
    story.store(first)

    stored = story.store(make_event(retrieved_at=RETRIEVED_AT + timedelta(days=1)), make_event(2))

    assert stored == StoredEvents(inserted=1, duplicates=1, conflicts=0)
    found = find_event(story.ledger, first.id)
    assert found is not None
    assert found.retrieved_at == RETRIEVED_AT


def test_an_event_that_changed_at_its_source_is_counted_and_the_first_is_kept(story: LedgerStory) -> None:
    """ACTIVITY_IDEMPOTENT, ACTIVITY_APPEND_ONLY: a conflict is never silently dropped, nor an update."""
    first = make_event(metadata={"title": "one"})
    story.store(first)

    stored = story.store(make_event(metadata={"title": "two"}))

    assert stored == StoredEvents(inserted=0, duplicates=0, conflicts=1)
    assert find_event(story.ledger, first.id) == first


def test_within_a_page_the_first_of_an_id_wins(story: LedgerStory) -> None:
    """ACTIVITY_IDEMPOTENT: repeats within a page count as they do between pages."""
    first = make_event(metadata={"title": "one"})
    other = make_event(metadata={"title": "two"})

    stored = story.store(first, other, first, make_event(metadata={"title": "one"}))

    assert stored == StoredEvents(inserted=1, duplicates=2, conflicts=1)
    assert find_event(story.ledger, first.id) == first


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_what_is_known_is_told_wherever_it_stands_in_the_page(
    story: LedgerStory, order: tuple[int, ...]
) -> None:
    """ACTIVITY_IDEMPOTENT: new, known, changed since it was stored, and changed within the page."""
    story.store(annas(1, at=day(0)), annas(2, at=day(1)))
    page = (
        annas(1, at=day(0)),
        annas(2, at=day(2)),
        annas(3, at=day(3)),
        annas(3, at=day(4)),
    )

    stored = story.store(*(page[position] for position in order))

    assert stored == StoredEvents(inserted=1, duplicates=1, conflicts=2)


@pytest.mark.parametrize("position", [0, 1, 7, 50, 98, 99])
@pytest.mark.parametrize("is_conflict", [False, True], ids=["known", "another"])
def test_one_known_event_in_a_large_page_is_told_wherever_it_stands(
    story: LedgerStory, position: int, *, is_conflict: bool
) -> None:
    """ACTIVITY_IDEMPOTENT: whether or not it is among those by which a page is taken for new."""
    page = [make_event(number) for number in range(100, 200)]
    first = make_event(100 + position, metadata={"title": "first"}) if is_conflict else page[position]
    story.store(first)

    stored = story.store(*page)

    assert stored == StoredEvents(inserted=99, duplicates=1 - is_conflict, conflicts=int(is_conflict))
    assert find_event(story.ledger, first.id) == first
    assert all(find_event(story.ledger, event.id) for event in page)


def test_a_repeat_of_a_conflict_is_a_conflict_again(story: LedgerStory) -> None:
    """ACTIVITY_IDEMPOTENT: what counts is the kept event, not the last seen."""
    story.store(make_event(metadata={"title": "one"}))
    other = make_event(metadata={"title": "two"})

    stored = story.store(other, other)

    assert stored == StoredEvents(inserted=0, duplicates=0, conflicts=2)


def test_a_large_page_is_stored_whole_and_is_all_duplicates_the_second_time(story: LedgerStory) -> None:
    """ACTIVITY_IDEMPOTENT: a page of 1500 events."""
    page = [make_event(number) for number in range(1500)]

    first = story.store(*page)
    second = story.store(*reversed(page))

    assert first == StoredEvents(inserted=1500, duplicates=0, conflicts=0)
    assert second == StoredEvents(inserted=0, duplicates=1500, conflicts=0)


def test_events_wait_until_an_epoch_curates_them(story: LedgerStory) -> None:
    epoch_id = story.open(0)
    story.store(annas(1, at=day(0)), bobs(2, at=day(6)), annas(3, at=day(0, week=1)))
    with story.ledger.read() as view:
        before = view.activity.count_waiting()
    story.curate(epoch_id)

    with story.ledger.read() as view:
        after = view.activity.count_waiting()
    assert (before, after) == (3, 1)


def test_an_excluded_event_does_not_wait(story: LedgerStory) -> None:
    epoch_id = story.open(0)
    event = annas(1, at=day(0))
    story.store(event)
    story.curate(epoch_id)
    story.judge(epoch_id, event, included=False)

    with story.ledger.read() as view:
        assert view.activity.count_waiting() == 0
