"""Pages of a connection: what ends a walk, and what would never end it."""

from __future__ import annotations

import pytest

from scheduler_worker.sources.github.connections import read_page
from scheduler_worker.sources.github.fields import Fields
from scheduler_worker.sources.github.refusals import GithubAnswerUnreadable


def connection(cursor: str | None, *, more: bool) -> Fields:
    info = {"hasNextPage": more, "endCursor": cursor}
    return Fields({"totalCount": 7, "pageInfo": info, "nodes": []}, "items")


def test_a_page_says_which_follows_it() -> None:
    assert read_page(connection("b", more=True), after="a").next == "b"
    assert read_page(connection("a", more=False), after="a").next is None
    assert read_page(connection(None, more=False), after=None).next is None


def test_a_page_that_is_followed_by_itself_is_refused() -> None:
    with pytest.raises(GithubAnswerUnreadable, match="endCursor leads back to its own page"):
        read_page(connection("a", more=True), after="a")
