"""What the start of every server needs: free ports, patience, and the log's last words."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from io import FileIO
from pathlib import Path

from scheduler_worker.local.process import GuardedProcess
from scheduler_worker.local.refusals import LocalServerFailed

LOOPBACK = "127.0.0.1"
START_SECONDS = 60.0
PORT_ATTEMPTS = 5
POLL_SECONDS = 0.01
TAIL_BYTES = 2000
TAIL_LINES = 8
PORT_TAKEN_SIGNS = ("could not bind", "address already in use")  # PostgreSQL's words, Go's words


class PortTaken(Exception):
    """Another program took the port between our choice and the server's use of it."""


def free_ports(count: int) -> list[int]:
    """Distinct TCP ports that were free on loopback a moment ago; a server may still lose the race for one."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]


def await_ready(
    name: str, process: GuardedProcess, *, ready: Callable[[], bool], log: FileIO, path: Path | None
) -> None:
    """Wait until a server is ready; one that is not is stopped.

    Raises:  PortTaken, LocalServerFailed.
    """
    deadline = time.monotonic() + START_SECONDS
    up = False
    try:
        while not (up := ready()) and time.monotonic() < deadline:
            if process.ended_within(POLL_SECONDS):
                break
    finally:
        if not up:
            process.stop()
    if not up:
        tail = _tail(log)
        if any(sign in tail.lower() for sign in PORT_TAKEN_SIGNS):
            raise PortTaken
        raise LocalServerFailed(name, log_tail=tail, log=path)


def await_end(name: str, process: GuardedProcess, *, log: FileIO, path: Path | None) -> None:
    """Wait until a program that ends by itself has ended well; one that takes too long is stopped.

    Raises:  LocalServerFailed.
    """
    try:
        ended = process.ended_within(START_SECONDS)
    finally:
        process.stop()
    if not ended or process.exit_code != 0:
        raise LocalServerFailed(name, log_tail=_tail(log), log=path)


def open_log(path: Path | None) -> FileIO:
    """An empty log for a server to write to, for us alone to read; without a path it vanishes when closed."""
    if path is None:
        with tempfile.TemporaryFile() as file:
            return FileIO(os.dup(file.fileno()), "r+b")
    return FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600), "r+b")


def _tail(log: FileIO) -> str:
    """The last lines of a log, as one."""
    size = os.fstat(log.fileno()).st_size
    text = os.pread(log.fileno(), TAIL_BYTES, max(0, size - TAIL_BYTES)).decode(errors="replace")
    return " / ".join(text.splitlines()[-TAIL_LINES:])
