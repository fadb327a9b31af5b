"""The blocks of commands in the pages, and one shell that runs them as a reader would."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from scheduler_worker.cli.app import ledger
from tests.command_line import all_commands
from tests.documents.markdown import commands_of

DOCS: Final = Path(__file__).parents[2] / "docs"
# Servers that a reader would keep are stopped; what the shell ended with is kept.
_AT_THE_END: Final = """end() {
    status=$?
    trap - EXIT
    kill $(jobs -p) 2>/dev/null || true
    wait || true
    [ ! -d node ] || ledger demo --repo widgets --epochs 1 --data node >/dev/null 2>&1 || true
    exit $status
}
trap end EXIT"""
_COMMAND: Final = re.compile(r"^(?: {4,})?(?:[A-Z_]+=\S+ )*(?:uv run )?ledger ([a-z-].*)$", re.MULTILINE)
_FENCED: Final = re.compile(r"^(```.*?^```$| {4,}[^\n]*$)", re.MULTILINE | re.DOTALL)
_INLINE: Final = re.compile(r"`(ledger\s[^`]*)`")
# In the order in which one shell runs them: each goes on where the one before it stopped.
LIVED_THROUGH: Final = (
    "tutorial.md",
    "how-to/weekly-close.md",
    "how-to/late-contributor.md",
    "how-to/wrong-payout.md",
    "how-to/new-source.md",
    "how-to/upgrade.md",
    "how-to/restore.md",
)


def blocks(page: str) -> Iterator[str]:
    """Yield a page's blocks of commands."""
    for block in commands_of(f"docs/{page}"):
        yield block.code


def script() -> str:
    """Return all blocks as one script, which says where it is and stops at the first command that fails."""
    parts = ["set -euo pipefail", _AT_THE_END]
    for page in LIVED_THROUGH:
        for number, code in enumerate(blocks(page), start=1):
            parts += [f"echo '=== {page} block {number}' >&2", code]
    return "\n".join(parts)


def parsed_commands(text: str) -> list[str]:
    """Return the lines of a document's code that call `ledger`, each parsed as the program would.

    Raises: AssertionError for one that it does not take.
    """
    commands = all_commands()
    found = []
    for line in _COMMAND.findall(re.sub(r" \\\n\s*", " ", text)):
        words = _words(line)
        name = next((words[:size] for size in (3, 2, 1) if tuple(words[:size]) in commands), [])
        assert name, f"no such command: ledger {line}"
        try:
            asked = [word for word in words[len(name) :] if word != "--help"]
            context = commands[tuple(name)].make_context("ledger", asked)
        except click.ClickException as error:
            raise AssertionError(f"ledger {line}: {error.format_message()}") from error
        context.close()
        found.append(line)
    return found


def inline_commands(text: str) -> list[str]:
    """Return the commands that a document names within its sentences, each looked up in the program.

    Holds: a name alone, of a group too, is a command: what it takes may be left out, or be a word in capitals.
    Raises: AssertionError for a command or an option that there is not.
    """
    found = []
    for spoken in _INLINE.findall(_FENCED.sub("", text)):
        line = " ".join(spoken.split())
        _look_up(line, shlex.split(re.split(r" [|>&<]", line)[0], comments=True)[1:])
        found.append(line)
    return found


def _look_up(line: str, words: list[str]) -> None:
    command: click.Command = ledger
    context = click.Context(ledger, info_name="ledger")
    options = _options(ledger)
    while isinstance(command, click.Group) and words and words[0] not in options:
        inner = command.get_command(context, words[0])
        assert inner is not None, f"no such command: {line}"
        command, words, options = inner, words[1:], options | _options(inner)
    wrong = [
        word for word in words if word.startswith("-") and word.partition("=")[0] not in options | {"--"}
    ]
    assert wrong == [], f"no such option: {line}"


def _options(command: click.Command) -> frozenset[str]:
    named = (name for each in command.params for name in (*each.opts, *each.secondary_opts))
    return frozenset(named) | {"--help"}


def _words(line: str) -> list[str]:
    """Return a command's words, with samples where a shell or a reader fills something in."""
    bare = re.split(r"(?: {3,}| [|>&<]| 2>|\)$|\)\"| \|\|)", line)[0]
    for sample, value in (
        (r"\"?\$\(.*", "2026-01-05"),
        (r"\"\$(?:HASH|STATEMENT)\"", "0" * 64),
        (r"\"\$(?:SIGNATURE|ANNS|BOBS)\"", "11" * 65),
        (r"\"\$epoch\"", "7"),
        (r"\"\$ADDRESS\"", "0x" + "a" * 40),
        (r"\bHASH\b", "0" * 64),
        (r"0x[0-9a-zA-Z]+\.\.\.", "0x" + "a" * 40),
        (r"\bEPOCH\b|\bN\b", "7"),
        (r"\bFORMAT\b", "csv"),
    ):
        bare = re.sub(sample, value, bare)
    words = shlex.split(bare, comments=True)
    return words[2:] if words[:1] == ["--config"] else words
