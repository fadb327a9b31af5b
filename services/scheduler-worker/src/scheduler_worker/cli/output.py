"""What goes to the terminal: tables of 80 columns, JSON for machines, and nothing that the data commands.

Logins, titles and paths are other people's text: every control character in it is replaced first.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ledger_core.domain.instant import instant_text

PLAIN_WIDTH: Final = 80
# Controls, bidirectional overrides, line separators, lone surrogates: what moves a cursor or hides text.
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def printable(text: str) -> str:
    """Return text with every character that could act on a terminal replaced."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def console() -> Console:
    """Return a console on standard output; colours only on a terminal, and not with NO_COLOR."""
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return Console(width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def print_table(
    headers: Sequence[str], rows: Sequence[Sequence[object]], *, numbers: Sequence[str] = ()
) -> None:
    """Print rows under headers; the columns named in numbers stand to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        is_number = header in numbers
        table.add_column(
            header,
            justify="right" if is_number else "left",
            no_wrap=is_number,
            overflow="ignore" if is_number else "fold",
        )
    for row in rows:
        table.add_row(*(Text(printable(str(cell))) for cell in row))
    console().print(table)


def print_facts(facts: Sequence[tuple[str, object]]) -> None:
    """Print `name  value` lines, the values in one column."""
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        click.echo(f"{name:<{width}}  {printable(str(value))}")


def print_json(value: Any) -> None:
    """Print value as JSON, on one stream and in ASCII, for machines; credits and units are whole numbers."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=True))


def units_text(milli_units: int) -> str:
    """Return 8000 milli-units as `8.000`."""
    return f"{milli_units // 1000}.{milli_units % 1000:03d}"


def time_text(value: datetime | None) -> str | None:
    """Return a time as the ledger prints it."""
    return None if value is None else instant_text(value)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
