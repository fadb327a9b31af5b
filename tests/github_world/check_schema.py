"""Compare our part of GitHub's schema, and every query of ours, with the schema that GitHub publishes.

    python -m tests.github_world.check_schema             fetches the npm package @octokit/graphql-schema
    python -m tests.github_world.check_schema FILE        reads a schema.graphql that is there already

Exit status: 0 all fits, or the registry was not reached (which is said, and checked nothing); 1 something differs.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_ast_schema,
    build_schema,
    parse,
    print_ast,
    validate,
)

from scheduler_worker.sources.github.item_queries import ITEM_QUERIES
from scheduler_worker.sources.github.queries import ALL_QUERIES
from tests.github_world.npm_package import fetched
from tests.github_world.server import SCHEMA_PATH

QUERIES = (*ALL_QUERIES, *ITEM_QUERIES)
PACKAGE = "@octokit/graphql-schema"


def differences(ours: GraphQLSchema, published: GraphQLSchema) -> Iterator[str]:
    """Yield what ours says otherwise than the published schema; what ours leaves out is no difference."""
    for name, mine in sorted(ours.type_map.items()):
        if name.startswith("__"):
            continue
        theirs = published.type_map.get(name)
        if theirs is None or type(theirs) is not type(mine):
            yield f"{name}: is {_kind(mine)} here and {_kind(theirs)} there"
            continue
        if isinstance(mine, GraphQLObjectType | GraphQLInterfaceType):
            assert isinstance(theirs, GraphQLObjectType | GraphQLInterfaceType)
            yield from _missing(name, "interface", mine.interfaces, theirs.interfaces)
            yield from _fields(name, mine.fields, theirs.fields)
        elif isinstance(mine, GraphQLInputObjectType):
            assert isinstance(theirs, GraphQLInputObjectType)
            yield from _inputs(name, mine.fields, theirs.fields)
        elif isinstance(mine, GraphQLEnumType):
            assert isinstance(theirs, GraphQLEnumType)
            yield from _missing(name, "value", mine.values, theirs.values)
        elif isinstance(mine, GraphQLUnionType):
            assert isinstance(theirs, GraphQLUnionType)
            yield from _missing(name, "member", mine.types, theirs.types)


def query_problems(published: GraphQLSchema, queries: Sequence[str] = QUERIES) -> Iterator[str]:
    """Yield why a query of ours does not fit the published schema."""
    for query in queries:
        for error in validate(published, parse(query)):
            yield f"{query.split('(')[0].strip()}: {error.message}"


def published_schema(path: Path) -> GraphQLSchema:
    """Return GitHub's schema; it breaks rules of GraphQL itself, so it is taken as it is."""
    text = path.read_text(encoding="utf-8")
    return build_ast_schema(parse(text, no_location=True), assume_valid=True, assume_valid_sdl=True)


def main(arguments: Sequence[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(arguments[0]) if arguments else fetched(Path(folder), PACKAGE, "schema.graphql")
        if path is None:
            print("GitHub's schema: NOT CHECKED, as the npm registry was not reached", file=sys.stderr)
            return 0
        published = published_schema(path)
    ours = build_schema(SCHEMA_PATH.read_text(encoding="utf-8"))
    found = [*differences(ours, published), *query_problems(published)]
    for problem in found:
        print(f"GitHub's schema: {problem}", file=sys.stderr)
    if not found:
        print(f"GitHub's schema: {len(ours.type_map)} types and {len(QUERIES)} queries fit the published one")
    return 1 if found else 0


def _fields(name: str, mine: dict[str, GraphQLField], theirs: dict[str, GraphQLField]) -> Iterator[str]:
    for field, definition in mine.items():
        other = theirs.get(field)
        if other is None:
            yield f"{name}.{field}: is not there"
            continue
        if str(definition.type) != str(other.type):
            yield f"{name}.{field}: is {definition.type} here and {other.type} there"
        yield from _inputs(f"{name}.{field}", definition.args, other.args)


def _inputs(name: str, mine: dict, theirs: dict) -> Iterator[str]:  # type: ignore[type-arg]  # arguments or fields
    for argument, definition in mine.items():
        other = theirs.get(argument)
        if other is None:
            yield f"{name}({argument}): is not there"
        elif _input(definition) != _input(other):
            yield f"{name}({argument}): is {_input(definition)} here and {_input(other)} there"
    for argument, other in theirs.items():
        is_required = isinstance(other.type, GraphQLNonNull) and " = " not in _input(other)
        if is_required and argument not in mine:
            yield f"{name}({argument}): is required there, and not known here"


def _input(definition: GraphQLArgument) -> str:
    node = definition.ast_node
    assert node is not None, "the schema was built from text"
    return f"{definition.type}" + (
        "" if node.default_value is None else f" = {print_ast(node.default_value)}"
    )


def _missing(name: str, what: str, mine: object, theirs: object) -> Iterator[str]:
    there = {str(found) for found in theirs}  # type: ignore[attr-defined]  # types, or names of values
    for found in mine:  # type: ignore[attr-defined]
        if str(found) not in there:
            yield f"{name}: {what} {found} is not there"


def _kind(found: object) -> str:
    return "nothing" if found is None else type(found).__name__.removeprefix("GraphQL")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
