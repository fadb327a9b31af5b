"""Modules and functions stay small enough to read at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_MODULE_LINES = 300
MOST_FUNCTION_LINES = 50


def sources() -> Iterator[Path]:
    """Every module that ships; a migration is a frozen list of tables, however long."""
    for tree in (ROOT / "packages", ROOT / "services"):
        for path in sorted(tree.glob("*/src/**/*.py")):
            if "migrations/versions" not in path.as_posix():
                yield path


def long_functions(source: str) -> list[str]:
    return [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > MOST_FUNCTION_LINES
    ]


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_modules_and_functions_are_small(path: Path) -> None:
    source = path.read_text(encoding="utf-8")

    assert len(source.splitlines()) <= MOST_MODULE_LINES
    assert long_functions(source) == []


def test_a_long_function_is_found() -> None:
    """The check can fail."""
    planted = "def long():\n" + "    pass\n" * MOST_FUNCTION_LINES

    assert long_functions(planted) == [f"long: {MOST_FUNCTION_LINES + 1} lines"]
