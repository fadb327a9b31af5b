"""A run that an older build began stays with that build's workers, while new runs go to the newer one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from ledger_core.domain.approvals import NO_APPROVALS
from ledger_core.testing import MONDAY, make_event, make_page
from scheduler_worker.activities.create_activities import create_activities
from scheduler_worker.payload_codec import hiding_converter
from scheduler_worker.temporal_client import LAST_BREATH_SECONDS
from scheduler_worker.worker import DISTRIBUTION, running_worker
from tests.temporal_runtime import KEYS, LATER, TASK_QUEUE
from tests.workflow.interruptions import StoppedSource
from tests.workflow.ledger_runs import PULLS, STORY_SECONDS, LedgerRuns, Runtime


async def make_current(client: Client, build_id: str) -> None:
    """Do what `temporal worker deployment set-current-version` does, once the server knows the build."""
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace, deployment_name=DISTRIBUTION, build_id=build_id
    )
    while True:
        try:
            await client.workflow_service.set_worker_deployment_current_version(request)
        except RPCError:
            await asyncio.sleep(0.1)  # its workers' first polls are on their way
        else:
            return


async def build_of(handle: WorkflowHandle[Any, Any]) -> str:
    info = (await handle.describe()).raw_description.workflow_execution_info.versioning_info
    return info.deployment_version.build_id


def test_a_run_ends_on_the_build_that_began_it_and_a_new_one_goes_to_the_current(runtime: Runtime) -> None:
    held = StoppedSource({PULLS: [make_page(make_event(at=MONDAY), cursor="1")]}, page=0)
    activities = create_activities(
        ledger=runtime.ledger, sources={PULLS: held}, clock=LATER, approval_policy=NO_APPROVALS
    )

    @asynccontextmanager
    async def working(build_id: str) -> AsyncIterator[Client]:
        client = await Client.connect(
            runtime.address, namespace=runtime.namespace, data_converter=hiding_converter(KEYS)
        )
        async with running_worker(client, task_queue=TASK_QUEUE, activities=activities, build_id=build_id):
            yield client

    async def story() -> None:
        async with working("old") as client:
            await make_current(client, "old")
            runs = LedgerRuns(client=client, ledger=runtime.ledger, streams=(PULLS,))
            begun = await runs.start_collect(0)
            await held.stop.reached()
            async with working("new"):
                await make_current(client, "new")
                later = await runs.start_collect(1)
                later_report = await later.result()
                held.stop.release()
                report = await begun.result()

                assert (report.complete, later_report.complete) == (True, True)
                assert await build_of(begun) == "old"
                assert await build_of(later) == "new"
        await asyncio.sleep(LAST_BREATH_SECONDS)

    asyncio.run(asyncio.wait_for(story(), STORY_SECONDS))
