"""How a stream's collection fares: up to when it is complete, and since when it fails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ledger_core.domain.instant import check_instant
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import StreamRef

MAX_PROBLEM_CHARACTERS: Final = 300  # a sentence on a screen; a worker's log has the rest
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamHealth:
    """What is known of one stream; it is no part of any statement, and nothing is paid by it.

    Holds: collected_until is None until the stream was collected once; a stream that fails has both
           failing_since, the first failure since its last success, and the newest problem. A stream that a
           directory lists has listed_at of its last listing, which is the directory's own, as long as it lists it.
    """

    stream: StreamRef
    collected_until: datetime | None = None
    failing_since: datetime | None = None
    problem: str | None = None
    listed_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.collected_until is not None:
            check_instant("collected until", self.collected_until)
        if self.listed_at is not None:
            check_instant("listed at", self.listed_at)
        if self.failing_since is not None:
            check_instant("failing since", self.failing_since)
        if (self.failing_since is None) != (self.problem is None):
            raise InvalidValue("stream health", "must have a problem exactly where it is failing")
        if self.problem is not None and self.problem != problem_text(self.problem):
            raise InvalidValue("problem", f"must be one line of at most {MAX_PROBLEM_CHARACTERS} characters")

    def lag(self, now: datetime) -> timedelta | None:
        """Return how far the stream is behind now; None when it was never collected."""
        return None if self.collected_until is None else max(timedelta(), now - self.collected_until)

    def failing_for(self, now: datetime) -> timedelta:
        """Return for how long the stream has failed; nothing if it does not."""
        return timedelta() if self.failing_since is None else max(timedelta(), now - self.failing_since)


def problem_text(sentence: str) -> str:
    """Return a sentence as one printable line that is not empty and not too long; other text comes as it may."""
    words = " ".join(sentence.split())[:MAX_PROBLEM_CHARACTERS].strip()
    return "".join(letter if letter.isprintable() else _REPLACEMENT for letter in words) or "no reason given"
