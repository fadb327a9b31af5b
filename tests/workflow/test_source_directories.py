"""`owner/*` through Temporal: the repositories of the moment are listed first, then collected like any other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ledger_core import SourceUnavailable, StreamRef
from ledger_core.ports.activity_source import ActivitySource, SourceDirectory
from ledger_core.testing import MONDAY, ScriptedSource, make_event
from scheduler_worker.activities.collect_activities import TooManyStreamsListed
from scheduler_worker.messages import MAX_STREAMS, CollectReport
from scheduler_worker.sources.github.directory import Choice, GithubDirectory
from tests.github_world.collecting import Collector, collector_on
from tests.github_world.server import GithubWorldServer
from tests.temporal_runtime import worker_on
from tests.workflow.ledger_runs import PULLS, STORY_SECONDS, LedgerRuns, Runtime, pages_of

DIRECTORY = StreamRef(source="github", source_ref="acme/*", stream="repositories")


@pytest.fixture
def collector() -> Iterator[Collector]:
    with GithubWorldServer().running() as server, collector_on(server) as collector:
        yield collector


def directory_on(collector: Collector) -> GithubDirectory:
    return GithubDirectory(
        client=collector.client(),
        source="github",
        choice=Choice(pattern="acme/*", exclude=("acme/private-*",)),
        streams=["issues", "commits"],
        make_source=lambda name: collector.source(name, streams=["issues", "commits"]),
    )


def collect_with(
    runtime: Runtime, directory: SourceDirectory, *named: ActivitySource, weeks: tuple[int, ...] = (0,)
) -> list[CollectReport]:
    """Collect as `ledger epoch collect` would with this directory beside the named sources."""
    served = {stream: source for source in named for stream in source.streams()}

    async def run() -> list[CollectReport]:
        async with worker_on(
            runtime.address, runtime.namespace, runtime.ledger, served, directories={DIRECTORY: directory}
        ) as client:
            runs = LedgerRuns(
                client=client, ledger=runtime.ledger, streams=tuple(served), directories=(DIRECTORY,)
            )
            return [await runs.collect(week) for week in weeks]

    return asyncio.run(asyncio.wait_for(run(), STORY_SECONDS))


def test_repositories_that_appear_are_collected_from_then_on(runtime: Runtime, collector: Collector) -> None:
    world = collector.server.world
    ada = world.account("ada")
    for name in ("acme/web", "acme/api", "acme/private-plans", "other/thing"):
        world.open_item(world.repository(name), "issue", ada)
    named = ScriptedSource({PULLS: pages_of([make_event(1, at=MONDAY)], size=1)})

    (report,) = collect_with(runtime, directory_on(collector), named)
    world.open_item(world.repository("acme/new"), "issue", ada)
    (again,) = collect_with(runtime, directory_on(collector), named)

    assert report.complete
    assert [str(found.stream) for found in report.streams] == [
        "github:acme/widgets:pull_requests",
        "github:acme/api:commits",
        "github:acme/api:issues",
        "github:acme/web:commits",
        "github:acme/web:issues",
    ]
    assert [found.inserted for found in again.streams if found.stream.source_ref == "acme/new"] == [0, 1]
    assert runtime.count("activity_events") == 4


class FailingDirectory:
    """A directory that says no, or lists more than can be carried."""

    def __init__(self, error: Exception | None = None, *, count: int = 0) -> None:
        self._errors = [] if error is None else [error]
        self._count = count

    def list_streams(self) -> tuple[StreamRef, ...]:
        if self._errors:
            raise self._errors.pop()
        return tuple(replace(PULLS, source_ref=f"acme/repository-{number}") for number in range(self._count))

    def find_source(self, stream: StreamRef) -> None:  # noqa: ARG002 - the port's
        return None


@pytest.mark.parametrize(
    ("directory", "problem"),
    [
        (FailingDirectory(TooManyStreamsListed(DIRECTORY, 7)), "too-many-streams: "),
        (
            FailingDirectory(count=MAX_STREAMS + 1),
            "too-many-streams: github:acme/*:repositories has 2001 streams",
        ),
        (
            FailingDirectory(count=MAX_STREAMS),
            "too-many-streams: 2000 were listed, and one collection takes 1999",
        ),
        (FailingDirectory(count=1), "stream-not-configured: "),
    ],
)
def test_a_directory_that_fails_leaves_the_named_streams_theirs_and_the_collection_incomplete(
    runtime: Runtime, directory: FailingDirectory, problem: str
) -> None:
    named = ScriptedSource({PULLS: pages_of([make_event(1, at=MONDAY)], size=1)})

    (report,) = collect_with(runtime, directory, named)

    problems = [found.problem for found in report.streams if found.problem is not None]
    assert not report.complete
    assert len(problems) == 1
    assert problems[0].startswith(problem)
    assert runtime.count("activity_events") == 1


def test_a_directory_that_is_unavailable_is_asked_again_when_it_said(runtime: Runtime) -> None:
    directory = FailingDirectory(SourceUnavailable("GitHub", "limit", retry_after_seconds=1))

    (report,) = collect_with(runtime, directory)

    assert report.complete
    assert report.streams == ()
