"""Reads the page of an epoch from one snapshot of the ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import TypeVar

from ledger_core.domain.allocation import Allocation, compute_allocation_set_hash
from ledger_core.domain.amended_statement import net_differences
from ledger_core.domain.concentration import compute_concentration
from ledger_core.domain.epoch import Epoch
from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.payouts import PayoutLine, compute_payouts
from ledger_core.domain.statement import PayoutStatement
from ledger_core.domain.stream_reading import StreamCompleteness, compute_completeness
from ledger_core.explanation import LedgerFacts, UserExplanation, explain_user
from ledger_core.identifiers import EpochId
from ledger_core.ports.ledger import LedgerView
from ledger_core.ports.watcher import Counted, Unwatched, Watcher
from scheduler_worker.reports.epoch_facts import (
    MAX_CHAIN,
    MAX_EVENTS,
    MAX_EXPLAINED,
    MAX_LISTED,
    MAX_PEOPLE,
    AmendmentLine,
    ChainLine,
    EpochReport,
    Hashes,
    Listed,
    PersonLine,
)

_Item = TypeVar("_Item")


class SharedFacts(LedgerFacts):
    """Facts of one epoch for many people: what all of them need is read once."""

    def __init__(self, view: LedgerView, epoch_id: EpochId) -> None:
        super().__init__(view, epoch_id)
        self._rows = super().allocations()

    def allocations(self) -> tuple[Allocation, ...]:
        """Return everybody's allocation."""
        return self._rows


def read_epoch_report(
    view: LedgerView,
    epoch_id: EpochId,
    *,
    node_id: str,
    chain: Sequence[ChainLine],
    watcher: Watcher | None = None,
) -> EpochReport:
    """Return what the epoch's page says.

    Holds:  it follows from what is stored: no clock is asked. Memory grows with people, not with events.
    Raises: EpochNotFound, StatementCorrupt.
    """
    facts = SharedFacts(view, epoch_id)
    epoch, statement = view.epochs.get(epoch_id), view.statements.find(epoch_id)
    rows = facts.allocations()
    pool = facts.pool()
    pool_credits = sum(part.amount_credits for part in pool)
    finalized = [row.finalized() for row in rows]
    payouts = compute_payouts(finalized, pool_credits) if statement is None else statement.payouts
    amounts = [line.amount_credits for line in payouts]
    people = _people(payouts, rows, frozenset(facts.corrections()))
    explained = _explained(facts, people[:MAX_EXPLAINED], Unwatched() if watcher is None else watcher)
    overrides = [row for row in rows if row.final_units is not None]
    return EpochReport(
        node_id=node_id,
        epoch=epoch,
        pool_credits=pool_credits,
        undistributed_credits=pool_credits - sum(amounts),
        concentration=compute_concentration(amounts),
        people=_listed(people, MAX_PEOPLE),
        paid_people=sum(amount > 0 for amount in amounts),
        explained=Listed(items=explained, left_out=len(people) - len(explained)),
        daily=view.evidence.daily_activity(epoch),
        pool=pool,
        overrides=_listed(overrides, MAX_LISTED),
        judged=_first(view.evidence.judged_activity(epoch_id, limit=MAX_LISTED + 1)),
        late=_first(view.evidence.late_activity(epoch_id, limit=MAX_LISTED + 1)),
        unresolved=_first(view.identities.list_unresolved(epoch_id, limit=MAX_LISTED + 1)),
        streams=_listed(_streams(view, epoch, statement), MAX_LISTED),
        skipped=_listed(
            [found for found in view.completeness.skipped(epoch.window) if found.by_reason], MAX_LISTED
        ),
        amendments=_amendments(view.statements.versions(epoch_id)),
        signatures=_listed(
            () if statement is None else view.statements.signatures(statement.statement_hash), MAX_LISTED
        ),
        hashes=_hashes(statement, compute_allocation_set_hash(finalized)),
        chain=_chain_around(chain, statement),
    )


def read_chain(view: LedgerView) -> tuple[ChainLine, ...]:
    """Return the node's chain of statements, the first one first.

    Raises: StatementCorrupt.
    """
    return tuple(chain_line(found) for found in view.statements.chain())


def chain_line(statement: PayoutStatement) -> ChainLine:
    """Return a statement as the chain shows it."""
    first, last = days_of(statement.window)
    return ChainLine(
        epoch_id=statement.epoch_id,
        first_day=first,
        last_day=last,
        pool_credits=statement.pool_total_credits,
        statement_hash=statement.statement_hash,
        previous_hash=statement.previous_statement_hash,
        supersedes=None if statement.amendment is None else statement.amendment.supersedes,
    )


def days_of(window: EpochWindow) -> tuple[str, str]:
    """Return the first and the last day of a window, as ISO dates of UTC."""
    last = window.period_end - timedelta(microseconds=1)
    return window.period_start.date().isoformat(), last.date().isoformat()


def anchor_of(rank: int) -> str:
    """Return where the page explains the number of the person of that rank."""
    return f"person-{rank}"


def _people(
    payouts: Iterable[PayoutLine], rows: Iterable[Allocation], amended: Collection[str]
) -> list[PersonLine]:
    held = {str(row.user_id): row for row in rows}
    ordered = sorted(payouts, key=lambda line: (-line.amount_credits, -line.total_units, line.user_id))
    return [
        PersonLine(
            rank=rank,
            line=line,
            events=held[line.user_id].activity_count if line.user_id in held else 0,
            is_set=line.user_id in held and held[line.user_id].final_units is not None,
            is_amended=line.user_id in amended,
            anchor=anchor_of(rank) if rank <= MAX_EXPLAINED else None,
        )
        for rank, line in enumerate(ordered, start=1)
    ]


def _explained(facts: LedgerFacts, people: Sequence[PersonLine], watcher: Watcher) -> list[UserExplanation]:
    counted = Counted(watcher, total=len(people), what="people")
    return [explain_user(facts, person.line.user_id, limit=MAX_EVENTS) for person in counted.of(people)]


def _amendments(versions: Sequence[PayoutStatement]) -> tuple[AmendmentLine, ...]:
    """Return what each amendment changed against the statement that it supersedes, the first one first."""
    return tuple(
        AmendmentLine(
            statement_hash=after.statement_hash,
            supersedes=after.amendment.supersedes,
            reason=after.amendment.reason,
            amended_by=after.amendment.amended_by,
            differences=_listed(net_differences(before, after), MAX_LISTED),
        )
        for before, after in pairwise(versions)
        if after.amendment is not None
    )


def _streams(
    view: LedgerView, epoch: Epoch, statement: PayoutStatement | None
) -> tuple[StreamCompleteness, ...]:
    """Return how the streams stand: of a closed epoch as its statement says, else as of the newest reading."""
    if statement is not None:
        return statement.completeness
    readings = view.completeness.newest_readings(epoch.window)
    at = max((reading.retrieved_at for reading in readings), default=epoch.opened_at)
    return compute_completeness(readings, view.completeness.waivers(epoch.id), at=at)


def _hashes(statement: PayoutStatement | None, allocation_set: str) -> Hashes:
    if statement is None:
        return Hashes(allocation_set=allocation_set)
    return Hashes(
        allocation_set=statement.allocation_set_hash,
        activity_set=statement.activity_set_hash,
        statement=statement.statement_hash,
        previous=statement.previous_statement_hash,
    )


def _chain_around(chain: Sequence[ChainLine], statement: PayoutStatement | None) -> Listed[ChainLine]:
    """Return the chain up to the statement that follows the epoch's own; the newest of it where it is long."""
    end = len(chain)
    if statement is not None:
        hashes = [line.statement_hash for line in chain]
        end = hashes.index(statement.statement_hash) + 2
    known = chain[:end]
    return Listed(items=known[-MAX_CHAIN:], left_out=max(0, len(known) - MAX_CHAIN))


def _listed(items: Sequence[_Item], limit: int) -> Listed[_Item]:
    return Listed(items=items[:limit], left_out=max(0, len(items) - limit))


def _first(items: Sequence[_Item]) -> Listed[_Item]:
    """Return a list of which one more was asked for than is shown."""
    is_more = len(items) > MAX_LISTED
    return Listed(items=items[:MAX_LISTED], left_out=int(is_more), is_more=is_more)
