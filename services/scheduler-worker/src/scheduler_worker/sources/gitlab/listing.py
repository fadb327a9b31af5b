"""Listing what GitLab pages by number, so that nothing is passed over while things move.

A page by number is a place in an order that changes: what leaves it moves the rest up, past the reader, and things of
one instant have no order at all. So no more than one page is ever believed. What has more is listed until two
listings agree, and name nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from ledger_core.errors import SourceUnavailable
from scheduler_worker.sources.gitlab.client import NAME, Reading
from scheduler_worker.sources.gitlab.fields import Fields, objects
from scheduler_worker.sources.gitlab.refusals import GitlabAnswerUnreadable, GitlabTooManyAtOnce

MOST_LISTINGS: Final = 10
MOST_LISTED: Final = 50_000  # GitLab's own limit of an offset
MILLISECOND: Final = timedelta(milliseconds=1)  # how finely GitLab prints a time; it keeps it finer

ListPage = Callable[[int], tuple[list[Fields], bool]]
"""A page's number, from 1, in; its things, and whether more follow, out."""


def list_page(
    reading: Reading, path: str, query: Mapping[str, str], *, page: int, page_items: int, what: str
) -> tuple[list[Fields], bool]:
    """Return one page, and whether more follow: GitLab names the next one, or the page is full.

    Raises: SourceUnavailable; GitlabRefusals.
    """
    asked = {**query, "page": str(page), "per_page": str(page_items)}
    got = reading.get(path, asked, what=what)
    if got.moved_to is not None:
        raise GitlabAnswerUnreadable(what, "moved while it was read")
    items = objects(got.value, what)
    more = bool(got.headers.get("x-next-page")) or len(items) >= page_items
    if more and not items:
        raise GitlabAnswerUnreadable(what, "has a page of nothing before its last")
    return items, more


def list_steadily(
    reading: Reading, list_one: ListPage, *, goes_on: Callable[[Fields], bool], what: str
) -> list[Fields]:
    """Return all things of a listing's beginning that `goes_on` holds for, each once.

    Holds:  where it took more than a page, two listings in a row had the same things and each of them once; what
            leaves or comes in between makes them differ.
    Raises: GitlabTooManyAtOnce; SourceUnavailable where they never agree; GitlabRefusals.
    """
    before: set[int] | None = None
    for _ in range(MOST_LISTINGS):
        items, pages = _listing(list_one, goes_on, what)
        ids = {item.whole("id") for item in items}
        is_steady = len(ids) == len(items) and ids == before
        if pages == 1 or is_steady:
            return items
        if before is not None:
            reading.wait_a_moment("what it lists keeps moving")
        before = ids if len(ids) == len(items) else None
    raise SourceUnavailable(NAME, f"{what} was listed otherwise {MOST_LISTINGS} times")


def _listing(list_one: ListPage, goes_on: Callable[[Fields], bool], what: str) -> tuple[list[Fields], int]:
    found: list[Fields] = []
    page = 0
    more = True
    while more:
        page += 1
        items, more = list_one(page)
        taken = [item for item in items if goes_on(item)]
        found += taken
        more = more and len(taken) == len(items)
        if len(found) > MOST_LISTED:
            raise GitlabTooManyAtOnce(what, MOST_LISTED)
    return found, page


def time_text(instant: datetime) -> str:
    """Return a time as GitLab takes and prints it, to the millisecond below."""
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def whole_milliseconds(instant: datetime) -> datetime:
    """Return a time to the millisecond below."""
    return instant.replace(microsecond=instant.microsecond // 1_000 * 1_000)


def check_order(items: Sequence[Fields], *, after: datetime | None, what: str) -> None:
    """Refuse a page that is not in the order of updates, or has earlier ones than were asked for.

    Else its end would say nothing, and a walk could go round for ever.

    Raises: GitlabAnswerUnreadable.
    """
    times = [item.instant("updated_at") for item in items]
    if times != sorted(times):
        raise GitlabAnswerUnreadable(what, "is not in the order of updates")
    if times and after is not None and times[0] < whole_milliseconds(after):
        raise GitlabAnswerUnreadable(what, "begins before what was asked for")
