"""The common end of every admin write: start its workflow, wait, say what changed."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scheduler_worker.cli.output import print_json, say
from scheduler_worker.cli.runs import run_workflow
from scheduler_worker.cli.session import current_task_queue
from scheduler_worker.messages import WriteReport
from scheduler_worker.retry_profiles import WRITE_EXECUTION_TIMEOUT
from scheduler_worker.starting import Start


def run_write(
    config: Path | None,
    method: Callable[[Any, Any], Coroutine[Any, Any, WriteReport]],
    command: object,
    workflow_id: str,
    *,
    wait: bool,
    as_json: bool,
    done: str,
    unchanged: str,
) -> None:
    """Run a write and print `done` if it changed something, else `unchanged`."""
    run = run_workflow(
        Start(
            method=method,
            argument=command,
            workflow_id=workflow_id,
            task_queue=current_task_queue(config),
            execution_timeout=WRITE_EXECUTION_TIMEOUT,
        ),
        wait=wait,
    )
    if as_json:
        report = {} if run.report is None else asdict(run.report)
        print_json({"workflow_id": run.workflow_id, "joined": run.joined} | report)
    elif run.report is not None:
        say(done if run.report.changed else unchanged)
