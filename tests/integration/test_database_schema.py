"""The migrated database is the declared one, and every guard of it stands.

Autogenerate sees neither CHECKs nor the predicates of indexes nor exclusion constraints nor triggers, which
are what enforces the invariants; so the catalogs of both databases are compared.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text

from db_client.database_url import parse_database_url
from db_client.engine import create_ledger_engine
from db_client.migrate import DatabaseEncodingUnfit, SchemaRevisionUnknown, upgrade_schema
from db_client.schema_revision import current_revision, newest_revision
from db_client.tables.all_tables import ledger_metadata
from tests.ledger_history import TABLES, run_alone

DATABASE_S_OWN = [
    "alembic_version",
    "payload_seed",
]  # how it was migrated, and what node keys are derived from
SQL_FILES = [
    file for file in (files("db_client") / "migrations" / "sql").iterdir() if file.name.endswith(".sql")
]
CATALOG = {
    "constraints": """
        SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 AND contype <> 't'
    """,
    "indexes": """
        SELECT tablename, indexname, indexdef, '' FROM pg_indexes WHERE schemaname = 'public'
    """,
    "columns": """
        SELECT table_name, column_name, concat_ws(' ', data_type, is_nullable, collation_name), coalesce(column_default, '')
        FROM information_schema.columns WHERE table_schema = 'public'
    """,
}


@pytest.fixture
def bare_engine(postgres_url: str, admin_engine: Engine) -> Iterator[Engine]:
    """An empty database."""
    name = f"ledger_bare_{uuid.uuid4().hex[:12]}"
    with run_alone(admin_engine) as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = parse_database_url(postgres_url).set(database=name)
    engine = create_ledger_engine(url.render_as_string(hide_password=False), application_name="tests")
    yield engine
    engine.dispose()
    with run_alone(admin_engine) as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def catalog(engine: Engine, what: str) -> set[tuple[object, ...]]:
    with engine.connect() as connection:
        return {tuple(row) for row in connection.execute(text(CATALOG[what])) if row[0] != "alembic_version"}


def triggers(engine: Engine) -> dict[tuple[str, str], str]:
    """Return how each trigger of ours stands (O: enabled), by its table and name."""
    query = text(
        "SELECT tgrelid::regclass::text, tgname, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal"
    )
    with engine.connect() as connection:
        return {(row[0], row[1]): row[2] for row in connection.execute(query)}


def test_autogenerate_finds_nothing_to_do(owner_engine: Engine) -> None:
    with owner_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})

        assert compare_metadata(context, ledger_metadata) == []


@pytest.mark.parametrize("what", CATALOG)
def test_the_migrated_schema_is_the_declared_one(
    owner_engine: Engine, bare_engine: Engine, what: str
) -> None:
    """Each CHECK, key, exclusion, predicate, collation and default is the same in both."""
    with bare_engine.begin() as connection:
        connection.execute(text("CREATE EXTENSION btree_gist"))
        ledger_metadata.create_all(connection)
    migrated = catalog(owner_engine, what)

    assert len(migrated) > len(TABLES)
    assert migrated == catalog(bare_engine, what)


def test_every_row_has_a_node(owner_engine: Engine) -> None:
    """NODE_SCOPED: each table but the database's own has a node_id, and none may be null."""
    query = text("""
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
            AND NOT EXISTS (
                SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'node_id'
                    AND attnotnull AND atttypid = 'uuid'::regtype
            )
        ORDER BY relname
    """)
    with owner_engine.connect() as connection:
        assert connection.execute(query).scalars().all() == DATABASE_S_OWN


def test_every_reference_stays_within_its_node(owner_engine: Engine) -> None:
    """NODE_SCOPED: a foreign key carries the node along, and nothing is deleted or changed by cascade."""
    keys = [row[3] for row in catalog(owner_engine, "constraints") if row[2] == "f"]

    assert len(keys) >= 10
    assert all(re.search(r"FOREIGN KEY \(node_id, .*REFERENCES \w+\(node_id, ", str(key)) for key in keys)
    assert not any("CASCADE" in str(key) or "SET NULL" in str(key) for key in keys)


def test_every_guard_stands_and_is_enabled(owner_engine: Engine) -> None:
    """ACTIVITY_APPEND_ONLY, POOL_IMMUTABLE, EPOCH_CLOSED_FOREVER, CURATION_FREEZE_ON_CLOSE, WEIGHT_PINNING."""
    written = {
        (found["table"], found["name"])
        for file in SQL_FILES
        for found in re.finditer(
            r"^CREATE (?:CONSTRAINT )?TRIGGER (?P<name>\w+)\s.*? ON (?P<table>\w+)",
            file.read_text(encoding="utf-8"),
            re.MULTILINE | re.DOTALL,
        )
    }

    assert len(written) == 52
    assert triggers(owner_engine) == dict.fromkeys(written, "O")


def test_every_function_of_a_trigger_pins_its_search_path(owner_engine: Engine) -> None:
    """EPOCH_CLOSED_FOREVER: and none runs with more rights than its caller has."""
    query = text("""
        SELECT proname, proconfig, prosecdef FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND prorettype = 'trigger'::regtype
    """)
    with owner_engine.connect() as connection:
        functions = {row.proname: (row.proconfig, row.prosecdef) for row in connection.execute(query)}
    written = {
        name
        for file in SQL_FILES
        for name in re.findall(r"CREATE FUNCTION (\w+)\(\)", file.read_text(encoding="utf-8"))
    }

    planned = {
        "ledger_curated_events_are_stored": [
            *("enable_nestloop=on", "enable_indexscan=on", "enable_seqscan=off"),
            *("enable_bitmapscan=off", "enable_sort=off"),
        ]
    }
    assert functions == {
        name: ([*planned.get(name, []), "search_path=public, pg_temp"], False) for name in written
    }


def test_upgrading_again_changes_nothing(owner_engine: Engine) -> None:
    before = {what: catalog(owner_engine, what) for what in CATALOG}

    assert upgrade_schema(owner_engine) == newest_revision() == current_revision(owner_engine)
    assert {what: catalog(owner_engine, what) for what in CATALOG} == before


def test_upgrades_at_once_take_turns(bare_engine: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        revisions = list(pool.map(lambda _: upgrade_schema(bare_engine), range(4)))

    assert revisions == [newest_revision()] * 4
    assert len(triggers(bare_engine)) == 52


def test_an_upgrade_that_fails_leaves_nothing_behind(bare_engine: Engine) -> None:
    """All or nothing: a table that stands in the way stops the whole."""
    with bare_engine.begin() as connection:
        connection.execute(text("CREATE TABLE statement_signatures (id int)"))

    with pytest.raises(Exception, match="already exists"):
        upgrade_schema(bare_engine)

    assert current_revision(bare_engine) is None
    assert {row[0] for row in catalog(bare_engine, "columns")} == {"statement_signatures"}


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_can_t_hold_every_name_is_refused(
    encoding: str, admin_engine: Engine, postgres_url: str
) -> None:
    name = f"ledger_test_{uuid.uuid4().hex[:12]}"
    alone = admin_engine.execution_options(isolation_level="AUTOCOMMIT")
    with alone.connect() as connection:
        connection.execute(
            text(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
        )
    url = parse_database_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    engine = create_ledger_engine(url, application_name="ledger-tests")

    with pytest.raises(DatabaseEncodingUnfit, match=f"has encoding {encoding}") as refused:
        upgrade_schema(engine)

    assert refused.value.code == "database-encoding-unfit"
    assert current_revision(engine) is None
    engine.dispose()
    with alone.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name}"))


def test_a_database_of_a_newer_version_is_left_alone(owner_engine: Engine) -> None:
    with owner_engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(SchemaRevisionUnknown, match="9999") as refused:
        upgrade_schema(owner_engine)

    assert (refused.value.revision, refused.value.newest) == ("9999", newest_revision())
    assert refused.value.code == "schema-revision-unknown"
    assert current_revision(owner_engine) == "9999"
