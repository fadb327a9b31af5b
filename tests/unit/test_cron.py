from __future__ import annotations

import pytest

from ledger_core import InvalidValue
from scheduler_worker.cron import parse_cron

ALL_HOURS = tuple(range(24))
ALL_DAYS = tuple(range(1, 32))
ALL_MONTHS = tuple(range(1, 13))
ALL_WEEKDAYS = tuple(range(7))


@pytest.mark.parametrize(
    ("expression", "meaning"),
    [
        ("0 6 * * mon", ((0,), (6,), ALL_DAYS, ALL_MONTHS, (1,))),
        ("0 6 * * MON", ((0,), (6,), ALL_DAYS, ALL_MONTHS, (1,))),
        ("*/20 * * * *", ((0, 20, 40), ALL_HOURS, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS)),
        ("5/20 0 * * *", ((5, 25, 45), (0,), ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS)),
        ("10-30/10,59 0 * * *", ((10, 20, 30, 59), (0,), ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS)),
        ("0 0 1,15 jan-mar *", ((0,), (0,), (1, 15), (1, 2, 3), ALL_WEEKDAYS)),
        ("0 0 29 2 *", ((0,), (0,), (29,), (2,), ALL_WEEKDAYS)),
        ("0 0 31 feb,dec *", ((0,), (0,), (31,), (2, 12), ALL_WEEKDAYS)),
        ("0 0 * * 7", ((0,), (0,), ALL_DAYS, ALL_MONTHS, (0,))),
        ("0 0 * * 5-7", ((0,), (0,), ALL_DAYS, ALL_MONTHS, (0, 5, 6))),
        ("0 0 * * sun,sat", ((0,), (0,), ALL_DAYS, ALL_MONTHS, (0, 6))),
    ],
)
def test_an_expression_means_its_times(expression: str, meaning: tuple[tuple[int, ...], ...]) -> None:
    times = parse_cron(expression)

    assert (times.minutes, times.hours, times.days_of_month, times.months, times.days_of_week) == meaning


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("", "five fields"),
        ("0 6 * *", "five fields"),
        ("0 0 6 * * *", "five fields"),
        ("@weekly", "five fields"),
        ("0 " * 100 + "*", "five fields"),
        ("60 6 * * *", "outside 0 to 59 as minute"),
        ("0 24 * * *", "outside 0 to 23 as hour"),
        ("0 0 0 * *", "outside 1 to 31 as day of month"),
        ("0 0 * 13 *", "outside 1 to 12 as month"),
        ("0 0 * * 8", "outside 0 to 7 as day of week"),
        ("0 0 * * fri-mon", "runs backwards"),
        ("*/0 0 * * *", "a step of 0 as minute"),
        ("0 0 * * xyz", "a day of week that can't be read"),
        ("0 0 * mon *", "a month that can't be read"),
        ("jan 0 * * *", "a minute that can't be read"),
        ("1,,2 0 * * *", "a minute that can't be read"),
        ("-1 0 * * *", "a minute that can't be read"),
        ("\u0661 0 * * *", "a minute that can't be read"),
        ("0 0 L * *", "a day of month that can't be read"),
        ("0 0 1 * mon", "both a day of the month and a day of the week"),
        ("0 0 30 feb *", "a day that none of its months has"),
        ("0 0 31 apr,jun,sep,nov *", "a day that none of its months has"),
    ],
)
def test_what_fires_never_or_unclearly_is_refused(expression: str, problem: str) -> None:
    with pytest.raises(InvalidValue, match=problem):
        parse_cron(expression)
