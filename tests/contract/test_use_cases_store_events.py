"""The use case `store_events`: what was asked for one by one is stored beside the readings, and moves no cursor."""

from __future__ import annotations

from ledger_core import Ledger
from ledger_core.ports.activity_store import StoredEvents
from ledger_core.testing import make_event, make_page
from ledger_core.use_cases.store_events import store_events
from ledger_core.use_cases.store_page import find_cursor, store_page
from tests.contract.story import PULLS


def payload_of(ledger: Ledger, number: int) -> str | None:
    with ledger.read() as view:
        found = view.activity.find(make_event(number).id)
        return None if found is None else found.payload_hash


def test_events_are_stored_once_and_the_first_form_stays(ledger: Ledger) -> None:
    """ACTIVITY_IDEMPOTENT: the same event again is a duplicate, another form of it a conflict."""
    first = store_events(ledger, [make_event(1), make_event(2)])
    again = store_events(ledger, [make_event(2), make_event(1, login="bob"), make_event(3)])

    assert first == StoredEvents(inserted=2, duplicates=0, conflicts=0)
    assert again == StoredEvents(inserted=1, duplicates=1, conflicts=1)
    assert payload_of(ledger, 1) == make_event(1).payload_hash


def test_no_event_is_nothing(ledger: Ledger) -> None:
    assert store_events(ledger, []) == StoredEvents(inserted=0, duplicates=0, conflicts=0)


def test_no_cursor_moves_so_a_reading_goes_on_from_where_it_stood(ledger: Ledger) -> None:
    """CURSOR_STATE_PERSISTED: the reading meets the event once more, as a duplicate, and passes over nothing."""
    store_page(ledger, PULLS, make_page(make_event(1), cursor="c1"), expected_cursor=None)
    store_events(ledger, [make_event(2)])

    before = find_cursor(ledger, PULLS)
    page = make_page(make_event(2), make_event(3), cursor="c2")
    stored = store_page(ledger, PULLS, page, expected_cursor="c1")

    assert before == "c1"
    assert stored == StoredEvents(inserted=1, duplicates=1, conflicts=0)
    assert find_cursor(ledger, PULLS) == "c2"


def test_what_was_named_first_is_read_later_as_a_duplicate(ledger: Ledger) -> None:
    store_events(ledger, [make_event(1)])

    stored = store_page(ledger, PULLS, make_page(make_event(1), cursor="c1"), expected_cursor=None)

    assert stored == StoredEvents(inserted=0, duplicates=1, conflicts=0)
