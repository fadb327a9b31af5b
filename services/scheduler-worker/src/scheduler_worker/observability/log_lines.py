"""Log lines of the worker: an event's name and its fields, one line each; text on a terminal, JSON elsewhere."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from temporalio import activity, workflow

from ledger_core.domain.instant import instant_text
from scheduler_worker.observability.log_context import context_of
from scheduler_worker.observability.redaction import error_lines, redacted
from scheduler_worker.operating_settings import LogFormat

_OF_EVERY_RECORD: Final = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


class EventFormatter(logging.Formatter):
    """Formats `2026-11-24T06:00:00Z info worker_started task_queue="ledger"`; an error's lines follow."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line; every value is JSON in ASCII, so no text can act on a terminal."""
        at = instant_text(datetime.fromtimestamp(int(record.created), tz=UTC))
        fields = [f"{name}={_json(value)}" for name, value in sorted(_fields(record).items())]
        message = redacted(record.getMessage())
        event = message if message.isascii() and message.isprintable() else _json(message)
        lines = [" ".join([at, record.levelname.lower(), event, *fields])]
        if record.exc_info and record.exc_info[1] is not None:
            lines += [_plain(line) for each in error_lines(record.exc_info[1]) for line in each.splitlines()]
        return "\n".join(lines)


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object on one line, in ASCII: at, level, event, logger, then its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line; an error is a list of lines in `error`."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": redacted(record.getMessage()),
            "logger": record.name,
        }
        line |= {name: value for name, value in sorted(_fields(record).items()) if name not in line}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = error_lines(record.exc_info[1])
        return _json(line)


@contextmanager
def event_log(level: int, log_format: LogFormat | None = None) -> Iterator[None]:
    """Send every record of at least this level to stderr as a line, for the length of the block.

    Without a format a terminal gets text, and anything else JSON.
    """
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    chosen = log_format or (LogFormat.TEXT if is_terminal else LogFormat.JSON)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if chosen is LogFormat.JSON else EventFormatter())
    root = logging.getLogger()
    handlers, former_level = root.handlers[:], root.level
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells its own set-up as if it were news
    # The context stands in fields of its own; Temporal's loggers would put it into the event's name as well.
    workflow.logger.workflow_info_on_message = False
    activity.logger.activity_info_on_message = False
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(former_level)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    own = {
        name: value
        for name, value in vars(record).items()
        if name not in _OF_EVERY_RECORD and not name.startswith("temporal_")
    }
    return context_of(record) | {name: _safe(value) for name, value in own.items()}


def _safe(value: object) -> object:
    return value if isinstance(value, bool | int | float) or value is None else redacted(str(value))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, default=str)


def _plain(line: str) -> str:
    """Return a line of an error as printable ASCII."""
    return line if line.isascii() and line.isprintable() else _json(line)
