"""Try other weights on epochs that are closed: what everybody would have got, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ledger_core.domain.allocation import Allocation, FinalizedAllocation, compute_proposed_allocations
from ledger_core.domain.concentration import Concentration, compute_concentration
from ledger_core.domain.curation import CuratedEvent
from ledger_core.domain.epoch import Epoch
from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.payouts import PayoutLine, compute_payouts
from ledger_core.domain.weight_config import WeightConfig
from ledger_core.errors import StatementNotFound
from ledger_core.identifiers import EpochId, UserId
from ledger_core.ports.ledger import LedgerView
from ledger_core.ports.watcher import Counted, Unwatched, Watcher


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedEpoch:
    """One closed epoch under other weights.

    Units: credits; before sums what its newest statement pays, after what the other weights would have paid.
    Holds: both are pool_credits, or 0 where nobody has units; moved is what changes hands; weights are those
           that the epoch was pinned to. overridden_people have units that an admin set or an amendment corrected.
    """

    epoch_id: EpochId
    window: EpochWindow
    weights: WeightConfig
    pool_credits: int
    before: int
    after: int
    moved: int
    overridden_people: int
    concentration_before: Concentration
    concentration_after: Concentration


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedPerson:
    """One person over all tried epochs; a rank counts from 1 by credits, then by user id.

    Units: credits; by_epoch has (before, after) an epoch, as the trial's epochs are ordered.
    """

    user_id: str
    before: int
    after: int
    rank_before: int
    rank_after: int
    by_epoch: tuple[tuple[int, int], ...]

    @property
    def delta(self) -> int:
        """What the person would have got more."""
        return self.after - self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTrial:
    """What other weights would have paid, the oldest epoch first, and people by what changes for them.

    Holds: people are ordered by the size of their delta, the largest first, then by user id.
    """

    epochs: tuple[TriedEpoch, ...]
    people: tuple[TriedPerson, ...]
    concentration_before: Concentration
    concentration_after: Concentration


def try_policy(
    view: LedgerView,
    weights: WeightConfig,
    *,
    epochs: int,
    watcher: Watcher | None = None,
) -> PolicyTrial:
    """Return what the latest closed epochs, up to `epochs` of them, would have paid under other weights.

    Holds:  events, their users, exclusions and weights of their own, units that admins set, corrections of
            amendments, and pools are as they stand; allocations and payouts are computed by the functions that a close uses. Nothing is written.
            Memory grows with people and epochs, not with events.
    Raises: StatementNotFound, StatementCorrupt, UnitsOutOfRange.
    """
    closed = [epoch for epoch in view.epochs.list_latest(limit=epochs + 1) if not epoch.is_open][:epochs]
    tried: list[TriedEpoch] = []
    amounts: dict[str, list[tuple[int, int]]] = {}
    counted = Counted(Unwatched() if watcher is None else watcher, total=len(closed), what="epochs")
    for number, epoch in enumerate(counted.of(reversed(closed))):
        found, changes = _try_epoch(view, epoch, weights)
        tried.append(found)
        for user, change in changes.items():
            amounts.setdefault(user, [(0, 0)] * number).append(change)
        for history in amounts.values():
            if len(history) <= number:
                history.append((0, 0))
    return PolicyTrial(
        epochs=tuple(tried),
        people=_people(amounts),
        concentration_before=compute_concentration(_sum(history, 0) for history in amounts.values()),
        concentration_after=compute_concentration(_sum(history, 1) for history in amounts.values()),
    )


def tried_allocations(
    events: Iterable[CuratedEvent], weights: Mapping[str, int], rows: Iterable[Allocation]
) -> tuple[FinalizedAllocation, ...]:
    """Return the allocations that the weights propose, with the units that admins set, ordered by user id."""
    proposed = {row.user_id: row.proposed_units for row in compute_proposed_allocations(events, weights)}
    final = {row.user_id: row.final_units for row in rows if row.final_units is not None}
    return tuple(
        Allocation(
            user_id=UserId(user), proposed_units=proposed.get(user, 0), final_units=final.get(user)
        ).finalized()
        for user in sorted({*proposed, *final})
    )


def _try_epoch(
    view: LedgerView, epoch: Epoch, weights: WeightConfig
) -> tuple[TriedEpoch, dict[str, tuple[int, int]]]:
    statement = view.statements.find(epoch.id)
    if statement is None:
        raise StatementNotFound(epoch.id)
    rows = view.allocations.list_all(epoch.id)
    allocations = tried_allocations(view.curation.ordered_events(epoch.id), weights, rows)
    set_by_hand = {str(row.user_id) for row in rows if row.final_units is not None}
    if statement.amendment is not None:
        allocations = statement.amendment.applied_to(allocations)
        set_by_hand |= {correction.user_id for correction in statement.amendment.corrections}
    before = _credits(statement.payouts)
    after = _credits(compute_payouts(allocations, statement.pool_total_credits))
    changes = {user: (before.get(user, 0), after.get(user, 0)) for user in sorted({*before, *after})}
    tried = TriedEpoch(
        epoch_id=epoch.id,
        window=epoch.window,
        weights=epoch.weight_config,
        pool_credits=statement.pool_total_credits,
        before=sum(before.values()),
        after=sum(after.values()),
        moved=sum(max(0, new - old) for old, new in changes.values()),
        overridden_people=len(set_by_hand),
        concentration_before=compute_concentration(before.values()),
        concentration_after=compute_concentration(after.values()),
    )
    return tried, changes


def _credits(lines: Iterable[PayoutLine]) -> dict[str, int]:
    return {line.user_id: line.amount_credits for line in lines}


def _people(amounts: Mapping[str, Sequence[tuple[int, int]]]) -> tuple[TriedPerson, ...]:
    ranks = [_ranks({user: _sum(history, side) for user, history in amounts.items()}) for side in (0, 1)]
    found = [
        TriedPerson(
            user_id=user,
            before=_sum(history, 0),
            after=_sum(history, 1),
            rank_before=ranks[0][user],
            rank_after=ranks[1][user],
            by_epoch=tuple(history),
        )
        for user, history in amounts.items()
    ]
    return tuple(sorted(found, key=lambda person: (-abs(person.delta), person.user_id)))


def _ranks(totals: Mapping[str, int]) -> dict[str, int]:
    ordered = sorted(totals, key=lambda user: (-totals[user], user))
    return {user: rank for rank, user in enumerate(ordered, start=1)}


def _sum(history: Sequence[tuple[int, int]], side: int) -> int:
    return sum(change[side] for change in history)
