"""Every pair of writes on two connections, one stopped before each of its statements in turn.

Whatever the interleaving: both answers, and all that is stored, are those of one serial order. The ordinary run
stops each write before its second statement and before its last; EVERY_INTERLEAVING=1 before each.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

import ledger_core.use_cases
from db_client.engine import create_ledger_engine
from db_client.postgres_ledger import PostgresLedger
from ledger_core import Ledger, NodeId
from ledger_core.testing import InMemoryLedger
from ledger_core.use_cases.check_coherence import check_coherence
from tests.conftest import TestDatabase
from tests.ledger_states import state_of
from tests.signers import approval_policy
from tests.write_races import STREAMS, WRITES, Stopper, answer, race, tell_no_epoch, tell_open_epoch

HISTORIES: dict[str, tuple[Callable[[Ledger], None], tuple[str, ...]]] = {
    "an open epoch": (tell_open_epoch, tuple(WRITES)),
    "no open epoch": (
        tell_no_epoch,
        ("open its window", "open the next window", "store a page", "bind a new account", "unbind"),
    ),
}


class Racing:
    """Two connections of the worker, and one that sees who waits."""

    def __init__(self, engines: tuple[Engine, Engine, Engine], threads: ThreadPoolExecutor) -> None:
        self.first, self.second, self._observer = engines
        self.threads = threads
        self._watch = self._observer.connect().execution_options(isolation_level="AUTOCOMMIT")

    def close(self) -> None:
        self._watch.close()

    def second_waits(self) -> bool:
        query = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'second' AND wait_event_type = 'Lock'"
        )
        return bool(self._watch.execute(query).scalar_one())


@pytest.fixture
def racing(fresh_database: TestDatabase) -> Iterator[Racing]:
    engines = tuple(
        create_ledger_engine(url, application_name=name, pool_connections=2)
        for name, url in (
            ("first", fresh_database.worker_url),
            ("second", fresh_database.worker_url),
            ("observer", fresh_database.owner_url),
        )
    )
    with ThreadPoolExecutor(2) as threads:
        found = Racing((engines[0], engines[1], engines[2]), threads)
        yield found
        found.close()
    for engine in engines:
        engine.dispose()


def outcome(ledger: Ledger, *answers: tuple[str, object]) -> dict[str, Any]:
    """Return the answers and the state; actions in any order, as they are numbered before they commit."""
    state = state_of(ledger, STREAMS)
    return state | {"actions": sorted(state["actions"], key=repr), "answers": answers}


def findings(ledger: Ledger) -> list[str]:
    """Return what does not fit, without epoch ids; proposals are behind where somebody curated last."""
    found = check_coherence(ledger, approvals=approval_policy())
    return [re.sub(r"epochs? \d+", "epoch", str(each)) for each in found]


@cache
def serial_outcomes(history: str, first: str, second: str) -> tuple[tuple[dict[str, Any], list[str]], ...]:
    """Return what comes of the two in one order, and in the other; and what does not fit after each."""
    found = []
    for is_reversed in (False, True):
        ledger = InMemoryLedger(NodeId(uuid.UUID(int=7)))
        HISTORIES[history][0](ledger)
        order = (second, first) if is_reversed else (first, second)
        answers = [answer(WRITES[name], ledger) for name in order]
        outcome_of_order = outcome(ledger, *(answers[::-1] if is_reversed else answers))
        found.append((outcome_of_order, findings(ledger)))
    return tuple(found)


def stops(racing: Racing, history: str, name: str) -> list[int]:
    """Return before which of its statements a write is stopped; the last is its COMMIT."""
    ledger = PostgresLedger(racing.first, NodeId(uuid.uuid4()))
    HISTORIES[history][0](ledger)
    stopper = Stopper(racing.first)
    with stopper.watching():
        answer(WRITES[name], ledger)
    last = stopper.statements
    if os.environ.get("EVERY_INTERLEAVING"):
        return list(range(1, last + 1))
    return sorted({min(2, last), last})


@pytest.mark.parametrize(
    ("history", "first"),
    [(history, first) for history, (_, names) in HISTORIES.items() for first in names],
    ids=lambda name: str(name).replace(" ", "-"),
)
def test_every_interleaving_with_any_other_write_is_one_serial_order(
    racing: Racing, history: str, first: str
) -> None:
    tell, names = HISTORIES[history]
    interleavings = waits = 0
    points = stops(racing, history, first)
    for second, at in product(names, points):
        serial = serial_outcomes(history, first, second)
        node_id = NodeId(uuid.uuid4())
        ledger = PostgresLedger(racing.first, node_id)
        tell(ledger)
        ended = race(
            WRITES[first],
            WRITES[second],
            stopped=(racing.first, ledger),
            running=(PostgresLedger(racing.second, node_id), racing.second_waits),
            at=at,
            threads=racing.threads,
        )
        assert ended is not None, f"{first} has no statement {at}"
        interleavings += 1
        waits += ended[2]
        found = outcome(ledger, *ended[:2])
        fitting = [misfits for expected, misfits in serial if expected == found]
        assert fitting, f"{first} stopped before statement {at}, {second} beside it"
        if at == points[-1]:  # the most expensive look, once a pair
            assert findings(ledger) in fitting
    print(f"{history}: {first}: {len(names)} pairs, {interleavings} interleavings, {waits} waits")
    assert interleavings >= len(names)


def test_every_write_there_is_takes_part() -> None:
    folder = Path(ledger_core.use_cases.__path__[0])
    writing = {path.stem for path in folder.glob("*.py") if ".begin()" in path.read_text(encoding="utf-8")}
    raced = (Path(__file__).parents[1] / "write_races.py").read_text(encoding="utf-8")

    assert len(writing) >= 10
    assert {name for name in writing if f"ledger_core.use_cases.{name} import" not in raced} == set()
