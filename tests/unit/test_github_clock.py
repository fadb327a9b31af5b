"""The server's clock, as its answers tell it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from scheduler_worker.sources.http import Answer
from scheduler_worker.sources.server_clock import ServerClock

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "ahead"),
    [
        ("Mon, 05 Jan 2026 12:01:00 GMT", timedelta(minutes=1)),
        ("Fri, 31 Dec 9999 23:59:59 -0100", timedelta()),  # in UTC it is after the last year there is
        ("yesterday", timedelta()),
        ("", timedelta()),
    ],
)
def test_a_date_that_is_none_leaves_the_clock_as_it_was(date: str, ahead: timedelta) -> None:
    clock = ServerClock(lambda: NOW)

    clock.note(Answer(status=200, headers={"date": date}, body=b""))

    assert clock.now() == NOW + ahead
