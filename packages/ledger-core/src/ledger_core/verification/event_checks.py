"""Checks the events one by one, and gathers what they give everybody; memory grows with users only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.instant import instant_text
from ledger_core.verification.bundle_format import EVENTS
from ledger_core.verification.canonical_lines import canonical_part
from ledger_core.verification.records import EventRecord
from ledger_core.verification.report import Findings
from ledger_core.verification.statement_document import StatementDocument


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
    activity = Activity()
    digest = sha256()
    previous: str | None = None
    for number, event in events:
        activity.events = number
        if previous is not None:
            digest.update(b"\n")
            if event.event_id <= previous:
                expected = f"an id after {previous}"
                where = f"{EVENTS} line {number} id"
                findings.differs("event-order", where, expected=expected, found=event.event_id)
        previous = event.event_id
        _check_event(number, event, statement.window, windows, findings)
        weight = event.weight_override_milli
        if weight is None:
            weight = weights.get(event.kind, 0)
        digest.update(
            canonical_part([event.event_id, event.computed_hash, event.user_id, event.included, str(weight)])
        )
        if event.included and event.user_id is not None:
            activity.units[event.user_id] = activity.units.get(event.user_id, 0) + weight
            activity.counts[event.user_id] = activity.counts.get(event.user_id, 0) + 1
    activity.set_hash = digest.hexdigest()
    findings.compare(
        "activity-set",
        "statement's activity_set_hash",
        expected=activity.set_hash,
        found=statement.activity_set_hash,
    )
    return activity


def _check_event(
    number: int,
    event: EventRecord,
    window: EpochWindow,
    windows: dict[int, EpochWindow],
    findings: Findings,
) -> None:
    where = f"{EVENTS} line {number}"
    if event.stated_hash != event.computed_hash:
        findings.differs(
            "payload-hashes", f"{where} payload_hash", expected=event.computed_hash, found=event.stated_hash
        )
    if event.late_from_epoch_id is not None:
        earlier = windows.get(event.late_from_epoch_id)
        if earlier is None:
            findings.differs(
                "event-windows",
                f"{where} late_from_epoch_id",
                expected="an earlier epoch of the chain",
                found=event.late_from_epoch_id,
            )
            return
        window = earlier
    if not window.contains(event.event_time):
        findings.differs(
            "event-windows",
            f"{where} event_time",
            expected=f"a time in {window}",
            found=instant_text(event.event_time),
        )
