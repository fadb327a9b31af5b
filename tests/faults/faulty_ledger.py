"""A ledger that fails where chance says: before a transaction, at any call within it, at its commit, or after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Self, cast

from ledger_core import Ledger, LedgerTransaction, LedgerView, NodeId
from tests.faults.in_process import WorkerKilled

MOST_CALLS: Final = 14  # of one transaction, about


class ConnectionLost(Exception):
    """The database is gone; what was not committed is undone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where to fail next: at a call of the store (0: before any), or, with `is_committed`, after the commit."""

    call: int
    is_committed: bool
    is_fatal: bool

    def strike(self) -> None:
        """Fail."""
        raise WorkerKilled if self.is_fatal else ConnectionLost


class FaultyLedger:
    """Passes everything on to a ledger, and fails at the planned places.

    `committed` is called right after each commit with the calls that it holds, before anybody else hears of it.
    """

    def __init__(
        self, ledger: Ledger, *, committed: Callable[[list[tuple[str, tuple[Any, ...]]]], None]
    ) -> None:
        self._ledger = ledger
        self._committed = committed
        self._plan: Plan | None = None
        self.faults = 0

    @property
    def node_id(self) -> NodeId:
        return self._ledger.node_id

    def arm(self, plan: Plan | None) -> None:
        """Plan the next failure."""
        self._plan = plan

    @contextmanager
    def begin(self) -> Iterator[LedgerTransaction]:
        calls: list[tuple[str, tuple[Any, ...]]] = []
        self._strike(call=0)
        with self._ledger.begin() as transaction:
            yield cast("LedgerTransaction", _Watched(transaction, calls, self._strike))
        self._committed(calls)
        self._strike(is_committed=True)

    @contextmanager
    def session(self) -> Iterator[Self]:
        yield self

    @contextmanager
    def read(self) -> Iterator[LedgerView]:
        with self._ledger.read() as view:
            yield view

    def _strike(self, *, call: int | None = None, is_committed: bool = False) -> None:
        plan = self._plan
        if plan is None or plan.is_committed != is_committed or (call is not None and call != plan.call):
            return
        self._plan = None
        self.faults += 1
        plan.strike()


class _Watched:
    """A transaction whose stores' calls are counted."""

    def __init__(
        self,
        transaction: LedgerTransaction,
        calls: list[tuple[str, tuple[Any, ...]]],
        strike: Callable[..., None],
    ) -> None:
        self._transaction = transaction
        self._calls = calls
        self._strike = strike

    def __getattr__(self, store: str) -> object:
        return _WatchedStore(getattr(self._transaction, store), store, self._calls, self._strike)


class _WatchedStore:
    def __init__(
        self, store: Any, name: str, calls: list[tuple[str, tuple[Any, ...]]], strike: Callable[..., None]
    ) -> None:
        self._store = store
        self._name = name
        self._calls = calls
        self._strike = strike

    def __getattr__(self, method: str) -> Callable[..., Any]:
        call = getattr(self._store, method)

        def watched(*arguments: Any, **options: Any) -> Any:
            answer = call(*arguments, **options)
            self._calls.append((f"{self._name}.{method}", arguments))
            self._strike(call=len(self._calls))
            return answer

        return watched


def draw_plan(random: Random, *, chance: float) -> Plan | None:
    """Draw whether, and where, an attempt fails."""
    if random.random() >= chance:
        return None
    return Plan(
        call=random.randrange(MOST_CALLS),
        is_committed=random.random() < 0.35,
        is_fatal=random.random() < 0.5,
    )
