"""Log lines of the worker: an event's name and its fields, one line each, safe to read on a terminal."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from ledger_core.domain.instant import instant_text

_OF_EVERY_RECORD: Final = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


class EventFormatter(logging.Formatter):
    """Formats `2026-11-24T06:00:00Z info worker_started task_queue="ledger"`; tracebacks follow."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line; every value is JSON in ASCII, so no text can act on a terminal."""
        at = instant_text(datetime.fromtimestamp(int(record.created), tz=UTC))
        fields = [
            f"{name}={json.dumps(value, ensure_ascii=True, default=str)}"
            for name, value in sorted(vars(record).items())
            if name not in _OF_EVERY_RECORD and not name.startswith("temporal_")
        ]
        message = record.getMessage()
        event = (
            message if message.isascii() and message.isprintable() else json.dumps(message, ensure_ascii=True)
        )
        lines = [" ".join([at, record.levelname.lower(), event, *fields])]
        if record.exc_info:
            lines.append(self.formatException(record.exc_info))
        return "\n".join(lines)


@contextmanager
def event_log(level: int) -> Iterator[None]:
    """Send every record of at least this level to stderr as an event line, for the length of the block."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(EventFormatter())
    root = logging.getLogger()
    handlers, former_level = root.handlers[:], root.level
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells its own set-up as if it were news
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(former_level)
