"""A Temporal that is killed in the middle of a run, and started again on its file: the run goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar

from temporalio.client import Client
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.service import RPCError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from ledger_core import Ledger, StreamRef
from ledger_core.domain.approvals import NO_APPROVALS
from scheduler_worker.activities.create_activities import create_activities
from scheduler_worker.local import temporal as temporal_module
from scheduler_worker.local.folder import hold_folder
from scheduler_worker.local.startup import free_ports
from scheduler_worker.local.temporal import StartingTemporal
from scheduler_worker.payload_codec import hiding_converter
from scheduler_worker.retry_profiles import WRITE_EXECUTION_TIMEOUT
from scheduler_worker.starting import Start, result_of, start_or_join
from scheduler_worker.temporal_client import LAST_BREATH_SECONDS
from scheduler_worker.worker import running_worker
from tests.faults.books import Toll, found_after_fault, read_books, toll
from tests.faults.database_faults import ledger_at
from tests.faults.database_suites import Place
from tests.faults.servers import fresh_database
from tests.faults.story import CLOCK, STREAMS, PagedSource, script, tell
from tests.temporal_runtime import KEYS

TASK_QUEUE: Final = "faults"
STORY_SECONDS: Final = 900.0
TRIES: Final = 100
SHORT: Final = frozenset({"bind_identities", "finalize_epoch"})

_Told = TypeVar("_Told")


class KillableTemporal:
    """A Temporal on a file, always at the same address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = free_ports(4)
        self._turn = threading.Lock()
        self.kills = 0
        self._start()

    def kill(self) -> None:
        """End it with SIGKILL, and start it again on its file."""
        with self._turn:
            os.kill(self._server.pid, signal.SIGKILL)
            self._process.stop()
            self.kills += 1
            self._start()

    def stop(self) -> None:
        """End it."""
        self._process.stop()

    @property
    def address(self) -> str:
        """Where it is."""
        return self._server.address

    def _start(self) -> None:
        with _ports_given(self._ports):
            self._process, self._server = StartingTemporal(self._folder, ui=False).finish()


@contextmanager
def _ports_given(ports: list[int]) -> Iterator[None]:
    """Have a server that starts get these ports, and not any that are free."""
    name = "free_ports"
    kept = getattr(temporal_module, name)
    setattr(temporal_module, name, lambda _count: ports)
    try:
        yield
    finally:
        setattr(temporal_module, name, kept)


class _Killing(ClientInterceptor, Interceptor):
    """Has the server killed before an activity begins, and before its end is reported."""

    def __init__(self, kill: Callable[[str], None]) -> None:
        self._kill = kill

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - Temporal's name
        return _KillingActivity(next, self._kill)


class _KillingActivity(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, kill: Callable[[str], None]) -> None:
        super().__init__(following)
        self._kill = kill

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - Temporal's name
        name = input.fn.__name__
        await asyncio.to_thread(self._kill, f"before {name}")
        answer = await super().execute_activity(input)
        await asyncio.to_thread(self._kill, f"after {name}")
        return answer


def temporal_killed(place: Place, *, is_long: bool) -> Toll:
    """The server is killed in the middle of a collection, and before and after activities: in the long form, of all."""
    killed: set[str] = set()
    findings: list[str] = []

    with (
        fresh_database(place.server) as name,
        ledger_at(place.server.port, name) as (ledger, _),
        TemporaryDirectory(prefix="ledger-faults-") as made,
        hold_folder(Path(made)),
    ):
        temporal = KillableTemporal(Path(made))

        def kill() -> None:
            temporal.kill()
            if is_long:
                findings.extend(found_after_fault(ledger))

        def kill_once(where: str) -> None:
            if where not in killed and (is_long or where.partition(" ")[2] in SHORT):
                killed.add(where)
                kill()

        def before_page(stream: StreamRef, page: int) -> None:
            where = f"page {page} of {stream}"
            if where not in killed and (is_long or page == 1):
                killed.add(where)
                kill()

        try:
            asyncio.run(_tell(temporal.address, ledger, before_page, kill_once))
        finally:
            temporal.stop()
        cost = toll(place.calm, read_books(ledger), faults=temporal.kills)
        return cost + Toll(findings=len(findings))


async def _tell(
    address: str,
    ledger: Ledger,
    before_page: Callable[[StreamRef, int], None],
    kill: Callable[[str], None],
) -> None:
    source = PagedSource(script(), before_page=before_page)
    activities = create_activities(
        ledger=ledger, sources=dict.fromkeys(STREAMS, source), clock=CLOCK, approval_policy=NO_APPROVALS
    )
    client = await Client.connect(address, data_converter=hiding_converter(KEYS))
    working = await Client.connect(
        address, data_converter=hiding_converter(KEYS), interceptors=[_Killing(kill)]
    )
    async with running_worker(working, task_queue=TASK_QUEUE, activities=activities):
        await asyncio.wait_for(_steps(client), STORY_SECONDS)
    await asyncio.sleep(LAST_BREATH_SECONDS)


async def _steps(client: Client) -> None:
    story = tell()
    step = next(story)
    while True:
        start = Start(
            method=step.method,
            argument=step.argument,
            workflow_id=step.workflow_id,
            task_queue=TASK_QUEUE,
            execution_timeout=WRITE_EXECUTION_TIMEOUT,
        )
        handle, _ = await _answered(lambda start=start: start_or_join(client, start))  # type: ignore[misc]
        report = await _answered(lambda handle=handle: result_of(handle))  # type: ignore[misc]
        try:
            step = story.send(report)
        except StopIteration:
            return


async def _answered(ask: Callable[[], Awaitable[_Told]]) -> _Told:
    """Ask until there is an answer: whoever waits for a run waits through a restart, as the command line says."""
    for _ in range(TRIES):
        try:
            return await ask()
        except RPCError:
            continue
    raise AssertionError("the server never came back")
