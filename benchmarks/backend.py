"""What a transaction's server process spends: the client's clocks do not see it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from psycopg import Connection as DriverConnection
from sqlalchemy import Connection, Engine, event, text

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Spent:
    """Wall seconds of a block, and CPU seconds of this process and of the connection's server process together."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0


@contextmanager
def spending(connection: Connection) -> Iterator[Spent]:
    """Measure the block."""
    spent = Spent()
    server = int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
    began, began_cpu = time.perf_counter(), time.process_time() + cpu_seconds(server)
    yield spent
    spent.cpu_seconds = time.process_time() + cpu_seconds(server) - began_cpu
    spent.seconds = time.perf_counter() - began


@contextmanager
def holding_epoch() -> Iterator[Spent]:
    """Measure from when a statement of the block has an epoch's row to the block's end, which is to be its transaction's."""
    spent = Spent()
    locked: list[tuple[float, float, int]] = []

    def after_statement(connection: Connection, _cursor: Any, statement: str, *_more: Any) -> None:
        if "FOR UPDATE" in statement and not locked:
            driver = cast("DriverConnection[Any]", connection.connection.driver_connection)
            server = driver.info.backend_pid
            locked.append((time.perf_counter(), time.process_time() + cpu_seconds(server), server))

    event.listen(Engine, "after_cursor_execute", after_statement)
    try:
        yield spent
        for began, began_cpu, server in locked:
            spent.cpu_seconds = time.process_time() + cpu_seconds(server) - began_cpu
            spent.seconds = time.perf_counter() - began
    finally:
        event.remove(Engine, "after_cursor_execute", after_statement)


def server_cpu_seconds(connection: Connection) -> float:
    """Return the CPU that the server's processes took so far, those that ended among them."""
    backend = int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
    server = int(_fields(backend)[1])
    ended = _fields(server)
    living = [_fields(int(found.name)) for found in Path("/proc").iterdir() if found.name.isdigit()]
    ours = [fields for fields in living if fields and int(fields[1]) == server]
    ticks = int(ended[13]) + int(ended[14]) + sum(int(fields[11]) + int(fields[12]) for fields in ours)
    return ticks / _TICKS


def _fields(process: int) -> list[str]:
    """Return what /proc tells of a process, from its state on; of one that has just ended, nothing."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return []


def cpu_seconds(process: int) -> float:
    """Return the CPU that a process took so far."""
    fields = _fields(process)
    return (int(fields[11]) + int(fields[12])) / _TICKS
