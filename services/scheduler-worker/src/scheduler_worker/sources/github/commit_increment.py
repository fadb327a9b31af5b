"""Reading what a head reaches and the last one collected does not, going on where an earlier reading stopped.

Which of the listed commits are new is certain at the end only. So the cursor on the way carries what was
listed, as ids and parents: whoever goes on repeats the reasoning and asks for nothing twice.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Final

from attrs import evolve

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.completeness import CompletenessCount
from ledger_core.errors import SourceUnavailable
from ledger_core.ports.activity_source import ActivityPage
from scheduler_worker.sources.github.ancestry import NewCommits
from scheduler_worker.sources.github.commit_pages import (
    WHAT,
    CommitPages,
    after_page,
    certificate_of,
    oid_of,
    parents_of,
)
from scheduler_worker.sources.github.cursors import CommitCursor, cursor_text
from scheduler_worker.sources.github.event_maker import Tally

PAGE_EVENTS: Final = 1_000  # stored together, or so many commits: the cursor on the way grows by each
MAX_LISTED_COMMITS: Final = 500_000  # carried in a cursor; a reading of more begins again when it is stopped


class _Increment:
    """A reading under way: what was listed, what of it was not yielded yet, and where it stands."""

    def __init__(self, pages: CommitPages, cursor: CommitCursor, *, base: str, ahead: int) -> None:
        self._pages = pages
        self._ahead = ahead
        self.fresh = NewCommits.read(base, cursor.listed)
        self.counting = cursor
        self.is_closed = False
        self._stored = cursor
        self._events: list[ActivityEvent] = []
        self._tally = Tally()
        self._listed = 0
        self._retrieved_at = pages.clock()

    def read_page(self, head: str) -> None:
        """List one page more."""
        listed = self._pages.ask(head, self.counting.after)
        if not self._listed:
            self._retrieved_at = self._pages.clock()
        new = [node for node in listed.nodes if self.fresh.add(oid_of(node), parents_of(node))]
        tally = Tally()
        events = self._pages.events(new, retrieved_at=self._retrieved_at, tally=tally)
        self._events += events
        self._tally.add(tally)
        self._listed += len(listed.nodes)
        self.counting = after_page(self.counting, listed, tally)
        # With more than GitHub counts, some are old, and what tells it comes further down.
        is_exact = self.fresh.is_closed and self.fresh.count <= self._ahead
        self.is_closed = is_exact or listed.next is None

    @property
    def is_full(self) -> bool:
        """Say whether there is a page to be yielded."""
        return max(len(self._events), self._listed) >= PAGE_EVENTS

    @property
    def is_ahead(self) -> bool:
        """Say whether more was listed than was yielded."""
        return self._listed > 0

    def checkpoint(self) -> ActivityPage:
        """Return what was not yielded yet, with a cursor that goes on from here."""
        if self.fresh.listed_count <= MAX_LISTED_COMMITS:
            self._stored = evolve(self.counting, listed=self.fresh.text())
        return self.page(self._stored)

    def page(self, cursor: CommitCursor) -> ActivityPage:
        """Return what was not yielded yet."""
        page = ActivityPage(
            events=tuple(self._events),
            cursor=cursor_text(cursor),
            retrieved_at=self._retrieved_at,
            skipped=dict(self._tally.skipped),
        )
        self._events, self._tally, self._listed = [], Tally(), 0
        return page


def increment(
    pages: CommitPages, cursor: CommitCursor, *, ahead: int
) -> Generator[ActivityPage, None, CommitCursor]:
    """Yield the commits that `cursor.reading` reaches and `cursor.head` doesn't; return where it ended.

    Holds:   the last page has the certificate. A cursor on the way keeps the head; it moves once `ahead` commits, GitHub's own count, were seen.
    Raises:  GithubCountDiffers; GithubCommitGone, GithubPageCursorRefused; SourceUnavailable, GithubRefusals.
    """
    base, head = cursor.head, cursor.reading
    assert base is not None
    assert head is not None
    going = _Increment(pages, cursor, base=base, ahead=ahead)
    while not going.is_closed:
        try:
            going.read_page(head)
        except SourceUnavailable:
            if going.is_ahead:
                yield going.checkpoint()
            raise
        if going.is_full and not going.is_closed:
            yield going.checkpoint()
    counted = CompletenessCount(what=WHAT, route="compare", seen=going.fresh.count, independent=ahead)
    certificate = certificate_of(going.counting, begins=base, ends=head, counts=[counted])
    # Where the counts differ, all of it is read again: from the head that is certain.
    ended = CommitCursor(repository=cursor.repository, head=base if certificate.differing else head)
    yield replace(going.page(ended), certificate=certificate)
    pages.refuse_difference(certificate)
    return ended
