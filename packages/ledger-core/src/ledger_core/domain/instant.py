"""Instants: aware UTC datetimes, and the one way they print and parse."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from ledger_core.errors import InvalidValue

_PRINTED: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?Z", re.ASCII)


def check_instant(what: str, value: object) -> None:
    """Refuse what is no datetime in UTC.

    Raises: InvalidValue.
    """
    if not isinstance(value, datetime):
        raise InvalidValue(what, f"must be a datetime, not {type(value).__name__}")
    if value.utcoffset() is None or value.utcoffset() != UTC.utcoffset(None):
        raise InvalidValue(what, "must be a time in UTC")


def instant_text(value: datetime) -> str:
    """Return `2026-11-16T00:00:00Z`; a fraction of a second prints as six digits, and only if not zero.

    Source: SPEC, canonical forms.
    """
    fraction = f".{value.microsecond:06d}" if value.microsecond else ""
    # Not strftime: its %Y is not padded on every platform.
    return (
        f"{value.year:04d}-{value.month:02d}-{value.day:02d}"
        f"T{value.hour:02d}:{value.minute:02d}:{value.second:02d}{fraction}Z"
    )


def parse_instant(text: str) -> datetime:
    """Return the instant that instant_text printed; every other spelling is refused.

    Raises: InvalidValue.
    """
    if _PRINTED.fullmatch(text) is None:
        raise InvalidValue("time", "must be written like 2026-11-16T00:00:00Z")
    try:
        parsed = datetime.fromisoformat(text.removesuffix("Z") + "+00:00")
    except ValueError as error:
        raise InvalidValue("time", "is no date and time of the calendar") from error
    if instant_text(parsed) != text:
        raise InvalidValue("time", "must leave out a fraction that is zero")
    return parsed
