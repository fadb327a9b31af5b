"""An upgrade under running workers: those that may go on do, and those that may not stop before they do harm."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files

import pytest
from alembic import command
from sqlalchemy import Engine, text

from db_client.database_url import parse_database_url
from db_client.engine import create_ledger_engine
from db_client.migrate import _config, upgrade_schema
from db_client.postgres_ledger import PostgresLedger
from db_client.roles import grant_roles
from db_client.schema_revision import (
    EXPANDING,
    current_state,
    newest_revision,
    oldest_program,
    revisions,
)
from ledger_core.ports.ledger import ProgramOutdated
from scheduler_worker.activities.refusals import failure_of
from tests.conftest import TestDatabase
from tests.operating.operated import OperatedNode, until

WINDOW = ("epoch", "collect", "--at", "2026-01-05")


def upgrade_by_newer_version(engine: Engine, *, oldest: str) -> None:
    """What the next version's migration does: a table and columns that this one knows nothing of."""
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
        connection.execute(text("CREATE TABLE of_the_future (id bigint PRIMARY KEY, epoch_id bigint)"))
        connection.execute(text("ALTER TABLE activity_events ADD COLUMN later text"))
        connection.execute(text("ALTER TABLE epochs ADD COLUMN later bigint NOT NULL DEFAULT 7"))
        connection.execute(text("ALTER TABLE payout_statements ADD COLUMN later jsonb"))
        connection.execute(text("CREATE INDEX ON activity_curation (updated_at)"))
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text(f"COMMENT ON TABLE alembic_version IS 'oldest program: {oldest}'"))
    grant_roles(engine)  # as `ledger db grant` after it, by either version


def test_an_old_worker_goes_on_after_a_migration_that_only_adds(
    operated_node: OperatedNode, owner_engine: Engine
) -> None:
    with operated_node.worker() as worker:
        worker.await_ready()
        upgrade_by_newer_version(owner_engine, oldest=newest_revision())

        collected = operated_node.run(*WINDOW)
        closed = operated_node.run("epoch", "finalize", "1", "--yes")
        worker.await_ready()
    with operated_node.worker() as restarted:
        restarted.await_ready()  # one that starts on it is taken as well
        doctor = operated_node.run("doctor")
        status = operated_node.run("status", "--json")

    assert (collected.status, closed.status, doctor.status) == (0, 0, 0), (collected, closed, doctor)
    assert "schema 9999" in status.output


def test_an_old_worker_is_shut_out_by_any_other_migration_and_ends(
    operated_node: OperatedNode, owner_engine: Engine, postgres_ledger: PostgresLedger
) -> None:
    with operated_node.worker() as worker:
        worker.await_ready()
        upgrade_by_newer_version(owner_engine, oldest="9999")

        with pytest.raises(ProgramOutdated), postgres_ledger.begin():
            pass
        status = worker.process.wait(60)
        last = worker.lines[-1]
    refused = operated_node.run("worker")
    read = operated_node.run("epoch", "list")

    assert status == 1
    assert "program-outdated" in last
    assert (refused.status, read.status) == (1, 1)
    assert "takes programs that know 9999" in refused.errors.splitlines()[-1]


def test_what_an_outdated_worker_could_not_do_is_tried_again_by_a_newer_one() -> None:
    failure = failure_of(ProgramOutdated(found="9999", oldest="9999", known="0001"))

    assert (failure.type, failure.non_retryable) == ("program-outdated", False)


@pytest.fixture
def older_database(owner_engine: Engine, fresh_database: TestDatabase) -> Iterator[Engine]:
    """A database that the version before the newest migrated."""
    with owner_engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
        with as_file(files("db_client") / "migrations") as scripts:
            config = _config(scripts)
            config.attributes["connection"] = connection
            command.upgrade(config, revisions()[-2])
    url = parse_database_url(fresh_database.owner_url).render_as_string(hide_password=False)
    engine = create_ledger_engine(url, application_name="ledger-tests-older")
    yield engine
    engine.dispose()


@contextmanager
def in_the_background(engine: Engine) -> Iterator[threading.Thread]:
    upgrading = threading.Thread(target=upgrade_schema, args=(engine,))
    upgrading.start()
    try:
        yield upgrading
    finally:
        upgrading.join(60)


def test_a_migration_waits_for_what_is_under_way(older_database: Engine, owner_engine: Engine) -> None:
    def waits() -> bool:
        with owner_engine.connect() as connection:
            asked = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'")
            return bool(connection.execute(asked).scalar_one())

    with owner_engine.connect() as old_program:
        old_program.execute(text("SELECT version_num FROM alembic_version"))  # as every transaction does
        with in_the_background(older_database) as upgrading:
            until(waits, "the migration waits")
            assert upgrading.is_alive()
            old_program.commit()
            upgrading.join(60)

    state = current_state(owner_engine)
    assert state is not None
    assert (state.revision, state.oldest_program) == (newest_revision(), oldest_program(revisions()))


def test_a_migration_that_is_not_declared_to_only_add_shuts_older_programs_out() -> None:
    assert oldest_program(("0001", "0002", "0003"), expanding=frozenset()) == "0003"
    assert oldest_program(("0001", "0002", "0003"), expanding=frozenset({"0003"})) == "0002"
    assert oldest_program(("0001", "0002", "0003"), expanding=frozenset({"0002"})) == "0003"
    assert set(revisions()) >= EXPANDING
