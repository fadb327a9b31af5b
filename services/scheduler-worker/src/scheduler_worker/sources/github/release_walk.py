"""Reading releases: all of them each time, in the order of their creation, as GitHub can't list what changed.

A draft that is published later keeps its place, so nothing short of the whole list finds it; the ledger knows
those that it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.completeness import CompletenessCertificate, CompletenessCount
from ledger_core.ports.activity_source import ActivityPage
from scheduler_worker.sources.github import queries
from scheduler_worker.sources.github.client import Reading
from scheduler_worker.sources.github.connections import Page, read_page
from scheduler_worker.sources.github.cursors import Counts, Walk, WalkCursor, cursor_text
from scheduler_worker.sources.github.event_maker import EventMaker, Tally
from scheduler_worker.sources.github.item_events import release
from scheduler_worker.sources.github.refusals import GithubCountDiffers, GithubPageCursorRefused
from scheduler_worker.sources.github.repository import RepositoryFacts, found_node

WHAT: Final = "releases"


@frozen(kw_only=True)
class ReleaseWalk:
    """The walk over a repository's releases."""

    label: str
    repository: RepositoryFacts
    reading: Reading
    source: str
    machine_users: frozenset[str]
    clock: Callable[[], datetime]
    page_items: int

    def pages(self, cursor: WalkCursor) -> Iterator[ActivityPage]:
        """Yield every published release, page by page; the last page has the certificate.

        Holds:   what was listed is counted beside the list's own total. When they differ, because one was
                 deleted meanwhile, the list is read once more.
        Raises:  GithubCountDiffers; SourceUnavailable, GithubRefusals.
        """
        while True:
            counts = (cursor.walk or Walk()).counts
            after = None if cursor.walk is None else cursor.walk.after
            try:
                listed = self._ask(after)
            except GithubPageCursorRefused:
                if after is None:
                    raise
                cursor = evolve(cursor, walk=None)
                continue
            retrieved_at = self.clock()
            tally = Tally()
            events = self._events(listed, retrieved_at=retrieved_at, tally=tally)
            counts = _after_page(counts, listed, tally)
            is_last = listed.next is None
            certificate = _certificate(counts, listed) if is_last else None
            is_second_reading = cursor.read_again
            if certificate is None:
                cursor = evolve(cursor, walk=Walk(after=listed.next, counts=counts))
            else:
                again = bool(certificate.differing) and not is_second_reading
                cursor = evolve(cursor, walk=None, read_again=again)
            yield ActivityPage(
                events=tuple(events),
                cursor=cursor_text(cursor),
                retrieved_at=retrieved_at,
                skipped=dict(tally.skipped),
                certificate=certificate,
            )
            if certificate is None or cursor.read_again:
                continue
            if certificate.differing:
                count = certificate.differing[0]
                raise GithubCountDiffers(
                    self.label, what=WHAT, seen=count.seen, independent=count.independent
                )
            return

    def _ask(self, after: str | None) -> Page:
        data = self.reading.page(
            queries.RELEASES,
            most=self.page_items,
            what=self.repository.name,
            repository=self.repository.node,
            after=after,
        )
        return read_page(found_node(data, self.repository).fields("items"), after=after)

    def _events(self, listed: Page, *, retrieved_at: datetime, tally: Tally) -> list[ActivityEvent]:
        maker = EventMaker(
            source=self.source,
            repository_id=self.repository.number,
            machine_users=self.machine_users,
            retrieved_at=retrieved_at,
        )
        return [event for item in listed.nodes for event in release(maker, item, tally=tally)]


def _after_page(counts: Counts, listed: Page, tally: Tally) -> Counts:
    total = Tally(skipped=counts.skipped.copy(), actors=counts.actors.copy())
    total.add(tally)
    return evolve(
        counts,
        pages=counts.pages + 1,
        children_seen=counts.children_seen + len(listed.nodes),
        skipped=total.skipped,
        actors=total.actors,
    )


def _certificate(counts: Counts, listed: Page) -> CompletenessCertificate:
    return CompletenessCertificate(
        begins=None,
        ends=None,
        pages=counts.pages,
        counts=(
            CompletenessCount(
                what=WHAT, route="totalCount", seen=counts.children_seen, independent=listed.total
            ),
        ),
        skipped=dict(counts.skipped),
        skipped_actors=dict(counts.actors),
    )
