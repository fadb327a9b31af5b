"""Events as the verifier takes them together: a hash over lines in portions, an order, and the ends of windows."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ledger_core.domain.canonical_json import canonical_json
from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.testing import make_window
from ledger_core.verification.event_checks import Activity, check_events
from ledger_core.verification.records import EventRecord
from ledger_core.verification.report import Findings

WINDOW = make_window(0)


def record(event_id: str = "1", **changed: Any) -> EventRecord:
    return EventRecord(
        event_id=event_id,
        kind="github:pr_merged",
        event_time="2026-11-16T00:00:00Z",
        stated_hash="a" * 64,
        computed_hash="a" * 64,
        user_id="ada",
        included=True,
        weight_override_milli=None,
        late_from_epoch_id=None,
    )._replace(**changed)


def checked(*events: EventRecord, window: EpochWindow = WINDOW) -> tuple[Activity, list[str]]:
    """What the events say together, and the checks that failed, but for the activity set's."""
    findings = Findings()
    statement = cast(
        "Any", SimpleNamespace(window=window, weight_config={"github:pr_merged": 8000}, activity_set_hash="")
    )
    activity = check_events(enumerate(events, 1), statement, {7: make_window(-1)}, findings)
    failed = [check.name for check in findings.checks() if not check.is_ok and check.name != "activity-set"]
    return activity, failed


@pytest.mark.parametrize("events", [0, 1, 2, 999, 1_000, 1_001, 2_000, 2_001])
def test_the_activity_set_is_hashed_as_lines_however_many(events: int) -> None:
    found = [
        record(
            f"id:{number:04d}" + '"\\\u00e9' * (number % 5 == 0),
            user_id=None if number % 3 == 0 else f"user-{number}",
            included=number % 7 > 0,
            weight_override_milli=number if number % 2 else None,
        )
        for number in range(events)
    ]
    lines = [
        canonical_json(
            [
                event.event_id,
                event.computed_hash,
                event.user_id,
                event.included,
                str(8000 if event.weight_override_milli is None else event.weight_override_milli),
            ]
        )
        for event in found
    ]
    activity, failed = checked(*found)

    assert activity.set_hash == sha256(b"\n".join(lines)).hexdigest()
    assert activity.events == events
    assert failed == []


@pytest.mark.parametrize(
    ("time", "late_from", "failed"),
    [
        ("2026-11-16T00:00:00Z", None, []),
        ("2026-11-16T00:00:00.000001Z", None, []),
        ("2026-11-15T23:59:59Z", None, ["event-windows"]),
        ("2026-11-15T23:59:59.999999Z", None, ["event-windows"]),
        ("2026-11-22T23:59:59Z", None, []),
        ("2026-11-22T23:59:59.999999Z", None, []),
        ("2026-11-23T00:00:00Z", None, ["event-windows"]),
        ("2026-11-23T00:00:00.000001Z", None, ["event-windows"]),
        ("2026-11-23T00:00:01Z", None, ["event-windows"]),
        ("2026-11-15T23:59:59.999999Z", 7, []),
        ("2026-11-16T00:00:00Z", 7, ["event-windows"]),
        ("2026-11-16T00:00:00Z", 8, ["event-windows"]),
    ],
)
def test_both_ends_of_a_window_are_where_they_are(
    time: str, late_from: int | None, failed: list[str]
) -> None:
    assert checked(record(event_time=time, late_from_epoch_id=late_from))[1] == failed


@pytest.mark.parametrize(
    ("time", "failed"),
    [
        ("2026-11-16T00:00:14.999999Z", ["event-windows"]),
        ("2026-11-16T00:00:15Z", []),
        ("2026-11-16T00:00:44Z", []),
        ("2026-11-16T00:00:44.999999Z", []),
        ("2026-11-16T00:00:45Z", ["event-windows"]),
    ],
)
def test_a_window_may_begin_and_end_at_any_second(time: str, failed: list[str]) -> None:
    """The ledger's own are whole days; a statement may say otherwise."""
    window = EpochWindow(
        period_start=datetime(2026, 11, 16, 0, 0, 15, tzinfo=UTC),
        period_end=datetime(2026, 11, 16, 0, 0, 45, tzinfo=UTC),
    )

    assert checked(record(event_time=time), window=window)[1] == failed


@pytest.mark.parametrize(
    ("ids", "failed"),
    [
        (["!"], []),
        (["1", "2"], []),
        (["1", "1"], ["event-order"]),
        (["2", "1"], ["event-order"]),
        (["Z", "a", "\u00e9", "\U0001f600"], []),
    ],
)
def test_events_come_in_the_order_of_their_ids(ids: list[str], failed: list[str]) -> None:
    assert checked(*map(record, ids))[1] == failed


def test_everybody_s_events_are_added_up() -> None:
    activity, _ = checked(
        record("1"),
        record("2", weight_override_milli=5),
        record("3", included=False),
        record("4", user_id=None),
        record("5", kind="github:unknown", user_id="bob"),
    )

    assert activity.units == {"ada": 8005, "bob": 0}
    assert activity.counts == {"ada": 2, "bob": 1}
