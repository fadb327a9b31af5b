"""The port `CursorStore`: a cursor moves only from where its mover saw it."""

from __future__ import annotations

import pytest

from ledger_core import CursorMoved, Ledger, StreamRef
from ledger_core.testing import RETRIEVED_AT
from tests.contract.story import PULLS

NEIGHBOURS = [
    StreamRef(source="github", source_ref="acme/widgets", stream="issues"),
    StreamRef(source="github", source_ref="acme/gadgets", stream="pull_requests"),
    StreamRef(source="git", source_ref="acme/widgets", stream="pull_requests"),
]


def advance(ledger: Ledger, *, expected: str | None, cursor: str, stream: StreamRef = PULLS) -> None:
    with ledger.begin() as transaction:
        transaction.cursors.advance(stream, expected=expected, cursor=cursor, retrieved_at=RETRIEVED_AT)


def find_cursor(ledger: Ledger, stream: StreamRef = PULLS) -> str | None:
    with ledger.read() as view:
        return view.cursors.find(stream)


def test_a_stream_begins_without_a_cursor(ledger: Ledger) -> None:
    assert find_cursor(ledger) is None


def test_a_cursor_moves_from_where_it_stands(ledger: Ledger) -> None:
    advance(ledger, expected=None, cursor="one")
    first = find_cursor(ledger)
    advance(ledger, expected="one", cursor='{"page": "two", "\U0001f600": 1}')

    assert first == "one"
    assert find_cursor(ledger) == '{"page": "two", "\U0001f600": 1}'


def test_a_cursor_may_be_confirmed_where_it_stands(ledger: Ledger) -> None:
    advance(ledger, expected=None, cursor="one")
    advance(ledger, expected="one", cursor="one")

    assert find_cursor(ledger) == "one"


@pytest.mark.parametrize("expected", [None, "zero", "One", ""])
def test_a_cursor_that_stands_elsewhere_is_not_moved(ledger: Ledger, expected: str | None) -> None:
    """CURSOR_STATE_PERSISTED: whoever saw another cursor starts again."""
    advance(ledger, expected=None, cursor="one")

    with pytest.raises(CursorMoved) as refused:
        advance(ledger, expected=expected, cursor="two")

    assert refused.value.stream == str(PULLS)
    assert find_cursor(ledger) == "one"


def test_a_cursor_that_does_not_exist_is_not_moved_on(ledger: Ledger) -> None:
    """CURSOR_STATE_PERSISTED: a cursor seen before, and gone, is no cursor to move from."""
    with pytest.raises(CursorMoved):
        advance(ledger, expected="one", cursor="two")

    assert find_cursor(ledger) is None


@pytest.mark.parametrize("other", NEIGHBOURS, ids=str)
def test_each_stream_has_its_own_cursor(ledger: Ledger, other: StreamRef) -> None:
    advance(ledger, expected=None, cursor="one")

    advance(ledger, expected=None, cursor="other", stream=other)

    assert (find_cursor(ledger), find_cursor(ledger, other)) == ("one", "other")
