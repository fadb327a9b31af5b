"""The use cases `store_page` and `find_cursor`: a page and its cursor are kept together or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from ledger_core import ActivityEvent, CursorMoved, Ledger, SourceUnavailable
from ledger_core.ports.activity_store import StoredEvents
from ledger_core.testing import RETRIEVED_AT, ScriptedSource, make_event, make_page
from ledger_core.use_cases.store_page import find_cursor, store_page
from tests.contract.story import PULLS


class Interrupted(Exception):
    """The connection broke."""


class BreaksOff:
    """A ledger that lives until the cursor has moved, and takes no event any more."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @contextmanager
    def begin(self) -> Iterator[Any]:
        with self._ledger.begin() as transaction:
            yield SimpleNamespace(cursors=transaction.cursors, activity=self)

    def store(self, _events: Sequence[ActivityEvent]) -> StoredEvents:
        raise Interrupted


def is_stored(ledger: Ledger, number: int) -> bool:
    with ledger.read() as view:
        return view.activity.find(make_event(number).id) is not None


def collect(ledger: Ledger, source: ScriptedSource) -> None:
    """Collect a stream as a worker does: page by page from where the cursor stands."""
    cursor = find_cursor(ledger, PULLS)
    for page in source.pages(PULLS, cursor, until=RETRIEVED_AT):
        store_page(ledger, PULLS, page, expected_cursor=cursor)
        cursor = page.cursor


def test_a_page_is_stored_and_the_cursor_stands_after_it(ledger: Ledger) -> None:
    """CURSOR_STATE_PERSISTED: both in one transaction."""
    before = find_cursor(ledger, PULLS)

    stored = store_page(
        ledger, PULLS, make_page(make_event(1), make_event(2), cursor="c1"), expected_cursor=None
    )

    assert before is None
    assert stored == StoredEvents(inserted=2, duplicates=0, conflicts=0)
    assert find_cursor(ledger, PULLS) == "c1"
    assert is_stored(ledger, 2)


def test_what_breaks_off_between_cursor_and_events_has_moved_neither(ledger: Ledger) -> None:
    """CURSOR_STATE_PERSISTED: the cursor never stands past events that are not stored."""
    breaks_off: Any = BreaksOff(ledger)
    page = make_page(make_event(1), cursor="c1")

    with pytest.raises(Interrupted):
        store_page(breaks_off, PULLS, page, expected_cursor=None)

    assert find_cursor(ledger, PULLS) is None
    assert store_page(ledger, PULLS, page, expected_cursor=None).inserted == 1


def test_an_empty_page_moves_the_cursor(ledger: Ledger) -> None:
    stored = store_page(ledger, PULLS, make_page(cursor="c1"), expected_cursor=None)

    assert stored == StoredEvents(inserted=0, duplicates=0, conflicts=0)
    assert find_cursor(ledger, PULLS) == "c1"


def test_a_page_counts_its_duplicates_and_conflicts(ledger: Ledger) -> None:
    """ACTIVITY_IDEMPOTENT: a conflict does not stop a page."""
    store_page(ledger, PULLS, make_page(make_event(1), make_event(2), cursor="c1"), expected_cursor=None)
    page = make_page(make_event(1), make_event(2, login="bob"), make_event(3), cursor="c2")

    stored = store_page(ledger, PULLS, page, expected_cursor="c1")

    assert stored == StoredEvents(inserted=1, duplicates=1, conflicts=1)
    assert find_cursor(ledger, PULLS) == "c2"


def test_a_page_from_where_the_cursor_no_longer_stands_is_not_stored(ledger: Ledger) -> None:
    """CURSOR_STATE_PERSISTED: of a refused page nothing is written."""
    store_page(ledger, PULLS, make_page(cursor="c1"), expected_cursor=None)

    with pytest.raises(CursorMoved):
        store_page(ledger, PULLS, make_page(make_event(1), cursor="c2"), expected_cursor=None)

    assert find_cursor(ledger, PULLS) == "c1"
    assert not is_stored(ledger, 1)


def test_a_collection_that_breaks_off_goes_on_where_it_stopped(ledger: Ledger) -> None:
    """CURSOR_STATE_PERSISTED: no page is missed and none is asked for twice."""
    pages = [make_page(make_event(number), cursor=f"c{number}") for number in range(3)]
    source = ScriptedSource({PULLS: pages})
    source.fail(PULLS, page=1, error=SourceUnavailable("github", "it sleeps"))

    with pytest.raises(SourceUnavailable):
        collect(ledger, source)
    broken_off = (find_cursor(ledger, PULLS), is_stored(ledger, 1))
    collect(ledger, source)

    assert broken_off == ("c0", False)
    assert find_cursor(ledger, PULLS) == "c2"
    assert [is_stored(ledger, number) for number in range(4)] == [True, True, True, False]
    assert [call.cursor for call in source.calls] == [None, "c0"]
