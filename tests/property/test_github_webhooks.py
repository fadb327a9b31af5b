"""Whatever becomes of deliveries: after polling, the ledger is that of polling alone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.identifiers import NodeId, StreamRef
from ledger_core.ports.item_source import ItemHint
from ledger_core.testing import InMemoryLedger
from ledger_core.use_cases.store_events import store_events
from ledger_core.use_cases.store_page import find_cursor, store_page
from scheduler_worker.github_policy import GithubAccess, GithubSourcePolicy
from scheduler_worker.sources.github.deliveries import NamedThing, read_delivery
from scheduler_worker.sources.github.github_source import GithubSource
from scheduler_worker.webhooks.collected_streams import collected_stream
from tests.github_world.acts import ACTS, Act, Player, populated
from tests.github_world.collecting import UNTIL, Collector, collector_on
from tests.github_world.deliveries import Delivery, deliveries_of
from tests.github_world.server import GithubWorldServer
from tests.github_world.world import World

EXAMPLES = settings().max_examples // 4  # each is some hundred requests
NODE = NodeId(UUID(int=3))
NAMES = ("acme/web", "acme/api")  # as the policy has them, whatever the repositories are called by then
POLICY = GithubSourcePolicy(
    source="github", access=GithubAccess(), repos=NAMES, patterns=(), machine_users=("acme-ci",)
)
# What is told once and never takes back or changes what was told before: of these the hashes are equal, too.
ADDING = [
    "answer", "close", "comment", "comment_line", "merge", "merge_old_branch", "open_issue", "open_pull", "push",
    "release", "reopen", "reply", "review", "start_discussion",
]  # fmt: skip
SECONDS = st.sampled_from([0, 1, 60, 700])


def acts(names: list[str]) -> st.SearchStrategy[Act]:
    return st.builds(
        Act,
        name=st.sampled_from(names),
        who=st.integers(0, 5),
        which=st.integers(0, 47),
        seconds=SECONDS,
    )


@dataclass(frozen=True, slots=True)
class Post:
    """What becomes of deliveries on their way: how many in a hundred are lost, and come twice; in which order."""

    lost: int
    doubled: int
    seed: int

    def carried(self, told: list[Delivery]) -> list[Delivery]:
        chance = random.Random(self.seed)
        kept = [each for each in told if chance.randrange(100) >= self.lost]
        kept += [each for each in kept if chance.randrange(100) < self.doubled]
        chance.shuffle(kept)
        return kept


posts = st.builds(
    Post,
    lost=st.sampled_from([0, 30, 90, 100]),
    doubled=st.sampled_from([0, 50]),
    seed=st.integers(0, 2**16),
)


@dataclass(frozen=True, slots=True)
class Receiver:
    """A ledger that is told, and polls."""

    ledger: InMemoryLedger
    sources: dict[StreamRef, GithubSource]

    def receive(self, told: Delivery) -> None:
        """Do what the receiver and the worker do, but for what lies between them."""
        named = read_delivery(told.event, told.body)
        assert isinstance(named, NamedThing), named
        stream = collected_stream([POLICY], named)
        if isinstance(stream, str):  # a repository that was renamed
            return
        hint = ItemHint(stream=stream, scope=named.repository_id, item=named.node)
        store_events(self.ledger, self.sources[stream].find_item(hint).events)

    def poll(self) -> None:
        """Read every stream from its cursor, as the worker does."""
        for stream, source in self.sources.items():
            cursor = find_cursor(self.ledger, stream)
            for page in source.pages(stream, cursor, until=UNTIL):
                store_page(self.ledger, stream, page, expected_cursor=cursor)
                cursor = page.cursor

    def events(self) -> dict[str, ActivityEvent]:
        return {str(name): event for name, event in self.ledger._committed.events.items()}

    def hashes(self) -> dict[str, str]:
        return {name: event.payload_hash for name, event in self.events().items()}


@pytest.fixture(scope="module")
def server() -> Iterator[GithubWorldServer]:
    with GithubWorldServer().running() as running:
        yield running


@pytest.fixture(scope="module")
def collector(server: GithubWorldServer) -> Iterator[Collector]:
    with collector_on(server) as collector:
        yield collector


def receiver_on(collector: Collector) -> Receiver:
    fresh = Collector(collector.http, collector.server)
    sources = [fresh.source(name, machine_users=["acme-ci"]) for name in NAMES]
    served = {stream: source for source in sources for stream in source.streams()}
    return Receiver(InMemoryLedger(NODE), served)


def begun(server: GithubWorldServer, most_a_page: int) -> tuple[World, Player]:
    world = populated()
    server.reset(world)
    server.most_a_page = most_a_page
    return world, Player(world)


@settings(max_examples=EXAMPLES)
@given(
    history=st.lists(acts(sorted(set(ACTS) - {"rename"})), max_size=60),
    some=st.booleans(),
    rounds=st.lists(posts, min_size=1, max_size=3),
    polls_first=st.booleans(),
    most_a_page=st.integers(1, 4),
)
def test_after_polling_the_ledger_is_that_of_polling_alone(
    server: GithubWorldServer,
    collector: Collector,
    history: list[Act],
    some: bool,  # noqa: FBT001 - as Hypothesis draws it
    rounds: list[Post],
    polls_first: bool,  # noqa: FBT001 - the same
    most_a_page: int,
) -> None:
    """DELIVERY_IS_A_HINT, of a world that stands still: ids and hashes, whatever was lost, doubled or mixed up, and when it came."""
    world, player = begun(server, most_a_page)
    if some:
        player.play_some()
    for act in history:
        player.play(act)
    world.pass_time(2)
    told = deliveries_of(world)
    alone, receiver = receiver_on(collector), receiver_on(collector)
    alone.poll()

    if polls_first:
        receiver.poll()
    for post in rounds:
        for each in post.carried(told):
            receiver.receive(each)
    assert receiver.hashes().items() <= alone.hashes().items()
    receiver.poll()

    assert receiver.hashes() == alone.hashes()


@settings(max_examples=EXAMPLES)
@given(
    history=st.lists(st.tuples(st.lists(acts(ADDING), min_size=1, max_size=8), posts), max_size=6),
    polled=st.sets(st.integers(0, 5)),
    most_a_page=st.integers(1, 4),
)
def test_while_things_are_only_added_the_ledger_is_that_of_polling_alone(
    server: GithubWorldServer,
    collector: Collector,
    history: list[tuple[list[Act], Post]],
    polled: set[int],
    most_a_page: int,
) -> None:
    """Deliveries come between acts, stale ones with them, and some rounds are polled: ids and hashes all the same."""
    world, player = begun(server, most_a_page)
    receiver = receiver_on(collector)
    for number, (happening, post) in enumerate(history):
        for act in happening:
            player.play(act)
        for each in post.carried(deliveries_of(world)):
            receiver.receive(each)
        if number in polled:
            receiver.poll()
    world.pass_time(2)
    alone = receiver_on(collector)
    alone.poll()
    receiver.poll()

    assert receiver.hashes() == alone.hashes()


@settings(max_examples=EXAMPLES)
@given(
    history=st.lists(st.tuples(st.lists(acts(sorted(ACTS)), max_size=8), posts), max_size=6),
    most_a_page=st.integers(1, 4),
)
def test_whatever_happens_between_deliveries_only_what_was_true_is_stored_and_all_that_is_true_is_found(
    server: GithubWorldServer,
    collector: Collector,
    history: list[tuple[list[Act], Post]],
    most_a_page: int,
) -> None:
    """Edited, deleted, transferred, renamed: each event was true when it was stored, and nothing true is missing."""
    world, player = begun(server, most_a_page)
    player.play_some()
    receiver = receiver_on(collector)
    old: list[Delivery] = []
    for happening, post in history:
        for act in happening:
            player.play(act)
        told = deliveries_of(world)
        for each in post.carried(told + old):
            receiver.receive(each)
        old = told
    world.pass_time(2)
    receiver.poll()

    stored = set(receiver.events())
    for repository in world.repositories:
        assert world.true_events(repository) <= stored
    assert stored <= world.ever.keys()
    told_of = [world.ever[event_id] for event_id in stored]
    assert len(told_of) == len(set(told_of)), "nothing is told twice, under two ids"
