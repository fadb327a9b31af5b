"""What a transaction's server process spends: the client's clocks do not see it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text

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
    began, began_cpu = time.perf_counter(), time.process_time() + _cpu_seconds(server)
    yield spent
    spent.cpu_seconds = time.process_time() + _cpu_seconds(server) - began_cpu
    spent.seconds = time.perf_counter() - began


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
