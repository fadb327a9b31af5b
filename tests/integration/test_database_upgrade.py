"""A database of an older revision, with a past, is migrated: all that it held is there, and every guard stands."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from importlib.resources import as_file, files

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

from db_client.database_url import parse_database_url
from db_client.engine import create_ledger_engine
from db_client.migrate import upgrade_schema
from db_client.schema_revision import current_revision, newest_revision
from db_client.stores.guards import guard_faults
from ledger_core.errors import LedgerRuleBroken
from tests.database_contents import contents_of
from tests.ledger_history import NEIGHBOUR, NODE, QUIET, live, run_alone

BEFORE_CURATED_EVENTS = "0006"
HAS_ID = text(
    "SELECT array_agg(CAST(table_name AS text) ORDER BY table_name) FROM information_schema.columns"
    " WHERE table_schema = 'public' AND column_name = 'id' AND table_name = ANY (:tables)"
)
NAMED_BY_WHAT_THEY_ARE_OF = ["activity_curation", "epoch_allocations"]


@pytest.fixture
def older_engine(postgres_url: str, admin_engine: Engine) -> Iterator[Engine]:
    """A database at the revision before events were looked for once a statement."""
    name = f"ledger_older_{uuid.uuid4().hex[:12]}"
    with run_alone(admin_engine) as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = parse_database_url(postgres_url).set(database=name)
    engine = create_ledger_engine(url.render_as_string(hide_password=False), application_name="tests")
    with as_file(files("db_client") / "migrations") as scripts, engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(scripts).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE_CURATED_EVENTS)
    yield engine
    engine.dispose()
    with run_alone(admin_engine) as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def test_what_an_older_database_holds_is_there_after_an_upgrade(older_engine: Engine) -> None:
    """EPOCH_CLOSED_FOREVER, NODE_SCOPED: closed epochs keep each row, and none refers to what is not there."""
    live(older_engine)
    assert current_revision(older_engine) == BEFORE_CURATED_EVENTS
    with older_engine.connect() as connection:
        had = connection.execute(HAS_ID, {"tables": NAMED_BY_WHAT_THEY_ARE_OF}).scalar_one()
    assert had == NAMED_BY_WHAT_THEY_ARE_OF
    before = _contents(older_engine)

    assert upgrade_schema(older_engine) == newest_revision()

    assert _contents(older_engine) == before
    with older_engine.connect() as connection:
        assert connection.execute(HAS_ID, {"tables": NAMED_BY_WHAT_THEY_ARE_OF}).scalar_one() is None
        for node_id in (NODE, NEIGHBOUR, QUIET):
            assert list(guard_faults(connection, node_id)) == []


def test_an_older_database_with_a_row_of_no_event_is_refused_and_stays(older_engine: Engine) -> None:
    """NODE_SCOPED: once the key is gone, nothing but the doctor would tell of it."""
    names = live(older_engine)
    with older_engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        ghost = (
            "UPDATE activity_curation SET event_id = 'ghost' WHERE node_id = :node AND event_id = :event_open"
        )
        assert connection.execute(text(ghost), names).rowcount == 1

    with pytest.raises(LedgerRuleBroken, match="NODE_SCOPED"):
        upgrade_schema(older_engine)

    assert current_revision(older_engine) == BEFORE_CURATED_EVENTS


def _contents(engine: Engine) -> dict[str, list[str]]:
    """Return every row of every table, but for the ids that were nobody's name for a row."""
    found = contents_of(engine)
    with engine.connect() as connection:
        for table in NAMED_BY_WHAT_THEY_ARE_OF:
            rows = connection.execute(text(f"SELECT to_jsonb(row) - 'id' FROM {table} AS row")).scalars()
            found[table] = sorted(map(str, rows))
    assert all(found[table] for table in NAMED_BY_WHAT_THEY_ARE_OF)
    return found
