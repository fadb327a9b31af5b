"""What the ledger relies on in a source, as rules that any source can be run against, by any test runner.

`assert check_source(make_world) == ()` is a whole test. Each rule gets a world of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from collections.abc import Set as AbstractSet
from contextlib import closing, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.instant import check_instant
from ledger_core.errors import InvalidValue, LedgerError
from ledger_core.identifiers import StreamRef
from ledger_core.ports.activity_source import ActivityPage, ActivitySource

MOST_PAGES: Final = 10_000  # of one reading: whoever yields more does not end
MOST_PAGE_EVENTS: Final = 20_000  # a page is one statement and one transaction
MOST_CURSOR_CHARACTERS: Final = 1_048_576  # it is read and written with every page
MOST_RESUMED_PAGES: Final = 50  # of one stream: from each a reading goes on to the end
_SHOWN: Final = 3
_STRANGE_CURSORS: Final = ("", "no source wrote this", "[]", "{}", "-1")


class SourceWorld(Protocol):
    """What a source reads, in the hands of a test that knows what there is to tell.

    Holds: at least one stream fills two pages; `act` lets at least one more event happen.
    """

    @property
    def until(self) -> datetime:
        """Return an instant in UTC after everything that happens."""

    @property
    def most_page_events(self) -> int:
        """Return how many events the source says that a page has at most."""

    def source(self) -> ActivitySource:
        """Return a new source that reads the world as it is."""

    def expected_ids(self, stream: StreamRef) -> AbstractSet[str]:
        """Return the ids of all events that the stream has to tell now, by the test's own knowledge."""

    def act(self) -> None:
        """Let more happen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractBreach:
    """A rule that a source breaks, and how."""

    rule: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRule:
    """One rule: its stable name, what it says, and how a world shows that its source breaks it."""

    name: str
    says: str
    problems: Callable[[SourceWorld], Iterator[str]]


class _Endless(Exception):
    pass


def check_source(make_world: Callable[[], SourceWorld]) -> tuple[ContractBreach, ...]:
    """Return every rule that the source of a world breaks, with how; none, if it keeps the contract.

    Raises: what the source raises where the contract lets it raise nothing.
    """
    return tuple(
        ContractBreach(rule=rule.name, problem=problem)
        for rule in SOURCE_RULES
        for problem in _problems(rule, make_world())
    )


def _problems(rule: SourceRule, world: SourceWorld) -> Iterator[str]:
    try:
        yield from rule.problems(world)
    except _Endless as error:
        yield str(error)


# --- the rules -------------------------------------------------------------------------------------


def _streams(world: SourceWorld) -> Iterator[str]:
    source = world.source()
    streams = source.streams()
    if not streams:
        yield "it serves no stream"
    if len(set(streams)) != len(streams):
        yield "it names a stream twice"
    if source.streams() != streams or world.source().streams() != streams:
        yield "it names other streams, or in another order, each time"


def _large_enough(world: SourceWorld) -> Iterator[str]:
    source = world.source()
    if all(len(_read(world, source, stream)) < 2 for stream in source.streams()):  # noqa: PLR2004 - one has no cursor inside
        yield "no stream has two pages, so no cursor between pages is tried"
    before = {stream: world.expected_ids(stream) for stream in source.streams()}
    world.act()
    if all(world.expected_ids(stream) <= before[stream] for stream in source.streams()):
        yield "act() lets nothing happen"


def _everything(world: SourceWorld) -> Iterator[str]:
    source = world.source()
    for stream in source.streams():
        missing = world.expected_ids(stream) - _ids(_read(world, source, stream))
        if missing:
            yield f"{stream} does not tell {_shown(missing)}"


def _nothing_foreign(world: SourceWorld) -> Iterator[str]:
    source = world.source()
    for stream in source.streams():
        pages = _read(world, source, stream)
        foreign = _ids(pages) - world.expected_ids(stream)
        if foreign:
            yield f"{stream} tells {_shown(foreign)}, which are not its own"
        for event in _events(pages):
            if event.source != stream.source or not event.id.startswith(f"{stream.source}:"):
                yield f"{stream} tells {event.id} of source {event.source}"
                break


def _deterministic(world: SourceWorld) -> Iterator[str]:
    for stream in world.source().streams():
        first = _hashes(_read(world, world.source(), stream))
        again = _hashes(_read(world, world.source(), stream))
        if first.keys() != again.keys():
            yield f"{stream} tells the same under other ids: {_shown(first.keys() ^ again.keys())}"
        changed = {event_id for event_id in first.keys() & again.keys() if first[event_id] != again[event_id]}
        if changed:
            yield f"{stream} tells {_shown(changed)} with another payload each time"


def _bounded(world: SourceWorld) -> Iterator[str]:
    most = min(world.most_page_events, MOST_PAGE_EVENTS)
    for stream in world.source().streams():
        for page in _read(world, world.source(), stream):
            if len(page.events) > most:
                yield f"{stream} has a page of {len(page.events)} events, and says at most {most}"
            if not 0 < len(page.cursor) <= MOST_CURSOR_CHARACTERS:
                yield f"{stream} has a cursor of {len(page.cursor)} characters"
            if any(not reason or count < 1 for reason, count in page.skipped.items()):
                yield f"{stream} counts skipped things without a reason, or none"


def _in_utc(world: SourceWorld) -> Iterator[str]:
    for stream in world.source().streams():
        for page in _read(world, world.source(), stream):
            times = [("a page's retrieval time", page.retrieved_at)]
            times += [("an event's time", event.event_time) for event in page.events]
            times += [("an event's retrieval time", event.retrieved_at) for event in page.events]
            wrong = sorted({problem for what, value in times for problem in _time_problem(what, value)})
            yield from (f"{stream}: {problem}" for problem in wrong)


def _never_ahead(world: SourceWorld) -> Iterator[str]:
    for stream in world.source().streams():
        pages = _read(world, world.source(), stream)
        expected = world.expected_ids(stream)
        for number in range(1, min(len(pages), MOST_RESUMED_PAGES) + 1):
            # A reading of its own, broken off there: the cursor must hold for who never read on.
            begun = _read(world, world.source(), stream, most_pages=number)
            resumed = _read(world, world.source(), stream, begun[-1].cursor)
            lost = expected - _ids(begun) - _ids(resumed)
            if lost:
                yield f"{stream}, broken off after page {number}, never tells {_shown(lost)}"


def _quiet_end(world: SourceWorld) -> Iterator[str]:
    for stream in world.source().streams():
        pages = _read(world, world.source(), stream)
        told = _hashes(pages)
        again = _hashes(_read(world, world.source(), stream, pages[-1].cursor if pages else None))
        new = {event_id for event_id, payload_hash in again.items() if told.get(event_id) != payload_hash}
        if new:
            yield f"{stream} tells {_shown(new)} only after its end"


def _news(world: SourceWorld) -> Iterator[str]:
    streams = world.source().streams()
    stands = {stream: _read(world, world.source(), stream) for stream in streams}
    before = {stream: world.expected_ids(stream) for stream in streams}
    world.act()
    for stream, pages in stands.items():
        news = world.expected_ids(stream) - before[stream]
        missing = news - _ids(_read(world, world.source(), stream, pages[-1].cursor if pages else None))
        if missing:
            yield f"{stream} does not tell {_shown(missing)}, which happened after its cursor"


def _strangers(world: SourceWorld) -> Iterator[str]:
    stranger = StreamRef(source="elsewhere", source_ref="nobody/nothing", stream="strangers")
    if not _is_refused(world, stranger, None):
        yield "it serves a stream that is none of its own"
    for stream in world.source().streams():
        for cursor in _STRANGE_CURSORS:
            if not _is_refused(world, stream, cursor):
                yield f"{stream} takes {cursor!r} for a cursor of its own"


SOURCE_RULES: Final = (
    SourceRule(name="streams-are-fixed", says="the streams are the same each time", problems=_streams),
    SourceRule(name="world-is-large-enough", says="the test can fail", problems=_large_enough),
    SourceRule(name="everything-is-told", says="a whole reading tells all there is", problems=_everything),
    SourceRule(name="nothing-foreign-is-told", says="events are the stream's", problems=_nothing_foreign),
    SourceRule(name="ids-are-deterministic", says="a fact has one id, one payload", problems=_deterministic),
    SourceRule(name="pages-are-bounded", says="no page is larger than promised", problems=_bounded),
    SourceRule(name="times-are-in-utc", says="every time is aware and in UTC", problems=_in_utc),
    SourceRule(name="cursor-is-never-ahead", says="from any cursor the rest comes", problems=_never_ahead),
    SourceRule(name="end-is-quiet", says="after the last cursor nothing is new", problems=_quiet_end),
    SourceRule(name="news-are-told", says="what happens later comes later", problems=_news),
    SourceRule(name="strangers-are-refused", says="foreign cursors are refused", problems=_strangers),
)


# --- reading ---------------------------------------------------------------------------------------


def _read(
    world: SourceWorld,
    source: ActivitySource,
    stream: StreamRef,
    cursor: str | None = None,
    *,
    most_pages: int | None = None,
) -> list[ActivityPage]:
    found: list[ActivityPage] = []
    pages = source.pages(stream, cursor, until=world.until)
    with closing(pages) if isinstance(pages, Generator) else nullcontext():
        for page in pages:
            found.append(page)
            if len(found) == most_pages:
                break
            if len(found) > MOST_PAGES:
                raise _Endless(f"{stream} yields more than {MOST_PAGES} pages")
    return found


def _is_refused(world: SourceWorld, stream: StreamRef, cursor: str | None) -> bool:
    try:
        _read(world, world.source(), stream, cursor)
    except LedgerError:
        return True
    return False


def _events(pages: list[ActivityPage]) -> Iterator[ActivityEvent]:
    return (event for page in pages for event in page.events)


def _ids(pages: list[ActivityPage]) -> set[str]:
    return {event.id for event in _events(pages)}


def _hashes(pages: list[ActivityPage]) -> dict[str, str]:
    return {event.id: event.payload_hash for event in _events(pages)}


def _time_problem(what: str, value: object) -> Iterator[str]:
    try:
        check_instant(what, value)
    except InvalidValue as error:
        yield str(error)


def _shown(ids: AbstractSet[str]) -> str:
    first = sorted(ids)[:_SHOWN]
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return ", ".join(first) + more
