"""Which workflow, activity, attempt and stream a log line belongs to, whoever's logger it comes from."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Any, Final

from temporalio import activity, workflow
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from scheduler_worker.messages import StreamRequest

# A field of a line, and under which names Temporal's own loggers hand it over.
FIELDS: Final = {
    "workflow_id": ("workflow_id",),
    "run_id": ("workflow_run_id", "run_id"),
    "workflow_type": ("workflow_type",),
    "activity_type": ("activity_type",),
    "attempt": ("attempt",),
}
_stream: ContextVar[str | None] = ContextVar("stream", default=None)


class LogContextInterceptor(Interceptor):
    """Remembers, for as long as an activity runs, which stream it collects."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - Temporal's name
        """Return the remembering interceptor."""
        return _Remembering(next)


class _Remembering(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - Temporal's name
        # Never taken back: an activity has a task of its own, and the line on its failure comes after this.
        for argument in input.args:
            if isinstance(argument, StreamRequest):
                _stream.set(str(argument.stream))
        return await self.next.execute_activity(input)


def context_of(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields that say where a line comes from; none outside workflows and activities."""
    details = _details(record)
    found = {
        field: next((details[name] for name in names if name in details), None)
        for field, names in FIELDS.items()
    }
    found["stream"] = _stream.get()
    return {field: value for field, value in found.items() if value is not None}


def _details(record: logging.LogRecord) -> dict[str, Any]:
    for name in ("temporal_activity", "temporal_workflow"):
        given = getattr(record, name, None)
        if isinstance(given, dict):
            return given
    if activity.in_activity():
        info = activity.info()
        return {
            "workflow_id": info.workflow_id,
            "run_id": info.workflow_run_id,
            "workflow_type": info.workflow_type,
            "activity_type": info.activity_type,
            "attempt": info.attempt,
        }
    if workflow.in_workflow():
        found = workflow.info()
        return {
            "workflow_id": found.workflow_id,
            "run_id": found.run_id,
            "workflow_type": found.workflow_type,
            "attempt": found.attempt,
        }
    return {}
