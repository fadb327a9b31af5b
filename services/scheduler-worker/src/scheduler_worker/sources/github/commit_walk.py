"""Reading the commits of the default branch by their ids: the first time all, then what is new since a head."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from attrs import evolve, frozen

from ledger_core.domain.completeness import CompletenessCount
from ledger_core.ports.activity_source import ActivityPage
from scheduler_worker.sources.github import queries
from scheduler_worker.sources.github.commit_increment import increment
from scheduler_worker.sources.github.commit_pages import (
    WHAT,
    CommitPages,
    after_page,
    certificate_of,
    oid_of,
)
from scheduler_worker.sources.github.cursors import CommitCursor, cursor_text
from scheduler_worker.sources.github.event_maker import Tally
from scheduler_worker.sources.github.fields import Fields
from scheduler_worker.sources.github.refusals import (
    GithubCommitGone,
    GithubHistoryRewritten,
    GithubNotFound,
    GithubPageCursorRefused,
)
from scheduler_worker.sources.github.repository import current_name, found_node

_Reading = Generator[ActivityPage, None, CommitCursor]  # pages, and the cursor that it ends with


@frozen(kw_only=True)
class CommitWalk:
    """The walk over a default branch's commits."""

    commits: CommitPages
    accept_rewrites: bool

    def pages(self, cursor: CommitCursor) -> Iterator[ActivityPage]:
        """Yield the commits that the branch reaches and the cursor's head doesn't; at least one page, if an empty one.

        Holds:   the cursor's head moves only once everything down to the one before was yielded and counted.
                 The last page has the certificate.
        Raises:  GithubHistoryRewritten, GithubCountDiffers; SourceUnavailable, GithubRefusals.
        """
        head = self._head()
        started = cursor
        if cursor.head is None:
            if cursor.reading is None:
                cursor = evolve(cursor, reading=head)
            if cursor.reading is not None:
                cursor = yield from self._first_reading(cursor, head=head)
        elif cursor.reading is not None:
            cursor = yield from self._going_on(cursor)
        if cursor.head != head:
            yield from self._to(head, cursor)
        elif cursor.head == started.head:
            yield self._nothing(cursor, ends=head)

    def _head(self) -> str | None:
        repository = self.commits.repository
        data = self.commits.reading.query(queries.HEAD, what=repository.name, repository=repository.node)
        branch = found_node(data, repository).find_fields("defaultBranchRef")
        target = None if branch is None else branch.find_fields("target")
        return None if target is None else oid_of(target)

    def _nothing(self, cursor: CommitCursor, *, ends: str | None) -> ActivityPage:
        """Return the page that says that nothing is new: the head is the one that was counted already, or none."""
        return ActivityPage(
            events=(),
            cursor=cursor_text(cursor),
            retrieved_at=self.commits.clock(),
            certificate=certificate_of(cursor, begins=cursor.head, ends=ends),
        )

    def _to(self, head: str | None, cursor: CommitCursor) -> Iterator[ActivityPage]:
        """Yield what leads from the cursor's head to another one.

        Raises: GithubHistoryRewritten when the cursor's head is no longer part of the branch.
        """
        assert cursor.head is not None
        ahead = None if head is None else self._ahead(cursor.head, head)
        if ahead is not None:
            yield from increment(self.commits, evolve(cursor, reading=head), ahead=ahead)
            return
        if not self.accept_rewrites:
            raise GithubHistoryRewritten(self.commits.repository.name, old_head=cursor.head, new_head=head)
        if head is None:
            yield self._nothing(cursor, ends=None)
            return
        again = CommitCursor(repository=cursor.repository, reading=head)
        yield from self._first_reading(again, head=head)

    def _ahead(self, base: str, head: str) -> int | None:
        """Return how many commits the head has that the base has not; None if it does not go on from there."""
        name = current_name(self.commits.reading, self.commits.repository)
        path = f"/repos/{name}/compare/{base}...{head}?per_page=1&page=2"
        try:
            told = Fields(self.commits.reading.rest(path, what=f"commits of {name}")[0], "compare")
        except GithubNotFound:  # one of them was thrown away
            return None
        return told.whole("ahead_by") if told.text("status") == "ahead" else None

    def _going_on(self, cursor: CommitCursor) -> _Reading:
        """Yield the rest of what a reading began that was stopped, if that can still be read."""
        assert cursor.head is not None
        assert cursor.reading is not None
        ahead = self._ahead(cursor.head, cursor.reading)
        if ahead is not None:
            try:
                return (yield from increment(self.commits, cursor, ahead=ahead))
            except (GithubPageCursorRefused, GithubCommitGone):
                pass
        return CommitCursor(repository=cursor.repository, head=cursor.head)

    def _first_reading(self, cursor: CommitCursor, *, head: str | None) -> _Reading:
        """Yield the whole history of the head that the reading goes down from."""
        while True:
            reading = cursor.reading
            assert reading is not None
            try:
                listed = self.commits.ask(reading, cursor.after)
            except GithubPageCursorRefused:
                if cursor.after is None:
                    raise
                cursor = CommitCursor(repository=cursor.repository, reading=reading)
                continue
            except GithubCommitGone:
                if not self.accept_rewrites or reading == head or head is None:
                    raise GithubHistoryRewritten(
                        self.commits.repository.name, old_head=reading, new_head=head
                    ) from None
                cursor = CommitCursor(repository=cursor.repository, reading=head)
                continue
            retrieved_at, tally = self.commits.clock(), Tally()
            events = self.commits.events(listed.nodes, retrieved_at=retrieved_at, tally=tally)
            cursor = after_page(cursor, listed, tally)
            certificate = None
            if listed.next is None:
                counted = CompletenessCount(
                    what=WHAT, route="totalCount", seen=cursor.seen, independent=listed.total
                )
                certificate = certificate_of(cursor, begins=None, ends=reading, counts=[counted])
                cursor = CommitCursor(
                    repository=cursor.repository, head=None if certificate.differing else reading
                )
            yield ActivityPage(
                events=tuple(events),
                cursor=cursor_text(cursor),
                retrieved_at=retrieved_at,
                skipped=dict(tally.skipped),
                certificate=certificate,
            )
            if certificate is not None:
                self.commits.refuse_difference(certificate)
                return cursor
