"""Time as another server tells it, for waits that it asks for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from math import ceil
from typing import Final

from scheduler_worker.sources.http import Answer

MAX_WAIT_SECONDS: Final = 86_400  # a reset lies within the hour; more is nonsense, and asking again tells


class ServerClock:
    """Now, as the server tells it in its answers: a wait until a reset must not depend on our own clock."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._ahead = timedelta()

    def note(self, answer: Answer) -> None:
        """Take the time from the answer's Date header, if it has a good one."""
        try:
            told = parsedate_to_datetime(answer.headers.get("date", ""))
            if told.tzinfo is not None:
                self._ahead = told.astimezone(UTC) - self._clock()
        except (ValueError, OverflowError):  # no time, or one before the first year
            return

    def now(self) -> datetime:
        """Return the server's time, to the second."""
        return self._clock() + self._ahead

    def seconds_until(self, instant: datetime) -> int:
        """Return how long it is until then: 1 or more."""
        return min(MAX_WAIT_SECONDS, max(1, ceil((instant - self.now()).total_seconds())))
