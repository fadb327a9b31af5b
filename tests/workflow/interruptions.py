"""Places where a test stops a worker's thread, or breaks its connection: around a ledger and a source."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Self

from ledger_core import ActivityPage, Ledger, LedgerTransaction, LedgerView, NodeId, StreamRef
from ledger_core.testing import ScriptedSource

DEADLINE_SECONDS = 20
PAGE_SECONDS = 0.01


class Stop:
    """Whoever comes first waits here until the test lets go; all others pass."""

    def __init__(self) -> None:
        self._first = threading.Lock()
        self._reached = threading.Event()
        self._released = threading.Event()

    def __call__(self) -> None:
        if self._first.acquire(blocking=False):
            self._reached.set()
            assert self._released.wait(DEADLINE_SECONDS)

    async def reached(self) -> None:
        """Wait until somebody stands here."""
        assert await asyncio.to_thread(self._reached.wait, DEADLINE_SECONDS)

    def release(self) -> None:
        """Let whoever stands here go."""
        self._released.set()


class Failure:
    """Raises an error the next `times` times."""

    def __init__(self, error: Exception, *, times: int) -> None:
        self._error = error
        self.times = times

    def __call__(self) -> None:
        if self.times:
            self.times -= 1
            raise self._error


def nothing() -> None:
    """Happen not at all."""


class InterruptedLedger:
    """A ledger where something happens before a transaction begins, or once it has committed."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        before_begin: Callable[[], None] = nothing,
        after_commit: Callable[[], None] = nothing,
    ) -> None:
        self._ledger = ledger
        self._before_begin = before_begin
        self._after_commit = after_commit

    @property
    def node_id(self) -> NodeId:
        return self._ledger.node_id

    @contextmanager
    def begin(self) -> Iterator[LedgerTransaction]:
        self._before_begin()
        with self._ledger.begin() as transaction:
            yield transaction
        self._after_commit()

    @contextmanager
    def session(self) -> Iterator[Self]:
        yield self

    @contextmanager
    def read(self) -> Iterator[LedgerView]:
        with self._ledger.read() as view:
            yield view


class StoppedSource(ScriptedSource):
    """A scripted source that takes its time, and stops before one of its pages."""

    def __init__(self, script: dict[StreamRef, list[ActivityPage]], *, page: int) -> None:
        super().__init__(script)
        self._page = page
        self.stop = Stop()
        self.being_read = 0

    def pages(self, stream: StreamRef, cursor: str | None, *, until: datetime) -> Iterator[ActivityPage]:
        self.being_read += 1
        try:
            for number, page in enumerate(super().pages(stream, cursor, until=until)):
                if number == self._page:
                    self.stop()
                threading.Event().wait(PAGE_SECONDS)
                yield page
        finally:
            self.being_read -= 1
