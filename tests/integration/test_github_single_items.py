"""What one thing that a delivery names becomes: the events that a walk makes of it, and nothing else."""

from __future__ import annotations

import pytest

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.errors import InvalidValue, SourceUnavailable
from ledger_core.identifiers import StreamRef
from ledger_core.ports.item_source import FoundItem, ItemHint, ItemSource
from scheduler_worker.sources.github.client import RESERVED_PARTS
from scheduler_worker.sources.github.deliveries import NamedThing, read_delivery
from scheduler_worker.sources.github.refusals import GithubForbidden
from scheduler_worker.sources.github.single_items import (
    ELSEWHERE,
    GONE,
    OTHER_KIND,
    READ_AGAIN_AFTER_SECONDS,
    SINGLE_ITEMS,
)
from scheduler_worker.sources.github.stream_names import STREAM_NAMES
from tests.github_world.acts import Player, populated
from tests.github_world.collecting import Collector
from tests.github_world.deliveries import Delivery, deliveries_of, push
from tests.github_world.server import HOURLY_POINTS, TOKEN, Fault, GithubWorldServer
from tests.github_world.world import Account, CommitAuthor, Repository, World


def hint_of(told: Delivery) -> ItemHint:
    named = read_delivery(told.event, told.body)
    assert isinstance(named, NamedThing), named
    stream = StreamRef(source="github", source_ref=named.repository, stream=named.stream)
    return ItemHint(stream=stream, scope=named.repository_id, item=named.node)


def hint(stream: str, item: str, *, repository: Repository) -> ItemHint:
    ref = StreamRef(source="github", source_ref=repository.name, stream=stream)
    return ItemHint(stream=ref, scope=repository.id, item=item)


def found(collector: Collector, asked: ItemHint) -> FoundItem:
    return collector.source(asked.stream.source_ref, machine_users=["acme-ci"]).find_item(asked)


def facts(events: dict[str, ActivityEvent]) -> dict[str, str]:
    return {event.id: event.payload_hash for event in events.values()}


def test_every_stream_s_things_can_be_asked_for_one_by_one(collector: Collector) -> None:
    assert set(SINGLE_ITEMS) == set(STREAM_NAMES)
    assert isinstance(collector.source(), ItemSource)


def test_each_delivery_s_thing_gives_the_events_that_a_reading_gives(
    server: GithubWorldServer, collector: Collector
) -> None:
    """Every event of a world, id and hash, once by walking and once by what its deliveries name."""
    world = populated()
    server.reset(world)
    Player(world).play_some()
    web, api = world.repositories
    world.pass_time(60)
    for issue in web.of_kind("issue")[:4]:
        world.transfer(web, issue, api)
        world.comment(issue, world.accounts[0])
        world.pass_time(1)
        world.comment(issue, world.accounts[1])
    world.pass_time(2)
    for repository in world.repositories:
        assert collector.collect(collector.source(repository.name, machine_users=["acme-ci"])) == []

    told = [hint_of(each) for each in deliveries_of(world)]
    one_by_one = {event.id: event for asked in told for event in found(collector, asked).events}

    assert {asked.stream.stream for asked in told} == set(STREAM_NAMES)
    assert len(one_by_one) > 100
    assert facts({str(name): event for name, event in one_by_one.items()}) == facts(collector.events)


def test_bots_and_machine_users_are_skipped_by_the_same_rule(
    collector: Collector, world: World, repository: Repository
) -> None:
    bot, machine = world.account("renovate", "Bot"), world.account("ACME-ci")
    for who, reason in ((bot, "bot"), (machine, "machine-user")):
        item = world.open_item(repository, "issue", who)

        assert found(collector, hint("issues", f"I_{item.id}", repository=repository)) == FoundItem(
            skipped={reason: 1}
        )


def test_a_thing_that_is_gone_has_no_events_and_was_waited_for(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    item = world.open_item(repository, "issue", ada)
    world.delete(repository, item)

    assert found(collector, hint("issues", f"I_{item.id}", repository=repository)) == FoundItem(
        skipped={GONE: 1}
    )
    assert collector.waits == list(READ_AGAIN_AFTER_SECONDS)


def test_a_thing_that_shows_a_moment_later_is_found(
    server: GithubWorldServer, collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    item = world.open_item(repository, "issue", ada)
    hidden = repository.items.pop()
    server.before_request = lambda number: repository.items.append(hidden) if number == 2 else None

    made = found(collector, hint("issues", f"I_{item.id}", repository=repository))

    assert [event.id for event in made.events] == [f"github:issue_opened:{repository.id}:1"]
    assert collector.waits == [READ_AGAIN_AFTER_SECONDS[0]]


def test_a_thing_of_another_repository_gives_nothing_whatever_the_hint_says(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    other = world.repository("acme/secret")
    item = world.open_item(other, "issue", ada)
    other_commit = world.commit(other, CommitAuthor(name="Ada", email="ada@example.org", account=ada))

    for stream, node in (("issues", f"I_{item.id}"), ("commits", f"R_{other.id}")):
        assert found(collector, hint(stream, node, repository=repository)) == FoundItem(
            skipped={ELSEWHERE: 1}
        )
    assert other_commit.oid


@pytest.mark.parametrize("stream", STREAM_NAMES)
def test_a_thing_of_another_kind_gives_nothing(
    collector: Collector, world: World, repository: Repository, ada: Account, stream: str
) -> None:
    thread_item = world.open_item(repository, "pull", ada)
    world.comment_line(thread_item, ada)
    node = f"T_{thread_item.threads[0].id}"

    assert found(collector, hint(stream, node, repository=repository)) == FoundItem(skipped={OTHER_KIND: 1})


def test_an_issue_s_comment_is_no_pull_request_s(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    comment = world.comment(world.open_item(repository, "issue", ada), ada)
    asked = hint("pull_request_comments", f"IC_{comment.id}", repository=repository)

    assert found(collector, asked) == FoundItem(skipped={OTHER_KIND: 1})


def test_an_issue_that_was_transferred_gives_nothing_under_its_old_place(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    item = world.open_item(repository, "issue", ada)
    world.transfer(repository, item, world.repository("acme/api"))

    asked = hint("issues", f"I_{item.id}", repository=repository)

    assert found(collector, asked).skipped == {ELSEWHERE: 1}


def test_an_unmerged_pull_request_and_a_draft_have_no_events_yet(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    pull = world.open_item(repository, "pull", ada)
    release = world.release(repository, ada, is_draft=True)

    assert found(collector, hint("pull_requests", f"I_{pull.id}", repository=repository)) == FoundItem()
    assert found(collector, hint("releases", f"RE_{release.id}", repository=repository)) == FoundItem()


def test_an_empty_repository_has_no_commits(collector: Collector, repository: Repository) -> None:
    assert found(collector, hint("commits", f"R_{repository.id}", repository=repository)) == FoundItem()


def test_a_push_brings_the_branch_as_it_is_now_and_no_more_than_a_page(
    server: GithubWorldServer, collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    """Commits that were pushed and thrown away are no events; what is older than a page, a reading finds."""
    author = CommitAuthor(name="Ada", email="ada@example.org", account=ada)
    kept = [world.commit(repository, author) for _ in range(3)]
    thrown_away = world.commit(repository, author)
    repository.head = kept[-1].oid
    server.most_a_page = 2

    told = push(repository, after=thrown_away.oid)
    made = found(collector, hint_of(told))

    assert {event.metadata["sha"] for event in made.events} < {commit.oid for commit in kept}
    assert len(made.events) == 2


def test_a_foreign_stream_is_refused(collector: Collector, repository: Repository) -> None:
    asked = hint("issues", "I_1", repository=repository)

    with pytest.raises(InvalidValue):
        collector.source(streams=["commits"]).find_item(asked)


@pytest.mark.parametrize("item", ["", "a\nb", "x" * 5_000])
def test_a_hint_s_item_is_an_identifier(item: str) -> None:
    with pytest.raises(InvalidValue):
        ItemHint(stream=StreamRef(source="github", source_ref="a/b", stream="issues"), scope=1, item=item)


@pytest.mark.parametrize("scope", [-1, 2**63])
def test_a_hint_s_scope_is_a_number_that_a_repository_can_have(scope: int) -> None:
    with pytest.raises(InvalidValue):
        ItemHint(stream=StreamRef(source="github", source_ref="a/b", stream="issues"), scope=scope, item="I")


def test_limits_and_refusals_are_those_of_a_reading(
    server: GithubWorldServer, collector: Collector, repository: Repository
) -> None:
    asked = hint("issues", "I_1", repository=repository)
    server.faults.append(Fault(status=403, headers={"retry-after": "600"}))
    with pytest.raises(SourceUnavailable) as waits:
        found(collector, asked)
    server.faults.append(Fault(status=403, body=b'{"message": "no"}'))
    with pytest.raises(GithubForbidden):
        found(collector, asked)

    assert waits.value.retry_after_seconds == 600


def test_the_last_fifth_of_the_hourly_limit_is_left_to_collections(
    server: GithubWorldServer, collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    """A flood of messages waits for the reset; a reading of the stream goes on."""
    item = world.open_item(repository, "issue", ada)
    asked = hint("issues", f"I_{item.id}", repository=repository)
    client = collector.client()
    source = collector.source(client=client)
    source.find_item(asked)
    bucket = server.buckets[TOKEN]
    bucket.remaining = HOURLY_POINTS // RESERVED_PARTS + 2

    made = [source.find_item(asked), source.find_item(asked)]
    requests = server.requests
    with pytest.raises(SourceUnavailable) as waits:
        source.find_item(asked)

    assert all(len(found_item.events) == 1 for found_item in made)
    assert server.requests == requests
    assert bucket.reset_at is not None
    assert waits.value.retry_after_seconds == (bucket.reset_at - world.now).total_seconds()
    world.pass_time(2)
    assert collector.collect(source, ["issues"]) == []
    world.pass_time(3_600)
    assert len(source.find_item(asked).events) == 1
