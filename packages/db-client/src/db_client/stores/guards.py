"""The guards that the migrations made, looked up in the catalog: what is missing, disabled or another now.

Triggers and their functions are compared with the text of `migrations/sql`, constraints and unique indexes
with the declared tables, and what refers to something with the rows, too: whoever disables a trigger may enable it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Row,
    Table,
    Text,
    and_,
    cast,
    func,
    literal,
    select,
    text,
)

from db_client.tables.activity import activity_events
from db_client.tables.all_tables import ledger_metadata
from db_client.tables.curation import activity_curation
from ledger_core.identifiers import NodeId
from ledger_core.ports.coherence_reader import GuardFault

STREAMED_ROWS: Final = 1_000
_ENABLED: Final = {"O", "A"}  # in every session but a replica's, and always
_TRIGGER: Final = re.compile(
    r"^(CREATE (?:CONSTRAINT )?TRIGGER (?P<name>\w+)\s[^;]*? ON (?P<table>\w+)[^;]*);", re.MULTILINE
)
_FUNCTION: Final = re.compile(r"CREATE FUNCTION (?P<name>\w+)\(\).*?AS \$\$(?P<body>.*?)\$\$", re.DOTALL)
_CAST: Final = re.compile(r"::\w+")
_WORD: Final = re.compile(r"[a-z0-9_']+")

_OURS: Final = "relnamespace = current_schema()::regnamespace AND relname = ANY (:tables)"
_TRIGGERS: Final = text(f"""
    SELECT relname, tgname, tgenabled::text AS enabled, tgisinternal, conname,
        pg_get_triggerdef(made.oid, true) AS definition
    FROM pg_trigger AS made JOIN pg_class AS on_table ON on_table.oid = tgrelid
    LEFT JOIN pg_constraint AS served ON served.oid = tgconstraint WHERE {_OURS}
""")  # noqa: S608 - constants of this module
_FUNCTIONS: Final = text(
    "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"
)
# Through JSON: PostgreSQL has `conenforced` from version 18 on.
_CONSTRAINTS: Final = text(f"""
    SELECT relname, conname, convalidated AND coalesce(
        CAST(to_jsonb(made) ->> 'conenforced' AS boolean), true
    ) AS is_valid
    FROM pg_constraint AS made JOIN pg_class AS on_table ON on_table.oid = conrelid WHERE {_OURS}
""")  # noqa: S608 - constants of this module
_INDEXES: Final = text("""
    SELECT on_table.relname, named.relname AS name, indisunique, indisvalid AND indisready AS is_valid,
        coalesce(pg_get_expr(indpred, indrelid), '') AS predicate
    FROM pg_index JOIN pg_class AS named ON named.oid = indexrelid
    JOIN pg_class AS on_table ON on_table.oid = indrelid
    WHERE on_table.relnamespace = current_schema()::regnamespace AND on_table.relname = ANY (:tables)
""")
_NULLABLE: Final = text(f"""
    SELECT relname, attname FROM pg_attribute AS made JOIN pg_class ON pg_class.oid = attrelid
    WHERE {_OURS} AND attnum > 0 AND NOT attisdropped AND NOT attnotnull
""")  # noqa: S608 - constants of this module
_SILENCED: Final = text("""
    SELECT coalesce(rolname, 'every role') AS rolname, setting FROM pg_db_role_setting
    CROSS JOIN unnest(setconfig) AS setting LEFT JOIN pg_roles ON pg_roles.oid = setrole
    WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
        AND setting LIKE 'session_replication_role=%' AND setting <> 'session_replication_role=origin'
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reference:
    """Rows of a table that name rows of another: which column of the one is which of the other."""

    name: str
    child: Table
    parent: Table
    columns: Mapping[str, str]


def guard_faults(connection: Connection, node_id: NodeId) -> Iterator[GuardFault]:
    """Yield each guard that is not as it was made, and each row of the node that refers to nothing."""
    tables = {"tables": list(ledger_metadata.tables)}
    yield from _trigger_faults(connection, tables)
    yield from _function_faults(connection)
    yield from _constraint_faults(connection, tables)
    yield from _index_faults(connection, tables)
    yield from _column_faults(connection, tables)
    for row in connection.execute(_SILENCED):
        yield GuardFault(guard=f"the triggers, for {row.rolname}", fault=f"silenced by {row.setting}")
    for reference in _references():
        yield from _dangling_rows(connection, node_id, reference)


@cache
def _scripts() -> str:
    folder = files("db_client") / "migrations" / "sql"
    found = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name
    )
    return "\n".join(file.read_text(encoding="utf-8") for file in found)


def _words(definition: str) -> list[str]:
    """Return a definition's words in no order, however PostgreSQL spells and sorts it."""
    return sorted(_WORD.findall(_CAST.sub("", definition.lower())))


def _trigger_faults(connection: Connection, tables: dict[str, Any]) -> Iterator[GuardFault]:
    found: dict[tuple[str, str], Row[Any]] = {}
    for row in connection.execute(_TRIGGERS, tables):
        if row.tgisinternal and row.enabled not in _ENABLED:
            guard = f"constraint {row.conname} on {row.relname}"
            yield GuardFault(guard=guard, fault="its trigger is disabled")
        elif not row.tgisinternal:
            found[row.relname, row.tgname] = row
    for made in _TRIGGER.finditer(_scripts()):
        guard = f"trigger {made['name']} on {made['table']}"
        there = found.get((made["table"], made["name"]))
        if there is None:
            yield GuardFault(guard=guard, fault="missing")
        elif there.enabled not in _ENABLED:
            yield GuardFault(guard=guard, fault="disabled")
        elif _words(there.definition) != _words(made[1]):
            yield GuardFault(guard=guard, fault=f"another: {there.definition}")


def _function_faults(connection: Connection) -> Iterator[GuardFault]:
    found = {row.proname: row.prosrc for row in connection.execute(_FUNCTIONS)}
    for made in _FUNCTION.finditer(_scripts()):
        if made["name"] not in found:
            yield GuardFault(guard=f"function {made['name']}", fault="missing")
        elif found[made["name"]] != made["body"]:
            yield GuardFault(guard=f"function {made['name']}", fault="another body")


def _constraint_faults(connection: Connection, tables: dict[str, Any]) -> Iterator[GuardFault]:
    found = {(row.relname, row.conname): row.is_valid for row in connection.execute(_CONSTRAINTS, tables)}
    for table in ledger_metadata.sorted_tables:
        for name in sorted(str(constraint.name) for constraint in table.constraints):
            is_valid = found.get((table.name, name))
            if not is_valid:
                fault = "missing" if is_valid is None else "not valid"
                yield GuardFault(guard=f"constraint {name} on {table.name}", fault=fault)


def _index_faults(connection: Connection, tables: dict[str, Any]) -> Iterator[GuardFault]:
    found = {row.name: row for row in connection.execute(_INDEXES, tables)}
    for row in found.values():
        if not row.is_valid:
            yield GuardFault(guard=f"index {row.name} on {row.relname}", fault="not valid")
    for table in ledger_metadata.sorted_tables:
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            if not index.unique:
                continue
            there = found.get(index.name)
            where = index.dialect_kwargs.get("postgresql_where")
            predicate = "" if where is None else str(where)
            guard = f"unique index {index.name} on {table.name}"
            if there is None:
                yield GuardFault(guard=guard, fault="missing")
            elif not there.indisunique or _words(there.predicate) != _words(predicate):
                yield GuardFault(guard=guard, fault="another")


def _column_faults(connection: Connection, tables: dict[str, Any]) -> Iterator[GuardFault]:
    for row in connection.execute(_NULLABLE, tables):
        column = ledger_metadata.tables[row.relname].c.get(row.attname)
        if column is not None and not column.nullable:
            yield GuardFault(guard=f"NOT NULL of {row.relname}.{row.attname}", fault="missing")


def _references() -> Iterator[_Reference]:
    """Yield what refers to what: by foreign keys, and by the triggers of `curated_events.sql`."""
    for table in ledger_metadata.sorted_tables:
        for key in sorted(table.foreign_key_constraints, key=lambda found: str(found.name)):
            columns = {part.parent.name: part.column.name for part in key.elements}
            yield _Reference(name=str(key.name), child=table, parent=key.referred_table, columns=columns)
    yield _Reference(
        name="curated_event_stored_insert",
        child=activity_curation,
        parent=activity_events,
        columns={"node_id": "node_id", "event_id": "id"},
    )


def _dangling_rows(connection: Connection, node_id: NodeId, reference: _Reference) -> Iterator[GuardFault]:
    child = reference.child.alias("child")
    parent = reference.parent.alias("parent")
    pairs = [(child.c[ours], parent.c[theirs]) for ours, theirs in reference.columns.items()]
    names = [ours for ours in reference.columns if ours != "node_id"]
    values = [cast(child.c[name], Text) for name in names]
    query = (
        select(func.concat_ws(literal(" "), *values))
        .where(
            child.c.node_id == node_id,
            *(child.c[name].is_not(None) for name in names),
            ~select(parent.c.node_id).where(and_(*(ours == theirs for ours, theirs in pairs))).exists(),
        )
        .order_by(*values)
    )
    with connection.execute(query, execution_options={"yield_per": STREAMED_ROWS}) as rows:
        for row in rows:
            yield GuardFault(
                guard=f"one of {reference.parent.name}, by {reference.name}",
                fault="none there",
                row=f"{reference.child.name}: {', '.join(names)} {row[0]}",
            )
