"""Whatever happens in a world, before, between and in the middle of readings: what is collected is what is true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler_worker.sources.github import commit_increment
from scheduler_worker.sources.github.stream_names import STREAM_NAMES
from tests.github_world.acts import ACTS, Act, Player, populated
from tests.github_world.collecting import Collector, collector_on
from tests.github_world.server import GithubWorldServer

STREAM_OF = {
    "pr": "pull_requests",
    "review": "reviews",
    "review_comment": "review_comments",
    "pr_comment": "pull_request_comments",
    "issue_opened": "issues",
    "issue_closed": "issues",
    "issue_comment": "issue_comments",
    "discussion": "discussions",
    "discussion_answer": "discussions",
    "discussion_comment": "discussion_comments",
    "release": "releases",
    "commit": "commits",
    "coauthor": "commits",
}
EXAMPLES = settings().max_examples // 4  # each is some hundred requests
LONG_AFTER = 700  # seconds: longer than the overlap below a watermark

acts = st.builds(
    Act,
    name=st.sampled_from(sorted(ACTS)),
    who=st.integers(0, 5),
    which=st.integers(0, 47),
    seconds=st.sampled_from([0, 0, 1, 2, 60, LONG_AFTER]),
)


@dataclass(frozen=True, slots=True)
class Round:
    """What happens before some streams are read, and while they are: an act at every so manyth request.

    Each reading is stopped once it has stored so many pages, if it has more.
    """

    before: list[Act]
    during: list[Act]
    every: int
    repository: int
    streams: list[str]
    most_pages: int | None


rounds = st.builds(
    Round,
    before=st.lists(acts, max_size=8),
    during=st.lists(acts, max_size=20),
    every=st.integers(1, 4),
    repository=st.integers(0, 1),
    streams=st.lists(st.sampled_from(STREAM_NAMES), min_size=1, max_size=3, unique=True),
    most_pages=st.sampled_from([None, None, 1, 2, 5]),
)


@pytest.fixture(scope="module")
def server() -> Iterator[GithubWorldServer]:
    with GithubWorldServer().running() as running:
        yield running


@pytest.fixture(scope="module")
def collector(server: GithubWorldServer) -> Iterator[Collector]:
    with collector_on(server) as collector:
        yield collector


@pytest.fixture(scope="module", autouse=True)
def small_pages() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commit_increment, "PAGE_EVENTS", 3)
        yield


def of_streams(ids: set[str], names: set[str]) -> set[str]:
    return {found for found in ids if STREAM_OF[found.split(":")[1]] in names}


@settings(max_examples=EXAMPLES)
@given(
    history=st.lists(rounds, min_size=1, max_size=4),
    most_a_page=st.integers(1, 4),
    seconds_a_request=st.sampled_from([0, 1, 3]),
)
def test_the_collected_set_is_the_true_set_always(
    server: GithubWorldServer,
    collector: Collector,
    history: list[Round],
    most_a_page: int,
    seconds_a_request: int,
) -> None:
    world = populated()
    server.reset(world)
    server.seconds_a_request = seconds_a_request
    player = Player(world)
    player.play_some()
    fresh = Collector(collector.http, server)
    sources = [fresh.source(found.name, machine_users=["ACME-CI"]) for found in world.repositories]

    for happening in history:
        for act in happening.before:
            player.play(act)
        server.before_request = player.interrupting(happening.during, every=happening.every)
        server.most_a_page = most_a_page
        repository = world.repositories[happening.repository]
        for name in happening.streams:
            was_true = world.true_events(repository)
            problems = fresh.collect(sources[happening.repository], [name], most_pages=happening.most_pages)
            if not problems:  # it says that it has all: what was there when it began and still is
                lasting = was_true & world.true_events(repository)
                assert of_streams(lasting, {name}) <= fresh.ids
        server.before_request = None

    world.pass_time(2)
    server.most_a_page = 3
    for repository, source in zip(world.repositories, sources, strict=True):
        name = source.streams()[0].source_ref
        assert fresh.collect(source) == []
        assert world.true_events(repository) <= fresh.ids <= world.ever.keys()
        assert fresh.counted[f"{name} merged pull requests"] == sum(
            item.merged_at is not None for item in repository.items
        )
        again = Collector(collector.http, server)
        assert again.collect(source, ["issues"]) == []
        assert again.counted[f"{name} closed issues"] == sum(
            item.closed_at is not None for item in repository.of_kind("issue")
        )
    told_of = [world.ever[event_id] for event_id in fresh.ids]
    assert len(told_of) == len(set(told_of)), "nothing is told twice, under two ids"
    assert all(not certificate.differing for certificate in fresh.certificates.values())
