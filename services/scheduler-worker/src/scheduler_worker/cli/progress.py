"""How a running command tells its steps: on stderr, and never into the middle of its output."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType
from typing import Final, Self

import click

from scheduler_worker.cli.output import PLAIN_WIDTH, printable

QUIET_SECONDS: Final = 2.0
TOLD_EVERY_SECONDS: Final = 2.0
_CLEAR: Final = "\r\x1b[2K"


class Progress:
    """A line that each step overwrites on a terminal; plain lines, one a step, elsewhere.

    One that is_quiet tells nothing: the output is for a program.
    """

    def __init__(self, *, is_quiet: bool = False) -> None:
        self._is_quiet = is_quiet
        self._is_terminal = not is_quiet and sys.stderr is not None and sys.stderr.isatty()
        self._is_shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    @property
    def is_terminal(self) -> bool:
        """Say whether a person can watch."""
        return self._is_terminal

    def tell(self, step: str) -> None:
        """Say what is being done now."""
        if self._is_quiet:
            return
        if not self._is_terminal:
            click.echo(f"... {printable(step)}", err=True)
            return
        columns = shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns
        click.echo(_CLEAR + f"... {printable(step)}"[: columns - 1], err=True, nl=False)
        self._is_shown = True

    def clear(self) -> None:
        """Take the line away, before anything else is printed."""
        if self._is_shown:
            click.echo(_CLEAR, err=True, nl=False)
            self._is_shown = False


class Watch:
    """Tells a person at a terminal the steps of a work that takes longer than a moment, and not each of them.

    Every step has a pace of its own: the time of those before it says nothing of what is left.
    """

    def __init__(self, progress: Progress, verb: str) -> None:
        self._progress = progress
        self._verb = verb
        self._began = time.monotonic()
        self._next = self._began + QUIET_SECONDS
        self._counted: str | None = None

    def tell(self, step: str) -> None:
        """Say what is being worked on now, if it is time to."""
        self._counted = None
        self._say(step, time.monotonic())

    def count(self, done: int, *, total: int | None, what: str) -> None:
        """Say how many of them are done, how fast that goes, and how long the rest will take, if it is time to."""
        now = time.monotonic()
        if what != self._counted:
            self._counted, self._began = what, self._began if done else now
        if now >= self._next:
            self._say(pace_text(done, now - self._began, total=total, what=what), now)

    def _say(self, told: str, now: float) -> None:
        if now >= self._next and self._progress.is_terminal:
            self._progress.tell(f"{self._verb} {told}")
            self._next = now + TOLD_EVERY_SECONDS


def pace_text(done: int, seconds: float, *, total: int | None, what: str) -> str:
    """Return `12000 of 50000 events, 4000/s, 10s left`; without a total, or before anything is done, only what is known."""
    told = f"{done} {what}" if total is None else f"{done} of {total} {what}"
    rate = done / seconds if seconds > 0 else 0
    if rate <= 0:
        return told
    told += f", {rate:.0f}/s" if rate >= 1 else f", {rate * 60:.0f} a minute"
    left = None if total is None else max(0, total - done) / rate
    return told if left is None else f"{told}, {_length_text(left)} left"


def _length_text(seconds: float) -> str:
    whole = max(1, round(seconds))
    if whole < 60:  # noqa: PLR2004 - a minute's
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}m {rest:02d}s" if minutes < 60 else f"{minutes // 60}h {minutes % 60:02d}m"  # noqa: PLR2004
