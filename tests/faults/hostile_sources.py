"""Sources that do what sources do: tell twice, in another order, too little, too late, otherwise than before, or die.

Each disturbs the story's source, and leaves what it has to tell by the end of a week the same.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from ledger_core import ActivityEvent, ActivityPage, Ledger, SourceUnavailable, StreamRef
from scheduler_worker.messages import CollectReport
from tests.faults.books import Books, Toll, read_books, toll
from tests.faults.database_faults import play
from tests.faults.story import PagedSource, ScriptPage, Step, bind, collect, finalize, script

DELAYS: Final = tuple(timedelta(days=days) for days in range(1, 15))  # two weeks at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostility:
    """A source, and how many wrongs it does."""

    source: PagedSource
    faults: int


def repeating() -> Hostility:
    """Every page comes twice, and the whole past again with the second week."""
    told = script()
    twice = {stream: [page for page in pages for _ in range(2)] for stream, pages in told.items()}
    for stream, pages in told.items():
        again = [replace(page, since=pages[-1].since) for page in pages]
        twice[stream] += again
    return Hostility(source=PagedSource(twice), faults=sum(2 * len(pages) for pages in told.values()))


def reordering() -> Hostility:
    """Within a week the pages come in reverse, and so do the events of each."""
    turned: dict[StreamRef, list[ScriptPage]] = {}
    for stream, pages in script().items():
        weeks = sorted({page.since for page in pages})
        turned[stream] = [
            ScriptPage(events=page.events[::-1], since=week)
            for week in weeks
            for page in reversed([page for page in pages if page.since == week])
        ]
    return Hostility(source=PagedSource(turned), faults=sum(map(len, turned.values())))


def changing() -> Hostility:
    """Every event comes again with another payload under its id: another type, another account, another day."""
    told = script()
    changed = {
        stream: [page for original in pages for page in (original, _changed(original))]
        for stream, pages in told.items()
    }
    events = sum(len(page.events) for pages in told.values() for page in pages)
    return Hostility(source=PagedSource(changed), faults=events)


def _changed(page: ScriptPage) -> ScriptPage:
    def otherwise(event: ActivityEvent) -> ActivityEvent:
        return replace(
            event,
            event_type="pr_merged" if event.event_type == "issue_closed" else "issue_closed",
            platform_user_id="2002" if event.platform_user_id == "1001" else "1001",
            event_time=event.event_time + timedelta(days=1),
            metadata={"edited": True},
        )

    return ScriptPage(events=tuple(map(otherwise, page.events)), since=page.since)


def dying() -> Hostility:
    """It dies before each page and after the last, each time once, and is tried again."""
    died: set[tuple[StreamRef, int]] = set()

    def die(stream: StreamRef, page: int) -> None:
        if (stream, page) not in died:
            died.add((stream, page))
            raise SourceUnavailable("github", "it died in mid-page", retry_after_seconds=1)

    told = script()
    return Hostility(
        source=PagedSource(told, before_page=die), faults=sum(len(pages) + 1 for pages in told.values())
    )


class _Truncating(PagedSource):
    """Breaks off after each page."""

    def pages(self, stream: StreamRef, cursor: str | None, *, until: datetime) -> Iterator[ActivityPage]:
        pages = super().pages(stream, cursor, until=until)
        page = next(pages, None)
        if page is not None:
            yield page
            raise SourceUnavailable("github", "the answer was cut short", retry_after_seconds=1)


def truncating() -> Hostility:
    """Each answer is cut short after one page."""
    told = script()
    return Hostility(source=_Truncating(told), faults=sum(map(len, told.values())))


HOSTILE_SOURCES: Final[dict[str, Callable[[], Hostility]]] = {
    "tells twice": repeating,
    "tells in another order": reordering,
    "tells otherwise than before": changing,
    "dies in mid-page": dying,
    "is cut short": truncating,
}


def hostile_source(make: Callable[[], Hostility], ledger: Ledger, calm: Books) -> Toll:
    """Play the story with a hostile source: the same events, once each, and the same bytes."""
    hostility = make()
    play(ledger, source=hostility.source)
    return toll(calm, read_books(ledger), faults=hostility.faults)


def late_source(make_ledger: Callable[[], Ledger], delays: Sequence[timedelta]) -> Toll:
    """Live four weeks with a source that tells everything later: each event counts once all the same, and for as much."""
    calm = _weeks(make_ledger(), timedelta())
    cost = Toll()
    for delay in delays:
        books = _weeks(make_ledger(), delay)
        lost = sum(event_id not in books.paid for event_id in calm.paid) + books.waiting
        doubled = sum(len(payments) > 1 for payments in books.paid.values())
        events = sum(len(page.events) for pages in script().values() for page in pages)
        cost += Toll(faults=events, lost=lost, doubled=doubled, findings=len(books.findings))
    return cost


def _weeks(ledger: Ledger, delay: timedelta) -> Books:
    told = {
        stream: [replace(page, since=page.since + delay) for page in pages]
        for stream, pages in script().items()
    }
    play(ledger, source=PagedSource(told), story=_tell_weeks())
    return read_books(ledger)


def _tell_weeks() -> Generator[Step, Any, None]:
    yield bind(("ann", "1001"), ("bob", "2002"), ("cid", "3003"), ("dot", "4004"))
    for week in range(4):
        report: CollectReport = yield collect(week)
        assert report.epoch_id is not None
        yield finalize(report.epoch_id)
