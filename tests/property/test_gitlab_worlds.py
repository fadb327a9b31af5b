"""Whatever happens in a GitLab, before, between and in the middle of readings: what is collected is what is true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler_worker.sources.gitlab.stream_names import STREAM_NAMES
from tests.gitlab_world.collecting import Collector, collector_on
from tests.gitlab_world.server import GitlabWorldServer
from tests.gitlab_world.world import Account, Item, Project, World

EXAMPLES = settings().max_examples // 2
LONG_AFTER = 700  # seconds: longer than the overlap below a cursor
PEOPLE = ("ada", "bob", "project_81_bot_1f", "acme-ci", "ghost")


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody does to one of the things there are, some seconds after the act before."""

    name: str
    who: int
    which: int
    seconds: float


class Player:
    """Plays acts on the world's first project, or moves things to its second."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.acts: dict[str, Callable[[Account, Item, Project, int], None]] = {
            "open merge request": lambda who, _, project, __: self._open(project, "merge_requests", who),
            "open issue": lambda who, _, project, __: self._open(project, "issues", who),
            "edit": lambda _, item, __, ___: world.edit(item),
            "merge": lambda who, item, _, __: self._merge(item, who),
            "close": lambda who, item, _, __: self._close(item, who),
            "reopen": lambda _, item, __, ___: self._reopen(item),
            "note": lambda who, item, _, __: self._note(item, who),
            "system note": lambda who, item, _, __: self._note(item, who, is_system=True),
            "delete note": lambda _, item, __, which: self._delete_note(item, which),
            "delete": lambda _, item, project, __: world.delete(project, item),
            "move": lambda who, item, project, __: self._move(project, item, who),
            "touch all": lambda _, __, project, ___: world.touch_all(project),
            "rename": lambda _, __, project, which: world.rename(project, f"acme/web-{which}"),
        }

    def play(self, act: Act) -> None:
        world = self.world
        world.pass_time(act.seconds)
        project = world.projects[0]
        who = world.accounts[act.who % len(world.accounts)]
        if not project.items:
            world.open_item(project, "issues", who)
        self.acts[act.name](who, project.items[act.which % len(project.items)], project, act.which)

    def interrupting(self, acts: list[Act], *, every: int) -> Callable[[int], None]:
        left = list(acts)

        def before_request(number: int) -> None:
            if left and number % every == 0:
                self.play(left.pop(0))

        return before_request

    def _open(self, project: Project, kind: str, who: Account) -> None:
        self.world.open_item(project, kind, who)

    def _merge(self, item: Item, who: Account) -> None:
        if item.kind == "merge_requests" and item.state == "opened":
            self.world.merge(item, who)

    def _close(self, item: Item, who: Account) -> None:
        if item.state == "opened":
            self.world.close(item, who)

    def _reopen(self, item: Item) -> None:
        if item.state == "closed" and item.moved_to is None:
            self.world.reopen(item)

    def _note(self, item: Item, who: Account, *, is_system: bool = False) -> None:
        self.world.note(item, who, is_system=is_system)

    def _delete_note(self, item: Item, which: int) -> None:
        if item.notes:
            self.world.delete_note(item, item.notes[which % len(item.notes)])

    def _move(self, project: Project, item: Item, who: Account) -> None:
        if item.kind == "issues" and item.state == "opened":
            self.world.move(project, item, self.world.projects[1], who)


ACTS = sorted(Player(World()).acts)
acts = st.builds(
    Act,
    name=st.sampled_from(ACTS),
    who=st.integers(0, len(PEOPLE) - 1),
    which=st.integers(0, 30),
    seconds=st.sampled_from([0, 0, 0.0004, 1, 20, 61, LONG_AFTER]),
)


@dataclass(frozen=True, slots=True)
class Round:
    """What happens before some streams are read, and while they are: an act at every so manyth request."""

    before: list[Act]
    during: list[Act]
    every: int
    streams: list[str]
    most_pages: int | None


rounds = st.builds(
    Round,
    before=st.lists(acts, max_size=8),
    during=st.lists(acts, max_size=15),
    every=st.integers(1, 4),
    streams=st.lists(st.sampled_from(STREAM_NAMES), min_size=1, max_size=4, unique=True),
    most_pages=st.sampled_from([None, None, 1, 2]),
)


@pytest.fixture(scope="module")
def server() -> Iterator[GitlabWorldServer]:
    with GitlabWorldServer().running() as running:
        yield running


@pytest.fixture(scope="module")
def collector(server: GitlabWorldServer) -> Iterator[Collector]:
    with collector_on(server) as collector:
        yield collector


def populated() -> World:
    world = World()
    people = [world.account(login) for login in PEOPLE]
    project = world.project("acme/web")
    world.project("acme/other")
    for number in range(4):
        world.pass_time(30)
        merge_request = world.open_item(project, "merge_requests", people[number % 2])
        issue = world.open_item(project, "issues", people[0])
        world.note(issue, people[1])
        world.note(merge_request, people[0])
        if number % 2:
            world.merge(merge_request, people[0])
            world.close(issue, people[1])
    return world


@settings(max_examples=EXAMPLES)
@given(
    history=st.lists(rounds, min_size=1, max_size=4),
    page_items=st.integers(1, 4),
    seconds_a_request=st.sampled_from([0, 1, 45]),
)
def test_the_collected_set_is_the_true_set_always(
    server: GitlabWorldServer,
    collector: Collector,
    history: list[Round],
    page_items: int,
    seconds_a_request: int,
) -> None:
    world = populated()
    project = world.projects[0]
    server.reset(world)
    server.seconds_a_request = seconds_a_request
    player = Player(world)
    fresh = Collector(collector.http, server)
    source = fresh.source(page_items=page_items)

    for happening in history:
        for act in happening.before:
            player.play(act)
        server.before_request = player.interrupting(happening.during, every=happening.every)
        for stream in source.streams():
            if stream.stream not in happening.streams:
                continue
            was_true = world.true_events(project)[stream.stream]
            if happening.most_pages is not None:
                fresh.read(source, stream, most_pages=happening.most_pages)
            elif not fresh.collect(source, [stream.stream]):
                # It says that it has all: what was there when it began and still is.
                assert was_true & world.true_events(project)[stream.stream] <= fresh.ids
        server.before_request = None

    world.pass_time(2)
    assert fresh.collect(source) == []
    assert set().union(*world.true_events(project).values()) <= fresh.ids <= world.ever
