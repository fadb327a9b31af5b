"""The worker: everything that this service registers on its task queue."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from typing import Any, Final

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import Replayer, Worker, WorkerDeploymentConfig
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from ledger_core.errors import LedgerError
from scheduler_worker.activities.refusals import RefusalInterceptor
from scheduler_worker.observability.log_context import LogContextInterceptor
from scheduler_worker.workflows.all_workflows import ALL_WORKFLOWS

DISTRIBUTION: Final = "cogni-scheduler-worker"
ACTIVITY_THREADS: Final = 16  # each may hold a database connection: keep it below the pool's
GRACEFUL_SHUTDOWN: Final = timedelta(seconds=20)  # below a container's usual 30 s
# A refusal in workflow code fails the run; otherwise its task would be tried for ever.
FAILURE_TYPES: Final = (LedgerError,)
HEARTBEAT_INTERVAL: Final = timedelta(seconds=5)  # how soon a cancellation reaches an activity


def create_worker(
    client: Client,
    *,
    task_queue: str,
    activities: Sequence[Callable[..., Any]],
    threads: ThreadPoolExecutor,
    graceful_shutdown: timedelta,
    build_id: str | None = None,
) -> Worker:
    """Return the worker, not yet running; with a build_id, a run that it begins stays with workers of that build."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=ALL_WORKFLOWS,
        activities=activities,
        activity_executor=threads,
        max_concurrent_activities=ACTIVITY_THREADS,
        interceptors=[LogContextInterceptor(), RefusalInterceptor()],
        workflow_failure_exception_types=FAILURE_TYPES,
        graceful_shutdown_timeout=graceful_shutdown,
        deployment_config=_deployment(build_id),
        max_heartbeat_throttle_interval=HEARTBEAT_INTERVAL,
        workflow_runner=_workflow_runner(),
    )


def _deployment(build_id: str | None) -> WorkerDeploymentConfig:
    # Without versioned routing the build has a name all the same. Left out, the SDK hashes the byte code of
    # every module that is loaded to find one: 1 to 3 s a process.
    named = WorkerDeploymentVersion(deployment_name=DISTRIBUTION, build_id=build_id or version(DISTRIBUTION))
    return WorkerDeploymentConfig(
        version=named,
        use_worker_versioning=build_id is not None,
        default_versioning_behavior=(
            VersioningBehavior.UNSPECIFIED if build_id is None else VersioningBehavior.PINNED
        ),
    )


def create_replayer() -> Replayer:
    """Return what runs recorded histories through the workflows as they are now, as the worker would."""
    return Replayer(
        workflows=ALL_WORKFLOWS,
        workflow_failure_exception_types=FAILURE_TYPES,
        workflow_runner=_workflow_runner(),
    )


@asynccontextmanager
async def running_worker(
    client: Client,
    *,
    task_queue: str,
    activities: Sequence[Callable[..., Any]],
    graceful_shutdown: timedelta = GRACEFUL_SHUTDOWN,
    build_id: str | None = None,
) -> AsyncIterator[Worker]:
    """Run a worker for the length of the block, and drain it at the end."""
    with ThreadPoolExecutor(ACTIVITY_THREADS, thread_name_prefix="activity") as threads:
        worker = create_worker(
            client,
            task_queue=task_queue,
            activities=activities,
            threads=threads,
            graceful_shutdown=graceful_shutdown,
            build_id=build_id,
        )
        async with worker:
            yield worker


def _workflow_runner() -> SandboxedWorkflowRunner:
    # Loading the core and the messages again for each run would cost 100 ms a workflow.
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules("ledger_core", "scheduler_worker")
    )
