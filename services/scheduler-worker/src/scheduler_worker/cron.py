"""Cron expressions of five fields, as the times that they mean: minute, hour, day of month, month, day of week."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from ledger_core.errors import InvalidValue

MAX_CRON_CHARACTERS: Final = 200

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MOST_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_ITEM: Final = re.compile(r"(?:\*|([0-9]{1,2}|[a-z]{3})(?:-([0-9]{1,2}|[a-z]{3}))?)(?:/([0-9]{1,2}))?")


@frozen(kw_only=True)
class CronTimes:
    """When a cron expression fires: wherever every field has the time's value. Sunday is 0.

    Holds: each field is ascending, without repetition, and not empty; the expression fires in some year.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days_of_month: tuple[int, ...]
    months: tuple[int, ...]
    days_of_week: tuple[int, ...]


def parse_cron(expression: str) -> CronTimes:
    """Return what an expression like `0 6 * * mon` means.

    Raises: InvalidValue; also where both days are named, as programs disagree on what that means.
    """
    fields = expression.lower().split() if len(expression) <= MAX_CRON_CHARACTERS else []
    if len(fields) != 5:  # noqa: PLR2004 - what cron has
        raise InvalidValue("cron", "must be five fields: minute hour day-of-month month day-of-week")
    minute, hour, day, month, weekday = fields
    if day != "*" and weekday != "*":
        raise InvalidValue("cron", "must not name both a day of the month and a day of the week")
    times = CronTimes(
        minutes=_values("minute", minute, 0, 59),
        hours=_values("hour", hour, 0, 23),
        days_of_month=_values("day of month", day, 1, 31),
        months=_values("month", month, 1, 12, names=_MONTHS),
        # 7 is Sunday too, and only here: written as a range's end it closes the week.
        days_of_week=tuple(
            sorted({value % 7 for value in _values("day of week", weekday, 0, 7, names=_DAYS)})
        ),
    )
    if times.days_of_month[0] > max(_MOST_DAYS[number - 1] for number in times.months):
        raise InvalidValue("cron", "names a day that none of its months has")
    return times


def _values(name: str, field: str, least: int, most: int, *, names: tuple[str, ...] = ()) -> tuple[int, ...]:
    found: set[int] = set()
    for item in field.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise InvalidValue("cron", f"names a {name} that can't be read")
        first, last, step = match.groups()
        start = least if first is None else _value(name, first, names)
        end = _value(name, last, names) if last else (start if first and not step else most)
        if not least <= start <= end <= most:
            raise InvalidValue(
                "cron", f"names a value outside {least} to {most} as {name}, or a range that runs backwards"
            )
        if step is not None and int(step) == 0:
            raise InvalidValue("cron", f"names a step of 0 as {name}")
        found.update(range(start, end + 1, int(step or 1)))
    return tuple(sorted(found))


def _value(name: str, text: str, names: tuple[str, ...]) -> int:
    if text.isdigit():
        return int(text)
    if text not in names:
        raise InvalidValue("cron", f"names a {name} that can't be read")
    return names.index(text) + (1 if names is _MONTHS else 0)
