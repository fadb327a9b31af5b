"""Faults of the database and of the way to it, planted in every write of the story."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any, Final

from sqlalchemy import Engine

from db_client.engine import create_ledger_engine
from db_client.postgres_ledger import PostgresLedger
from ledger_core import ActivitySource, Ledger, NodeId, StreamRef
from ledger_core.domain.approvals import NO_APPROVALS
from scheduler_worker.activities.create_activities import create_activities
from tests.faults.books import Books, read_books
from tests.faults.in_process import Attempt, InProcessTemporal
from tests.faults.network import COMMIT, Cut, Side, Wire, nothing
from tests.faults.servers import worker_url
from tests.faults.story import CLOCK, STREAMS, PagedSource, Step, script, tell

NODE: Final = NodeId(uuid.UUID("0195f1d2-0000-7000-8000-0000000000fa"))

Answer = Callable[[], Any]


def play(
    ledger: Ledger,
    *,
    during: Callable[[Attempt, Answer], Any] = lambda _, answer: answer(),
    before_retry: Callable[[BaseException], None] = lambda _: None,
    source: ActivitySource | None = None,
    story: Generator[Step, Any, None] | None = None,
) -> InProcessTemporal:
    """Play the story to its end on a ledger."""
    served: Mapping[StreamRef, ActivitySource] = dict.fromkeys(STREAMS, source or PagedSource(script()))
    temporal = InProcessTemporal(
        create_activities(ledger=ledger, sources=served, clock=CLOCK, approval_policy=NO_APPROVALS),
        during=during,
        before_retry=before_retry,
    )
    story = story or tell()
    step = next(story)
    while True:
        report = temporal.run(step.method, step.argument, step.workflow_id)
        try:
            step = story.send(report)
        except StopIteration:
            return temporal


@contextmanager
def ledger_at(port: int, database: str, *, node_id: NodeId = NODE) -> Iterator[tuple[PostgresLedger, Engine]]:
    """Open the database with the worker's rights, as the worker does."""
    engine = create_ledger_engine(worker_url(port, database), application_name="ledger-worker")
    try:
        yield PostgresLedger(engine, node_id), engine
    finally:
        engine.dispose()


def undisturbed_books(port: int, database: str) -> Books:
    """Play the story without any fault, and return its books."""
    with ledger_at(port, database) as (ledger, _):
        play(ledger)
        return read_books(ledger)


class Cutter:
    """Cuts the first attempt of an activity at the first of its cuts, the next attempt at the next, until one gets through.

    Up to its last COMMIT an attempt leaves no trace, so that all attempts of an activity together meet every cut in
    the same write. `once_each` spares all but the first activity of a name.
    """

    def __init__(self, wire: Wire, cuts: Callable[[], Iterator[Cut]], *, once_each: bool = False) -> None:
        self._wire = wire
        self._cuts = cuts
        self._once_each = once_each
        self._series: dict[str, Iterator[Cut]] = {}
        self._next: dict[str, Cut] = {}
        self._first: dict[str, str] = {}
        self.faults: Counter[str] = Counter()

    def during(self, attempt: Attempt, answer: Answer) -> Any:
        """Give the answer of an attempt, unless the wire is cut before it is there."""
        if self._once_each and self._first.setdefault(attempt.activity, attempt.key) != attempt.key:
            return answer()
        if attempt.key not in self._series:
            self._series[attempt.key] = self._cuts()
            self._next[attempt.key] = next(self._series[attempt.key])
        before = self._wire.cuts
        self._wire.arm(self._next[attempt.key])
        try:
            return answer()
        finally:
            self._wire.arm(None)
            if self._wire.cuts > before:  # else a server that is not up again yet was in the way
                self._next[attempt.key] = next(self._series[attempt.key])
                self.faults[attempt.activity] += 1


def every_turn(action: Callable[[], None] = nothing) -> Iterator[Cut]:
    """Before each request arrives, and after each reply left."""
    for turn in count(1):
        for side in Side:
            yield Cut(turn=turn, side=side, action=action)


def worst_turns(action: Callable[[], None] = nothing) -> Iterator[Cut]:
    """In the middle of a write, and after each COMMIT whose reply nobody hears."""
    yield Cut(turn=3, side=Side.REPLY, action=action, writing=True)
    for turn in count(1):
        yield Cut(turn=turn, side=Side.REPLY, action=action, only=COMMIT, writing=True)
