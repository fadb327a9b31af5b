"""Connections: pages of them, and those within an item, read to their end and counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import frozen

from scheduler_worker.sources.github.client import Reading
from scheduler_worker.sources.github.fields import Fields
from scheduler_worker.sources.github.refusals import GithubNotFound

CHILDREN_A_PAGE: Final = 100
READ_AGAIN: Final = 2  # times, where the count moved while the pages were read
MAX_PAGES: Final = 100_000  # of one connection: no repository has ten million of anything


@frozen(kw_only=True)
class Page:
    """One page of a connection."""

    nodes: tuple[Fields, ...]
    total: int
    next: str | None  # where the next page begins, None at the end


@frozen(kw_only=True)
class Children:
    """All nodes of a connection within an item, and how many the server says there are."""

    nodes: tuple[Fields, ...]
    total: int


def read_page(connection: Fields, *, after: str | None) -> Page:
    """Return the page of a connection that was asked for with `after`.

    Raises: GithubAnswerUnreadable, also for a page that is followed by itself: that walk would not end.
    """
    info = connection.fields("pageInfo")
    following = info.text("endCursor") if info.flag("hasNextPage") else None
    if following is not None and following == after:
        raise info.unreadable("endCursor", "leads back to its own page")
    return Page(nodes=tuple(connection.each("nodes")), total=connection.whole("totalCount"), next=following)


def read_children(reading: Reading, item: Fields, follow: str, *, what: str) -> Children:
    """Return all of an item's children; further pages are asked for with the query `follow`.

    Holds:   a count that still differs after reading again is returned as it is: the certificate tells it.
    Raises:  GithubNotFound when the item vanished meanwhile; SourceUnavailable, GithubRefusals.
    """

    def ask(after: str | None) -> Page:
        data = reading.page(follow, most=CHILDREN_A_PAGE, what=what, parent=item.text("id"), after=after)
        found = data.find_fields("node")
        if found is None:
            raise GithubNotFound(what)
        return read_page(found.fields("children"), after=after)

    found = _to_the_end(read_page(item.fields("children"), after=None), ask)
    for _ in range(READ_AGAIN):
        if len(found.nodes) == found.total:
            break
        found = _to_the_end(ask(None), ask)
    return found


def _to_the_end(page: Page, ask: Callable[[str | None], Page]) -> Children:
    nodes = list(page.nodes)
    for _ in range(MAX_PAGES):
        if page.next is None:
            break
        page = ask(page.next)
        nodes.extend(page.nodes)
    return Children(nodes=tuple(nodes), total=page.total)
