"""The toll can be other than nothing: what is lost, doubled or altered is counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ledger_core import Ledger
from ledger_core.testing import InMemoryLedger
from tests.faults.books import Toll, read_books, toll
from tests.faults.database_faults import play
from tests.faults.in_process import Attempt, WorkerKilled
from tests.faults.planted import (
    PlantedLedger,
    decisions_applied_again,
    late_events_dropped,
)
from tests.faults.simulate import NODE


def cost_of(ledger: Ledger, *, killed: str = "") -> Toll:
    """What it costs to kill the worker after the first attempt of activities whose names hold a word."""

    def during(attempt: Attempt, answer: Callable[[], Any]) -> Any:
        told = answer()
        if attempt.number == 1 and killed in attempt.activity:
            raise WorkerKilled
        return told

    calm = InMemoryLedger(NODE)
    play(calm)
    play(ledger, during=during)
    return toll(read_books(calm), read_books(ledger), faults=24)


def test_a_ledger_that_does_right_costs_nothing() -> None:
    cost = cost_of(InMemoryLedger(NODE))

    assert cost == Toll(faults=24)
    assert cost.is_clean


def test_an_event_that_is_dropped_is_counted_as_lost_and_its_statement_as_altered() -> None:
    cost = cost_of(PlantedLedger(late_events_dropped))

    assert cost.lost > 0
    assert cost.altered == 1
    assert not cost.is_clean


def test_a_decision_that_is_made_again_is_counted_as_doubled() -> None:
    cost = cost_of(PlantedLedger(decisions_applied_again), killed="adjust_allocation")

    assert cost.doubled > 0
    assert not cost.is_clean
