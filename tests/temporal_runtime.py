"""A worker on a namespace of its own, over a ledger and its sources: what workflow tests run on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

from temporalio.client import Client

from ledger_core import ActivitySource, Ledger, NodeId, StreamRef
from ledger_core.ports.activity_source import SourceDirectory
from ledger_core.ports.clock import Clock
from ledger_core.testing import FixedClock
from scheduler_worker.activities.create_activities import create_activities
from scheduler_worker.payload_codec import hiding_converter
from scheduler_worker.payload_keys import node_payload_keys
from scheduler_worker.temporal_client import LAST_BREATH_SECONDS
from scheduler_worker.worker import running_worker
from tests.signers import approval_policy

LATER = FixedClock(datetime(2030, 1, 1, tzinfo=UTC))  # after every window that tests open
TASK_QUEUE = "ledger-tests"
KEYS = node_payload_keys(b"a seed of tests that hides nothing", NodeId(UUID(int=1)), ())


@asynccontextmanager
async def worker_on(
    address: str,
    namespace: str,
    ledger: Ledger,
    sources: Mapping[StreamRef, ActivitySource],
    *,
    clock: Clock = LATER,
    directories: Mapping[StreamRef, SourceDirectory] | None = None,
) -> AsyncIterator[Client]:
    """Yield a client of the namespace while a worker works on TASK_QUEUE."""
    client = await Client.connect(address, namespace=namespace, data_converter=hiding_converter(KEYS))
    activities = create_activities(
        ledger=ledger,
        sources=sources,
        clock=clock,
        directories=directories,
        approval_policy=approval_policy(),
    )
    async with running_worker(client, task_queue=TASK_QUEUE, activities=activities):
        yield client
    await asyncio.sleep(LAST_BREATH_SECONDS)
