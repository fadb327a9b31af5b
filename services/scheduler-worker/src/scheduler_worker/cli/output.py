"""What goes to the terminal: tables of 80 columns, JSON for machines, and nothing that the data commands.

Logins, titles and paths are other people's text: every control character in it is replaced first.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any, Final

import click
from rich.cells import cell_len, chop_cells

from ledger_core.domain.instant import instant_text
from scheduler_worker.printable_text import printable as printable  # noqa: PLC0414 - every command has it from here

PLAIN_WIDTH: Final = 80
NARROWEST_TEXT: Final = 12  # a column of text that gets less is unreadable: then a line a cell instead
HASH_CELLS: Final = 64  # what somebody copies stays in one piece
_GAP: Final = "  "
_FLAG_LETTERS: Final = "".join(map(chr, range(0x1F1E6, 0x1F200)))


def is_terminal() -> bool:
    """Say whether a person looks at standard output."""
    return sys.stdout is not None and sys.stdout.isatty()


def has_colours() -> bool:
    """Say whether output may be styled: on a terminal, and not where NO_COLOR is set to anything."""
    return is_terminal() and not os.environ.get("NO_COLOR")


def output_width() -> int:
    """Return how many columns a table may take."""
    return shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns if is_terminal() else PLAIN_WIDTH


def say(sentence: str) -> None:
    """Print a sentence: between words onto further lines on a terminal, as one line elsewhere."""
    text = printable(sentence)
    indent = len(text) - len(text.lstrip(" "))
    for line in (
        fold(text.strip(), output_width(), indent, hanging=0, whole_cells=HASH_CELLS)
        if is_terminal()
        else [text]
    ):
        click.echo(line)


def fold(text: str, width: int, indent: int, *, hanging: int = 2, whole_cells: int = 0) -> list[str]:
    """Return text in lines of at most width cells, broken between words where they fit, further ones indented more.

    Holds: a word of at most whole_cells is never broken, and stands out where the width is less.
    """
    margin, further = " " * indent, " " * hanging
    if cell_len(margin + text) <= width:
        return [margin + text]
    lines: list[str] = []
    current = margin
    for word in text.split(" "):
        if current.strip() and cell_len(current) + 1 + cell_len(word) > width:
            lines.append(current)
            current = margin + further
        gap = " " if current.strip() or not word else ""
        current += gap + word
        if cell_len(current) > width and cell_len(word) > whole_cells:  # as long as a hash or a link
            *whole, current = chopped(current, width)
            lines += whole
            current = (
                margin + further + current
                if whole and cell_len(current) + len(margin) + hanging <= width
                else current
            )
    lines.append(current)
    return [line.rstrip() for line in lines if line.strip()]


def chopped(text: str, width: int) -> list[str]:
    """Return text in pieces of at most width cells; a flag, which is two letters, is never broken.

    Holds: half a flag is as wide as a terminal happens to make it.
    """
    if text and cell_len(text) == 0:
        return [f"\N{DOTTED CIRCLE}{text}"]  # an accent that stands on nothing, which can't be seen or cut
    pieces: list[str] = []
    rest = text
    while rest:
        piece = next(iter(chop_cells(rest, width)), rest)
        letters = len(piece) - len(piece.rstrip(_FLAG_LETTERS))
        if letters % 2 and len(piece) > 1 and len(piece) < len(rest):
            piece = piece[:-1]
        pieces.append(piece)
        rest = rest[len(piece) :]
    return pieces


def print_table(
    headers: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    numbers: Sequence[str] = (),
    whole: Sequence[str] = (),
) -> None:
    """Print rows under headers.

    Holds:  the columns named in numbers stand to the right; they and those named in whole (hashes) are never
            broken. Where the table can't be made to fit, each row is printed as lines of `header  value`.
    """
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    natural = [max(map(cell_len, column)) for column in zip(headers, *cells, strict=True)]
    rigid = [name in numbers or name in whole for name in headers]
    widths = _fitted(natural, rigid, headers)
    if widths is None:
        _print_records(headers, cells)
        return
    to_the_right = [name in numbers for name in headers]
    heading = _line(headers, widths, to_the_right)
    click.echo(click.style(heading, bold=True) if has_colours() else heading)
    for row in cells:
        parts = [chopped(cell, width) or [""] for cell, width in zip(row, widths, strict=True)]
        for line in zip_longest(*parts, fillvalue=""):
            click.echo(_line(line, widths, to_the_right))


def print_facts(facts: Sequence[tuple[str, object]]) -> None:
    """Print `name  value` lines, the values in one column."""
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        print_fact(name, value, width=width)


def print_fact(name: str, value: object, *, width: int) -> None:
    """Print one `name  value`; a value that a terminal is too narrow for goes on below itself."""
    head = f"{name:<{width}}{_GAP}"
    text = printable(str(value))
    room = output_width() - len(head)
    if not is_terminal() or room < NARROWEST_TEXT or cell_len(text) <= room:
        click.echo(head + text)
        return
    first, *rest = fold(text, room, 0)
    for line in (head + first, *(" " * len(head) + line.strip() for line in rest)):
        click.echo(line)


def print_json(value: Any) -> None:
    """Print value as JSON, on one stream and in ASCII, for machines; credits and units are whole numbers."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=True))


def counted(count: int, noun: str) -> str:
    """Return 1 and `event` as `1 event`, 2 of them as `2 events`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def units_text(milli_units: int) -> str:
    """Return 8000 milli-units as `8.000`."""
    return f"{milli_units // 1000}.{milli_units % 1000:03d}"


def time_text(value: datetime | None) -> str | None:
    """Return a time as the ledger prints it."""
    return None if value is None else instant_text(value)


def seconds_text(told: str) -> str:
    """Return a time as the ledger prints it without its fraction of a second, which no person reads."""
    return re.sub(r"\.[0-9]+Z$", "Z", told)


def _fitted(natural: Sequence[int], rigid: Sequence[bool], headers: Sequence[str]) -> list[int] | None:
    """Return the columns' widths within the output's, the widest text narrowed first; None if none fit."""
    widths = list(natural)
    room = output_width() - len(_GAP) * (len(widths) - 1)
    least = [
        width if is_rigid else min(width, max(NARROWEST_TEXT, cell_len(header)))
        for width, is_rigid, header in zip(natural, rigid, headers, strict=True)
    ]
    if sum(least) > room:
        return None
    while sum(widths) > room:  # at most as often as the longest texts have columns
        widest = max(
            (number for number in range(len(widths)) if widths[number] > least[number]),
            key=lambda number: widths[number],
        )
        widths[widest] -= 1
    return widths


def _line(cells: Sequence[str], widths: Sequence[int], to_the_right: Sequence[bool]) -> str:
    padded = []
    for cell, width, is_right in zip(cells, widths, to_the_right, strict=True):
        space = " " * (width - cell_len(cell))
        padded.append(space + cell if is_right else cell + space)
    return _GAP.join(padded).rstrip()


def _print_records(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    for number, row in enumerate(rows):
        if number:
            click.echo()
        print_facts(list(zip(headers, row, strict=True)))


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
