"""On which line of a TOML file a key stands: what a refusal of its value points to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY: Final = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_.-])+)\s*=""")
_PART: Final = re.compile(r"""\s*("[^"]*"|'[^']*'|[^."'\s]+)\s*\.?""")
_NUMBER: Final = re.compile(r"\[([0-9]+)\]")


def find_line(text: str, key: str) -> int | None:
    """Return the line, from 1 on, of a key as refusals name it (`sources.git[2].path`); None if none is near it.

    Holds: of a key that is missing, the line of the table that lacks it; of an entry in a list, that of the list.
           It is a hint for a person: in a text over several lines, what looks like a key is taken for one.
    """
    wanted = _parts(key)
    lines = dict(_keys(text))
    while wanted:
        if wanted in lines:
            return lines[wanted]
        wanted = wanted[:-1]
    return None


def _keys(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield each table and key with its line, the last occurrence first to be overwritten by none."""
    seen: set[tuple[str, ...]] = set()
    lists: Counter[tuple[str, ...]] = Counter()
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        header, key = _HEADER.fullmatch(line), _KEY.match(line)
        if header is not None:
            table = _names(header[2])
            if header[1] == "[[":
                lists[table] += 1
                table = (*table, str(lists[table]))
            found = table
        elif key is not None:
            found = (*table, *_names(key[1]))
        else:
            continue
        # `[sources.git]` in one line and `x.y = 1` in another also stand for all that is above them.
        for depth in range(1, len(found) + 1):
            if found[:depth] not in seen:
                seen.add(found[:depth])
                yield found[:depth], number


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _parts(key: str) -> tuple[str, ...]:
    """Return the names and numbers of a refusal's key: `sources.git[2].path` has four."""
    return tuple(part for part in _NUMBER.sub(r".\1", key).split(".") if part)
