"""Checks the events one by one, and gathers what they give everybody; memory grows with users only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, NamedTuple

from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.instant import instant_text
from ledger_core.verification.bundle_format import EVENTS
from ledger_core.verification.canonical_lines import canonical_text
from ledger_core.verification.records import EventRecord
from ledger_core.verification.report import Findings
from ledger_core.verification.statement_document import StatementDocument

_LINES_AT_ONCE: Final = 1_000  # a call of the hash for each costs more than hashing it


@dataclass(slots=True)
class Activity:
    """What the events say together: their number, their hash and, by user, milli-units and counts."""

    events: int = 0
    units: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    set_hash: str = ""


def check_events(
    events: Iterable[tuple[int, EventRecord]],
    statement: StatementDocument,
    windows: dict[int, EpochWindow],
    findings: Findings,
) -> Activity:
    """Recompute the activity set and everybody's units from the events, noting differences.

    Raises: BundleRefused, from reading the events.
    """
    findings.passed("event-order", "payload-hashes", "event-windows")
    weights = dict(statement.weight_config)
    own = _Span.of(statement.window)
    earlier = {epoch_id: _Span.of(window) for epoch_id, window in windows.items()}
    activity = Activity()
    units, counts = activity.units, activity.counts
    digest = _LinesDigest()
    previous = ""  # before every id
    for number, event in events:
        activity.events = number
        if event.event_id <= previous:
            expected = f"an id after {previous}"
            where = f"{EVENTS} line {number} id"
            findings.differs("event-order", where, expected=expected, found=event.event_id)
        previous = event.event_id
        if event.stated_hash != event.computed_hash:
            where = f"{EVENTS} line {number} payload_hash"
            findings.differs("payload-hashes", where, expected=event.computed_hash, found=event.stated_hash)
        span = own if event.late_from_epoch_id is None else earlier.get(event.late_from_epoch_id)
        if span is None or not span.start <= event.event_time[:-1] < span.end:
            _note_window(number, event, span, findings)
        weight = event.weight_override_milli
        if weight is None:
            weight = weights.get(event.kind, 0)
        digest.add(event, weight)
        if event.included and event.user_id is not None:
            units[event.user_id] = units.get(event.user_id, 0) + weight
            counts[event.user_id] = counts.get(event.user_id, 0) + 1
    activity.set_hash = digest.hexdigest()
    findings.compare(
        "activity-set",
        "statement's activity_set_hash",
        expected=activity.set_hash,
        found=statement.activity_set_hash,
    )
    return activity


class _Span(NamedTuple):
    """A window as texts without their last letter, so that an instant with a fraction comes after one without."""

    window: EpochWindow
    start: str
    end: str

    @classmethod
    def of(cls, window: EpochWindow) -> _Span:
        return cls(window, instant_text(window.period_start)[:-1], instant_text(window.period_end)[:-1])


class _LinesDigest:
    """The hash of the activity set's lines, taken a thousand at a time."""

    def __init__(self) -> None:
        self._digest = sha256()
        self._lines: list[str] = []
        self._joint = ""

    def add(self, event: EventRecord, weight: int) -> None:
        """Add the line of an event of so many milli-units."""
        self._lines.append(
            f'[{canonical_text(event.event_id)},"{event.computed_hash}",{canonical_text(event.user_id)},'
            f'{"true" if event.included else "false"},"{weight}"]'
        )
        if len(self._lines) == _LINES_AT_ONCE:
            self._flush()

    def hexdigest(self) -> str:
        """Return the hash of all lines."""
        self._flush()
        return self._digest.hexdigest()

    def _flush(self) -> None:
        if self._lines:
            self._digest.update((self._joint + "\n".join(self._lines)).encode("utf-8"))
            self._joint = "\n"
            self._lines.clear()


def _note_window(number: int, event: EventRecord, span: _Span | None, findings: Findings) -> None:
    where = f"{EVENTS} line {number}"
    if span is None:
        findings.differs(
            "event-windows",
            f"{where} late_from_epoch_id",
            expected="an earlier epoch of the chain",
            found=event.late_from_epoch_id,
        )
        return
    findings.differs(
        "event-windows",
        f"{where} event_time",
        expected=f"a time in {span.window}",
        found=event.event_time,
    )
