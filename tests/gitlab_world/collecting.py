"""The real adapter against the loopback server: its clock and its waits are the world's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.errors import LedgerError, SourceUnavailable
from ledger_core.identifiers import StreamRef
from scheduler_worker.sources.gitlab.client import CREDENTIAL_HEADER, GitlabClient
from scheduler_worker.sources.gitlab.gitlab_source import GitlabSource
from scheduler_worker.sources.http import HttpConnections
from tests.gitlab_world.server import TOKEN, GitlabWorldServer

UNTIL = datetime(2027, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Collector:
    """Everything that the ledger would keep: events by id, conflicts, a cursor for each stream."""

    http: HttpConnections
    server: GitlabWorldServer
    waits: list[float] = field(default_factory=list)
    events: dict[str, ActivityEvent] = field(default_factory=dict)
    cursors: dict[StreamRef, str] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)

    def client(self, *, token: str = TOKEN, url: str | None = None) -> GitlabClient:
        return GitlabClient(
            http=self.http,
            base_url=url or self.server.url,
            environment={"TOKEN": token},
            token_variable="TOKEN",
            clock=lambda: self.server.world.now,
            pause=self.pause,
        )

    def source(
        self, project: str = "acme/web", *, client: GitlabClient | None = None, **options: Any
    ) -> GitlabSource:
        return GitlabSource(
            client=client or self.client(),
            project=project,
            clock=lambda: self.server.world.now,
            machine_users=["ACME-CI"],
            **options,
        )

    def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.server.world.pass_time(seconds)

    def collect(self, source: GitlabSource, names: Iterable[str] | None = None) -> list[Exception]:
        """Read each stream once from its cursor, as the worker would; return what went wrong."""
        problems: list[Exception] = []
        for stream in source.streams():
            if names is None or stream.stream in names:
                try:
                    self.read(source, stream)
                except (LedgerError, SourceUnavailable) as error:
                    problems.append(error)
        return problems

    def read(self, source: GitlabSource, stream: StreamRef, *, most_pages: int | None = None) -> None:
        for number, page in enumerate(source.pages(stream, self.cursors.get(stream), until=UNTIL), start=1):
            for event in page.events:
                self.events.setdefault(event.id, event)
            self.cursors[stream] = page.cursor
            self.skipped.update(page.skipped)
            if number == most_pages:
                break

    @property
    def ids(self) -> set[str]:
        return set(self.events)


@contextmanager
def collector_on(server: GitlabWorldServer) -> Iterator[Collector]:
    with HttpConnections(accept="application/json", credential_header=CREDENTIAL_HEADER) as http:
        yield Collector(http, server)
