"""From a source to a statement through Temporal: a git repository beside its bare log, and many events beside bare ingest."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client

from benchmarks.figures import Figure, Scale
from benchmarks.many_events import MadeUpSource
from benchmarks.measuring import Meter, measured
from benchmarks.servers import ON_DISK, fresh_database, ledger_at, served_postgres
from benchmarks.stored_epoch import CLOCK, WINDOW, bind_everybody
from ledger_core import ActivitySource, StreamRef
from ledger_core.testing import make_context
from scheduler_worker.local.temporal import local_temporal
from scheduler_worker.messages import CollectRequest, FinalizeCommand
from scheduler_worker.retry_profiles import COLLECT_EXECUTION_TIMEOUT
from scheduler_worker.sources.git.commit_reader import LOG_FORMAT
from scheduler_worker.sources.git.git_source import GitSource
from scheduler_worker.starting import Start, result_of, start_or_join
from scheduler_worker.workflow_ids import collect_workflow_id, finalize_workflow_id
from scheduler_worker.workflows.collect_epoch import CollectEpochWorkflow
from scheduler_worker.workflows.finalize_epoch import FinalizeEpochWorkflow
from tests.temporal_runtime import TASK_QUEUE, worker_on

CASE = "pipeline"
STREAMS = 50
WEEK_SECONDS = 7 * 24 * 3600


def git_log(meter: Meter, *, path: str) -> None:
    """Read the fields that the source reads."""
    command = [
        *("git", "-C", path, "log", "-z", "--topo-order", "--reverse", "--date=raw"),
        *("--no-mailmap", "--no-notes", "--no-patch", f"--format=tformat:{LOG_FORMAT}", "main"),
    ]
    with meter.running():
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def git_to_statement(meter: Meter, *, path: str, url: str, address: str) -> dict[str, float]:
    """Collect a repository, close its week, and collect again; return the seconds of each."""
    source = GitSource(name="acme/web", path=Path(path), clock=lambda: datetime.now(UTC), branch="main")
    sources: dict[StreamRef, ActivitySource] = dict.fromkeys(source.streams(), source)
    return asyncio.run(_told(meter, url, address, sources, {"git:commit": 1000}))


def bare(meter: Meter, *, url: str, events: int) -> float:  # noqa: ARG001 - timed by itself
    """Store a made-up source's pages without Temporal; return the seconds."""
    source = MadeUpSource(streams=STREAMS, events=events)
    with ledger_at(url) as ledger:
        began = time.perf_counter()
        for stream in source.streams():
            for page in source.pages(stream, None, until=WINDOW.period_end):
                with ledger.begin() as transaction:
                    transaction.activity.store(page.events)
        return time.perf_counter() - began


def many(meter: Meter, *, url: str, address: str, events: int) -> dict[str, float]:
    """Collect a made-up source through Temporal, close, and collect again; return the seconds of each."""
    source = MadeUpSource(streams=STREAMS, events=events)
    with ledger_at(url) as ledger:
        bind_everybody(ledger)
    return asyncio.run(
        _told(meter, url, address, dict.fromkeys(source.streams(), source), {"github:pr_merged": 8000})
    )


async def _told(
    meter: Meter, url: str, address: str, sources: dict[StreamRef, ActivitySource], weights: dict[str, int]
) -> dict[str, float]:
    collect = CollectRequest(
        window=WINDOW, weight_config=weights, base_issuance_credits=1_000_000, streams=tuple(sources)
    )
    with ledger_at(url) as ledger:
        async with worker_on(address, "default", ledger, sources, clock=CLOCK) as client:
            with meter.running():
                began = time.perf_counter()
                report = await _run(client, CollectEpochWorkflow.run, collect, collect_workflow_id(WINDOW))
                collected = time.perf_counter() - began
                assert report.complete, "a stream was left incomplete"
                streams_read = await _seconds_of_streams(client)
                began = time.perf_counter()
                again = await _run(client, CollectEpochWorkflow.run, collect, collect_workflow_id(WINDOW))
                nothing_new = time.perf_counter() - began
                assert sum(stream.inserted for stream in again.streams) == 0
                began = time.perf_counter()
                command = FinalizeCommand(epoch_id=report.epoch_id, context=make_context())
                await _run(client, FinalizeEpochWorkflow.run, command, finalize_workflow_id(report.epoch_id))
                closed = time.perf_counter() - began
    return {
        "stored": sum(stream.inserted for stream in report.streams),
        "streams_read": streams_read,
        "collected": collected,
        "nothing_new": nothing_new,
        "closed": closed,
    }


async def _seconds_of_streams(client: Client) -> float:
    """Return the seconds from the first page's activity to what followed the last."""
    history = await client.get_workflow_handle(collect_workflow_id(WINDOW)).fetch_history()
    named = [
        (event.activity_task_scheduled_event_attributes.activity_type.name, event.event_time.ToDatetime())
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    first = min(at for name, at in named if name == "collect_stream")
    after = min(at for name, at in named if name != "collect_stream" and at > first)
    return (after - first) / timedelta(seconds=1)


async def _run(
    client: Client, method: Callable[..., Coroutine[Any, Any, Any]], argument: object, workflow_id: str
) -> Any:
    start = Start(
        method=method,
        argument=argument,
        workflow_id=workflow_id,
        task_queue=TASK_QUEUE,
        execution_timeout=COLLECT_EXECUTION_TIMEOUT,
    )
    handle, _ = await start_or_join(client, start)
    return await result_of(handle)


def write_repository(folder: Path, commits: int) -> None:
    """Write a bare repository of so many commits of forty people, all in the window."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(folder)], check=True)
    start = int(WINDOW.period_start.timestamp())
    lines: list[str] = []
    for number in range(commits):
        who = f"Person {number % 40} <person-{number % 40}@example.org>"
        message = f"Change {number}\n\nMends what was wrong with widget {number % 977}.\n"
        lines += [
            "commit refs/heads/main",
            f"committer {who} {start + number * WEEK_SECONDS // commits} +0000",
            f"data {len(message)}\n{message}",
            f"M 100644 inline file-{number % 50}.txt\ndata 7\n{number:06d}\n",
        ]
    command = ["git", "-C", str(folder), "fast-import", "--quiet"]
    subprocess.run(command, input="\n".join(lines) + "\n", text=True, check=True)


def compare(scale: Scale) -> Iterator[Figure]:
    """Measure both pipelines, each on a Temporal of its own."""
    with served_postgres() as server, tempfile.TemporaryDirectory(dir=ON_DISK) as folder:
        repository = Path(folder) / "web.git"
        write_repository(repository, scale.commits)
        log = measured(git_log, path=str(repository)).seconds
        with local_temporal(None, ui=False) as temporal:
            url = fresh_database(server, "of_git")
            git = measured(git_to_statement, path=str(repository), url=url, address=temporal.address).returned
        assert git["stored"] >= scale.commits
        whole = git["collected"] + git["closed"]
        yield Figure(
            case=CASE, name=f"git, {scale.commits:,} commits to a statement", value=whole, unit="s",
            at_most=3 * log + 5, note=f"three times the bare log, {log:.2f} s, and 5 s",
        )  # fmt: skip
        yield Figure(case=CASE, name="git, nothing new", value=git["nothing_new"], unit="s", at_most=1.0)
        seconds = measured(bare, url=fresh_database(server, "of_bare"), events=scale.events).returned
        with local_temporal(None, ui=False) as temporal:
            url = fresh_database(server, "of_many")
            found = measured(many, url=url, address=temporal.address, events=scale.events)
        told = found.returned
        assert told["stored"] == scale.events
        yield Figure(
            case=CASE, name=f"{scale.events:,} events, through Temporal", value=seconds / told["streams_read"], unit="x",
            at_least=0.6, note=f"of the rate of bare ingest, {scale.events / seconds:,.0f} a second",
        )  # fmt: skip
        yield Figure(case=CASE, name="collected, curated, proposed", value=told["collected"], unit="s")
        yield Figure(case=CASE, name="nothing new", value=told["nothing_new"], unit="s", at_most=1.0)
        yield Figure(case=CASE, name="close", value=told["closed"], unit="s")
        yield Figure(case=CASE, name="memory of the worker", value=found.peak_mb, unit="MB")


CASES = (compare,)
