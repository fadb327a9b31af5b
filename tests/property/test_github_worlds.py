"""Whatever happens in a world, before, between and in the middle of readings: what is collected is what is true."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler_worker.sources.github.item_streams import STREAM_NAMES
from tests.github_world.acts import ACTS, Act, Player, populated
from tests.github_world.collecting import Collector, collector_on
from tests.github_world.server import GithubWorldServer
from tests.github_world.world import Repository

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
    which=st.integers(0, 23),
    seconds=st.sampled_from([0, 0, 1, 2, LONG_AFTER]),
)
# A round: what happens before it, and at which of its requests something happens in its middle.
rounds = st.tuples(st.lists(acts, max_size=25), st.dictionaries(st.integers(1, 60), acts, max_size=12))


@pytest.fixture(scope="module")
def server() -> Iterator[GithubWorldServer]:
    with GithubWorldServer().running() as running:
        yield running


@pytest.fixture(scope="module")
def collector(server: GithubWorldServer) -> Iterator[Collector]:
    with collector_on(server) as collector:
        yield collector


def of_streams(ids: set[str], names: set[str]) -> set[str]:
    return {found for found in ids if STREAM_OF[found.split(":")[1]] in names}


@settings(max_examples=EXAMPLES)
@given(
    history=st.lists(rounds, min_size=1, max_size=3),
    page_items=st.integers(1, 4),
    seconds_a_request=st.sampled_from([0, 1]),
)
def test_the_collected_set_is_the_true_set_always(
    server: GithubWorldServer,
    collector: Collector,
    history: list[tuple[list[Act], dict[int, Act]]],
    page_items: int,
    seconds_a_request: int,
) -> None:
    world = populated()
    server.reset(world)
    server.seconds_a_request = seconds_a_request
    player = Player(world)
    fresh = Collector(collector.http, server)
    sources = {
        repository.id: fresh.source(repository.name, page_items=page_items, machine_users=["ACME-CI"])
        for repository in world.repositories
    }

    def collect(repository: Repository, name: str) -> None:
        """What was there when the reading began, and still is, was collected; if the reading says that it ended."""
        before = world.true_events(repository)
        problems = fresh.collect(sources[repository.id], [name])
        if not problems:
            lasting = of_streams(before & world.true_events(repository), {name})
            assert lasting <= fresh.ids

    for before, during in history:
        for act in before:
            player.play(act)
        begun = server.requests
        server.before_request = lambda number, begun=begun, during=during: (
            player.play(during[number - begun]) if number - begun in during else None
        )
        for repository in world.repositories:
            for name in STREAM_NAMES:
                collect(repository, name)
        server.before_request = None

    for repository in world.repositories:
        assert fresh.collect(sources[repository.id]) == []
        true = world.true_events(repository)
        prefix = f":{repository.id}:"
        collected = {found for found in fresh.ids if prefix in found}
        assert true <= collected
        assert collected <= world.ever
    assert all(not certificate.differing for certificate in fresh.certificates.values())
