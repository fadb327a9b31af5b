"""What a worker looks at while it works: the ledger and the schedule, at an interval, for gauges and readiness."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError

from ledger_core.domain.operating_facts import OperatingFacts
from ledger_core.errors import LedgerError
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import ProgramOutdated
from scheduler_worker.observability.ledger_gauges import DATABASE, TEMPORAL, LedgerGauges
from scheduler_worker.schedule_health import find_schedule_health

READ_SECONDS: Final = 10.0  # the queries take milliseconds; more than this is a server that does not answer

logger = logging.getLogger(__name__)


class Observer:
    """Reads both servers in turns; what fails is said once, and once more when it is over.

    Holds: at most one read of the database is under way, however long it hangs.
    """

    def __init__(
        self, *, read_facts: Callable[[], OperatingFacts], client: Client, gauges: LedgerGauges, clock: Clock
    ) -> None:
        self._read_facts = read_facts
        self._client = client
        self._gauges = gauges
        self._clock = clock
        self._answers: dict[str, bool] = {}
        self._problems: dict[str, str] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="observer")
        self._reading: Future[OperatingFacts] | None = None
        self._outdated: ProgramOutdated | None = None
        self._was_outdated = asyncio.Event()

    def servers(self) -> Mapping[str, bool]:
        """Return which servers answered when they were last asked; none before the first look is over."""
        return dict(self._answers)

    async def look(self) -> None:
        """Read both, set the gauges, and note which answered."""
        database, temporal = await asyncio.gather(self._look_at_database(), self._look_at_temporal())
        at = self._clock()
        for server, answers in ((DATABASE, database), (TEMPORAL, temporal)):
            self._gauges.set_reachable(server, answers=answers, at=at)
            if self._answers.get(server, True) != answers:
                level = logging.INFO if answers else logging.WARNING
                event = "server_back" if answers else "server_lost"
                logger.log(level, event, extra={"server": server, "problem": self._problems.get(server)})
        self._answers = {DATABASE: database, TEMPORAL: temporal}

    async def keep_looking(self, interval: timedelta) -> None:
        """Look again and again."""
        while True:
            await self.look()
            await asyncio.sleep(interval.total_seconds())

    async def until_outdated(self) -> None:
        """Wait, for ever if all goes well.

        Raises: ProgramOutdated, once the database was seen to need a newer program.
        """
        await self._was_outdated.wait()
        assert self._outdated is not None, "set before the event"
        raise self._outdated

    def stop(self) -> None:
        """Let go of the thread, also of one that hangs."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _look_at_database(self) -> bool:
        if self._reading is not None and not self._reading.done():
            return False
        self._reading = self._thread.submit(self._read_facts)
        try:
            facts = await asyncio.wait_for(
                asyncio.shield(asyncio.wrap_future(self._reading)), timeout=READ_SECONDS
            )
        except Exception as error:  # noqa: BLE001 - a driver's errors have no name here; each means unreadable
            if isinstance(error, ProgramOutdated):
                self._outdated = error
                self._was_outdated.set()
            self._problems[DATABASE] = str(error) if isinstance(error, LedgerError) else type(error).__name__
            return False
        self._problems.pop(DATABASE, None)
        self._gauges.set_facts(facts, at=self._clock())
        return True

    async def _look_at_temporal(self) -> bool:
        try:
            async with asyncio.timeout(READ_SECONDS):
                schedule = await find_schedule_health(self._client)
        except Exception as error:  # noqa: BLE001 - also an answer that makes no sense must not end the looking
            speaks = isinstance(error, RPCError) and str(error)
            self._problems[TEMPORAL] = speaks or type(error).__name__
            return False
        self._problems.pop(TEMPORAL, None)
        self._gauges.set_schedule(schedule, at=self._clock())
        return True


@asynccontextmanager
async def observing(observer: Observer, interval: timedelta) -> AsyncIterator[None]:
    """Look once, then again and again for the length of the block."""
    await observer.look()
    looking = asyncio.create_task(observer.keep_looking(interval))
    try:
        yield
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
        observer.stop()
