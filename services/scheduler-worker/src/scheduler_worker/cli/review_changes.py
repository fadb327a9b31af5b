"""What changed of an epoch since somebody looked at it: counts, decisions, streams and units, each by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ledger_core.domain.instant import instant_text
from ledger_core.domain.ledger_action import LedgerAction
from scheduler_worker.cli.last_look import Look
from scheduler_worker.cli.review_decisions import digest
from scheduler_worker.cli.review_facts import Review, UnitsChange, changed_units


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamChange:
    """How a stream stood and stands; None is one that was not, or is not, there."""

    stream: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SinceLook:
    """What changed since a look.

    Units:  counts are differences, of everything that is counted.
    Holds:  people, streams and decisions are None where the look did not keep them. is_all says that no decision
            since is older than those that are listed.
    """

    at: str
    counts: Mapping[str, int]
    has_other_allocations: bool
    people: tuple[UnitsChange, ...] | None
    streams: tuple[StreamChange, ...] | None
    decisions: tuple[LedgerAction, ...] | None
    is_all: bool

    @property
    def is_nothing(self) -> bool:
        """Say whether nothing that the look kept has changed."""
        return self.is_all and not (
            any(self.counts.values()) or self.has_other_allocations or self.streams or self.decisions
        )


def since_look(review: Review, look: Look) -> SinceLook:
    """Return what changed since the look."""
    summary = review.overview.summary
    known = None if look.decisions is None else frozenset(look.decisions)
    made = None if known is None else tuple(each for each in review.decisions if digest(each) not in known)
    return SinceLook(
        at=look.at,
        counts={
            "events": summary.events - look.events,
            "included": summary.included - look.included,
            "unresolved": summary.unresolved - look.unresolved,
            "late": summary.late - look.late,
            "excluded": review.judged.excluded - look.excluded,
            "pool_credits": review.overview.pool_credits - look.pool_credits,
        },
        has_other_allocations=look.allocation_set_hash != review.overview.allocation_set_hash,
        people=None if look.units is None else changed_units(look.units, review.units),
        streams=None if look.streams is None else _changed_streams(look.streams, review),
        decisions=made,
        is_all=review.decided_since is None
        or instant_text(review.decided_since.replace(microsecond=0)) < look.at,
    )


def _changed_streams(before: Mapping[str, str], review: Review) -> tuple[StreamChange, ...]:
    after = {each.name: each.state.value for each in review.streams}
    return tuple(
        StreamChange(stream=name, before=before.get(name), after=after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )
