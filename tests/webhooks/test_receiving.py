"""From GitHub's delivery to the ledger: real Temporal, PostgreSQL and HTTP, and a GitHub on loopback that is asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from attrs import evolve
from sqlalchemy import text
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import MetricMeter

from ledger_core.testing import make_window
from scheduler_worker.github_policy import GithubAccess, GithubSourcePolicy
from scheduler_worker.messages import ItemReport
from scheduler_worker.payload_codec import hiding_converter
from scheduler_worker.sources.github.directory import Choice, GithubDirectory
from scheduler_worker.sources.github.stream_names import STREAM_NAMES
from scheduler_worker.webhooks import intake
from scheduler_worker.webhooks.app import MOST_AT_ONCE
from scheduler_worker.webhooks.intake import Intake
from scheduler_worker.webhooks.outcomes import Outcomes
from tests.github_world.acts import Player, populated
from tests.github_world.collecting import Collector
from tests.github_world.deliveries import (
    Delivery,
    comment_told,
    deliveries_of,
    delivery,
    issue_told,
    item_told,
    push,
)
from tests.github_world.server import Fault, GithubWorldServer
from tests.github_world.world import World
from tests.readable_histories import raw_bytes, readable
from tests.temporal_runtime import KEYS, TASK_QUEUE
from tests.webhooks.receiving import Sender, Told, app_of, served
from tests.webhooks.wire import wire_to
from tests.workflow.ledger_runs import LedgerRuns, Runtime

POLICY = GithubSourcePolicy(
    source="github",
    access=GithubAccess(),
    repos=("acme/web", "Acme/API"),
    patterns=("labs/*",),
    exclude=("labs/secret*",),
    archived=False,
    machine_users=("acme-ci",),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node that receives: its steps, and a sender of deliveries."""

    runtime: Runtime
    runs: LedgerRuns
    sender: Sender

    async def report(self, told: Told) -> ItemReport:
        """Wait for what an accepted delivery started."""
        assert told.status == 202, told
        handle = self.runs.client.get_workflow_handle(str(told.facts["workflow_id"]), result_type=ItemReport)
        report = await handle.result()
        assert isinstance(report, ItemReport)
        return report

    async def receive(self, *deliveries: Delivery) -> list[ItemReport]:
        """Send deliveries one after the other, and wait for each."""
        return [await self.report(await self.sender.send(each)) for each in deliveries]

    async def receive_together(self, deliveries: list[Delivery]) -> list[ItemReport]:
        """Send deliveries side by side, as many at once as are taken, and wait for all."""
        turns = asyncio.Semaphore(MOST_AT_ONCE // 2)

        async def receive(told: Delivery) -> ItemReport:
            async with turns:
                answer = await self.sender.send(told)
            return await self.report(answer)

        return await asyncio.gather(*map(receive, deliveries))

    def stored(self) -> dict[str, str]:
        """Return the stored events, each with its hash."""
        with self.runtime.owner_engine.connect() as connection:
            rows = connection.execute(text("SELECT id, payload_hash FROM activity_events"))
            return {row.id: row.payload_hash for row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A world, and how a story is played on it."""

    github: GithubWorldServer
    collector: Collector
    runtime: Runtime
    policy: GithubSourcePolicy = POLICY

    def play(self, story: Callable[[Node], Awaitable[None]]) -> None:
        sources = [
            self.collector.source(name, machine_users=["acme-ci"], streams=self.policy.streams)
            for name in self.policy.repos
        ]
        directory = GithubDirectory(
            client=self.collector.client(),
            source="github",
            choice=Choice(pattern="labs/*", exclude=self.policy.exclude, archived=False),
            streams=self.policy.streams,
            make_source=self.collector.source,
        )
        ref = replace(sources[0].streams()[0], source_ref="labs/*", stream="repositories")

        async def run(runs: LedgerRuns) -> None:
            async with served(app_of(self.intake(runs.client).take)) as sender:
                await story(Node(runtime=self.runtime, runs=runs, sender=sender))

        self.runtime.play(run, *sources, directories={ref: directory})

    def intake(self, client: Client) -> Intake:
        return Intake(
            client=client,
            policies=(self.policy,),
            task_queue=TASK_QUEUE,
            id_key=KEYS.id_key,
            outcomes=Outcomes(MetricMeter.noop),
        )

    def polled(self) -> dict[str, str]:
        """Return what polling alone collects of the world as it is now: ids and hashes."""
        alone = Collector(self.collector.http, self.github)
        for name in ("acme/web", "acme/api"):
            assert alone.collect(alone.source(name, machine_users=["acme-ci"])) == []
        return {event.id: event.payload_hash for event in alone.events.values()}


@pytest.fixture
def stage(github: GithubWorldServer, collector: Collector, runtime: Runtime) -> Stage:
    world = populated()
    world.now = make_window().period_start + timedelta(hours=9)
    github.reset(world)
    return Stage(github=github, collector=collector, runtime=runtime)


@pytest.fixture
def world(stage: Stage) -> World:
    return stage.github.world


def test_deliveries_of_every_kind_store_what_polling_stores_and_no_cursor_moves(
    stage: Stage, world: World
) -> None:
    """Ids and hashes of a whole afternoon; then polling finds nothing new, and says that it has all."""
    Player(world).play_some()
    world.pass_time(2)
    told = deliveries_of(world)
    polled = stage.polled()

    async def story(node: Node) -> None:
        reports = await node.receive_together(told)
        cursors = node.runtime.count("source_cursors")

        assert {report.stream.stream for report in reports} == set(STREAM_NAMES)
        assert node.stored() == polled
        assert cursors == 0

        collected = await node.runs.collect()
        assert collected.complete
        assert sum(stream.inserted + stream.conflicts for stream in collected.streams) == 0
        assert sum(stream.duplicates for stream in collected.streams) >= len(polled)
        assert node.stored() == polled
        assert node.runtime.count("source_cursors") == len(node.runs.streams)

    stage.play(story)


def test_what_deliveries_missed_is_found_by_polling_and_the_certificate_says_so(
    stage: Stage, world: World
) -> None:
    Player(world).play_some()
    world.pass_time(2)
    polled = stage.polled()

    async def story(node: Node) -> None:
        await node.receive_together(deliveries_of(world)[::2])
        told = node.stored()
        collected = await node.runs.collect()

        assert 0 < len(told) < len(polled)
        assert sum(stream.inserted for stream in collected.streams) == len(polled) - len(told)
        with node.runs.ledger.read() as view:
            readings = view.completeness.newest_readings(make_window())
        assert {reading.stream for reading in readings} == set(node.runs.streams)
        assert [reading.gap for reading in readings if reading.gap is not None] == []
        counts = [
            count for reading in readings if reading.certificate for count in reading.certificate.counts
        ]
        assert sum(count.seen for count in counts) > 0
        assert all(count.seen == count.independent for count in counts)

    stage.play(story)


def test_a_replayed_delivery_is_known_and_changes_nothing(stage: Stage, world: World) -> None:
    item = world.open_item(world.repositories[0], "issue", world.accounts[0])
    told = delivery("issues", "opened", world.repositories[0], issue=item_told(world.repositories[0], item))

    async def story(node: Node) -> None:
        first = await node.sender.send(told)
        await node.report(first)
        rows = node.runtime.rows()
        requests = stage.github.requests
        again = await node.sender.send(told)

        assert (first.facts["outcome"], again.facts["outcome"]) == ("accepted", "known")
        assert first.facts["workflow_id"] == again.facts["workflow_id"]
        assert node.runtime.rows() == rows
        assert stage.github.requests == requests

    stage.play(story)


def test_a_replay_while_the_first_is_under_way_joins_it(stage: Stage, world: World) -> None:
    item = world.open_item(world.repositories[0], "issue", world.accounts[0])
    told = delivery("issues", "opened", world.repositories[0], issue=item_told(world.repositories[0], item))

    async def story(node: Node) -> None:
        answers = await asyncio.gather(*(node.sender.send(told) for _ in range(8)))
        await asyncio.gather(*map(node.report, answers))

        assert sorted(str(answer.facts["outcome"]) for answer in answers) == ["accepted", *["known"] * 7]
        assert len(node.stored()) == 1

    stage.play(story)


def test_deliveries_out_of_order_give_what_they_give_in_order(stage: Stage, world: World) -> None:
    """Closed, then opened; the comment before its issue; and the older push after the newer."""
    repository, ada = world.repositories[0], world.accounts[0]
    item = world.open_item(repository, "issue", ada)
    comment = world.comment(item, ada)
    world.close(item, ada)
    told = [
        delivery("issues", "opened", repository, issue=item_told(repository, item)),
        comment_told(repository, item, comment),
        delivery("issues", "closed", repository, issue=item_told(repository, item)),
    ]
    world.pass_time(2)

    async def story(node: Node) -> None:
        reports = await node.receive(*reversed(told))

        assert node.stored() == stage.polled()
        assert [report.inserted for report in reports] == [2, 1, 0]

    stage.play(story)


def test_what_was_polled_before_is_a_duplicate(stage: Stage, world: World) -> None:
    Player(world).play_some()
    world.pass_time(2)
    told = deliveries_of(world)

    async def story(node: Node) -> None:
        assert (await node.runs.collect()).complete
        rows = node.runtime.rows()
        reports = await node.receive_together(told)

        assert {(report.inserted, report.conflicts) for report in reports} == {(0, 0)}
        assert node.runtime.rows() == rows

    stage.play(story)


def test_an_item_that_was_edited_since_keeps_its_first_form_as_it_does_when_polled(
    stage: Stage, world: World
) -> None:
    repository, ada = world.repositories[0], world.accounts[0]
    item = world.open_item(repository, "issue", ada)
    told = delivery("issues", "opened", repository, issue=item_told(repository, item))
    world.pass_time(2)
    first = stage.polled()

    async def story(node: Node) -> None:
        await node.receive(told)
        world.edit(item, "another title")
        world.pass_time(2)
        changed = delivery("issues", "opened", repository, issue=item_told(repository, item))
        [report] = await node.receive(changed)
        assert (report.inserted, report.conflicts) == (0, 1)
        collected = await node.runs.collect()

        assert sum(stream.conflicts for stream in collected.streams) == 1
        assert collected.complete
        assert node.stored() == first
        assert stage.polled() != first

    stage.play(story)


def test_a_delivery_says_nothing_of_the_item_itself(stage: Stage, world: World) -> None:
    """DELIVERY_IS_A_HINT: whatever it claims, a title, a merge that was none, an author; GitHub is asked."""
    repository, ada = world.repositories[0], world.accounts[0]
    pull = world.open_item(repository, "pull", ada)
    issue = world.open_item(repository, "issue", ada)
    lies = item_told(repository, pull) | {"merged": True, "merged_at": "2026-01-05T00:00:00Z"}
    lie = item_told(repository, issue) | {"title": "a lie", "user": {"login": "bob", "id": 5_001}}
    world.pass_time(2)

    async def story(node: Node) -> None:
        [of_pull] = await node.receive(delivery("pull_request", "closed", repository, pull_request=lies))
        await node.receive(delivery("issues", "opened", repository, issue=lie))

        assert of_pull.inserted == 0
        assert node.stored() == stage.polled()

    stage.play(story)


def test_a_seen_body_under_another_event_s_name_leads_to_what_is_true_as_well(
    stage: Stage, world: World
) -> None:
    """The name stands in a header, which nobody signs: it decides what is looked at, and nothing more."""
    web, ada = world.repositories[0], world.accounts[0]
    pull = world.open_item(web, "pull", ada)
    comment = world.comment(pull, ada)
    world.merge(pull, ada)
    seen = comment_told(web, pull, comment)
    world.pass_time(2)

    async def story(node: Node) -> None:
        for event in ("pull_request_review_comment", "discussion_comment", "issue_comment"):
            await node.receive(replace(seen, event=event))
        for event in ("issues", "pull_request", "release", "push"):
            answer = await node.sender.send(replace(seen, event=event))
            assert answer.facts["outcome"] in {"ignored", "unreadable"}

        assert set(node.stored()) == {f"github:pr_comment:{web.id}:{comment.id}"}
        assert node.stored().items() <= stage.polled().items()

    stage.play(story)


def test_an_event_of_a_closed_epoch_becomes_late_work_as_it_does_when_polled(
    stage: Stage, world: World
) -> None:
    repository, ada = world.repositories[0], world.accounts[0]
    polled_late, told_late = (world.open_item(repository, "issue", ada) for _ in range(2))
    hidden = [repository.items.pop(), repository.items.pop()]
    world.open_item(repository, "pull", ada)

    async def story(node: Node) -> None:
        world.now = max(world.now, make_window().period_end)  # what is read earlier does not cover the window
        first = await node.runs.collect()
        await node.runs.finalize(first.epoch_id)
        repository.items += hidden
        for item in hidden:
            item.updated_at = world.now
        stored = {"activity_events", "touched_days"}  # and the note for the next collection that it was
        rows = {table: found for table, found in node.runtime.rows().items() if table not in stored}
        told = delivery("issues", "opened", repository, issue=item_told(repository, told_late))
        [report] = await node.receive(told)
        after = {table: found for table, found in node.runtime.rows().items() if table not in stored}

        assert report.inserted == 1
        assert after == rows
        second = await node.runs.collect(1)
        assert second.epoch_id is not None
        assert node.runtime.late_events(second.epoch_id) == {
            f"github:issue_opened:{repository.id}:{item.number}": first.epoch_id
            for item in (polled_late, told_late)
        }

    stage.play(story)


def test_a_delivery_after_a_run_that_failed_is_taken_again(stage: Stage, world: World) -> None:
    item = world.open_item(world.repositories[0], "issue", world.accounts[0])
    told = delivery("issues", "opened", world.repositories[0], issue=item_told(world.repositories[0], item))

    async def story(node: Node) -> None:
        stage.github.faults.append(Fault(status=403, body=b'{"message": "not for you"}'))
        first = await node.sender.send(told)
        with pytest.raises(WorkflowFailureError):
            await node.report(first)
        again = await node.sender.send(told)
        report = await node.report(again)

        assert again.facts["outcome"] == "accepted"
        assert report.inserted == 1

    stage.play(story)


def test_a_repository_of_a_pattern_is_collected_and_one_that_is_left_out_is_not(
    stage: Stage, world: World
) -> None:
    ada = world.accounts[0]
    kept, secret, fork, old = (
        world.repository(name) for name in ("labs/kept", "labs/secret-1", "labs/fork", "labs/old")
    )
    fork.is_fork, old.is_archived = True, True

    async def story(node: Node) -> None:
        for repository, is_kept in ((kept, True), (secret, False), (fork, False), (old, False)):
            item = world.open_item(repository, "issue", ada)
            told = await node.sender.send(
                delivery("issues", "opened", repository, issue=item_told(repository, item))
            )
            if is_kept:
                assert (await node.report(told)).inserted == 1
            else:
                assert told.outcome == (202, "ignored", "repository-not-collected")
        assert len(node.stored()) == 1

    stage.play(story)


def test_what_no_stream_collects_is_ignored_with_the_reason(stage: Stage, world: World) -> None:
    web, ada = world.repositories[0], world.accounts[0]
    other = world.repository("acme/other")
    issue, pull = world.open_item(web, "issue", ada), world.open_item(web, "pull", ada)
    world.merge(pull, ada)
    unmerged = item_told(web, pull) | {"merged": False}
    told = [
        (delivery("star", "created", web), "event-not-read"),
        (delivery("issues", "labeled", web, issue=item_told(web, issue)), "action-not-read"),
        (delivery("pull_request", "closed", web, pull_request=unmerged), "not-merged"),
        (push(web, ref="refs/heads/feature"), "not-the-default-branch"),
        (push(web, ref="refs/tags/main"), "not-the-default-branch"),
        (push(web), "branch-deleted"),
        (delivery("issues", "opened", other, issue=item_told(other, issue)), "repository-not-collected"),
        (delivery("pull_request", "closed", web, pull_request=item_told(web, pull)), "stream-not-collected"),
    ]
    narrow = replace_streams(stage, ("issues", "commits"))

    async def story(node: Node) -> None:
        rows = node.runtime.rows()
        for each, reason in told:
            answer = await node.sender.send(each)
            assert answer.outcome == (202, "ignored", reason)
            assert "workflow_id" not in answer.facts
        assert node.runtime.rows() == rows
        assert stage.github.requests == 0

    narrow.play(story)


def test_a_thing_that_is_of_another_repository_by_now_gives_nothing(stage: Stage, world: World) -> None:
    """Transferred since, or a body that names a foreign thing: whose it is, GitHub is asked too."""
    web, ada = world.repositories[0], world.accounts[0]
    foreign = world.open_item(world.repository("acme/other"), "issue", ada)

    async def story(node: Node) -> None:
        [report] = await node.receive(delivery("issues", "opened", web, issue=item_told(web, foreign)))

        assert report.skipped == {"in-another-repository": 1}
        assert node.stored() == {}

    stage.play(story)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"action": "opened"}',
        b'{"action": 7}',
        b'{"action": "opened", "issue": {"node_id": "I_1"}, "repository": {}}',
        b"[" * 100_000,
        b'{"n": ' + b"9" * 10_000 + b"}",
    ],
)
def test_a_signed_body_that_makes_no_sense_is_refused_and_starts_nothing(stage: Stage, body: bytes) -> None:
    async def run() -> None:
        client = await Client.connect("127.0.0.1:1", lazy=True)  # which nobody asks
        async with served(app_of(stage.intake(client).take)) as sender:
            told = await sender.send(Delivery("issues", body))
            assert told.outcome[:2] == (400, "unreadable")
            assert str(told.facts["reason"]).isascii()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("node_id", "I_1\n"),
        ("node_id", "x" * 201),
        ("node_id", ""),
        ("node_id", '"} evil {"'),
        ("node_id", 7),
        ("full_name", "acme/web/../.."),
        ("full_name", "acme\x1b/web"),
        ("id", -1),
        ("id", 2**63),
        ("id", True),
        ("archived", None),
    ],
)
def test_names_and_numbers_that_can_be_none_are_refused(
    stage: Stage, world: World, field: str, value: object
) -> None:

    web = world.repositories[0]
    item = world.open_item(web, "issue", world.accounts[0])
    told = json.loads(delivery("issues", "opened", web, issue=item_told(web, item)).body)
    told["issue" if field == "node_id" else "repository"][field] = value

    async def run() -> None:
        client = await Client.connect("127.0.0.1:1", lazy=True)
        answer = await stage.intake(client).take("issues", json.dumps(told).encode())
        assert answer.status == 400

    asyncio.run(run())


def test_ping_is_answered(stage: Stage, world: World) -> None:
    async def run() -> None:
        client = await Client.connect("127.0.0.1:1", lazy=True)
        async with served(app_of(stage.intake(client).take)) as sender:
            told = await sender.send(delivery("ping", None, world.repositories[0], zen="Keep it plain."))
            assert told.outcome == (200, "pong", None)

    asyncio.run(run())


@pytest.mark.parametrize("how", ["cut", "silent"])
def test_while_temporal_is_away_nothing_is_promised(
    stage: Stage, world: World, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503, never 202: GitHub's log of deliveries then says so, and polling finds what it was about."""
    monkeypatch.setattr(intake, "START_PATIENCE", timedelta(seconds=1))
    web = world.repositories[0]
    item = world.open_item(web, "issue", world.accounts[0])
    told = delivery("issues", "opened", web, issue=issue_told(web, item))

    async def story(node: Node) -> None:
        async with wire_to(stage.runtime.address) as wire:
            client = await Client.connect(
                f"127.0.0.1:{wire.port}",
                namespace=stage.runtime.namespace,
                data_converter=hiding_converter(KEYS),
            )
            found = stage.intake(client)
            async with served(app_of(found.take, is_ready=found.is_ready)) as sender:
                assert (await sender.get("/readyz")).status == 200
                await (wire.cut() if how == "cut" else wire.silence())
                answer = await sender.send(told)
                assert answer.outcome == (503, "failed", "temporal-unreachable")
                assert answer.headers["retry-after"] == "60"
                assert (await sender.get("/readyz")).status == 503
                assert (await sender.get("/healthz")).status == 200
                await wire.mend()
                again = await sender.send(told)

                assert again.status == 202
                assert (await node.report(again)).inserted == 1

    stage.play(story)


def test_readiness_is_that_of_temporal(stage: Stage) -> None:
    async def story(node: Node) -> None:
        found = stage.intake(node.runs.client)
        async with served(app_of(found.take, is_ready=found.is_ready)) as sender:
            assert (await sender.get("/readyz")).status == 200

    stage.play(story)


def test_a_run_s_history_names_the_thing_and_holds_nothing_of_the_message(stage: Stage, world: World) -> None:
    """No payload in Temporal: neither GitHub's message nor the event; and what there is, is hidden."""
    web = world.repositories[0]
    item = world.open_item(web, "issue", world.accounts[0])
    item.title = "a title that no history may hold"
    told = delivery("issues", "opened", web, issue=item_told(web, item) | {"body": "words of a person"})

    async def story(node: Node) -> None:
        answer = await node.sender.send(told)
        await node.report(answer)
        handle = node.runs.client.get_workflow_handle(str(answer.facts["workflow_id"]))
        history = await handle.fetch_history()
        opened = raw_bytes(await readable(history, KEYS))

        assert b"I_" in opened
        assert b"acme/web" in opened
        assert b"acme/web" not in raw_bytes(history)
        for hidden in (
            b"a title",
            b"words of a person",
            b'"ada"',
            b"issue_opened",
        ):  # a bare name is in ids by chance
            assert hidden not in opened
        assert len(history.events) == 11
        assert len(raw_bytes(history)) < 4_000

    stage.play(story)


def replace_streams(stage: Stage, streams: tuple[str, ...]) -> Stage:

    return replace(stage, policy=evolve(stage.policy, streams=streams))
