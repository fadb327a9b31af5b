"""The cursors of the GitHub source: canonical JSON that knows its repository, its watermark and a walk under way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from attrs import asdict, evolve, field, frozen

from ledger_core.domain.canonical_json import canonical_json, parse_strict_json
from ledger_core.domain.instant import parse_instant
from ledger_core.errors import InvalidValue, NotCanonical
from scheduler_worker.sources.github.numbers import numbers_text, parse_numbers
from scheduler_worker.sources.github.refusals import GithubCursorInvalid

VERSION: Final = 1


@frozen(kw_only=True)
class Counts:
    """What a walk counted so far: the certificate's numbers, kept in the cursor as a walk may take many runs.

    Holds: `seen` are the numbers of the items that count before the walk's first top, each once however
           often it came; `late` are those from then on, each with the instant that it counts at. `changing`
           and `changing_late` are the same of what may cease to count, as it was when it was last listed.
    """

    pages: int = 0
    seen: frozenset[int] = frozenset()
    late: Mapping[str, str] = field(factory=dict)
    changing: frozenset[int] = frozenset()
    changing_late: Mapping[str, str] = field(factory=dict)
    children_seen: int = 0
    children_total: int = 0
    skipped: Counter[str] = field(factory=Counter)
    actors: Counter[str] = field(factory=Counter)


@frozen(kw_only=True)
class Walk:
    """A walk under way: which sweep, how far down it is, and where it may stop.

    Holds: `first_top` is where the first sweep began, `top` where this one did; `floor` is where it stops
           (None: at the end), `after` the page to go on with. `listing` is the hash of what it listed down to
           its floor, `listed_before` that of the sweep before it.
    """

    sweep: int = 0
    floor: str | None = None
    first_top: str | None = None
    top: str | None = None
    after: str | None = None
    listing: str = ""
    listed_before: str | None = None
    counts: Counts = field(factory=Counts)


@frozen(kw_only=True)
class WalkCursor:
    """Where a stream stands: everything up to the watermark `since` was collected and counted."""

    repository: int
    since: str | None = None
    walk: Walk | None = None
    read_again: bool = False  # once, as the counts differed


@frozen(kw_only=True)
class CommitCursor:
    """Where the commits stand: all that `head` reaches were collected; below, a reading under way.

    Holds: `reading` is the head that it goes down from. Where there is a `head` already, `listed` is what was
           listed so far, by which what is new is told from what is not.
    """

    repository: int
    head: str | None = None
    reading: str | None = None
    listed: str | None = None
    after: str | None = None
    pages: int = 0
    seen: int = 0
    skipped: Counter[str] = field(factory=Counter)
    actors: Counter[str] = field(factory=Counter)


def cursor_text(cursor: WalkCursor | CommitCursor) -> str:
    """Return the cursor as text."""
    values = {"v": VERSION, **asdict(cursor, value_serializer=_plain)}
    return canonical_json(values).decode("utf-8")


def repository_of(text: str) -> int:
    """Return the number of the repository that a cursor is of.

    Raises: GithubCursorInvalid.
    """
    number: int = _values(text)["repository"]
    return number


def parse_walk_cursor(text: str) -> WalkCursor:
    """Return the cursor of a walk.

    Raises: GithubCursorInvalid.
    """
    values = _values(text)
    try:
        walk = values.pop("walk")
        cursor = WalkCursor(**values, walk=None if walk is None else _walk(walk))
    except (TypeError, KeyError, ValueError, AttributeError):
        raise GithubCursorInvalid("lacks a part, or has one that is not its own") from None
    _check_instants(cursor.since)
    return cursor


def parse_commit_cursor(text: str) -> CommitCursor:
    """Return the cursor of the commits.

    Raises: GithubCursorInvalid.
    """
    values = _values(text)
    try:
        cursor = CommitCursor(**values)
        cursor = evolve(cursor, skipped=Counter(cursor.skipped), actors=Counter(cursor.actors))
    except (TypeError, ValueError):
        raise GithubCursorInvalid("lacks a part, or has one that is not its own") from None
    if any(type(text) not in {str, type(None)} for text in (cursor.head, cursor.reading, cursor.listed)):
        raise GithubCursorInvalid("has a part that is no text")
    return cursor


def _walk(values: dict[str, Any]) -> Walk:
    counts = dict(values.pop("counts"))
    for name in ("seen", "changing"):
        counts[name] = frozenset(parse_numbers(counts[name]))
    for name in ("skipped", "actors"):
        counts[name] = Counter(counts[name])
    walk = Walk(**values, counts=Counts(**counts))
    _check_instants(walk.floor, walk.first_top, walk.top)
    _check_instants(*walk.counts.late.values(), *walk.counts.changing_late.values())
    return walk


def _values(text: str) -> dict[str, Any]:
    try:
        values = parse_strict_json(text)
    except (NotCanonical, ValueError):
        raise GithubCursorInvalid("is no JSON") from None
    if not isinstance(values, dict) or values.pop("v", None) != VERSION:
        raise GithubCursorInvalid(f"is not of version {VERSION}")
    if type(values.get("repository")) is not int:
        raise GithubCursorInvalid("names no repository")
    return values


def _check_instants(*texts: str | None) -> None:
    try:
        for text in texts:
            if text is not None:
                parse_instant(text)
    except InvalidValue:
        raise GithubCursorInvalid("holds a time that is none") from None


def _plain(_: object, __: object, value: object) -> Any:
    if isinstance(value, frozenset):
        return numbers_text(value)
    return dict(value) if isinstance(value, Counter) else value
