"""The [schedule] table of ledger.toml: when collection starts, and what becomes of starts that were missed."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from attrs import frozen

from ledger_core.errors import InvalidValue
from scheduler_worker.cron import CronTimes, parse_cron
from scheduler_worker.policy_table import PolicyInvalid, PolicyTable, checked

UTC: Final = "UTC"
LEAST_INTERVAL: Final = timedelta(hours=1)
MOST_INTERVAL: Final = timedelta(days=366)
LEAST_CATCH_UP: Final = timedelta(minutes=1)
MOST_CATCH_UP: Final = timedelta(days=366)
DEFAULT_JITTER: Final = timedelta(minutes=5)
DEFAULT_CRON_CATCH_UP: Final = timedelta(days=7)

_UNITS: Final = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_DURATION: Final = re.compile(r"([0-9]{1,6})([dhms])")
SCHEDULE_KEYS: Final = ("every", "cron", "offset", "time_zone", "jitter", "catch_up", "overlap")


class Overlap(StrEnum):
    """What becomes of a start while the run before it still goes on."""

    SKIP = "skip"
    BUFFER_ONE = "buffer_one"
    BUFFER_ALL = "buffer_all"


@frozen(kw_only=True)
class Cron:
    """A cron expression as it was written, and what it means in its time zone."""

    expression: str
    times: CronTimes
    time_zone: str = UTC


@frozen(kw_only=True)
class SchedulePolicy:
    """When collection starts: an interval from the epochs' anchor on, or cron.

    Holds: jitter is shorter than the interval; catch_up is how late a missed start is still made up for.
           A start plans by the time it was meant for, and plans every window that is due by then, so one
           start makes up for all that were missed before it.
    """

    timing: timedelta | Cron
    offset: timedelta = timedelta()
    jitter: timedelta = DEFAULT_JITTER
    catch_up: timedelta
    overlap: Overlap = Overlap.SKIP


def weekly(length_days: int) -> SchedulePolicy:
    """Return the schedule of a policy that says nothing: a start whenever a window begins."""
    every = timedelta(days=length_days)
    return SchedulePolicy(timing=every, catch_up=every)


def parse_schedule(root: PolicyTable, *, length_days: int) -> SchedulePolicy:
    """Return what the policy's [schedule] means.

    Raises: PolicyInvalid, naming the key.
    """
    table = root.table("schedule", *SCHEDULE_KEYS)
    timing: timedelta | Cron | None = _cron(table)
    every = _duration(table, "every", LEAST_INTERVAL, MOST_INTERVAL)
    if timing is not None and every is not None:
        raise PolicyInvalid(table.key("cron"), "can't stand beside every: say one of them")
    timing = timing or every or timedelta(days=length_days)
    interval = timing if isinstance(timing, timedelta) else None
    longest = interval or MOST_INTERVAL
    offset = _duration(table, "offset", timedelta(), longest - timedelta(seconds=1))
    if offset is not None and interval is None:
        raise PolicyInvalid(table.key("offset"), "has no meaning beside cron, which names its times itself")
    jitter = _duration(table, "jitter", timedelta(), longest - timedelta(seconds=1))
    catch_up = _duration(table, "catch_up", LEAST_CATCH_UP, MOST_CATCH_UP)
    return SchedulePolicy(
        timing=timing,
        offset=offset or timedelta(),
        jitter=DEFAULT_JITTER if jitter is None else jitter,
        catch_up=catch_up or interval or DEFAULT_CRON_CATCH_UP,
        overlap=_overlap(table),
    )


def duration_text(duration: timedelta) -> str:
    """Return a duration as ledger.toml spells it, in the largest unit that is exact: `7d`, `90m`."""
    for letter, unit in _UNITS.items():
        if duration % unit == timedelta():
            return f"{duration // unit}{letter}"
    return f"{duration.total_seconds():f}s"


def _duration(table: PolicyTable, key: str, least: timedelta, most: timedelta) -> timedelta | None:
    text = table.get(key, str)
    if text is None:
        return None
    match = _DURATION.fullmatch(text)
    if match is None:
        raise PolicyInvalid(table.key(key), "must be a number of d, h, m or s, like 7d or 12h")
    duration = int(match[1]) * _UNITS[match[2]]
    if not least <= duration <= most:
        raise PolicyInvalid(table.key(key), f"must be {duration_text(least)} to {duration_text(most)}")
    return duration


def _cron(table: PolicyTable) -> Cron | None:
    expression = table.get("cron", str)
    zone = table.get("time_zone", str)
    if expression is None:
        if zone not in (None, UTC):
            raise PolicyInvalid(table.key("time_zone"), "must be UTC where no cron is named: windows are UTC")
        return None
    return Cron(
        expression=expression,
        times=checked(table.key("cron"), lambda: parse_cron(expression)),
        time_zone=UTC if zone is None else checked(table.key("time_zone"), lambda: _zone(zone)),
    )


def _zone(name: str) -> str:
    try:
        return name if name == UTC else ZoneInfo(name).key
    except (KeyError, ValueError, OSError) as error:  # no such zone, or no name of one
        raise InvalidValue("the time zone", "must be an IANA name, like UTC or Europe/Berlin") from error


def _overlap(table: PolicyTable) -> Overlap:
    text = table.get("overlap", str)
    try:
        return Overlap(text) if text is not None else Overlap.SKIP
    except ValueError as error:
        raise PolicyInvalid(
            table.key("overlap"), f"must be one of {', '.join(overlap.value for overlap in Overlap)}"
        ) from error
