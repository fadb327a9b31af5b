"""`owner/*` through Temporal: the repositories of the moment are listed first, then collected like any other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ledger_core import SourceUnavailable
from ledger_core.ports.activity_source import ActivitySource, SourceDirectory
from ledger_core.testing import MONDAY, ScriptedSource, make_event
from scheduler_worker.activities.collect_activities import TooManyStreamsListed
from scheduler_worker.bootstrap import read_facts
from scheduler_worker.messages import MAX_STREAMS, CollectReport
from scheduler_worker.sources.github.directory import Choice, GithubDirectory
from tests.github_world.collecting import Collector, collector_on
from tests.github_world.server import GithubWorldServer
from tests.workflow.ledger_runs import PULLS, LedgerRuns, Runtime, pages_of
from tests.workflow.scripted_directory import ScriptedDirectory, directory_ref, repositories

DIRECTORY = directory_ref("acme")


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

    async def story(runs: LedgerRuns) -> list[CollectReport]:
        listing = replace(runs, directories=(DIRECTORY,))
        return [await listing.collect(week) for week in weeks]

    return runtime.play(story, *named, directories={DIRECTORY: directory})


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


def test_streams_of_repositories_that_a_pattern_finds_are_watched_until_they_are_gone(
    runtime: Runtime, collector: Collector
) -> None:
    world = collector.server.world
    for name in ("acme/web", "acme/api"):
        world.repository(name)
    directory = directory_on(collector)

    def watched() -> list[str]:
        facts = read_facts(runtime.ledger, [PULLS], {DIRECTORY: directory})
        assert all(health.problem is None for health in facts.streams)
        return [str(health.stream) for health in facts.streams if health.lag(MONDAY) is not None]

    before = watched()
    collect_with(runtime, directory)
    first = watched()
    world.repositories.pop()
    collect_with(runtime, directory)

    assert before == []
    assert first == [
        "github:acme/*:repositories",
        "github:acme/api:commits",
        "github:acme/api:issues",
        "github:acme/web:commits",
        "github:acme/web:issues",
    ]
    assert watched() == [first[0], *first[3:]]


@pytest.mark.parametrize(
    ("directory", "problem"),
    [
        (ScriptedDirectory(error=TooManyStreamsListed(DIRECTORY, 7)), "too-many-streams: "),
        (
            ScriptedDirectory(repositories(MAX_STREAMS + 1)),
            "too-many-streams: github:acme/*:repositories has 2001 streams",
        ),
        (
            ScriptedDirectory(repositories(MAX_STREAMS)),
            "too-many-streams: 2000 were listed, and one collection takes 1999",
        ),
        (ScriptedDirectory(repositories(1)), "stream-not-configured: "),
    ],
)
def test_a_directory_that_fails_leaves_the_named_streams_theirs_and_the_collection_incomplete(
    runtime: Runtime, directory: ScriptedDirectory, problem: str
) -> None:
    named = ScriptedSource({PULLS: pages_of([make_event(1, at=MONDAY)], size=1)})

    (report,) = collect_with(runtime, directory, named)

    problems = [found.problem for found in report.streams if found.problem is not None]
    assert not report.complete
    assert len(problems) == 1
    assert problems[0].startswith(problem)
    assert runtime.count("activity_events") == 1


def test_a_directory_that_is_unavailable_is_asked_again_when_it_said(runtime: Runtime) -> None:
    directory = ScriptedDirectory(error=SourceUnavailable("GitHub", "limit", retry_after_seconds=1))

    (report,) = collect_with(runtime, directory)

    assert report.complete
    assert report.streams == ()
