"""How numbers, days and other people's texts stand on a page."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final
from urllib.parse import urlsplit

from ledger_core.domain.instant import instant_text
from scheduler_worker.printable_text import printable

_SCHEMES: Final = frozenset({"http", "https"})
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip


def grouped(number: int) -> str:
    """Return 12345 as `12,345`, to the last digit."""
    return f"{number:,}"


def signed(number: int) -> str:
    """Return 12345 as `+12,345`, -7 with a minus sign of its own, and 0 as `0`."""
    return f"{number:+,}".replace("-", "\N{MINUS SIGN}") if number else "0"


def units_text(milli_units: int) -> str:
    """Return 8000 milli-units as `8.000`, the thousands of units grouped."""
    return f"{milli_units // 1000:,}.{milli_units % 1000:03d}"


def percent(share: str) -> str:
    """Return the share `0.448275` as `44.82 %`, cut and not rounded."""
    whole, _, digits = share.partition(".")
    return f"{int(whole + digits[:2])}.{digits[2:4]} %"


def day_text(day: date | str) -> str:
    """Return 2026-11-16 as `16 November 2026`, whatever the locale."""
    found = date.fromisoformat(day) if isinstance(day, str) else day
    return f"{found.day} {_MONTHS[found.month - 1]} {found.year}"


def short_day(day: date) -> str:
    """Return 2026-11-16 as `16 Nov`."""
    return f"{day.day} {_MONTHS[day.month - 1][:3]}"


def time_text(value: datetime | None) -> str:
    """Return an instant as `2026-11-16 09:30 UTC`, or a dash."""
    return "\u2013" if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def machine_time(value: datetime) -> str:
    """Return an instant for the `datetime` attribute."""
    return instant_text(value)


def inert(text: object) -> str:
    """Return other people's text without characters that would act on the reader's eye; templates escape it."""
    return printable(str(text))


def safe_link(url: str | None) -> str | None:
    """Return the address if a click on it can only open a page of the web: http or https, with a host.

    Holds: an address with white space, controls or a backslash is none, as browsers read it otherwise than we do.
    """
    if url is None or printable(url) != url or any(sign.isspace() or sign == "\\" for sign in url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in _SCHEMES and parts.hostname else None
