"""What `ledger review` shows: read in one snapshot, compared with the week before and with the last look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from ledger_core.domain.allocation import Allocation
from ledger_core.domain.epoch import Epoch
from ledger_core.domain.identity import UnresolvedIdentity
from ledger_core.domain.identity_suggestion import Suggestion, suggest_users
from ledger_core.domain.instant import instant_text
from ledger_core.domain.ledger_action import LedgerAction
from ledger_core.domain.stream_health import StreamHealth
from ledger_core.domain.stream_reading import StreamCompleteness, Verdict
from ledger_core.identifiers import EpochId
from ledger_core.ports.ledger import LedgerView
from ledger_core.ports.review_reader import JudgedEvents, LateWork
from scheduler_worker.cli.epoch_views import EpochOverview, counting_units, read_overview
from scheduler_worker.cli.gap_views import read_streams
from scheduler_worker.cli.last_look import Look
from scheduler_worker.cli.review_decisions import digest, is_of

MOST_UNRESOLVED: Final = 50
MOST_JUDGED: Final = 50
MOST_BOUND: Final = 1_000  # accounts that fifty unresolved ones are like
MOST_SUGGESTIONS: Final = 3
MOST_DECISIONS: Final = 200  # of the record; a look keeps the digests of as many


class StreamState(StrEnum):
    """How a stream stands for the epoch's window."""

    COMPLETE = "complete"
    WAIVED = "waived"
    EARLY = "early"  # as far as the window had come
    BEHIND = "behind"
    NEVER = "never"
    FAILING = "failing"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedStream:
    """A stream, how it stands, and why, where it is not complete."""

    name: str
    state: StreamState
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsChange:
    """A person's units then and now, in milli-units; None is who was, or is, not there."""

    user_id: str
    before: int | None
    after: int | None

    @property
    def difference(self) -> int:
        """How many milli-units more."""
        return (self.after or 0) - (self.before or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnresolvedAccount:
    """An account that is nobody's, and whose it may be."""

    account: UnresolvedIdentity
    suggestions: tuple[Suggestion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """An epoch as an admin looks at it.

    Holds: last_week is the epoch of the window right before, with everybody's units in it; None where there is none.
           decisions are the newest of the record that are not about another epoch alone. due counts the events that
           belong here and are not curated yet. decided_since is the time of the oldest decision that was read; None
           where all that are recorded were. is_over says whether the window had ended.
    """

    overview: EpochOverview
    streams: tuple[ReviewedStream, ...]
    judged: JudgedEvents
    late: tuple[LateWork, ...]
    unresolved: tuple[UnresolvedAccount, ...]
    last_week: tuple[EpochId, Mapping[str, int]] | None
    decisions: tuple[LedgerAction, ...]
    decided_since: datetime | None
    due: int
    is_over: bool
    approvals_required: int

    @property
    def units(self) -> dict[str, int]:
        """Everybody's units, in milli-units."""
        return {row.user_id: row.units for row in self.overview.paid_by}

    @property
    def overrides(self) -> tuple[Allocation, ...]:
        """The allocations that an admin set."""
        return tuple(row for row in self.overview.allocations if row.final_units is not None)

    @property
    def is_complete(self) -> bool:
        """Say whether every stream covers the window, or is waived; of no stream nothing is known."""
        fine = {StreamState.COMPLETE, StreamState.WAIVED}
        return bool(self.streams) and all(stream.state in fine for stream in self.streams)


def read_review(
    view: LedgerView,
    epoch_id: EpochId,
    health: Sequence[StreamHealth],
    now: datetime,
    *,
    approvals_required: int = 0,
) -> Review:
    """Return the epoch's review; health is how the policy's streams fare now.

    Raises: EpochNotFound.
    """
    overview = read_overview(view, epoch_id)
    epoch = overview.epoch
    counted = read_streams(view, epoch)
    before = view.epochs.find_at(epoch.window.period_start - timedelta(microseconds=1))
    last_week = None
    if before is not None:
        counted_before = counting_units(
            tuple(view.allocations.list_all(before.id)), view.statements.find(before.id)
        )
        last_week = (before.id, {row.user_id: row.units for row in counted_before})
    decisions = view.actions.list_latest(limit=MOST_DECISIONS)
    return Review(
        overview=overview,
        streams=streams_of(epoch, counted, health if epoch.is_open else (), now),
        judged=view.review.judged(epoch_id, limit=MOST_JUDGED),
        late=view.review.late_work(epoch_id),
        unresolved=_unresolved(view, epoch_id),
        last_week=last_week,
        decisions=tuple(each for each in decisions if is_of(epoch_id, each)),
        decided_since=decisions[-1].at if len(decisions) == MOST_DECISIONS else None,
        due=view.review.count_due(epoch_id) if epoch.is_open and overview.waiting else 0,
        is_over=now >= epoch.window.period_end,
        approvals_required=approvals_required,
    )


def changed_units(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[UnitsChange, ...]:
    """Return whose units changed, the largest change first."""
    changes = [
        UnitsChange(user_id=user, before=before.get(user), after=after.get(user))
        for user in before.keys() | after.keys()
        if before.get(user) != after.get(user)
    ]
    return tuple(sorted(changes, key=lambda change: (-abs(change.difference), change.user_id)))


def look_of(review: Review, now: datetime) -> Look:
    """Return what is kept of a look at a review."""
    summary = review.overview.summary
    return Look(
        at=instant_text(now.replace(microsecond=0)),
        allocation_set_hash=review.overview.allocation_set_hash,
        events=summary.events,
        included=summary.included,
        unresolved=summary.unresolved,
        late=summary.late,
        excluded=review.judged.excluded,
        pool_credits=review.overview.pool_credits,
        units=review.units,
        streams={each.name: each.state.value for each in review.streams},
        decisions=tuple(map(digest, review.decisions)),
    )


def _unresolved(view: LedgerView, epoch_id: EpochId) -> tuple[UnresolvedAccount, ...]:
    accounts = view.identities.list_unresolved(epoch_id, limit=MOST_UNRESOLVED)
    names = [
        name for account in accounts for name in (account.external_id, account.login) if name is not None
    ]
    bound = view.review.bound_like(names, limit=MOST_BOUND) if names else ()
    return tuple(
        UnresolvedAccount(account=account, suggestions=suggest_users(account, bound)[:MOST_SUGGESTIONS])
        for account in accounts
    )


def streams_of(
    epoch: Epoch, counted: Sequence[StreamCompleteness], health: Sequence[StreamHealth], now: datetime
) -> tuple[ReviewedStream, ...]:
    """Return each stream once: a gap that was counted says more than how its collection fares."""
    found = {str(each.stream): _faring(epoch, each, now) for each in health}
    for each in counted:
        name = str(each.stream)
        state = StreamState(each.verdict.value)
        fares = found.get(name)
        if each.verdict in {Verdict.COMPLETE, Verdict.EARLY} and fares is not None:
            continue
        sentence = "" if each.gap is None else str(each.gap)
        if each.verdict is Verdict.WAIVED:
            sentence += f"; waived by {each.waived_by}: {each.reason}"
        found[name] = ReviewedStream(name=name, state=state, sentence=sentence)
    order = list(StreamState)
    return tuple(sorted(found.values(), key=lambda each: (-order.index(each.state), each.name)))


def _faring(epoch: Epoch, health: StreamHealth, now: datetime) -> ReviewedStream:
    name, until = str(health.stream), health.collected_until
    if health.problem is not None and health.failing_since is not None:
        sentence = f"fails since {instant_text(health.failing_since)}: {health.problem}"
        return ReviewedStream(name=name, state=StreamState.FAILING, sentence=sentence)
    if until is None:
        return ReviewedStream(name=name, state=StreamState.NEVER, sentence="was never collected")
    if until >= epoch.window.period_end:
        return ReviewedStream(name=name, state=StreamState.COMPLETE, sentence="")
    state = StreamState.EARLY if now < epoch.window.period_end else StreamState.BEHIND
    return ReviewedStream(name=name, state=state, sentence=f"is collected up to {instant_text(until)}")
