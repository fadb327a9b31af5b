"""The completeness certificate: what a reading of a stream saw, and what the source counts by another route."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletenessCount:
    """One kind of thing, counted twice: as it was read, and by a route that shares nothing with the reading."""

    what: str
    route: str
    seen: int
    independent: int

    @property
    def agrees(self) -> bool:
        """Say whether both counts are the same."""
        return self.seen == self.independent


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletenessCertificate:
    """What one reading of a stream, from its beginning to its end, covered.

    Holds: `begins` (None: the stream's very beginning) and `ends` (None: there was nothing) are the bounds that
           the counts are of, half-open, as the source tells them: times, or commits. The bounds of a stream's
           certificates follow each other without a gap. `skipped` counts, by reason, what was read and is
           no event; `skipped_actors` names whose it was.
    """

    begins: str | None
    ends: str | None
    pages: int
    counts: tuple[CompletenessCount, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)
    skipped_actors: Mapping[str, int] = field(default_factory=dict)

    @property
    def differing(self) -> tuple[CompletenessCount, ...]:
        """Return the counts that disagree: with any, the stream is incomplete."""
        return tuple(count for count in self.counts if not count.agrees)
