"""Stands between an owner and one server, and lets no server outlive an owner that did not ask for it.

Run as a file, in a session of its own, by `process`: `python -I -S guardian.py ORDERS`, ORDERS being JSON.
Descriptor 0 is the lifeline, a pipe whose other end the owner holds: `s` says stop, `k` says keep the server
when the owner goes, `a` that a new owner has come. When the owner is gone, however it ended, the kernel closes
its end and the guardian stops the server. Descriptor 1 takes the server's process id, 2 is the server's log.

Why a process and not PR_SET_PDEATHSIG in the owner: that signal comes when the *thread* that forked ends, it
needs code between fork and exec in a program with threads, it can't stop gracefully and then by force, and it is
Linux's alone. Here, with one thread, it serves for the one case left: the guardian itself is killed.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LIFELINE, REPORT, LOG = 0, 1, 2
STOP, KEEP, ADOPT = b"s", b"k", b"a"
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PR_SET_PDEATHSIG = 1  # linux/prctl.h
KEPT_CHECK_MILLISECONDS = 2000  # how soon a kept server notices that its folder was deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What to run, as whom, and how to end it: signals in turn, each with the seconds it is given."""

    command: list[str]
    stops: list[tuple[str, float]]
    lifeline: str | None = None
    user: int | None = None
    group: int | None = None


def main() -> int:
    """Run the command until it ends or its owner is gone; the command's exit code is ours."""
    orders = Orders(**json.loads(sys.argv[1]))
    wake = _wake_on_signals()
    child = _start(orders)
    with suppress(BrokenPipeError):  # the owner is gone already, as the lifeline is about to say
        os.write(REPORT, b"%d\n" % child)
    os.close(REPORT)
    if _watch(child, orders.lifeline, wake):
        _stop(child, orders.stops, wake)
    return _bury(child)


def _wake_on_signals() -> int:
    """A descriptor that becomes readable, with the signal's number in it, when a signal arrives."""
    wake, written = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(written, False)
    signal.set_wakeup_fd(written)
    for number in (signal.SIGCHLD, *STOP_SIGNALS):
        signal.signal(number, lambda *_: None)
    return wake


def _start(orders: Orders) -> int:
    """Fork and run the command in a process group of its own, with no signal lost on the way."""
    signals = {signal.SIGCHLD, *STOP_SIGNALS}
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    guardian = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    child = os.fork()
    if child:
        with suppress(OSError):  # it was faster, and has done it itself
            os.setpgid(child, child)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        return child
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for number in (*signals, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(LOG, 1)
        os.chdir("/")  # the account may be unable to see the owner's folder
        os.umask(0o077)
        if orders.user is not None and orders.group is not None:
            os.setgroups([])
            os.setgid(orders.group)
            os.setuid(orders.user)
        if libc is not None:  # after the change of account, which would undo it
            libc.prctl(PR_SET_PDEATHSIG, signal.Signals[orders.stops[0][0]].value, 0, 0, 0)
        if os.getppid() == guardian:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
            os.execv(orders.command[0], orders.command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(LOG, f"{orders.command[0]}: {error}\n".encode())
    finally:
        os._exit(127)


def _watch(child: int, lifeline: str | None, wake: int) -> bool:
    """Wait until the child has ended by itself (False) or is to be stopped (True)."""
    kept = False
    poller = select.poll()
    poller.register(wake, select.POLLIN)
    poller.register(LIFELINE, select.POLLIN)
    while not _ended(child):
        ready = poller.poll(KEPT_CHECK_MILLISECONDS if kept else None)
        if not set(STOP_SIGNALS).isdisjoint(_drain(wake)):
            return True
        if kept and lifeline is not None and not Path(lifeline).exists():
            return True
        if all(descriptor != LIFELINE for descriptor, _ in ready):
            continue
        order = os.read(LIFELINE, 64)[-1:]
        if order == STOP or (order == b"" and not kept):
            return True
        if order == b"":
            if lifeline is None:
                poller.unregister(LIFELINE)
            else:
                _reopen(lifeline)
        else:
            kept = order == KEEP
    return False


def _reopen(lifeline: str) -> None:
    """Forget the owner that left, and be there for the next: a pipe once hung up stays so until reopened."""
    fresh = os.open(lifeline, os.O_RDONLY | os.O_NONBLOCK)
    os.dup2(fresh, LIFELINE)
    os.close(fresh)


def _drain(wake: int) -> bytes:
    try:
        return os.read(wake, 64)
    except BlockingIOError:
        return b""


def _ended(child: int) -> bool:
    """Whether the child has ended; it stays unburied, so that its process group's number is not given away."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _stop(child: int, stops: list[tuple[str, float]], wake: int) -> None:
    """Signal the child alone: initdb ends its own children, and only so do they give back shared memory."""
    for name, seconds in stops:
        deadline = time.monotonic() + seconds
        os.kill(child, signal.Signals[name])
        while not _ended(child) and (left := deadline - time.monotonic()) > 0:
            select.select([wake], [], [], left)
            _drain(wake)
        if _ended(child):
            return


def _bury(child: int) -> int:
    """End whatever the child left in its group, and return its exit code as a shell would."""
    with suppress(ProcessLookupError, PermissionError):  # macOS says the latter when only the dead are left
        os.killpg(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
