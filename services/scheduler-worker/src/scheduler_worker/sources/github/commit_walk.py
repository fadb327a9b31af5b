"""Reading the commits of the default branch by their ids: the first time all, then what is new since a head."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.completeness import CompletenessCertificate, CompletenessCount
from ledger_core.ports.activity_source import ActivityPage
from scheduler_worker.sources.github import queries
from scheduler_worker.sources.github.ancestry import NewCommits
from scheduler_worker.sources.github.client import Reading
from scheduler_worker.sources.github.commit_events import commit_events
from scheduler_worker.sources.github.connections import Page, read_page
from scheduler_worker.sources.github.cursors import CommitCursor, cursor_text
from scheduler_worker.sources.github.event_maker import EventMaker, Tally
from scheduler_worker.sources.github.fields import Fields
from scheduler_worker.sources.github.refusals import (
    GithubCommitGone,
    GithubCountDiffers,
    GithubHistoryRewritten,
    GithubNotFound,
    GithubPageCursorRefused,
)
from scheduler_worker.sources.github.repository import RepositoryFacts, current_name, found_node

WHAT: Final = "commits"
_OID: Final = re.compile("[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)


@frozen(kw_only=True)
class CommitWalk:
    """The walk over a default branch's commits."""

    label: str
    repository: RepositoryFacts
    reading: Reading
    source: str
    machine_users: frozenset[str]
    clock: Callable[[], datetime]
    page_items: int
    accept_rewrites: bool

    def pages(self, cursor: CommitCursor) -> Iterator[ActivityPage]:
        """Yield the commits that the branch reaches and the cursor's head doesn't.

        Holds:   the cursor's head moves only once everything down to the one before was yielded and counted.
        Raises:  GithubHistoryRewritten, GithubCountDiffers; SourceUnavailable, GithubRefusals.
        """
        head = self._head()
        if cursor.head is None:
            if cursor.reading is None:
                cursor = evolve(cursor, reading=head)
            for page, after in self._first_reading(cursor, head=head):
                cursor = after
                yield page
        if cursor.head == head:
            return
        ahead = self._ahead_of(cursor, head)
        if ahead is None:
            again = CommitCursor(repository=cursor.repository, reading=head)
            yield from (page for page, _ in self._first_reading(again, head=head))
        elif head is not None:
            yield from self._increment(cursor, head, ahead=ahead)

    def _head(self) -> str | None:
        data = self.reading.query(queries.HEAD, what=self.repository.name, repository=self.repository.node)
        branch = found_node(data, self.repository).find_fields("defaultBranchRef")
        target = None if branch is None else branch.find_fields("target")
        return None if target is None else _oid(target)

    def _first_reading(
        self, cursor: CommitCursor, *, head: str | None
    ) -> Iterator[tuple[ActivityPage, CommitCursor]]:
        """Yield the whole history of the head that the reading goes down from, each page with its cursor."""
        reading = cursor.reading
        is_through = reading is None
        while not is_through:
            assert reading is not None
            try:
                listed = self._ask(reading, cursor.after)
            except GithubPageCursorRefused:
                if cursor.after is None:
                    raise
                cursor = CommitCursor(repository=cursor.repository, reading=reading)
                continue
            except GithubCommitGone:
                if not self.accept_rewrites or reading == head or head is None:
                    raise GithubHistoryRewritten(
                        self.repository.name, old_head=reading, new_head=head
                    ) from None
                reading = head
                cursor = CommitCursor(repository=cursor.repository, reading=reading)
                continue
            retrieved_at, tally = self.clock(), Tally()
            events = self._events(listed.nodes, retrieved_at=retrieved_at, tally=tally)
            cursor = _after_page(cursor, listed, tally)
            is_through = listed.next is None
            certificate = None
            if is_through:
                certificate = _certificate(cursor, ends=reading, route="totalCount", independent=listed.total)
                cursor = CommitCursor(
                    repository=cursor.repository, head=None if certificate.differing else reading
                )
            page = ActivityPage(
                events=tuple(events),
                cursor=cursor_text(cursor),
                retrieved_at=retrieved_at,
                skipped=dict(tally.skipped),
                certificate=certificate,
            )
            yield page, cursor
            if certificate is not None:
                self._refuse_difference(certificate)

    def _ahead_of(self, cursor: CommitCursor, head: str | None) -> int | None:
        """Return how many commits the head has that the cursor's has not; None when all are to be read again.

        Raises: GithubHistoryRewritten when the cursor's head is no longer part of the branch.
        """
        if cursor.head is None:
            return 0  # an empty repository
        if head is not None:
            name = current_name(self.reading, self.repository)
            path = f"/repos/{name}/compare/{cursor.head}...{head}?per_page=1&page=2"
            try:
                told = Fields(self.reading.rest(path, what=f"commits of {name}")[0], "compare")
            except GithubNotFound:  # the old head was thrown away
                pass
            else:
                if told.text("status") == "ahead":
                    return told.whole("ahead_by")
        if not self.accept_rewrites:
            raise GithubHistoryRewritten(self.repository.name, old_head=cursor.head, new_head=head)
        return None if head is not None else 0

    def _increment(self, cursor: CommitCursor, head: str, *, ahead: int) -> Iterator[ActivityPage]:
        assert cursor.head is not None
        stored = cursor_text(cursor)
        fresh = NewCommits(cursor.head)
        counting = CommitCursor(repository=cursor.repository)
        while True:
            listed = self._ask(head, counting.after)
            candidates = [node for node in listed.nodes if fresh.add(_oid(node), _parents(node))]
            retrieved_at, tally = self.clock(), Tally()
            events = self._events(candidates, retrieved_at=retrieved_at, tally=tally)
            counting = _after_page(counting, listed, tally)
            if not fresh.is_closed and listed.next is not None:
                # The cursor stays: which of these are new is certain at the end only, and all may come again.
                yield ActivityPage(
                    events=tuple(events),
                    cursor=stored,
                    retrieved_at=retrieved_at,
                    skipped=dict(tally.skipped),
                )
                continue
            certificate = _certificate(
                evolve(counting, seen=fresh.count),
                begins=cursor.head,
                ends=head,
                route="compare",
                independent=ahead,
            )
            yield ActivityPage(
                events=tuple(events),
                cursor=stored if certificate.differing else cursor_text(evolve(cursor, head=head)),
                retrieved_at=retrieved_at,
                skipped=dict(tally.skipped),
                certificate=certificate,
            )
            self._refuse_difference(certificate)
            return

    def _ask(self, head: str, after: str | None) -> Page:
        data = self.reading.page(
            queries.COMMITS,
            most=self.page_items,
            what=self.repository.name,
            repository=self.repository.node,
            head=head,
            after=after,
        )
        commit = found_node(data, self.repository).find_fields("object")
        if commit is None:
            raise GithubCommitGone(head)
        return read_page(commit.fields("items"), after=after)

    def _events(
        self,
        nodes: Iterable[Fields],
        *,
        retrieved_at: datetime,
        tally: Tally,
    ) -> list[ActivityEvent]:
        maker = EventMaker(
            source=self.source,
            repository_id=self.repository.number,
            machine_users=self.machine_users,
            retrieved_at=retrieved_at,
        )
        return [event for node in nodes for event in commit_events(self.reading, maker, node, tally=tally)]

    def _refuse_difference(self, certificate: CompletenessCertificate) -> None:
        for count in certificate.differing:
            raise GithubCountDiffers(self.label, what=WHAT, seen=count.seen, independent=count.independent)


def _oid(commit: Fields) -> str:
    oid = commit.text("oid")
    if _OID.fullmatch(oid) is None:
        raise commit.unreadable("oid", "is no commit's id")
    return oid


def _parents(commit: Fields) -> list[str]:
    parents = commit.fields("parents")
    found = [_oid(parent) for parent in parents.each("nodes")]
    if len(found) != parents.whole("totalCount"):
        raise commit.unreadable("parents", "are more than a hundred")
    return found


def _after_page(cursor: CommitCursor, listed: Page, tally: Tally) -> CommitCursor:
    total = Tally(skipped=cursor.skipped.copy(), actors=cursor.actors.copy())
    total.add(tally)
    return evolve(
        cursor,
        after=listed.next,
        pages=cursor.pages + 1,
        seen=cursor.seen + len(listed.nodes),
        skipped=total.skipped,
        actors=total.actors,
    )


def _certificate(
    cursor: CommitCursor, *, ends: str, route: str, independent: int, begins: str | None = None
) -> CompletenessCertificate:
    return CompletenessCertificate(
        begins=begins,
        ends=ends,
        pages=cursor.pages,
        counts=(CompletenessCount(what=WHAT, route=route, seen=cursor.seen, independent=independent),),
        skipped=dict(cursor.skipped),
        skipped_actors=dict(cursor.actors),
    )
