"""The real adapter against the loopback server: its clock and its waits are the world's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.completeness import CompletenessCertificate
from ledger_core.errors import LedgerError, SourceUnavailable
from ledger_core.identifiers import StreamRef
from scheduler_worker.sources.github.client import GithubClient
from scheduler_worker.sources.github.credentials import AppInstallations, Credentials, PersonalToken
from scheduler_worker.sources.github.github_source import GithubSource
from scheduler_worker.sources.http import HttpConnections
from scheduler_worker.sources.server_clock import ServerClock
from tests.github_world.server import APP_ID, TOKEN, GithubWorldServer, app_key_pem

UNTIL = datetime(2027, 1, 1, tzinfo=UTC)


class StoppedAfter(Exception):
    """The reading was stopped before this page was stored."""


@dataclass(slots=True)
class Collector:
    """Everything that the ledger would keep: events by id, conflicts, a cursor for each stream."""

    http: HttpConnections
    server: GithubWorldServer
    waits: list[float] = field(default_factory=list)
    events: dict[str, ActivityEvent] = field(default_factory=dict)
    cursors: dict[StreamRef, str] = field(default_factory=dict)
    certificates: dict[StreamRef, CompletenessCertificate] = field(default_factory=dict)  # the last of each
    counted: Counter[str] = field(default_factory=Counter)  # by agreeing certificates, by what was counted
    skipped: dict[str, int] = field(default_factory=dict)
    pages: int = 0

    def client(self, credentials: Credentials | None = None, *, url: str | None = None) -> GithubClient:
        return GithubClient(
            http=self.http,
            base_url=url or self.server.url,
            credentials=credentials or PersonalToken({"TOKEN": TOKEN}, "TOKEN"),
            clock=self.clock(),
            pause=self.pause,
        )

    def clock(self) -> ServerClock:
        return ServerClock(lambda: self.server.world.now)

    def app(self, environment: Mapping[str, str] | None = None) -> AppInstallations:
        return AppInstallations(
            environment or {"KEY": app_key_pem()}, app_id=APP_ID, key_variable="KEY", clock=self.clock()
        )

    def source(
        self, repository: str = "acme/web", *, client: GithubClient | None = None, **options: Any
    ) -> GithubSource:
        return GithubSource(
            client=client or self.client(),
            repository=repository,
            clock=lambda: self.server.world.now,
            **options,
        )

    def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.server.world.pass_time(seconds)

    def collect(
        self, source: GithubSource, names: Iterable[str] | None = None, *, most_pages: int | None = None
    ) -> list[Exception]:
        """Read each stream once from its cursor, as the worker would; return what went wrong.

        A reading that is stopped after so many pages, as a worker may be, is a StoppedAfter among them.
        """
        problems: list[Exception] = []
        for stream in source.streams():
            if names is None or stream.stream in names:
                try:
                    self.read(source, stream, most_pages=most_pages)
                except (LedgerError, SourceUnavailable, StoppedAfter) as error:
                    problems.append(error)
        return problems

    def read(self, source: GithubSource, stream: StreamRef, *, most_pages: int | None = None) -> None:
        for number, page in enumerate(source.pages(stream, self.cursors.get(stream), until=UNTIL)):
            if number == most_pages:
                raise StoppedAfter
            for event in page.events:
                self.events.setdefault(event.id, event)
            self.cursors[stream] = page.cursor
            self.pages += 1
            for reason, times in page.skipped.items():
                self.skipped[reason] = self.skipped.get(reason, 0) + times
            if page.certificate is not None:
                self.certificates[stream] = page.certificate
                if not page.certificate.differing:
                    for count in page.certificate.counts:
                        self.counted[f"{stream.source_ref} {count.what}"] += count.seen

    @property
    def ids(self) -> set[str]:
        return set(self.events)


@contextmanager
def collector_on(server: GithubWorldServer) -> Iterator[Collector]:
    with HttpConnections() as http:
        yield Collector(http, server)
