from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from collections.abc import Coroutine
from typing import Any

from db_client.postgres_ledger import PostgresLedger
from ledger_core.testing import ScriptedSource, make_event
from scheduler_worker.messages import *
from scheduler_worker.workflow_ids import *
from scheduler_worker.workflows.collect_epoch import CollectEpochWorkflow
from ledger_core import *
from tests.temporal_runtime import TASK_QUEUE, worker_on

def test_x(postgres_ledger, temporal_address, namespace):
    async def go():
        async with worker_on(temporal_address, namespace, postgres_ledger, {}) as client:
            w = compute_epoch_window(datetime(2026, 11, 18, tzinfo=UTC))
            r = await client.execute_workflow(CollectEpochWorkflow.run, CollectRequest(window=w, weight_config={"a:b": 1}, base_issuance_credits=100, streams=(StreamRef(source="git", source_ref="a", stream="commits"),)), id=collect_workflow_id(w), task_queue=TASK_QUEUE)
            print(r)
    asyncio.run(go())
