"""Every block of code in the documents, found by the parser that renders them, and what each is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt

ROOT: Final = Path(__file__).parents[2]
COMMANDS: Final = "bash"
PROGRAM: Final = "python"
OUTPUT: Final = "text"
# What a file holds: a policy, records, a log's lines, a proxy's settings, an environment.
CONTENTS: Final = frozenset(("ini", "json", "jsonl", "nginx", "toml"))
SITE: Final = "{toctree}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block: its page from the root, its first line there, what the page calls it, and what it holds.

    Holds: language is empty for an indented block, which says nothing of itself.
    """

    page: str
    line: int
    language: str
    code: str


def pages() -> list[str]:
    """Return every document by its path from the root."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/*/README.md")]
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def blocks_in(text: str, page: str) -> Iterator[Block]:
    """Yield the blocks of a text, also those within lists and quotations."""
    for token in MarkdownIt("commonmark").parse(text):
        if token.type in {"fence", "code_block"}:
            assert token.map is not None
            yield Block(page=page, line=token.map[0] + 1, language=token.info.strip(), code=token.content)


@cache
def blocks_of(page: str) -> tuple[Block, ...]:
    """Return a page's blocks in their order."""
    return tuple(blocks_in((ROOT / page).read_text(encoding="utf-8"), page))


def commands_of(page: str) -> tuple[Block, ...]:
    """Return a page's blocks of commands."""
    return tuple(block for block in blocks_of(page) if block.language == COMMANDS)
