"""Reading items in the order of their last update, newest first, until nothing can have been missed.

An item that is touched while the walk is under way moves to the top, and may be passed by that. So the walk
goes again, from the top down to where the sweep before it began, until a sweep is one answer (which nothing can
move under) or lists exactly what the sweep before it did. What is above the watermark then is everything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from attrs import evolve, frozen

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.completeness import CompletenessCertificate
from ledger_core.domain.instant import instant_text, parse_instant
from ledger_core.errors import SourceUnavailable
from ledger_core.ports.activity_source import ActivityPage
from scheduler_worker.sources.github.certificates import certify
from scheduler_worker.sources.github.client import NAME, Reading
from scheduler_worker.sources.github.connections import Page, read_page
from scheduler_worker.sources.github.cursors import Counts, Walk, WalkCursor, cursor_text
from scheduler_worker.sources.github.event_maker import EventMaker, Tally
from scheduler_worker.sources.github.fields import Fields
from scheduler_worker.sources.github.item_events import ItemEvents
from scheduler_worker.sources.github.item_streams import ItemStream
from scheduler_worker.sources.github.refusals import (
    GithubCountDiffers,
    GithubNotFound,
    GithubPageCursorRefused,
)
from scheduler_worker.sources.github.repository import RepositoryFacts, found_node

OVERLAP: Final = timedelta(minutes=10)  # below the watermark: replicas of a large site lag by seconds
SECOND: Final = timedelta(seconds=1)  # how finely GitHub tells times
MAX_SWEEPS: Final = (
    100  # each is shorter than the one before, unless pages are touched as fast as they are read
)
MAX_PAGE_EVENTS: Final = 5_000  # items with many children are yielded in parts
VANISHED: Final = "vanished-while-read"


class _PageBeingRead:
    """What one page of items gave so far: events to yield, and counts that join the walk's at its end."""

    def __init__(self, *, retrieved_at: datetime) -> None:
        self.retrieved_at = retrieved_at
        self.events: list[ActivityEvent] = []
        self.seen: set[int] = set()
        self.late: dict[str, str] = {}
        self.changing: set[int] = set()
        self.changing_late: dict[str, str] = {}
        self.listed: set[int] = set()
        self.children_seen = 0
        self.children_total = 0
        self._yielded = Tally()
        self._tally = Tally()

    def add(self, made: ItemEvents) -> None:
        """Add what an item gave."""
        self.events += made.events
        self._tally.add(made.tally)
        self.children_seen += made.children_seen
        self.children_total += made.children_total

    def part(self, cursor: WalkCursor, certificate: CompletenessCertificate | None = None) -> ActivityPage:
        """Return what was not yielded yet."""
        page = ActivityPage(
            events=tuple(self.events),
            cursor=cursor_text(cursor),
            retrieved_at=self.retrieved_at,
            skipped=dict(self._tally.skipped),
            certificate=certificate,
        )
        self.events = []
        self._yielded.add(self._tally)
        self._tally = Tally()
        return page

    def joined(self, counts: Counts) -> Counts:
        """Return the walk's counts with this page's."""
        total = Tally(skipped=counts.skipped.copy(), actors=counts.actors.copy())
        total.add(self._yielded)
        total.add(self._tally)
        return evolve(
            counts,
            pages=counts.pages + 1,
            seen=counts.seen | self.seen,
            late={**counts.late, **self.late},
            changing=(counts.changing - self.listed) | self.changing,
            changing_late=_without(counts.changing_late, self.listed) | self.changing_late,
            children_seen=counts.children_seen + self.children_seen,
            children_total=counts.children_total + self.children_total,
            skipped=total.skipped,
            actors=total.actors,
        )


@frozen(kw_only=True)
class UpdateWalk:
    """The walk of one stream of one repository."""

    stream: ItemStream
    label: str
    repository: RepositoryFacts
    reading: Reading
    source: str
    machine_users: frozenset[str]
    clock: Callable[[], datetime]
    page_items: int

    def pages(self, cursor: WalkCursor) -> Iterator[ActivityPage]:
        """Yield what is new since the cursor, page by page; the last page has the certificate.

        Holds:   a page's cursor never stands past events that were not yielded. When the counts differ, the
                 stream is read once more; when they still do, its watermark stays where it was.
        Raises:  GithubCountDiffers; SourceUnavailable, GithubRefusals.
        """
        most_sweeps = MAX_SWEEPS + (0 if cursor.walk is None else cursor.walk.sweep)
        while True:
            walk = cursor.walk or Walk(floor=_floor(cursor.since))
            if walk.sweep >= most_sweeps:
                raise SourceUnavailable(NAME, f"{self.label} changes faster than it can be read")
            try:
                listed = self._ask(walk)
            except GithubPageCursorRefused:
                if walk.after is None:
                    raise
                cursor = evolve(cursor, walk=evolve(walk, after=None, listing=""))
                continue
            walk = _begun(walk, listed)
            read = _PageBeingRead(retrieved_at=self.clock())
            for item in listed.nodes:
                walk = self._read(item, walk, read, since=cursor.since)
                if len(read.events) >= MAX_PAGE_EVENTS:  # the cursor stays, as this page is not through
                    yield read.part(cursor)
            walk = evolve(walk, counts=read.joined(walk.counts))
            if not _is_last(walk, listed):
                cursor = evolve(cursor, walk=_next(walk, listed))
                yield read.part(cursor)
                continue
            ends = _end(walk, self.reading.server_now())
            certificate = certify(
                self.reading, self.repository, self.stream, walk.counts, since=cursor.since, ends=ends
            )
            is_second_reading = cursor.read_again
            cursor = _ended(cursor, ends, certificate)
            yield read.part(cursor, certificate)
            if not certificate.differing:
                return
            if is_second_reading:
                raise self._differs(certificate)

    def _ask(self, walk: Walk) -> Page:
        data = self.reading.page(
            self.stream.query,
            most=self.page_items,
            what=self.repository.name,
            repository=self.repository.node,
            after=walk.after,
        )
        return read_page(found_node(data, self.repository).fields("items"), after=walk.after)

    def _read(self, item: Fields, walk: Walk, read: _PageBeingRead, *, since: str | None) -> Walk:
        """Add what an item gives to what was read, and return the walk with the item listed."""
        maker = EventMaker(
            source=self.source,
            repository_id=self.repository.number,
            machine_users=self.machine_users,
            retrieved_at=read.retrieved_at,
        )
        try:
            made = self.stream.read(self.reading, maker, item)
        except GithubNotFound:  # deleted, or moved away, between its page and its children
            made = ItemEvents()
            made.tally.skip(VANISHED)
        read.add(made)
        read.listed.add(item.whole("number"))
        _count(item, self.stream.counted_at, walk, since, seen=read.seen, late=read.late)
        if self.stream.changing is not None:
            at = self.stream.changing.at
            _count(item, at, walk, since, seen=read.changing, late=read.changing_late)
        return evolve(walk, listing=_listing(walk, item))

    def _differs(self, certificate: CompletenessCertificate) -> GithubCountDiffers:
        first = certificate.differing[0]
        return GithubCountDiffers(self.label, what=first.what, seen=first.seen, independent=first.independent)


def _count(
    item: Fields, name: str, walk: Walk, since: str | None, *, seen: set[int], late: dict[str, str]
) -> None:
    """Count an item that counts at its instant of that name, if that is in the walk's span."""
    at = item.find_instant(name)
    if at is None or (since is not None and at < parse_instant(since)):
        return
    assert walk.first_top is not None, "a page with items has a top"
    if at < parse_instant(walk.first_top):
        seen.add(item.whole("number"))
    else:
        late[str(item.whole("number"))] = instant_text(at)


def _without(late: Mapping[str, str], numbers: set[int]) -> dict[str, str]:
    return {number: at for number, at in late.items() if int(number) not in numbers}


def _begun(walk: Walk, listed: Page) -> Walk:
    """Return the walk with its tops, which the first page of a sweep tells."""
    if walk.after is not None:
        return walk
    top = instant_text(listed.nodes[0].instant("updatedAt")) if listed.nodes else None
    return evolve(walk, top=top, first_top=walk.first_top if walk.sweep else top)


def _is_below_floor(walk: Walk, listed: Page) -> bool:
    if walk.floor is None or not listed.nodes:
        return False
    return listed.nodes[-1].instant("updatedAt") < parse_instant(walk.floor)


def _is_sweeps_end(walk: Walk, listed: Page) -> bool:
    return listed.next is None or _is_below_floor(walk, listed)


def _is_last(walk: Walk, listed: Page) -> bool:
    """Say whether nothing can have been missed: the sweep was one answer, or found all as it was before."""
    is_one_answer = walk.after is None
    return _is_sweeps_end(walk, listed) and (is_one_answer or walk.listing == walk.listed_before)


def _next(walk: Walk, listed: Page) -> Walk:
    if not _is_sweeps_end(walk, listed):
        return evolve(walk, after=listed.next)
    return Walk(
        sweep=walk.sweep + 1,
        floor=walk.top,
        first_top=walk.first_top,
        listed_before=walk.listing,
        counts=walk.counts,
    )


def _end(walk: Walk, server_now: datetime) -> str | None:
    """Return the instant up to which nothing new can count any more: the last sweep's top, second and all.

    The top's own second belongs to it only once the server's clock is well past that.
    """
    if walk.top is None:
        return None
    top = parse_instant(walk.top)
    return instant_text(top + SECOND) if server_now >= top + 2 * SECOND else walk.top


def _ended(cursor: WalkCursor, ends: str | None, certificate: CompletenessCertificate) -> WalkCursor:
    """Return the cursor after a walk: its watermark moves only when the counts agree."""
    if certificate.differing:
        return evolve(cursor, walk=None, read_again=not cursor.read_again)
    since = max((text for text in (cursor.since, ends) if text is not None), key=parse_instant, default=None)
    return evolve(cursor, since=since, walk=None, read_again=False)


def _listing(walk: Walk, item: Fields) -> str:
    """Return the hash of what the sweep listed down to its floor, with this item."""
    at = item.instant("updatedAt")
    if walk.floor is not None and at < parse_instant(walk.floor):
        return walk.listing
    line = f"{walk.listing or walk.floor} {item.whole('number')} {instant_text(at)}"
    return hashlib.sha256(line.encode()).hexdigest()


def _floor(since: str | None) -> str | None:
    return None if since is None else instant_text(parse_instant(since) - OVERLAP)
