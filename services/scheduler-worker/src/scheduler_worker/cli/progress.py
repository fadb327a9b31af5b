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
    """A line that each step overwrites on a terminal; plain lines, one a step, elsewhere."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr is not None and sys.stderr.isatty()
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
    """Tells the steps of a work that takes longer than a moment, and not each of them."""

    def __init__(self, progress: Progress, verb: str) -> None:
        self._progress = progress
        self._verb = verb
        self._next = time.monotonic() + QUIET_SECONDS

    def tell(self, step: str) -> None:
        """Say what is being worked on now, if it is time to."""
        now = time.monotonic()
        if now >= self._next:
            self._progress.tell(f"{self._verb} {step}")
            self._next = now + TOLD_EVERY_SECONDS
