"""A year in the life of a node, drawn from a seed: what happens, what the sources say of it, and what an admin does.

Nothing in here looks at a ledger, so that the same year can be lived twice: with faults and without.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Final

from ledger_core import ActivityEvent, ActivityPage, InvalidValue, SourceUnavailable, StreamRef
from ledger_core.testing import MONDAY, FixedClock, make_event

STREAMS: Final = tuple(
    StreamRef(source="github", source_ref="acme/widgets", stream=name) for name in ("issues", "pull_requests")
)
WEIGHTS: Final = {"github:pr_merged": 8000, "github:issue_closed": 1000, "github:review": 333}
EVENT_TYPES: Final = ("pr_merged", "issue_closed", "review", "unweighed")
ACCOUNTS: Final = ("1001", "1002", "1003", "1004", "1005", "1006")
USERS: Final = ("ann", "bob", "cid", "dot")
LONGEST_DELAY: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Emission:
    """An event as a source says it, and when it says so."""

    event: ActivityEvent
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Mood:
    """How a stream behaves in one week: it ends at an emission, silently or with a refusal, or dies some times."""

    ends_at: int | None = None
    refuses: bool = False
    dies_times: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an admin tries in a week; `choice` picks among what there is to decide on, `amount` is what to set."""

    kind: str
    choice: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """One week: whether the schedule runs at all, the streams' moods, and the admin's wishes, in order."""

    is_missed: bool
    moods: Mapping[StreamRef, Mood]
    wishes: tuple[Wish, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A year: the streams' emissions in the order in which they are told, and its weeks."""

    emissions: Mapping[StreamRef, tuple[Emission, ...]]
    weeks: tuple[Week, ...]


WISHES: Final = (
    ["bind"] * 5
    + ["judge"] * 4
    + ["adjust"] * 4
    + ["record"] * 2
    + ["unbind", "collect", "early close", "stale close", "clear"]
)


def make_world(seed: int, *, weeks: int) -> World:
    """Draw a year from a seed."""
    random = Random(f"world {seed}")
    emissions = {stream: _emissions(random, stream, weeks) for stream in STREAMS}
    lived: list[Week] = []
    away = 0
    for _ in range(weeks):
        if away == 0 and random.random() < 0.05:
            away = random.choice((1, 1, 2, 5))
        is_missed = away > 0
        away = max(0, away - 1)
        wishes = [_wish(random, random.choice(WISHES)) for _ in range(random.choice((0, 1, 2, 2, 3)))]
        if random.random() < 0.9:
            wishes.append(_wish(random, "close"))
        if random.random() < 0.4:  # the one after it, if there is one to catch up with
            wishes += [_wish(random, "collect"), _wish(random, "close")]
        lived.append(
            Week(
                is_missed=is_missed,
                moods={stream: _mood(random, len(emissions[stream])) for stream in STREAMS},
                wishes=tuple(wishes),
            )
        )
    return World(emissions=emissions, weeks=tuple(lived))


def _wish(random: Random, kind: str) -> Wish:
    return Wish(
        kind=kind, choice=random.randrange(1_000_000), amount=random.choice((0, 1, 700, 5000, 123_456))
    )


def _mood(random: Random, emissions: int) -> Mood:
    drawn = random.random()
    if drawn < 0.1:
        return Mood(dies_times=random.choice((1, 2)))
    if drawn < 0.2:
        return Mood(ends_at=random.randrange(emissions + 1), refuses=random.random() < 0.5)
    return Mood()


def _emissions(random: Random, stream: StreamRef, weeks: int) -> tuple[Emission, ...]:
    told: list[Emission] = []
    for week in range(weeks):
        for number in range(random.choice((0, 1, 1, 2, 2, 3))):
            at = MONDAY + timedelta(weeks=week, minutes=random.randrange(7 * 24 * 60))
            if random.random() < 0.05:
                at = MONDAY + timedelta(weeks=week)  # the very first instant
            event = _event(random, f"github:{stream.stream}:{week}-{number}", at)
            late = random.random() < 0.2
            since = at + (LONGEST_DELAY * random.random() if late else timedelta())
            told.append(Emission(event=event, since=since))
            if random.random() < 0.15:  # once more, the same or with another payload under its id
                again = event if random.random() < 0.5 else _event(random, str(event.id), at)
                told.append(Emission(event=again, since=since + LONGEST_DELAY * random.random()))
    told.sort(key=lambda emission: emission.since)
    for index in range(len(told) - 1):  # told in another order than it happened
        if random.random() < 0.2:
            told[index], told[index + 1] = told[index + 1], told[index]
    return tuple(told)


def _event(random: Random, event_id: str, at: datetime) -> ActivityEvent:
    account = None if random.random() < 0.05 else random.choice(ACCOUNTS)
    return make_event(
        at=at,
        account=account,
        login=None,
        event_type=random.choice(EVENT_TYPES),
        event_id=event_id,
        metadata={"edition": random.randrange(1000)},
    )


@dataclass(slots=True, kw_only=True)
class WorldSource:
    """The world's sources, as they are in the week that it is now."""

    world: World
    clock: FixedClock
    week: int = 0
    is_calm: bool = False
    deaths: dict[tuple[int, StreamRef], int] = field(default_factory=dict)

    def streams(self) -> tuple[StreamRef, ...]:
        return STREAMS

    def mood(self, stream: StreamRef) -> Mood:
        """Return how the stream is this week."""
        if self.is_calm or self.week >= len(self.world.weeks):
            return Mood()
        return self.world.weeks[self.week].moods[stream]

    def pages(self, stream: StreamRef, cursor: str | None, *, until: datetime) -> Iterator[ActivityPage]:  # noqa: ARG002 - it tells all it has
        """Yield what the stream tells by now, two events a page, ending as its mood has it."""
        mood = self.mood(stream)
        told = self.world.emissions[stream]
        start = int(cursor or 0)
        while start < len(told) and told[start].since <= self.clock():
            if mood.ends_at is not None and start >= mood.ends_at:
                if mood.refuses:
                    raise InvalidValue("page", "is unreadable")
                return
            self._die_sometimes(stream, mood)
            end = min(start + 2, len(told))
            if mood.ends_at is not None:
                end = min(end, max(mood.ends_at, start + 1))
            page = [emission for emission in told[start:end] if emission.since <= self.clock()]
            start += len(page)
            yield ActivityPage(
                events=tuple(emission.event for emission in page),
                cursor=str(start),
                retrieved_at=self.clock(),
            )

    def _die_sometimes(self, stream: StreamRef, mood: Mood) -> None:
        key = (self.week, stream)
        if self.deaths.get(key, 0) < mood.dies_times:
            self.deaths[key] = self.deaths.get(key, 0) + 1
            raise SourceUnavailable("github", "it is gone in mid-page", retry_after_seconds=1)
