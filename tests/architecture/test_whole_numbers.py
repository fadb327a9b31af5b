"""ALL_MATH_BIGINT, WEIGHTS_INTEGER_ONLY: no float literal, float() or true division in the core."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "packages/ledger-core/src/ledger_core"


def fractions_in(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            found.append(f"line {node.lineno}: {node.value}")
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            found.append(f"line {node.lineno}: true division")
        elif isinstance(node, ast.Name) and node.id in {"float", "round", "Decimal", "Fraction"}:
            found.append(f"line {node.lineno}: {node.id}")
    return found


@pytest.mark.parametrize(
    "path", sorted(CORE.rglob("*.py")), ids=lambda path: path.relative_to(CORE).as_posix()
)
def test_no_float_on_the_way_to_a_credit(path: Path) -> None:
    """ALL_MATH_BIGINT and WEIGHTS_INTEGER_ONLY, by the syntax tree."""
    assert fractions_in(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("planted", ["x = 0.5", "x = 1 / 2", "x /= 2", "x = float('1')", "x = round(y)"])
def test_a_planted_fraction_is_found(planted: str) -> None:
    assert len(fractions_in(planted)) == 1
