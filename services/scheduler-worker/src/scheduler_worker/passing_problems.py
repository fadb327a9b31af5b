"""Which problems of a database pass by themselves, by what was said of them."""

from __future__ import annotations

from typing import Final

# What a server says that is on its way up, or full for the moment: PostgreSQL's own words, by libpq.
_FOR_THE_MOMENT: Final = (
    "starting up",
    "shutting down",
    "not yet accepting connections",
    "in recovery mode",
    "too many clients",
    "too many connections",
    "remaining connection slots",
)


def may_come_up(problem: str) -> bool:
    """Say whether waiting may help: nobody answered, or a server did that is busy with itself."""
    answered = "FATAL:" in problem or "ERROR:" in problem
    is_about_tls = "SSL" in problem or "certificate" in problem
    return any(words in problem for words in _FOR_THE_MOMENT) or not (answered or is_about_tls)
