"""Runs a server under a guardian (see `guardian`), so that it ends with its owner unless it is to be kept.

The server is in a session of its own: ctrl-C at the terminal reaches the owner alone, which then stops it in
good order. All goes through one pipe, the lifeline; as a named pipe in a folder it also tells, with no process
id to mistake for another's, whether a server of an earlier owner still runs there.
"""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import stat
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path

from scheduler_worker.local import guardian
from scheduler_worker.local.account import Account
from scheduler_worker.local.refusals import LocalFolderUnusable, LocalServerFailed

Stops = tuple[tuple[str, float], ...]
"""Signals to end a server with, in turn, each with the seconds it is given."""

LIFELINE = "guardian"  # the named pipe in a server's folder
STOP_MARGIN_SECONDS = 5.0  # beyond the server's own time: the guardian's
REPORT_SECONDS = 30.0  # a guardian reports in 0.05 s; the rest is for a machine that swaps
PASSED_ON = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class GuardedProcess:
    """A server that ends no later than this process does, unless told to `keep`."""

    def __init__(self, *, pid: int, lifeline: FileIO, stops: Stops, guardian_pid: int | None = None) -> None:
        """Take hold of a lifeline; guardian_pid is None if another process started the guardian."""
        self.pid = pid
        self.exit_code: int | None = None
        self._lifeline = lifeline
        self._guardian_pid = guardian_pid
        self._stop_seconds = sum(seconds for _, seconds in stops) + STOP_MARGIN_SECONDS

    def ended_within(self, seconds: float) -> bool:
        """Whether the server and its guardian are gone; waits at most that long for it."""
        if self._lifeline.closed:
            return True
        poller = select.poll()
        poller.register(self._lifeline.fileno(), 0)  # POLLERR always comes: nobody reads the pipe any more
        if not poller.poll(seconds * 1000):
            return False
        if self._guardian_pid is not None:
            with suppress(ChildProcessError):  # a caller that waits for any child may have buried it
                self.exit_code = os.waitstatus_to_exitcode(os.waitpid(self._guardian_pid, 0)[1])
            self._guardian_pid = None
        self._lifeline.close()
        return True

    def order_stop(self) -> None:
        """Tell the guardian to stop the server, without waiting for it."""
        self._tell(guardian.STOP)

    def stop(self) -> None:
        """Stop the server and wait until it is gone; harmless if it is gone already.

        Raises:  LocalServerFailed, if it can't be ended even by force.
        """
        try:
            self.order_stop()
            if not self.ended_within(self._stop_seconds):
                raise LocalServerFailed(f"process {self.pid}", log_tail="it could not be ended", log=None)
        finally:
            self._lifeline.close()

    def keep(self) -> None:
        """Have the server run on when this process lets go of it or ends; `stop` still stops it."""
        self._tell(guardian.KEEP)

    def let_go(self) -> None:
        """Be the owner no longer: a kept server can now be adopted by its named lifeline, any other ends."""
        self._lifeline.close()

    def _tell(self, order: bytes) -> None:
        if not self._lifeline.closed:
            with suppress(BrokenPipeError):
                self._lifeline.write(order)


def start_guarded(
    command: Sequence[str],
    *,
    stops: Stops,
    log: FileIO,
    lifeline: Path | None = None,
    account: Account | None = None,
    environment: Mapping[str, str] | None = None,
) -> GuardedProcess:
    """Start a command under a guardian; an interruption at any point ends it.

    Shape:   command[0] is an absolute path; a lifeline with a path can be adopted by a later process.
    Raises:  LocalServerFailed.
    """
    orders: dict[str, object] = {"command": command, "stops": stops}
    if lifeline is not None:
        orders["lifeline"] = str(lifeline)
    if account is not None:
        orders |= {"user": account.user_id, "group": account.group_id}
    inherited = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    reading, writing = _open_lifeline(lifeline)
    try:
        with reading:
            guardian_pid, pid = _spawn(orders, inherited | dict(environment or {}), reading, log)
    except BaseException:
        writing.close()
        raise
    process = GuardedProcess(pid=pid, lifeline=writing, stops=stops, guardian_pid=guardian_pid)
    if not pid:
        process.stop()
        raise LocalServerFailed("the guardian", log_tail="it ended at once", log=None)
    return process


def adopt(lifeline: Path, *, pid: int, stops: Stops) -> GuardedProcess | None:
    """Become the owner of the server behind a named lifeline; None if there is none alive."""
    try:
        descriptor = os.open(lifeline, os.O_WRONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ENXIO:  # a named pipe that nobody reads: the guardian is gone
            return None
        raise
    held = FileIO(descriptor, "wb")
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        held.close()
        return None
    process = GuardedProcess(pid=pid, lifeline=held, stops=stops)
    held.write(guardian.ADOPT)
    return process


def dismiss(lifeline: Path, *, stops: Stops) -> None:
    """Stop what an earlier owner left running, or wait for the end of what is being stopped."""
    if (process := adopt(lifeline, pid=0, stops=stops)) is not None:
        process.stop()
    lifeline.unlink(missing_ok=True)


def _open_lifeline(path: Path | None) -> tuple[FileIO, FileIO]:
    """Both ends of a pipe, the guardian's and ours."""
    if path is None:
        reading, writing = os.pipe()
    else:
        path.unlink(missing_ok=True)
        try:
            os.mkfifo(path, 0o600)
        except OSError as error:
            raise LocalFolderUnusable(path.parent, "its file system has no named pipes") from error
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        writing = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    return FileIO(reading, "rb"), FileIO(writing, "wb")


def _spawn(
    orders: Mapping[str, object], environment: Mapping[str, str], lifeline: FileIO, log: FileIO
) -> tuple[int, int]:
    """The process ids of the new guardian and of its child; the latter is 0 if the guardian failed.

    posix_spawn runs no Python between fork and exec, so it is safe in a program with threads.
    """
    report_descriptor, written = os.pipe()
    with FileIO(report_descriptor, "rb") as report:
        with FileIO(written, "wb"):
            placed = ((lifeline.fileno(), 0), (written, 1), (log.fileno(), 2))
            guardian_pid = os.posix_spawn(
                sys.executable,
                [
                    sys.executable,
                    "-I",
                    "-S",
                    "-B",
                    str(Path(guardian.__file__).resolve()),
                    json.dumps(orders),
                ],
                environment,
                file_actions=[(os.POSIX_SPAWN_DUP2, ours, theirs) for ours, theirs in placed],
                setsid=True,
                setsigmask=(),
                setsigdef=(signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT),
            )
        poller = select.poll()
        poller.register(report_descriptor, select.POLLIN)
        poller.poll(REPORT_SECONDS * 1000)
        os.set_blocking(report_descriptor, False)
        return guardian_pid, int(report.read(32) or 0)
