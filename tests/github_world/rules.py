"""What GitHub documents about queries: their cost in points, the limit of nodes, and pages of connections."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLResolveInfo,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)

MOST_NODES = 500_000
MOST_A_PAGE = 100


def query_cost(document: DocumentNode, variables: Mapping[str, Any]) -> tuple[int, int]:
    """Return points and nodes: a request for each connection of each node above it, a point a hundred."""
    fragments = {
        found.name.value: found for found in document.definitions if isinstance(found, FragmentDefinitionNode)
    }
    requests = nodes = 0

    def visit(selections: SelectionSetNode | None, parents: int) -> None:
        nonlocal requests, nodes
        for selection in () if selections is None else selections.selections:
            if isinstance(selection, FragmentSpreadNode):
                visit(fragments[selection.name.value].selection_set, parents)
            elif isinstance(selection, FieldNode):
                first = _first(selection, variables)
                if first is not None:
                    requests += parents
                    nodes += parents * first
                visit(selection.selection_set, parents * (1 if first is None else first))
            else:
                visit(selection.selection_set, parents)  # type: ignore[attr-defined]  # an inline fragment

    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            visit(definition.selection_set, 1)
    return max(1, (requests + 50) // 100), nodes


def _first(field: FieldNode, variables: Mapping[str, Any]) -> int | None:
    for argument in field.arguments or ():
        if argument.name.value in {"first", "last"}:
            if isinstance(argument.value, IntValueNode):
                return int(argument.value.value)
            assert isinstance(argument.value, VariableNode)
            return int(variables[argument.value.name.value])
    return None


def connection(
    things: Sequence[Any],
    info: GraphQLResolveInfo[Any],
    arguments: Mapping[str, Any],
    *,
    key: Callable[[Any], tuple[Any, ...]],
    view: Callable[[Any], Any],
    is_descending: bool = False,
) -> dict[str, Any]:
    """Return a page of things in the order of their keys; its cursor is a key, so that nothing shifts it.

    The query's context may allow fewer a page than were asked for, so that small worlds have many pages.
    """
    first = arguments.get("first")
    if first is None and arguments.get("last") is None and _selected(info) & {"nodes", "pageInfo"}:
        raise GraphQLError("You must provide a `first` or `last` value to properly paginate the connection.")
    if first is not None and not 1 <= first <= MOST_A_PAGE:
        raise GraphQLError(f"Requesting {first} records exceeds the `first` limit of 100 records.")
    ordered = sorted(things, key=key, reverse=is_descending)
    after = arguments.get("after")
    if after is not None:
        stands = _parse_cursor(after)
        ordered = [
            thing for thing in ordered if (key(thing) < stands if is_descending else key(thing) > stands)
        ]
    last = arguments.get("last")
    if last is not None:
        assert first is None, "one or the other"
        assert after is None, "the world has no pages from the end"
        page = ordered[-last:]
        ordered = page
    else:
        page = ordered if first is None else ordered[: min(first, info.context)]
    return {
        "totalCount": len(things),
        "nodes": [view(thing) for thing in page],
        "pageInfo": {
            "hasNextPage": len(ordered) > len(page),
            "endCursor": _cursor(key(page[-1])) if page else None,
        },
    }


def _selected(info: GraphQLResolveInfo[Any]) -> frozenset[str]:
    selections = info.field_nodes[0].selection_set
    nodes = () if selections is None else selections.selections
    return frozenset(found.name.value for found in nodes if isinstance(found, FieldNode))


def _cursor(key: tuple[Any, ...]) -> str:
    return base64.b64encode(json.dumps(key).encode()).decode()


def _parse_cursor(text: str) -> tuple[Any, ...]:
    try:
        return tuple(json.loads(base64.b64decode(text, validate=True)))
    except ValueError:
        raise GraphQLError(
            f"`{text}` does not appear to be a valid cursor.", extensions={"type": "INVALID_CURSOR_ARGUMENTS"}
        ) from None
