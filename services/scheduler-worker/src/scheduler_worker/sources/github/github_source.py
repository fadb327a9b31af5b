"""The GitHub source: the activity of one repository, stream by stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from ledger_core.domain.instant import check_instant
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import StreamRef, check_name
from ledger_core.ports.activity_source import ActivityPage
from ledger_core.ports.item_source import FoundItem, ItemHint
from scheduler_worker.sources.github.client import GithubClient, Reading
from scheduler_worker.sources.github.commit_pages import CommitPages
from scheduler_worker.sources.github.commit_walk import CommitWalk
from scheduler_worker.sources.github.cursors import (
    CommitCursor,
    WalkCursor,
    parse_commit_cursor,
    parse_walk_cursor,
    repository_of,
)
from scheduler_worker.sources.github.item_streams import ITEM_STREAMS
from scheduler_worker.sources.github.release_walk import ReleaseWalk
from scheduler_worker.sources.github.repository import RepositoryFacts, find_repository
from scheduler_worker.sources.github.single_items import read_single_item
from scheduler_worker.sources.github.stream_names import COMMITS, RELEASES, STREAM_NAMES
from scheduler_worker.sources.github.update_walk import UpdateWalk

SOURCE: Final = "github"
MAX_PAGE_ITEMS: Final = 100  # what GitHub allows
REPOSITORY_REPLACED: Final = (
    "repository-replaced"  # another one has the name now; it is read from its beginning
)


class GithubSource:
    """One repository of GitHub; an ActivitySource, and an ItemSource.

    Its name leads to it when a reading begins; from then on its node id does, so that a rename in between
    loses nothing, and another repository that takes the name is never mistaken for it.
    """

    def __init__(
        self,
        *,
        client: GithubClient,
        repository: str,
        clock: Callable[[], datetime],
        source: str = SOURCE,
        streams: Iterable[str] = STREAM_NAMES,
        machine_users: Iterable[str] = (),
        accept_rewrites: bool = False,
        page_items: int = MAX_PAGE_ITEMS,
    ) -> None:
        """Name a repository (`owner/name`); nothing is asked yet.

        Raises: InvalidValue.
        """
        check_name("source", source)
        wanted = tuple(streams)
        if not set(wanted) <= set(STREAM_NAMES):
            raise InvalidValue("streams", f"must be some of {', '.join(STREAM_NAMES)}")
        self._client = client
        self._repository = repository
        self._clock = clock
        self._source = source
        self._machine_users = frozenset(login.casefold() for login in machine_users)
        self._accept_rewrites = accept_rewrites
        self._page_items = page_items
        self._streams = tuple(
            StreamRef(source=source, source_ref=repository, stream=name)
            for name in STREAM_NAMES
            if name in wanted
        )

    def streams(self) -> tuple[StreamRef, ...]:
        """Return the repository's streams that are switched on."""
        return self._streams

    def certifies(self, stream: StreamRef) -> bool:
        """Say that every reading that comes to its end is counted a second time."""
        return stream in self._streams

    def pages(self, stream: StreamRef, cursor: str | None, *, until: datetime) -> Iterator[ActivityPage]:
        """Yield what came after the cursor; `until` is ignored, as all that there is comes.

        Raises: InvalidValue for a foreign stream; SourceUnavailable; GithubRefusals, each a LedgerError.
        """
        check_instant("until", until)
        if stream not in self._streams:
            raise InvalidValue("stream", "is not served by this source")
        reading = self._client.reading(stream.source_ref.partition("/")[0])
        repository = find_repository(reading, stream.source_ref)
        read = self._commits if stream.stream == COMMITS else self._items
        pages = read(stream, reading, repository, cursor)
        if cursor is not None and repository_of(cursor) != repository.number:
            pages = _telling(pages, REPOSITORY_REPLACED)
        yield from pages

    def find_item(self, hint: ItemHint) -> FoundItem:
        """Return the events of one thing of the repository, as it is now.

        Raises: InvalidValue for a foreign stream; SourceUnavailable; GithubRefusals, each a LedgerError.
        """
        if hint.stream not in self._streams:
            raise InvalidValue("stream", "is not served by this source")
        return read_single_item(
            self._client.reading(hint.stream.source_ref.partition("/")[0]),
            hint,
            source=self._source,
            machine_users=self._machine_users,
            clock=self._clock,
        )

    def _items(
        self, stream: StreamRef, reading: Reading, repository: RepositoryFacts, cursor: str | None
    ) -> Iterator[ActivityPage]:
        stands = WalkCursor(repository=repository.number) if cursor is None else parse_walk_cursor(cursor)
        if stands.repository != repository.number:
            stands = WalkCursor(repository=repository.number)
        if stream.stream == RELEASES:
            walk = ReleaseWalk(
                label=str(stream),
                repository=repository,
                reading=reading,
                source=self._source,
                machine_users=self._machine_users,
                clock=self._clock,
                page_items=self._page_items,
            )
            return walk.pages(stands)
        items = ITEM_STREAMS[stream.stream]
        return UpdateWalk(
            stream=items,
            label=str(stream),
            repository=repository,
            reading=reading,
            source=self._source,
            machine_users=self._machine_users,
            clock=self._clock,
            page_items=min(self._page_items, items.page_items),
        ).pages(stands)

    def _commits(
        self, stream: StreamRef, reading: Reading, repository: RepositoryFacts, cursor: str | None
    ) -> Iterator[ActivityPage]:
        stands = CommitCursor(repository=repository.number) if cursor is None else parse_commit_cursor(cursor)
        if stands.repository != repository.number:
            stands = CommitCursor(repository=repository.number)
        commits = CommitPages(
            label=str(stream),
            repository=repository,
            reading=reading,
            source=self._source,
            machine_users=self._machine_users,
            clock=self._clock,
            page_items=self._page_items,
        )
        return CommitWalk(commits=commits, accept_rewrites=self._accept_rewrites).pages(stands)


def _telling(pages: Iterator[ActivityPage], reason: str) -> Iterator[ActivityPage]:
    """Yield the pages, the first with one more reason among what it skipped."""
    for number, page in enumerate(pages):
        yield page if number else replace(page, skipped={**page.skipped, reason: 1})
