"""The `ledger` program in a process of its own, on pipes or on a terminal, and a repository to give it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import gettempdir

import click

from scheduler_worker.cli.app import ledger
from tests.git_repositories import run_git

COLUMNS = 80
INTERRUPT = "\x03"
PATIENCE_SECONDS = 120
FIRST_MONDAY = 1_767_571_200  # 2026-01-05T00:00:00Z
WEEK = 7 * 86_400
# A shell ignores ctrl-C in what runs in the background, and children inherit that.
START = """import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from scheduler_worker.cli.app import main
main()
"""
COMMAND = [sys.executable, "-c", START]
# A terminal sends ctrl-C to the processes that it controls.
CONTROLLED = f"import fcntl, termios\nfcntl.ioctl(0, termios.TIOCSCTTY, 0)\n{START}"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    status: int
    output: str
    errors: str = ""


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment of a shell without any of the ledger's variables, but for `settings`.

    Compiled modules are kept beside each other in one folder, as an installed program's are.
    """
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "TERM": "xterm",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPYCACHEPREFIX": str(Path(gettempdir(), f"ledger-tests-bytecode-{os.getuid()}")),
        **(settings or {}),
    }


def run_program(
    *arguments: str | Path, settings: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Ended:
    """Run the installed `ledger` to its end, on pipes."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ledger")), *map(str, arguments)],
        env=environment(settings),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    return Ended(status=done.returncode, output=done.stdout, errors=done.stderr)


@contextmanager
def running_program(
    *arguments: str | Path, settings: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run `ledger` in a process group of its own, with stderr to read; killed at the end if it still runs."""
    with subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def interrupt(process: subprocess.Popen[str]) -> None:
    """Press ctrl-C."""
    os.killpg(process.pid, signal.SIGINT)


def read_until(process: subprocess.Popen[str], words: str) -> list[str]:
    """Read stderr up to the line that holds the words."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError(f"it ended without {words!r}: {lines}")


def run_on_terminal(
    *arguments: str | Path,
    settings: Mapping[str, str] | None = None,
    answers: Sequence[tuple[str, str | Callable[[], str]]] = (),
) -> Ended:
    """Run `ledger` on a terminal of 80 columns; each answer is typed when its question is seen.

    An answer may be something to do first, which returns what to type; ctrl-C is the answer that INTERRUPT is.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", CONTROLLED, *map(str, arguments)],
        env=environment(settings),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        seen = _converse(ours, process, answers)
        status = process.wait(PATIENCE_SECONDS)
    finally:
        os.close(ours)
        process.kill()
        process.wait()
    return Ended(status=status, output=seen.decode())


def _converse(
    terminal: int, process: subprocess.Popen[bytes], answers: Sequence[tuple[str, str | Callable[[], str]]]
) -> bytes:
    waiting = list(answers)
    seen = b""
    answered = 0
    deadline = time.monotonic() + PATIENCE_SECONDS
    while select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
        try:
            chunk = os.read(terminal, 65_536)
        except OSError:  # Linux says so when the other side is closed
            return seen
        if not chunk:
            return seen
        seen += chunk
        if waiting and waiting[0][0].encode() in seen[answered:]:
            answered = len(seen)
            reply = waiting.pop(0)[1]
            typed = reply if isinstance(reply, str) else reply()
            if typed == INTERRUPT:
                _wait_until_it_reads(process)
            os.write(terminal, typed.encode() if typed == INTERRUPT else f"{typed}\n".encode())
    raise AssertionError(f"it went silent: {seen!r}")


def _wait_until_it_reads(process: subprocess.Popen[bytes]) -> None:
    """Wait until a program that has shown its question sleeps, which is in the read of the answer.

    Python misses a ctrl-C that comes after the last word of a question and before the read: nobody's hand is that
    quick, but a test's is.
    """
    while process.poll() is None:
        state = (
            Path(f"/proc/{process.pid}/stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()[0]
        )
        if state == "S":
            return
        time.sleep(0.001)


def screen_lines(output: str) -> list[str]:
    """The lines as they stand on the screen at last, where a step overwrites the one before it."""
    lines = []
    for line in output.replace("\r\n", "\n").split("\n"):
        shown = line.rsplit("\x1b[2K", 1)[-1].rsplit("\r", 1)[-1]
        lines.append(_ANSI.sub("", shown))
    return lines


def controls_in(text: str) -> list[str]:
    """The control characters in a text, line ends excepted."""
    return _CONTROL.findall(text)


@cache
def all_commands() -> dict[tuple[str, ...], click.Command]:
    """Every command of the program by its words, found by walking the tree."""
    found: dict[tuple[str, ...], click.Command] = {}
    context = click.Context(ledger, info_name="ledger")
    waiting: list[tuple[tuple[str, ...], click.Command]] = [((), ledger)]
    while waiting:
        words, command = waiting.pop()
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                waiting.append(((*words, name), inner))
        else:
            found[words] = command
    return dict(sorted(found.items()))


def command_of(words: Sequence[str]) -> str:
    """The command that a command line names, without its arguments and options."""
    named = words[2:] if words[0] == "--config" else words
    return next(" ".join(named[:size]) for size in (2, 1) if tuple(named[:size]) in all_commands())


def write_weeks(folder: Path, *, weeks: int = 5, commits_a_week: int = 10) -> Path:
    """Write a work tree with history over some weeks: a mailmap, co-authors and a merge a week."""
    folder.mkdir(parents=True)
    run_git("init", "--quiet", "--initial-branch=main", ".", cwd=folder, home=folder)
    mailmap = b"Ada <ada@example.org> <ada@old.example.org>\n"
    stream = bytearray(b"blob\nmark :9999\ndata %d\n%b\n" % (len(mailmap), mailmap))
    mark = 0
    for week in range(weeks):
        for number in range(commits_a_week):
            seconds = FIRST_MONDAY + week * WEEK + number * 3_600
            mark += 1
            author = (b"Ada <ada@example.org>", b"ada <ADA@old.example.org>", b"Linus <linus@example.org>")[
                number % 3
            ]
            message = b"Change %d\n" % mark
            if number % 4 == 0:
                message += b"\nCo-authored-by: Grace \x1b[31m Hopper <grace@example.org>\n"
            is_merge = number == commits_a_week - 1
            stream += b"commit refs/heads/main\nmark :%d\nauthor %b %d +0200\n" % (mark, author, seconds)
            stream += b"committer %b %d +0200\ndata %d\n%b" % (author, seconds, len(message), message)
            if mark > 1:
                stream += b"from :%d\n" % (mark - 1)
            else:
                stream += b"M 100644 :9999 .mailmap\n"
            if is_merge:
                stream += b"merge :%d\n" % (mark - 3)
            stream += b"\n"
    run_git("fast-import", "--quiet", cwd=folder, home=folder, text=bytes(stream))
    run_git("reset", "--quiet", "--hard", "main", cwd=folder, home=folder)
    return folder
