"""The common end of every admin write: start its workflow, wait, print JSON or say what changed."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from scheduler_worker.cli.output import print_json, say
from scheduler_worker.cli.runs import run_workflow
from scheduler_worker.cli.session import current_payload_keys, current_task_queue
from scheduler_worker.messages import WriteReport
from scheduler_worker.retry_profiles import WRITE_EXECUTION_TIMEOUT
from scheduler_worker.starting import Start

_Report = TypeVar("_Report")


def run_command(
    config: Path | None,
    method: Callable[[Any, Any], Coroutine[Any, Any, _Report]],
    command: object,
    workflow_id: Callable[[Any, bytes], str],
    *,
    wait: bool,
    as_json: bool,
) -> _Report | None:
    """Run a write; return what is left to be said in words: its report, unless JSON said it or nobody waited."""
    keys = current_payload_keys(config)
    run = run_workflow(
        Start(
            method=method,
            argument=command,
            workflow_id=workflow_id(command, keys.id_key),
            task_queue=current_task_queue(config),
            execution_timeout=WRITE_EXECUTION_TIMEOUT,
        ),
        keys=keys,
        wait=wait,
    )
    if not as_json:
        return run.report
    report: Any = run.report  # a dataclass of messages.py, which no type variable can say
    print_json(
        {"workflow_id": run.workflow_id, "joined": run.joined} | ({} if report is None else asdict(report))
    )
    return None


def run_write(
    config: Path | None,
    method: Callable[[Any, Any], Coroutine[Any, Any, WriteReport]],
    command: object,
    workflow_id: Callable[[Any, bytes], str],
    *,
    wait: bool,
    as_json: bool,
    done: str,
    unchanged: str,
) -> None:
    """Run a write and print `done` if it changed something, else `unchanged`."""
    report = run_command(config, method, command, workflow_id, wait=wait, as_json=as_json)
    if report is not None:
        say(done if report.changed else unchanged)
