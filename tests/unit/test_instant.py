"""Instants: one way to print them and one to parse."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ledger_core import InvalidValue
from ledger_core.domain.instant import check_instant, instant_text, parse_instant

EXAMPLES = [
    (datetime(2026, 11, 16, tzinfo=UTC), "2026-11-16T00:00:00Z"),
    (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
    (datetime(2026, 1, 2, 3, 4, 5, 1, tzinfo=UTC), "2026-01-02T03:04:05.000001Z"),
    (datetime(2026, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC), "2026-01-02T03:04:05.500000Z"),
    (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
    (datetime.max.replace(tzinfo=UTC), "9999-12-31T23:59:59.999999Z"),
    (datetime(2024, 2, 29, tzinfo=UTC), "2024-02-29T00:00:00Z"),
]

REFUSED_TEXTS = [
    "",
    "2026-11-16",
    "2026-11-16T00:00:00",
    "2026-11-16T00:00:00+00:00",
    "2026-11-16t00:00:00z",
    "2026-11-16 00:00:00Z",
    "2026-11-16T00:00Z",
    "2026-11-16T00:00:00.5Z",
    "2026-11-16T00:00:00.000000Z",
    "2026-11-16T00:00:00.0000001Z",
    "2026-11-16T24:00:00Z",
    "2026-11-16T23:59:60Z",
    "2026-13-01T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "2026-11-16T00:00:00Z\n",
    " 2026-11-16T00:00:00Z",
    "2026-W47-1T00:00:00Z",
    "\u0662026-11-16T00:00:00Z",
]


@pytest.mark.parametrize(("instant", "text"), EXAMPLES, ids=[text for _, text in EXAMPLES])
def test_an_instant_prints_in_one_way_and_is_parsed_from_it(instant: datetime, text: str) -> None:
    assert instant_text(instant) == text
    assert parse_instant(text) == instant
    assert parse_instant(text).tzinfo is UTC


@pytest.mark.parametrize("text", REFUSED_TEXTS)
def test_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_instant(text)


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 11, 16),  # noqa: DTZ001 - the naive time that must be refused
        datetime(2026, 11, 16, tzinfo=timezone(timedelta(hours=1))),
        datetime(2026, 11, 16, tzinfo=timezone(timedelta(seconds=1))),
        datetime(2026, 7, 1, tzinfo=ZoneInfo("Europe/London")),
        date(2026, 11, 16),
        "2026-11-16T00:00:00Z",
        1_794_787_200,
        None,
    ],
    ids=repr,
)
def test_what_is_no_time_in_utc_is_refused(value: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^start must be"):
        check_instant("start", value)


def test_a_time_in_utc_is_accepted_whatever_its_zone_is_called() -> None:
    check_instant("start", datetime(2026, 11, 16, tzinfo=UTC))
    check_instant("start", datetime(2026, 11, 16, tzinfo=timezone(timedelta(0), "Z")))
