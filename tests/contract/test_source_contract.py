"""Every source keeps the contract, and a source that breaks any rule of it is named by that rule."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path

import pytest

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import StreamRef
from ledger_core.ports.activity_source import ActivityPage, ActivitySource
from ledger_core.testing import (
    RETRIEVED_AT,
    SOURCE_RULES,
    SourceWorld,
    check_source,
    make_event,
    source_contract,
)
from tests.contract.source_worlds import (
    UNTIL,
    GithubRepositoryWorld,
    GitlabProjectWorld,
    GitWorld,
    JsonlWorld,
)
from tests.github_world.collecting import Collector, collector_on
from tests.github_world.server import GithubWorldServer
from tests.github_world.world import World
from tests.gitlab_world.collecting import collector_on as gitlab_collector_on
from tests.gitlab_world.server import GitlabWorldServer
from tests.gitlab_world.world import World as GitlabModel


@pytest.fixture
def github() -> Iterator[Collector]:
    with GithubWorldServer().running() as server, collector_on(server) as collector:
        yield collector


@pytest.fixture
def new_folder(tmp_path: Path) -> Callable[[], Path]:
    numbers = count()

    def make() -> Path:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return folder

    return make


def test_git_keeps_the_contract(new_folder: Callable[[], Path]) -> None:
    """CURSOR_STATE_PERSISTED: its cursor never points past what it told."""
    assert check_source(lambda: GitWorld(new_folder())) == ()


def test_jsonl_keeps_the_contract(new_folder: Callable[[], Path]) -> None:
    """CURSOR_STATE_PERSISTED: its cursor never points past what it told."""
    assert check_source(lambda: JsonlWorld(new_folder())) == ()


def test_github_keeps_the_contract(github: Collector) -> None:
    """CURSOR_STATE_PERSISTED: its cursor never points past what it told."""

    def make_world() -> GithubRepositoryWorld:
        github.server.reset(World())
        return GithubRepositoryWorld(github)

    assert check_source(make_world) == ()


def test_gitlab_keeps_the_contract() -> None:
    """CURSOR_STATE_PERSISTED: its cursor never points past what it told."""
    with GitlabWorldServer().running() as server, gitlab_collector_on(server) as collector:

        def make_world() -> GitlabProjectWorld:
            server.reset(GitlabModel())
            return GitlabProjectWorld(collector)

        assert check_source(make_world) == ()


# --- a source that is right, and what breaks it ----------------------------------------------------

TALKS = StreamRef(source="club", source_ref="acme", stream="talks")
WALKS = StreamRef(source="club", source_ref="acme", stream="walks")
PAGE = 2


class ClubWorld:
    """Numbered things of two streams; `fault` says what its source does wrong."""

    until = UNTIL
    most_page_events = PAGE

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self.things = {TALKS: 5, WALKS: 3}
        self.readings = count()

    def source(self) -> ClubSource:
        return ClubSource(self)

    def expected_ids(self, stream: StreamRef) -> AbstractSet[str]:
        return {f"club:{stream.stream}:{number}" for number in range(self.things[stream])}

    def act(self) -> None:
        if self.fault != "nothing happens":
            self.things[TALKS] += 1


class ClubSource:
    def __init__(self, world: ClubWorld) -> None:
        self._world = world
        self._fault = world.fault
        self._calls = count()

    def streams(self) -> tuple[StreamRef, ...]:
        if self._fault == "no streams":
            return ()
        if self._fault == "one stream twice":
            return (TALKS, TALKS)
        turned = self._fault == "streams in any order" and next(self._calls) % 2 == 1
        return (WALKS, TALKS) if turned else (TALKS, WALKS)

    def pages(
        self,
        stream: StreamRef,
        cursor: str | None,
        *,
        until: datetime,  # noqa: ARG002 - all that there is comes
    ) -> Iterator[ActivityPage]:
        fault = self._fault
        if stream not in (TALKS, WALKS):
            if fault == "serves strangers":
                return
            raise InvalidValue("stream", "is not served by this source")
        reading = next(self._world.readings)
        done = self._parsed(cursor)
        total = self._world.things[stream]
        if fault == "sleeps after its first reading" and cursor is not None:
            return
        if fault == "keeps the last for the next reading" and cursor is None:
            total -= 1
        size = PAGE + 1 if fault == "page beyond its limit" else total if fault == "one page" else PAGE
        while done < total or fault == "never ends":
            events = [self._event(stream, number, reading) for number in range(done, min(done + size, total))]
            done += len(events)
            if fault == "forgets items" and len(events) == PAGE:
                events.pop()
            if fault == "tells the other stream's" and stream == TALKS:
                events[0] = self._event(WALKS, 0, reading)
            ahead = 1 if fault == "cursor ahead" and done < total else 0
            at = RETRIEVED_AT.replace(tzinfo=None) if fault == "naive retrieval" else RETRIEVED_AT
            yield ActivityPage(
                events=tuple(events),
                cursor="" if fault == "no cursor" else str(done + ahead),
                retrieved_at=at,
                skipped={"bots": 0} if fault == "skips nothing" else {},
            )

    def _parsed(self, cursor: str | None) -> int:
        if cursor is None:
            return 0
        if cursor.isdigit():
            return int(cursor)
        if self._fault in {"takes any cursor", "no cursor"}:
            return 0
        raise InvalidValue("cursor", "is none that this source gave")

    def _event(self, stream: StreamRef, number: int, reading: int) -> ActivityEvent:
        event_id = f"club:{stream.stream}:{number}"
        if self._fault == "ids by chance":
            event_id += f":{reading}"
        source = "github" if self._fault == "another source's events" else "club"
        event = make_event(
            source=source,
            event_id=f"github:pr:1:{number}" if self._fault == "another source's ids" else event_id,
            metadata={"reading": reading} if self._fault == "another payload each time" else {},
        )
        if self._fault == "naive times":
            # The type refuses one, so a source has to go round it.
            object.__setattr__(event, "event_time", event.event_time.replace(tzinfo=None))
        if self._fault == "local times":
            berlin = timezone(timedelta(hours=1))
            object.__setattr__(event, "event_time", event.event_time.astimezone(berlin))
        return event


FAULTS = {
    "no streams": "streams-are-fixed",
    "one stream twice": "streams-are-fixed",
    "streams in any order": "streams-are-fixed",
    "one page": "world-is-large-enough",
    "nothing happens": "world-is-large-enough",
    "forgets items": "everything-is-told",
    "tells the other stream's": "nothing-foreign-is-told",
    "another source's events": "nothing-foreign-is-told",
    "another source's ids": "nothing-foreign-is-told",
    "ids by chance": "ids-are-deterministic",
    "another payload each time": "ids-are-deterministic",
    "page beyond its limit": "pages-are-bounded",
    "no cursor": "pages-are-bounded",
    "skips nothing": "pages-are-bounded",
    "never ends": "everything-is-told",
    "naive times": "times-are-in-utc",
    "local times": "times-are-in-utc",
    "naive retrieval": "times-are-in-utc",
    "cursor ahead": "cursor-is-never-ahead",
    "keeps the last for the next reading": "end-is-quiet",
    "sleeps after its first reading": "news-are-told",
    "serves strangers": "strangers-are-refused",
    "takes any cursor": "strangers-are-refused",
}


def test_a_source_that_is_right_breaks_no_rule() -> None:
    assert check_source(ClubWorld) == ()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_source_that_is_wrong_is_named_by_the_rule_that_it_breaks(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_contract, "MOST_PAGES", 20)

    breaches = check_source(lambda: ClubWorld(fault))

    assert FAULTS[fault] in {breach.rule for breach in breaches}
    assert all(breach.problem for breach in breaches)


def test_every_rule_is_broken_by_a_fault() -> None:
    assert {rule.name for rule in SOURCE_RULES} == set(FAULTS.values())
    assert len({rule.name for rule in SOURCE_RULES}) == len(SOURCE_RULES)


def test_a_breach_says_what_is_wrong() -> None:
    def problems(fault: str) -> dict[str, str]:
        return {breach.rule: breach.problem for breach in check_source(lambda: ClubWorld(fault))}

    assert problems("cursor ahead") == {
        "cursor-is-never-ahead": "club:acme:walks, broken off after page 1, never tells club:walks:2"
    }
    assert problems("page beyond its limit") == {
        "pages-are-bounded": "club:acme:walks has a page of 3 events, and says at most 2"
    }
    assert problems("naive times") == {
        "times-are-in-utc": "club:acme:walks: an event's time must be a time in UTC"
    }
    assert problems("forgets items")["everything-is-told"] == "club:acme:walks does not tell club:walks:1"


def test_the_suite_needs_no_test_runner() -> None:
    """ADAPTERS_NOT_IN_CORE: anyone's runner will do."""
    code = "import sys; from ledger_core.testing import check_source; print('pytest' in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout == "False\n"


def test_worlds_and_sources_fit_the_protocols() -> None:
    world: SourceWorld = ClubWorld()
    source: ActivitySource = world.source()

    assert source.streams() == (TALKS, WALKS)
