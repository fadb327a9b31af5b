"""Readings of streams for a window, the waivers of their gaps, and what both come to when an epoch closes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Final

from ledger_core.domain.canonical_json import JsonValue
from ledger_core.domain.completeness import CompletenessCertificate, Gap, parse_gap
from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.instant import check_instant
from ledger_core.domain.ledger_action import MAX_REASON_CHARACTERS
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import (
    MAX_IDENTIFIER_CHARACTERS,
    StreamRef,
    check_name,
    check_text,
)

READ_TOO_EARLY: Final = "read-before-window-end"
READING_NOT_ENDED: Final = "reading-not-ended"
_FIELDS: Final = {"source", "source_ref", "stream", "verdict", "gap", "reason", "waived_by"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReading:
    """One try of a window's collection to read a stream: its certificate, or the code of what stopped it.

    Raises: InvalidValue unless it has exactly one of them.
    """

    stream: StreamRef
    window: EpochWindow
    retrieved_at: datetime
    certificate: CompletenessCertificate | None = None
    problem: str | None = None

    def __post_init__(self) -> None:
        check_instant("retrieved at", self.retrieved_at)
        if (self.certificate is None) == (self.problem is None):
            raise InvalidValue("reading", "must have a certificate or a problem")
        if self.problem is not None:
            check_name("problem of a reading", self.problem)

    @property
    def gap(self) -> Gap | None:
        """Return what the reading lacks in itself, whenever it was made."""
        if self.certificate is None:
            return Gap(problem=self.problem)
        differing = self.certificate.differing
        return Gap(begins=self.certificate.begins, counts=differing) if differing else None

    @property
    def is_early(self) -> bool:
        """Say whether the window still went on when the stream was read."""
        return self.retrieved_at < self.window.period_end

    @property
    def gap_when_over(self) -> Gap | None:
        """Return what the reading lacks to cover its window once that is over."""
        if not self.is_early:
            return self.gap
        return replace(self.gap or Gap(problem=READ_TOO_EARLY), problem=READ_TOO_EARLY)

    def gap_at(self, at: datetime) -> Gap | None:
        """Return what the reading lacks to cover the window as it is at an instant.

        Holds: a reading from before the window's end covers a window that still goes on, and none that is over.
        """
        return self.gap if at < self.window.period_end else self.gap_when_over

    def says_what(self, other: StreamReading) -> bool:
        """Say whether another reading of this stream says the same of the window, so that one is enough."""
        return (self.certificate, self.problem, self.is_early) == (
            other.certificate,
            other.problem,
            other.is_early,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GapWaiver:
    """An admin's decision that an epoch closes although a stream has this gap.

    Raises: InvalidValue.
    """

    stream: StreamRef
    gap: Gap
    reason: str
    waived_by: str
    waived_at: datetime

    def __post_init__(self) -> None:
        _check_decision(self.reason, self.waived_by)
        check_instant("waived at", self.waived_at)


class Verdict(StrEnum):
    """What a window's newest reading of a stream comes to."""

    COMPLETE = "complete"
    EARLY = "early"  # complete as far as the window had come
    INCOMPLETE = "incomplete"
    WAIVED = "waived"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCompleteness:
    """How a stream stands for a window: its verdict; a gap; of a waived one who waived it and why.

    Raises: InvalidValue for a verdict without what belongs to it, or with what doesn't.
    """

    stream: StreamRef
    verdict: Verdict
    gap: Gap | None = None
    reason: str | None = None
    waived_by: str | None = None

    def __post_init__(self) -> None:
        has_gap = self.verdict in {Verdict.INCOMPLETE, Verdict.WAIVED}
        if has_gap != (self.gap is not None):
            raise InvalidValue("completeness", "must have a gap exactly where it is incomplete or waived")
        if self.verdict is Verdict.WAIVED:
            _check_decision(self.reason, self.waived_by)
        elif (self.reason, self.waived_by) != (None, None):
            raise InvalidValue("completeness", "must have a reason and an admin only where it is waived")

    def document(self) -> dict[str, JsonValue]:
        """Return the stream as it stands in a statement document.

        Holds: a waived gap's figures are there, those of a complete stream are not: how often it was read, and
               in how many pieces, is chance, and would give equal facts different bytes.
        """
        return {
            "source": self.stream.source,
            "source_ref": self.stream.source_ref,
            "stream": self.stream.stream,
            "verdict": self.verdict.value,
            "gap": None if self.gap is None else self.gap.document(),
            "reason": self.reason,
            "waived_by": self.waived_by,
        }


def compute_completeness(
    newest: Iterable[StreamReading], waivers: Iterable[GapWaiver], *, at: datetime
) -> tuple[StreamCompleteness, ...]:
    """Return how each stream stands at an instant, by its newest reading; ordered by stream.

    Holds: a waiver covers the gap that it was given for and no other: of another stream, or of other figures.
    """
    given = {(waiver.stream, waiver.gap): waiver for waiver in waivers}
    return tuple(
        _completeness(reading, given, at=at) for reading in sorted(newest, key=lambda one: one.stream)
    )


def _completeness(
    reading: StreamReading, given: Mapping[tuple[StreamRef, Gap], GapWaiver], *, at: datetime
) -> StreamCompleteness:
    gap = reading.gap_at(at)
    if gap is None:
        verdict = Verdict.EARLY if reading.is_early else Verdict.COMPLETE
        return StreamCompleteness(stream=reading.stream, verdict=verdict)
    waiver = given.get((reading.stream, gap))
    if waiver is None:
        return StreamCompleteness(stream=reading.stream, verdict=Verdict.INCOMPLETE, gap=gap)
    return StreamCompleteness(
        stream=reading.stream,
        verdict=Verdict.WAIVED,
        gap=gap,
        reason=waiver.reason,
        waived_by=waiver.waived_by,
    )


def parse_completeness(document: object) -> tuple[StreamCompleteness, ...]:
    """Return what the list of streams in a statement document states; it may be of another's making.

    Raises: InvalidValue for another shape, for no stream, a stream twice or out of order, and for an
            incomplete one: no epoch closes with it (GAP_BLOCKS_CLOSE).
    """
    if not isinstance(document, list) or not document:
        raise InvalidValue("completeness", "must be a list of streams")
    streams = tuple(_parse_stream(entry) for entry in document)
    check_closable(streams)
    return streams


def check_closable(streams: tuple[StreamCompleteness, ...]) -> None:
    """Refuse streams with which no epoch closes, or that are not in the order of a document.

    Raises: InvalidValue.
    """
    if any(found.verdict is Verdict.INCOMPLETE for found in streams):
        raise InvalidValue("completeness", "must have no stream whose gap nobody waived")
    names = [found.stream for found in streams]
    if any(following <= earlier for earlier, following in pairwise(names)):
        raise InvalidValue("completeness", "must have each stream once, in order")


def _parse_stream(document: object) -> StreamCompleteness:
    if not isinstance(document, Mapping) or set(document) != _FIELDS:
        raise InvalidValue("stream", f"must have exactly the fields {', '.join(sorted(_FIELDS))}")
    verdict, gap = document["verdict"], document["gap"]
    if not isinstance(verdict, str) or verdict not in set(Verdict):
        raise InvalidValue("verdict", f"must be one of {', '.join(Verdict)}")
    return StreamCompleteness(
        stream=StreamRef(
            source=document["source"], source_ref=document["source_ref"], stream=document["stream"]
        ),
        verdict=Verdict(verdict),
        gap=None if gap is None else parse_gap(gap),
        reason=document["reason"],
        waived_by=document["waived_by"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedActivity:
    """What a window's readings of a stream saw and took for no event: how often by reason, and whose.

    Holds: it counts readings: what two of them saw counts twice.
    """

    stream: StreamRef
    readings: int
    by_reason: Mapping[str, int] = field(default_factory=dict)
    by_actor: Mapping[str, int] = field(default_factory=dict)


def _check_decision(reason: object, actor: object) -> None:
    check_text("reason", reason, most_characters=MAX_REASON_CHARACTERS)
    check_text("actor", actor, most_characters=MAX_IDENTIFIER_CHARACTERS)
