"""The GitLab source: the activity of one project, stream by stream, in the order of updates."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from urllib.parse import quote

from attrs import frozen

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.instant import check_instant
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import StreamRef, check_name
from ledger_core.ports.activity_source import ActivityPage
from scheduler_worker.sources.gitlab.client import GitlabClient, Reading
from scheduler_worker.sources.gitlab.cursor import GitlabCursor, cursor_text, parse_cursor
from scheduler_worker.sources.gitlab.events import EventMaker
from scheduler_worker.sources.gitlab.fields import Fields
from scheduler_worker.sources.gitlab.listing import (
    MILLISECOND,
    check_order,
    list_page,
    list_steadily,
    time_text,
    whole_milliseconds,
)
from scheduler_worker.sources.gitlab.refusals import GitlabNotFound
from scheduler_worker.sources.gitlab.stream_names import (
    ISSUE_NOTES,
    ISSUES,
    MERGE_REQUEST_NOTES,
    MERGE_REQUESTS,
    STREAM_NAMES,
)

SOURCE: Final = "gitlab"
MAX_PAGE_ITEMS: Final = 100  # what GitLab allows
MAX_PAGE_EVENTS: Final = (
    5_000  # then a page ends before its items do; the last may add as many notes as one has
)
# GitLab moves an item's update by a note at most once a minute, and what is committed late has an earlier time.
OVERLAP: Final = timedelta(minutes=10)
PROJECT_REPLACED: Final = "project-replaced"  # another one has the name now; it is read from its beginning
_PROJECT_ADDRESS: Final = re.compile(r"https?://[^?#]*/projects/([0-9]{1,18})(?:\?.*)?", re.ASCII)


@frozen(kw_only=True)
class ItemStream:
    """How a stream is listed: what, in which states, and the type of its notes' events, if it is of these."""

    items: str
    state: str
    note_type: str | None = None


STREAMS: Final = {
    MERGE_REQUESTS: ItemStream(items="merge_requests", state="merged"),
    MERGE_REQUEST_NOTES: ItemStream(items="merge_requests", state="all", note_type="mr_note_created"),
    ISSUES: ItemStream(items="issues", state="all"),
    ISSUE_NOTES: ItemStream(items="issues", state="all", note_type="issue_note_created"),
}


class GitlabSource:
    """One project of GitLab; an ActivitySource.

    Its name leads to its number when a reading begins. Items are read from their last update on, each request from
    where the one before ended, so that whatever is touched meanwhile comes again behind.
    """

    def __init__(
        self,
        *,
        client: GitlabClient,
        project: str,
        clock: Callable[[], datetime],
        source: str = SOURCE,
        streams: Iterable[str] = STREAM_NAMES,
        machine_users: Iterable[str] = (),
        page_items: int = MAX_PAGE_ITEMS,
    ) -> None:
        """Name a project (`group/name`); nothing is asked yet.

        Raises: InvalidValue.
        """
        check_name("source", source)
        wanted = set(streams)
        if not wanted <= set(STREAM_NAMES):
            raise InvalidValue("streams", f"must be some of {', '.join(STREAM_NAMES)}")
        if not 1 <= page_items <= MAX_PAGE_ITEMS:
            raise InvalidValue("GitLab page size", f"must be 1 to {MAX_PAGE_ITEMS}")
        self._client = client
        self._clock = clock
        self._source = source
        self._machine_users = frozenset(login.casefold() for login in machine_users)
        self._page_items = page_items
        self._streams = tuple(
            StreamRef(source=source, source_ref=project, stream=name)
            for name in STREAM_NAMES
            if name in wanted
        )

    def streams(self) -> tuple[StreamRef, ...]:
        """Return the project's streams that are switched on."""
        return self._streams

    def pages(self, stream: StreamRef, cursor: str | None, *, until: datetime) -> Iterator[ActivityPage]:
        """Yield what came after the cursor; `until` is ignored, as all that there is comes.

        Raises: InvalidValue for a foreign stream; SourceUnavailable; GitlabRefusals, each a LedgerError.
        """
        check_instant("until", until)
        if stream not in self._streams:
            raise InvalidValue("stream", "is not served by this source")
        stands = None if cursor is None else parse_cursor(cursor)
        reading = self._client.reading()
        project = find_project(reading, stream.source_ref)
        is_replaced = stands is not None and stands.project != project
        walk = ItemWalk(
            reading=reading,
            stream=STREAMS[stream.stream],
            project=project,
            label=str(stream),
            make=partial(EventMaker, source=self._source, project=project, machine_users=self._machine_users),
            clock=self._clock,
            page_items=self._page_items,
        )
        if is_replaced:
            yield ActivityPage(
                events=(),
                cursor=cursor_text(GitlabCursor(project=project)),
                retrieved_at=self._clock(),
                skipped={PROJECT_REPLACED: 1},
            )
        yield from walk.pages(None if stands is None or is_replaced else stands.since)


def find_project(reading: Reading, name: str) -> int:
    """Return the number of the project that a name leads to, also by an old name.

    Raises: GitlabNotFound; SourceUnavailable, GitlabRefusals.
    """
    got = reading.get(f"/projects/{quote(name, safe='')}", what=name)
    if got.moved_to is not None:
        # Only the number is taken from the address: the token goes to no other server.
        found = _PROJECT_ADDRESS.fullmatch(got.moved_to)
        if found is None:
            raise GitlabNotFound(name)
        got = reading.get(f"/projects/{found[1]}", what=name)
        if got.moved_to is not None:
            raise GitlabNotFound(name)
    return Fields(got.value, "project").whole("id")


@frozen(kw_only=True)
class ItemWalk:
    """One walk up the updates of a project's items."""

    reading: Reading
    stream: ItemStream
    project: int
    label: str
    make: Callable[..., EventMaker]
    clock: Callable[[], datetime]
    page_items: int

    def pages(self, since: datetime | None) -> Iterator[ActivityPage]:
        """Yield the events of everything updated at `since` or later.

        Holds: no cursor is later than OVERLAP before the walk's beginning, nor than what was read whole.
        """
        highest = whole_milliseconds(self.reading.server_now() - OVERLAP)
        more = True
        after = None if since is None else whole_milliseconds(since)
        while more:
            items, more = self._list(after)
            reached = items[-1].instant("updated_at") if items else after
            following = reached
            if more and reached is not None and reached == after:
                # One instant fills a page, so the next page would be this one again.
                items = self._all_of(reached)
                following = reached + MILLISECOND
            yield from self._told(items, stands=_earlier(after, highest), reached=_earlier(reached, highest))
            after = following

    def _told(
        self, items: list[Fields], *, stands: datetime | None, reached: datetime | None
    ) -> Iterator[ActivityPage]:
        maker = self.make(retrieved_at=self.clock())
        events: list[ActivityEvent] = []
        for item in items:
            if len(events) >= MAX_PAGE_EVENTS:
                yield self._page(maker, events, stands)
                maker, events = self.make(retrieved_at=self.clock()), []
            events += self._events(maker, item)
        if items:
            yield self._page(maker, events, reached)

    def _page(self, maker: EventMaker, events: list[ActivityEvent], since: datetime | None) -> ActivityPage:
        return ActivityPage(
            events=tuple(events),
            cursor=cursor_text(GitlabCursor(project=self.project, since=since)),
            retrieved_at=maker.retrieved_at,
            skipped=dict(maker.skipped),
        )

    def _events(self, maker: EventMaker, item: Fields) -> list[ActivityEvent]:
        note_type = self.stream.note_type
        if note_type is None:
            return maker.merge_request(item) if self.stream.items == "merge_requests" else maker.issue(item)
        if item.whole("user_notes_count") == 0:
            return []
        return [event for note in self._notes(item) for event in maker.note(note_type, item, note)]

    def _notes(self, item: Fields) -> list[Fields]:
        path = f"/projects/{self.project}/{self.stream.items}/{item.whole('iid')}/notes"
        query = {"order_by": "created_at", "sort": "asc"}
        what = f"the notes of {self.label} {item.whole('iid')}"
        try:
            return list_steadily(
                self.reading,
                lambda page: list_page(
                    self.reading, path, query, page=page, page_items=self.page_items, what=what
                ),
                goes_on=lambda _: True,
                what=what,
            )
        except GitlabNotFound:
            return []  # the item was deleted since it was listed

    def _list(self, after: datetime | None, page: int = 1) -> tuple[list[Fields], bool]:
        query = {"state": self.stream.state, "order_by": "updated_at", "sort": "asc", "scope": "all"}
        if after is not None:
            query["updated_after"] = time_text(after)
        path = f"/projects/{self.project}/{self.stream.items}"
        items, more = list_page(
            self.reading, path, query, page=page, page_items=self.page_items, what=self.label
        )
        check_order(items, after=after, what=self.label)
        return items, more

    def _all_of(self, instant: datetime) -> list[Fields]:
        return list_steadily(
            self.reading,
            lambda page: self._list(instant, page),
            goes_on=lambda item: item.instant("updated_at") == instant,
            what=self.label,
        )


def _earlier(instant: datetime | None, highest: datetime) -> datetime | None:
    return None if instant is None else min(instant, highest)
