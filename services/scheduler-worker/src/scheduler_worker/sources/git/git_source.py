"""The git source: the commits of a local repository as activity events, page by page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from ledger_core.domain.activity_event import MAX_URL_CHARACTERS, ActivityEvent
from ledger_core.domain.instant import check_instant
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import StreamRef, check_identifier, check_text
from ledger_core.ports.activity_source import ActivityPage
from scheduler_worker.sources.git.commit_events import SOURCE, EventMaker
from scheduler_worker.sources.git.commit_reader import LOG_FORMAT, Commit, read_commits
from scheduler_worker.sources.git.cursor import cursor_text, parse_cursor
from scheduler_worker.sources.git.refusals import GitHistoryRewritten
from scheduler_worker.sources.git.repository import Repository, open_repository

STREAM: Final = "commits"
MAX_SOURCE_REF_CHARACTERS: Final = 100  # an event id holds it beside two hashes, within 255
MAX_PAGE_EVENTS: Final = 10_000  # a page ends early where commits have many co-authors
PRODUCER_VERSION: Final = "1"  # goes up when the same commit would give another event
_OBJECT_ID_CHARACTERS: Final = 64  # of SHA-256, the longer one


class GitSource:
    """The commits that a branch reaches; an ActivitySource.

    The cursor is the set of tips seen, and what comes next is `TIP --not SEEN`: dates play no part, so
    commits that are pushed late or back-dated are found. The repository is read, never written to, and
    nothing that it contains or configures is executed.
    """

    def __init__(
        self,
        *,
        name: str,
        path: Path,
        clock: Callable[[], datetime],
        branch: str | None = None,
        accept_rewrites: bool = False,
        commit_url: str | None = None,
        page_commits: int = 2_000,
        producer_version: str = PRODUCER_VERSION,
    ) -> None:
        """Name a repository; nothing is read yet.

        `name` is the source_ref for ever, wherever the repository lies; `branch` is a branch's name or a
        whole ref (`refs/remotes/origin/main`), None for HEAD's; `commit_url` is put before a commit's id.

        Raises: InvalidValue.
        """
        check_identifier("git source name", name)
        if len(name) > MAX_SOURCE_REF_CHARACTERS:
            raise InvalidValue("git source name", f"must have at most {MAX_SOURCE_REF_CHARACTERS} characters")
        if branch is not None:
            check_identifier("git branch", branch)
        if commit_url is not None:
            longest = MAX_URL_CHARACTERS - _OBJECT_ID_CHARACTERS
            check_text("git commit url", commit_url, most_characters=longest)
        check_identifier("producer version", producer_version)
        if page_commits < 1:
            raise InvalidValue("git page size", "must be 1 commit or more")
        self._stream = StreamRef(source=SOURCE, source_ref=name, stream=STREAM)
        self._path = path
        self._branch = branch
        self._accept_rewrites = accept_rewrites
        self._clock = clock
        self._page_commits = page_commits
        self._maker = EventMaker(source_ref=name, commit_url=commit_url, producer_version=producer_version)

    def streams(self) -> tuple[StreamRef, ...]:
        """Return the one stream: the branch's commits."""
        return (self._stream,)

    def pages(self, stream: StreamRef, cursor: str | None, *, until: datetime) -> Iterator[ActivityPage]:
        """Yield the commits that the branch reaches and the cursor's tips don't, parents first.

        An empty repository yields nothing. `until` is ignored beyond the port's promise: all that is
        reachable comes. A commit may come again where clocks were far off (see Repository.log).

        Raises: InvalidValue for a foreign stream; GitCursorInvalid, GitNotInstalled, GitNotARepository,
                GitRepositoryShallow, GitBranchNotFound, GitHistoryRewritten, GitObjectMissing,
                GitCursorTooLarge, GitOutputUnreadable, GitFailed, each a LedgerError; SourceUnavailable.
        """
        check_instant("until", until)
        if stream != self._stream:
            raise InvalidValue("stream", "is not served by this source")
        seen = frozenset[str]() if cursor is None else parse_cursor(cursor)
        with open_repository(self._path, source_ref=stream.source_ref) as repository:
            tip = repository.find_tip(self._branch)
            if seen == {tip}:
                return
            excluded = self._excluded(repository, seen, tip=tip)
            if tip is not None:
                yield from self._walk(repository, tip=tip, seen=excluded, cursor=cursor)

    def _excluded(self, repository: Repository, seen: frozenset[str], *, tip: str | None) -> frozenset[str]:
        if not seen:
            return seen
        if self._accept_rewrites:
            # A tip that is gone can't be excluded: its commits come again, and the store knows them.
            return frozenset(repository.present(seen))
        gone = seen if tip is None else repository.not_reached(seen, start=tip)
        if gone:
            raise GitHistoryRewritten(self._stream.source_ref, old_tips=gone, new_tip=tip)
        return seen

    def _walk(
        self, repository: Repository, *, tip: str, seen: frozenset[str], cursor: str | None
    ) -> Iterator[ActivityPage]:
        frontier = set(seen)
        page = _PageBeingRead(self._maker, retrieved_at=self._clock())
        with closing(repository.log(LOG_FORMAT, tip=tip, excluded=seen)) as output:
            for commit in read_commits(output):
                if page.commits == self._page_commits or len(page.events) >= MAX_PAGE_EVENTS:
                    yield page.finished(cursor_text(frontier))
                    page = _PageBeingRead(self._maker, retrieved_at=self._clock())
                page.add(commit)
                # Parents come first, so what was read is closed under ancestry: its maximal commits tell it.
                frontier.difference_update(commit.parents)
                frontier.add(commit.sha)
        # The tip reaches all of it. What else the frontier holds is a rewritten history's, accepted now.
        after = cursor_text({tip})
        if page.commits or after != cursor:
            yield page.finished(after)


class _PageBeingRead:
    """The part of a page that was read so far."""

    def __init__(self, maker: EventMaker, *, retrieved_at: datetime) -> None:
        self._maker = maker
        self._retrieved_at = retrieved_at
        self._skipped: Counter[str] = Counter()
        self.commits = 0
        self.events: list[ActivityEvent] = []

    def add(self, commit: Commit) -> None:
        made = self._maker.events(commit, retrieved_at=self._retrieved_at)
        self.commits += 1
        self.events += made.events
        self._skipped.update(made.skipped)

    def finished(self, cursor: str) -> ActivityPage:
        return ActivityPage(
            events=tuple(self.events),
            cursor=cursor,
            retrieved_at=self._retrieved_at,
            skipped=dict(self._skipped),
        )
