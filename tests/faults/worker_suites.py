"""Workers that are killed at every boundary, and a Temporal that is: the story goes on where it stopped."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from temporalio.client import Client

from scheduler_worker.bootstrap import read_payload_keys
from scheduler_worker.local.temporal import local_temporal
from scheduler_worker.payload_codec import hiding_converter
from scheduler_worker.retry_profiles import WRITE_EXECUTION_TIMEOUT
from scheduler_worker.starting import Start, result_of, start_or_join
from scheduler_worker.temporal_client import LAST_BREATH_SECONDS
from tests.faults.books import Toll, read_books, toll
from tests.faults.crashing_worker import Orders
from tests.faults.database_faults import NODE, ledger_at
from tests.faults.database_suites import Place
from tests.faults.servers import fresh_database, worker_url
from tests.faults.story import tell

TASK_QUEUE: Final = "faults"
STORIES: Final = 8  # told side by side: what takes time is a server's patience with the dead
STORY_SECONDS: Final = 1_800.0
ROOT: Final = Path(__file__).parents[2]


def workers_killed(place: Place, *, is_long: bool) -> Toll:
    """A worker is killed before and after each activity, between pages, and in the middle of one."""
    namespaces = [f"killed-{number}" for number in range(STORIES)]
    with ExitStack() as opened:
        folder = Path(opened.enter_context(TemporaryDirectory(prefix="ledger-faults-")))
        temporal = opened.enter_context(local_temporal(None, ui=False, namespaces=namespaces))
        databases = [opened.enter_context(fresh_database(place.server)) for _ in namespaces]
        orders = [
            _orders(place, folder, temporal.address, namespace, database, share=share, is_long=is_long)
            for share, (namespace, database) in enumerate(zip(namespaces, databases, strict=True))
        ]
        with workers(orders):
            asyncio.run(_tell_all(orders))
        cost = Toll()
        for order, database in zip(orders, databases, strict=True):
            with ledger_at(place.server.port, database) as (ledger, _):
                deaths = sum(1 for _ in Path(order.deaths).iterdir())
                cost += toll(place.calm, read_books(ledger), faults=deaths)
            if is_long:
                cost += Toll(findings=len(Path(order.findings).read_text(encoding="utf-8").splitlines()))
        return cost


def _orders(
    place: Place, folder: Path, address: str, namespace: str, database: str, *, share: int, is_long: bool
) -> Orders:
    home = folder / namespace
    deaths = home / "deaths"
    deaths.mkdir(parents=True)
    (home / "ledger.toml").write_text(f'node_id = "{NODE}"\n', encoding="utf-8")
    return Orders(
        address=address,
        namespace=namespace,
        database_url=worker_url(place.server.port, database),
        config=str(home / "ledger.toml"),
        deaths=str(deaths),
        findings=str(home / "findings"),
        share=share,
        shares=STORIES,
        everywhere=is_long,
    )


@contextmanager
def workers(orders: list[Orders]) -> Iterator[subprocess.Popen[bytes]]:
    """Run the workers; they end with the block, or with this process."""
    command = [
        sys.executable,
        "-m",
        "tests.faults.crashing_worker",
        json.dumps([asdict(it) for it in orders]),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT) as process:
        try:
            yield process
            assert process.poll() is None, "the workers' supervisor ended"
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(60)


async def _tell_all(orders: list[Orders]) -> None:
    await asyncio.wait_for(asyncio.gather(*map(_tell, orders)), STORY_SECONDS)
    await asyncio.sleep(LAST_BREATH_SECONDS)


async def _tell(orders: Orders) -> None:
    """Tell the story through Temporal, step by step, as the command line would."""
    keys = read_payload_keys(orders.database_url, NODE, ())
    client = await Client.connect(
        orders.address, namespace=orders.namespace, data_converter=hiding_converter(keys)
    )
    story = tell()
    step = next(story)
    while True:
        handle, _ = await start_or_join(
            client,
            Start(
                method=step.method,
                argument=step.argument,
                workflow_id=step.workflow_id,
                task_queue=TASK_QUEUE,
                execution_timeout=WRITE_EXECUTION_TIMEOUT,
            ),
        )
        report = await result_of(handle)
        try:
            step = story.send(report)
        except StopIteration:
            return
