"""Real worker processes that kill themselves, each at a place where none has died before, and are started again.

One process loads everything once and forks the workers, as loading takes longer than dying. What runs in them is
`ledger worker` itself, with the story's source and clock in place of a policy's, and with less patience: a server
waits two minutes for a worker that is dead.

    python -m tests.faults.crashing_worker ORDERS     (JSON; ends when its standard input does)
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from sqlalchemy import Engine, event
from temporalio import activity
from temporalio.common import RetryPolicy
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor, Worker

from ledger_core import StreamRef
from scheduler_worker import main, retry_profiles, worker
from scheduler_worker.bootstrap import opened_ledger
from scheduler_worker.operating_settings import OperatingSettings
from scheduler_worker.settings import Settings
from tests.faults.books import found_after_fault
from tests.faults.database_faults import NODE
from tests.faults.story import CLOCK, STREAMS, PagedSource, script

PATIENCE: Final = timedelta(seconds=3)
QUICKLY: Final = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=2)
)
MOST_RESTARTS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """Where a worker works, where it notes its deaths, and which of all places to die at are its own.

    `everywhere` is at every boundary of every activity and at every statement, and the next worker looks at what
    the dead one left before it works; else once for each kind.
    """

    address: str
    namespace: str
    database_url: str
    config: str
    deaths: str
    findings: str
    share: int
    shares: int
    everywhere: bool


RELEASE: Final = "RELEASE SAVEPOINT"


class Deaths:
    """Kills this process at each place once, over all its lives."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._folder = Path(orders.deaths)
        self._ordinals: dict[str, int] = {}

    def at(self, place: str) -> None:
        """Die here, unless a worker has before, or the place is another's."""
        if zlib.crc32(place.encode()) % self._orders.shares != self._orders.share:
            return
        try:
            (self._folder / place.replace("/", "_")).touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)
        signal.pause()  # the signal is on its way: do no more

    def at_activity(self, side: str) -> None:
        """Die before or after the activity that runs in this thread."""
        info = activity.info()
        if self._orders.everywhere:
            self.at(f"{side} {info.activity_type} {info.activity_id} of {info.workflow_id}")
        else:
            self.at(f"{side} {info.activity_type}")

    def at_statement(self, statement: str) -> None:
        """Die before a statement of the activity that runs in this thread; of the short form only in mid-page.

        A page is copied within a savepoint, by the driver: before its release, the events are there, and nobody's yet.
        """
        info = activity.info()
        if self._orders.everywhere:
            attempt = f"{info.workflow_id} {info.activity_id} {info.attempt}"
            self._ordinals[attempt] = self._ordinals.get(attempt, 0) + 1
            self.at(
                f"statement {self._ordinals[attempt]} of {info.activity_type} {info.activity_id}"
                f" of {info.workflow_id}"
            )
        elif statement == RELEASE:
            self.at(f"in the middle of a page of {info.activity_id}")


class _Boundaries(Interceptor):
    def __init__(self, deaths: Deaths) -> None:
        self._deaths = deaths

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - Temporal's name
        return _Boundary(next, self._deaths)


class _Boundary(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, deaths: Deaths) -> None:
        super().__init__(following)
        self._deaths = deaths

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - Temporal's name
        self._deaths.at_activity("before")
        answer = await super().execute_activity(input)
        self._deaths.at_activity("after")
        return answer


def work(orders: Orders) -> None:
    """Be a worker until told to stop, or dead."""
    os.environ.update(TEMPORAL_ADDRESS=orders.address, TEMPORAL_NAMESPACE=orders.namespace)
    deaths = Deaths(orders)

    def before_page(stream: StreamRef, number: int) -> None:
        deaths.at(f"before page {number} of {stream.stream}")

    source = PagedSource(script(), before_page=before_page)
    _put(main, "create_sources", lambda _policy: dict.fromkeys(STREAMS, source))
    _put(main, "system_clock", CLOCK)
    _put(worker, "Worker", _worker_class(deaths))
    for profile in (retry_profiles.DATABASE, retry_profiles.BULK, retry_profiles.SOURCE_STREAM):
        profile["start_to_close_timeout"] = PATIENCE
        profile["retry_policy"] = QUICKLY
    retry_profiles.SOURCE_STREAM["heartbeat_timeout"] = PATIENCE

    _watch_statements(deaths)
    settings = Settings(database_url=orders.database_url, task_queue="faults", config=Path(orders.config))
    asyncio.run(main.run_worker(settings, OperatingSettings()))


def _watch_statements(deaths: Deaths) -> None:
    """Tell of each statement before it is run."""

    @event.listens_for(Engine, "before_cursor_execute")
    def _(*told: Any) -> None:
        if activity.in_activity():
            deaths.at_statement(str(told[2]))

    for happening, statement in (
        ("savepoint", "SAVEPOINT"),
        ("release_savepoint", RELEASE),
        ("commit", "COMMIT"),
    ):
        _tell_of(deaths, happening, statement)


def _tell_of(deaths: Deaths, happening: str, statement: str) -> None:
    @event.listens_for(Engine, happening)
    def _(*_of_it: object) -> None:
        if activity.in_activity():
            deaths.at_statement(statement)


def look_after_death(orders: Orders) -> None:
    """Write down what the doctor finds in what the worker before this one left."""
    opened = opened_ledger(orders.database_url, NODE, application_name="ledger-doctor")
    with opened as ledger, Path(orders.findings).open("a", encoding="utf-8") as findings:
        findings.writelines(f"{found}\n" for found in found_after_fault(ledger))


def _worker_class(deaths: Deaths) -> Callable[..., Worker]:
    def create(*arguments: Any, **options: Any) -> Worker:
        options["interceptors"] = [_Boundaries(deaths), *options["interceptors"]]
        # A server waits ten seconds for a dead worker's memory of a workflow; without one it asks the next.
        options["max_cached_workflows"] = 0
        return Worker(*arguments, **options)

    return create


def _put(module: ModuleType, name: str, value: object) -> None:
    assert hasattr(module, name), f"{module.__name__} has no {name} any more"
    setattr(module, name, value)


def _live(orders: Orders) -> int:
    """Fork a worker and return its process id."""
    process_id = os.fork()
    if process_id:
        return process_id
    threading.Thread(target=_end_with_input, daemon=True).start()
    status = 1
    try:
        if orders.everywhere:
            look_after_death(orders)
        work(orders)
        status = 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _end_with_input() -> None:
    """End at once when whoever started all this is gone: a pipe's end is closed by the kernel."""
    os.read(0, 1)
    os._exit(0)


def supervise(all_orders: list[Orders]) -> None:
    """Start a worker for each order, and another one whenever it is killed."""
    living = {_live(orders): orders for orders in all_orders}
    threading.Thread(target=_end_with_input, daemon=True).start()
    for _ in range(MOST_RESTARTS):
        process_id, status = os.wait()
        orders = living.pop(process_id)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, f"a worker ended by itself: {status}"
        living[_live(orders)] = orders


if __name__ == "__main__":
    supervise([Orders(**orders) for orders in json.loads(sys.argv[1])])
