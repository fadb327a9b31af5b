"""How a refusal is told: one sentence for a person, or one JSON object for a program, with the same code and status."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

import click

from ledger_core.errors import LedgerError
from scheduler_worker.cli.exits import Exit, exit_of
from scheduler_worker.cli.next_steps import next_step
from scheduler_worker.printable_text import printable

MAX_MESSAGE_CHARACTERS: Final = 2_500  # the longest is a server's last words
_USAGE: Final = "usage"
# Whatever an error quotes, the password of an address is not for a terminal or a log.
_PASSWORD: Final = re.compile(r"(://[^\s:/@]*:)[^\s@]*@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a command did not do it, what is best done next if that is known, and its exit status."""

    code: str
    message: str
    next: str | None = None
    status: Exit

    def line(self) -> str:
        """Return `ledger: CODE: sentence`, with what to do next.

        Holds: as of json_line, it has no control character, and no password of an address.
        """
        told = self._shown_message()
        if self.next is not None:
            told += f"; see `{self.next}`" if self.code == _USAGE else f"; next: {self.next}"
        return f"ledger: {printable(self.code)}: {told}"

    def json_line(self) -> str:
        """Return the same for machines, as one JSON object in ASCII on one line."""
        told = {
            "code": printable(self.code),
            "message": self._shown_message(),
            "next": self.next,
            "exit_status": self.status.value,
        }
        return json.dumps({"error": told}, ensure_ascii=True)

    def _shown_message(self) -> str:
        shown = _PASSWORD.sub(r"\1***@", printable(self.message))
        return shown if len(shown) <= MAX_MESSAGE_CHARACTERS else shown[:MAX_MESSAGE_CHARACTERS] + "..."


INTERRUPTED: Final = Refusal(
    code="interrupted", message="stopped before it was done", status=Exit.INTERRUPTED
)


def refusal_of(error: LedgerError) -> Refusal:
    """Return what the ledger, a server or a file refused."""
    sentence = str(error)
    return Refusal(
        code=error.code, message=sentence, next=next_step(error.code, sentence), status=exit_of(error.code)
    )


def usage_refusal(error: click.ClickException) -> Refusal:
    """Return what is wrong with the command line, and the help that says how it goes."""
    context = getattr(error, "ctx", None)
    return Refusal(
        code=_USAGE,
        message=" ".join(error.format_message().split()).removesuffix("."),
        next=None if context is None else f"{context.command_path} --help",
        status=Exit.USAGE,
    )


def internal_refusal(error: Exception) -> Refusal:
    """Return a fault of ours, in the words of whatever failed."""
    return Refusal(
        code="internal-error",
        message=f"{type(error).__name__}: {error} (LEDGER_DEBUG=1 shows where)",
        status=Exit.INTERNAL,
    )
