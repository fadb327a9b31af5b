"""As much of PromQL as the alert rules use, at one instant; parsed by another's grammar, and compared with promtool.

A test without Prometheus evaluates the very expressions of the rule file with this. Whatever it does not know,
it refuses.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import promql_parser
from promql_parser import AggregateExpr, BinaryExpr, Call, MatchOp, NumberLiteral, VectorSelector

from tests.operating.operated import Sample

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]

COMPARISONS: Final = {"==": operator.eq, ">": operator.gt}
AGGREGATIONS: Final = {"max": max, "min": min}


@dataclass(frozen=True, slots=True)
class Instant:
    """What was scraped, and when."""

    samples: Sequence[Sample]
    at: float


def evaluate(expression: str, instant: Instant) -> list[dict[str, str]]:
    """The labels of each result, as an alert on the expression would carry them."""
    found = _evaluate(promql_parser.parse(expression), instant)
    assert isinstance(found, dict), expression
    return [dict(labels) for labels in sorted(found, key=sorted)]


def _evaluate(node: Any, instant: Instant) -> Vector | float:
    match node:
        case NumberLiteral():
            return node.val
        case VectorSelector():
            return _select(node, instant)
        case Call() if node.func.name == "time":
            return instant.at
        case Call() if node.func.name == "absent":
            selector = node.args[0]
            assert isinstance(selector, VectorSelector)
            labels = frozenset((each.name, each.value) for each in selector.matchers.matchers)
            return {} if _select(selector, instant) else {labels: 1.0}
        case AggregateExpr():
            return _aggregate(node, instant)
        case BinaryExpr():
            return _combine(node, instant)
        case _:
            raise NotImplementedError(node)


def _select(node: VectorSelector, instant: Instant) -> Vector:
    assert all(each.op == MatchOp.Equal for each in node.matchers.matchers)
    wanted = {each.name: each.value for each in node.matchers.matchers}
    return {
        frozenset({*sample.labels.items(), ("__name__", sample.name)}): sample.value
        for sample in instant.samples
        if sample.name == node.name and wanted.items() <= sample.labels.items()
    }


def _aggregate(node: AggregateExpr, instant: Instant) -> Vector:
    kept = [] if node.modifier is None else node.modifier.labels
    groups: dict[Labels, list[float]] = defaultdict(list)
    inner = _evaluate(node.expr, instant)
    assert isinstance(inner, dict)
    for labels, value in inner.items():
        groups[frozenset(pair for pair in labels if pair[0] in kept)].append(value)
    return {labels: AGGREGATIONS[str(node.op)](values) for labels, values in groups.items()}


def _combine(node: BinaryExpr, instant: Instant) -> Vector | float:
    left, right = _evaluate(node.lhs, instant), _evaluate(node.rhs, instant)
    name = str(node.op)
    if name == "or":
        assert isinstance(left, dict)
        assert isinstance(right, dict)
        known = {_unnamed(labels) for labels in left}
        return left | {labels: value for labels, value in right.items() if _unnamed(labels) not in known}
    if name == "-":
        assert isinstance(left, float)
        assert isinstance(right, dict)
        return {_unnamed(labels): left - value for labels, value in right.items()}
    assert isinstance(left, dict)
    assert isinstance(right, float)
    return {labels: value for labels, value in left.items() if COMPARISONS[name](value, right)}


def _unnamed(labels: Labels) -> Labels:
    return frozenset(pair for pair in labels if pair[0] != "__name__")
