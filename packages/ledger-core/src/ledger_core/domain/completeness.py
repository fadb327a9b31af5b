"""The completeness certificate: what a reading of a stream saw, and what the source counts by another route."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ledger_core.domain.canonical_json import JsonValue
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import MAX_IDENTIFIER_CHARACTERS, check_bigint, check_name, check_text

MAX_COUNTED_CHARACTERS: Final = 100  # `review threads and their comments`, `totalCount`
MAX_BOUND_CHARACTERS: Final = 100  # an instant, or a commit's id


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletenessCount:
    """One kind of thing, counted twice: as it was read, and by a route that shares nothing with the reading.

    Raises: InvalidValue.
    """

    what: str
    route: str
    seen: int
    independent: int

    def __post_init__(self) -> None:
        check_text("what is counted", self.what, most_characters=MAX_COUNTED_CHARACTERS)
        check_text("route of a count", self.route, most_characters=MAX_COUNTED_CHARACTERS)
        check_bigint("count", self.seen)
        check_bigint("independent count", self.independent)

    @property
    def agrees(self) -> bool:
        """Say whether both counts are the same."""
        return self.seen == self.independent

    def __str__(self) -> str:
        return f"{self.seen} {self.what} were read, and {self.independent} are counted by {self.route}"

    def document(self) -> dict[str, JsonValue]:
        """Return the count as it stands in a statement document: numbers are decimal strings."""
        return {
            "what": self.what,
            "route": self.route,
            "seen": str(self.seen),
            "independent": str(self.independent),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletenessCertificate:
    """What one reading of a stream, from its beginning to its end, covered.

    Holds: `begins` (None: the stream's very beginning) and `ends` (None: there was nothing) are the bounds that
           the counts are of, half-open, as the source tells them: times, or commits. The bounds of a stream's
           certificates follow each other without a gap: what a reading lacked, the next one covers again.
           `skipped` counts, by reason, what was read and is no event; `skipped_actors` names whose it was.
    Raises: InvalidValue.
    """

    begins: str | None
    ends: str | None
    pages: int
    counts: tuple[CompletenessCount, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)
    skipped_actors: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", tuple(self.counts))
        for name in ("skipped", "skipped_actors"):
            # Other people's text: a login of control characters must not keep a page from being stored.
            told = {_storable(key): number for key, number in getattr(self, name).items()}
            object.__setattr__(self, name, told)
        for bound in (self.begins, self.ends):
            if bound is not None:
                check_text("bound of a reading", bound, most_characters=MAX_BOUND_CHARACTERS)
        check_bigint("pages", self.pages)

    @property
    def differing(self) -> tuple[CompletenessCount, ...]:
        """Return the counts that disagree: with any, the stream is incomplete."""
        return tuple(count for count in self.counts if not count.agrees)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What a stream lacks to be complete: counts that differ, or a problem that kept it from its end.

    Holds:  two gaps are the same when they begin at the same place and all their figures agree; a waiver of
            one is no waiver of another. `begins` is the bound that its certificate begins with.
    Raises: InvalidValue for a gap of nothing, and for counts that agree.
    """

    begins: str | None = None
    counts: tuple[CompletenessCount, ...] = ()
    problem: str | None = None

    def __post_init__(self) -> None:
        if self.begins is not None:
            check_text("begin of a gap", self.begins, most_characters=MAX_BOUND_CHARACTERS)
        if self.problem is not None:
            check_name("problem of a gap", self.problem)
        elif not self.counts:
            raise InvalidValue("gap", "must have counts that differ, or a problem")
        if any(count.agrees for count in self.counts):
            raise InvalidValue("gap", "must have no counts that agree")

    def __str__(self) -> str:
        parts = [str(count) for count in self.counts]
        if self.problem is not None:
            parts.append(f"it was not read to its end ({self.problem})")
        start = "" if self.begins is None else f", from {self.begins} on"
        return "; ".join(parts) + start

    def document(self) -> dict[str, JsonValue]:
        """Return the gap as it stands in a statement document."""
        return {
            "begins": self.begins,
            "counts": [count.document() for count in self.counts],
            "problem": self.problem,
        }


def _storable(text: str) -> str:
    printable = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return printable[:MAX_IDENTIFIER_CHARACTERS]


def parse_gap(document: object) -> Gap:
    """Return the gap that such an object states, and nothing beside it.

    Raises: InvalidValue.
    """
    fields = _object("gap", document, {"begins", "counts", "problem"})
    counts = fields["counts"]
    if not isinstance(counts, list):
        raise InvalidValue("counts of a gap", "must be a list")
    return Gap(
        begins=_optional_text("begin of a gap", fields["begins"]),
        counts=tuple(_parse_count(count) for count in counts),
        problem=_optional_text("problem of a gap", fields["problem"]),
    )


def _parse_count(document: object) -> CompletenessCount:
    fields = _object("count", document, {"what", "route", "seen", "independent"})
    return CompletenessCount(
        what=fields["what"],
        route=fields["route"],
        seen=_number(fields["seen"]),
        independent=_number(fields["independent"]),
    )


def _number(text: object) -> int:
    if not isinstance(text, str) or re.fullmatch("0|[1-9][0-9]{0,18}", text) is None:
        raise InvalidValue("count", "must be a decimal string")
    return int(text)


def _optional_text(what: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise InvalidValue(what, "must be text, or nothing")
    return value


def _object(what: str, document: object, names: set[str]) -> Mapping[str, Any]:
    if not isinstance(document, Mapping) or set(document) != names:
        raise InvalidValue(what, f"must have exactly the fields {', '.join(sorted(names))}")
    return document
