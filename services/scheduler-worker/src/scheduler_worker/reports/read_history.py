"""Reads the page of all epochs: the pool's history, how concentrated it was, and each person's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ledger_core.domain.concentration import Concentration, compute_concentration
from ledger_core.domain.epoch import Epoch
from ledger_core.domain.statement import PayoutStatement
from ledger_core.ports.ledger import LedgerView
from ledger_core.ports.watcher import Counted, Unwatched, Watcher
from scheduler_worker.reports.epoch_facts import ChainLine, Listed
from scheduler_worker.reports.read_epoch import chain_line

MAX_EPOCHS: Final = 520  # ten years of weeks
MAX_PEOPLE: Final = 1_000
MAX_HISTORIES: Final = 50  # people whose epochs are drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class PastEpoch:
    """One closed epoch in the history."""

    statement: ChainLine
    people: int
    undistributed_credits: int
    concentration: Concentration


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonHistory:
    """What a person got over the shown epochs: credits an epoch, None where the person has no line.

    Holds: total is over all closed epochs, also those that are not shown; credits are in the order of the epochs.
    """

    rank: int
    user_id: str
    total: int
    paid_epochs: int
    largest: int
    latest: int
    credits: tuple[int | None, ...]
    anchor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryReport:
    """Everything on the page of all epochs; the oldest epoch comes first."""

    node_id: str
    epochs: Listed[PastEpoch]
    open_epoch: Epoch | None
    people: Listed[PersonHistory]
    total_credits: int
    paid_people: int
    concentration: Concentration
    head_hash: str | None


def read_history(view: LedgerView, *, node_id: str, watcher: Watcher | None = None) -> HistoryReport:
    """Return what the page of all epochs says.

    Holds:  of an epoch with several statements the newest counts. Memory grows with people and epochs.
    Raises: StatementCorrupt.
    """
    past: dict[int, PastEpoch] = {}
    amounts: dict[int, dict[str, int]] = {}
    counted = Counted(Unwatched() if watcher is None else watcher, total=None, what="statements")
    for statement in counted.of(view.statements.chain()):
        past[statement.epoch_id] = _past(statement)
        amounts[statement.epoch_id] = {line.user_id: line.amount_credits for line in statement.payouts}
    epochs = sorted(past.values(), key=lambda found: found.statement.first_day)
    shown = epochs[-MAX_EPOCHS:]
    people = _people([amounts[found.statement.epoch_id] for found in epochs], hidden=len(epochs) - len(shown))
    return HistoryReport(
        node_id=node_id,
        epochs=Listed(items=shown, left_out=len(epochs) - len(shown)),
        open_epoch=view.epochs.find_open(),
        people=Listed(items=people[:MAX_PEOPLE], left_out=max(0, len(people) - MAX_PEOPLE)),
        total_credits=sum(person.total for person in people),
        paid_people=sum(person.total > 0 for person in people),
        concentration=compute_concentration(person.total for person in people),
        head_hash=view.statements.head_hash(),
    )


def _past(statement: PayoutStatement) -> PastEpoch:
    amounts = [line.amount_credits for line in statement.payouts]
    return PastEpoch(
        statement=chain_line(statement),
        people=sum(amount > 0 for amount in amounts),
        undistributed_credits=statement.undistributed_credits,
        concentration=compute_concentration(amounts),
    )


def _people(amounts: Sequence[dict[str, int]], *, hidden: int) -> list[PersonHistory]:
    totals: dict[str, int] = {}
    for of_epoch in amounts:
        for user, credits_ in of_epoch.items():
            totals[user] = totals.get(user, 0) + credits_
    ordered = sorted(totals, key=lambda user: (-totals[user], user))
    return [
        _person(rank, user, totals[user], [found.get(user) for found in amounts], hidden)
        for rank, user in enumerate(ordered, start=1)
    ]


def _person(rank: int, user_id: str, total: int, history: Sequence[int | None], hidden: int) -> PersonHistory:
    paid = [amount for amount in history if amount]
    return PersonHistory(
        rank=rank,
        user_id=user_id,
        total=total,
        paid_epochs=len(paid),
        largest=max(paid, default=0),
        latest=(history[-1] or 0) if history else 0,
        credits=tuple(history[hidden:]),
        anchor=f"person-{rank}" if rank <= MAX_HISTORIES else None,
    )
