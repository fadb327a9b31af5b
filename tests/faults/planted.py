"""Ledgers that do one thing wrong each: what the oracles and the toll must find out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ledger_core.testing import InMemoryLedger, InMemoryTransaction
from tests.faults.simulate import NODE

Plant = Callable[[InMemoryTransaction], None]


class PlantedLedger(InMemoryLedger):
    """A ledger that does one thing wrong."""

    def __init__(self, plant: Plant) -> None:
        super().__init__(NODE)
        self._plant = plant

    @contextmanager
    def begin(self) -> Iterator[InMemoryTransaction]:
        with super().begin() as transaction:
            self._plant(transaction)
            yield transaction


def _put(store: object, method: str, answer: Callable[..., Any]) -> None:
    assert hasattr(store, method)
    setattr(store, method, answer)


def late_events_dropped(transaction: InMemoryTransaction) -> None:
    _put(transaction.curation, "_add_late_events", lambda *_a, **_k: 0)


def resolved_events_dropped(transaction: InMemoryTransaction) -> None:
    _put(transaction.curation, "_carry_resolved_events", lambda *_a, **_k: 0)


def last_event_of_a_page_dropped(transaction: InMemoryTransaction) -> None:
    store = transaction.activity.store
    _put(transaction.activity, "store", lambda events: store(events[:1]))


def decisions_applied_again(transaction: InMemoryTransaction) -> None:
    _put(transaction.actions, "find_applied", lambda _key: None)


def users_not_followed(transaction: InMemoryTransaction) -> None:
    _put(transaction.curation, "_sync_users", lambda *_a, **_k: 0)


def excluded_events_paid(transaction: InMemoryTransaction) -> None:
    judge = transaction.curation.judge

    def judged(*arguments: Any, **options: Any) -> None:
        judge(*arguments, **(options | {"included": True}))

    _put(transaction.curation, "judge", judged)


def units_doubled(transaction: InMemoryTransaction) -> None:
    set_final = transaction.allocations.set_final

    def doubled(*arguments: Any, final_units: int | None, **options: Any) -> None:
        twice = None if final_units is None else 2 * final_units
        set_final(*arguments, final_units=twice, **options)

    _put(transaction.allocations, "set_final", doubled)
