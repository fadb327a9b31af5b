"""Backups are restored, and what is restored is the ledger that was: the drills of docs/guides/restore.md, run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from db_client.database_url import parse_database_url
from db_client.engine import create_ledger_engine
from db_client.migrate import upgrade_schema
from db_client.postgres_ledger import PostgresLedger
from ledger_core import NodeId
from scheduler_worker.local.account import server_account
from scheduler_worker.local.place import cluster_place
from scheduler_worker.local.postgres import PostgresServer, local_postgres
from scheduler_worker.local.programs import postgres_programs
from tests.command_line import Ended
from tests.conftest import TestDatabase
from tests.contract.story import NODE_ID, LedgerStory, annas, day
from tests.documents.lives import RESTORED
from tests.ledger_history import opened_session
from tests.local_owners import folder_for_all
from tests.operating.operated import until

SCRIPTS = Path(__file__).parents[2] / "deploy/restore"
POLICY = f'node_id = "{NODE_ID}"\n[weights]\n"github:pr_merged" = 8000\n'


@pytest.fixture
def node_id() -> NodeId:
    return NODE_ID


def run(words: list[str], *, folder: Path, known: Mapping[str, str]) -> Ended:
    """Run a program as an operator would: PostgreSQL's programs and `ledger` are on the PATH."""
    policy = folder / "ledger.toml"
    policy.write_text(POLICY, encoding="utf-8")
    path = f"{postgres_programs(None)}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        words,
        cwd=SCRIPTS.parents[1],
        env={"PATH": path, "HOME": str(folder), "LEDGER_CONFIG": str(policy), **known},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return Ended(status=done.returncode, output=done.stdout, errors=done.stderr)


def run_script(name: str, *arguments: str | Path, folder: Path) -> Ended:
    return run([str(SCRIPTS / name), *map(str, arguments)], folder=folder, known={})


def typed(step: str, folder: Path, **names: str | Path) -> Ended:
    """Type what docs/guides/restore.md says for the step, in a clone."""
    ((_, code),) = RESTORED[step].blocks()
    return run(["bash", "-euc", code], folder=folder, known={name: str(names[name]) for name in names})


def libpq(url: str) -> str:
    """The URL as PostgreSQL's own programs take it."""
    return url.replace("postgresql+psycopg://", "postgresql://")


def live_through(ledger: PostgresLedger, weeks: range) -> None:
    story = LedgerStory(ledger)
    if weeks.start == 0:
        story.bind("ann", "1001")
    for week in weeks:
        story.live_through(week, annas(week + 1, at=day(0, week=week)))


def test_a_dump_restores_to_the_same_statements(
    postgres_ledger: PostgresLedger, fresh_database: TestDatabase, postgres_url: str, tmp_path: Path
) -> None:
    live_through(postgres_ledger, range(3))

    drilled = run_script("drill", libpq(fresh_database.owner_url), libpq(postgres_url), folder=tmp_path)

    assert drilled.status == 0, drilled
    assert "drill: 3 statements restored and recomputed" in drilled.output


def test_a_reader_s_large_object_does_not_hold_up_a_backup(
    postgres_ledger: PostgresLedger,
    fresh_database: TestDatabase,
    owner_engine: Engine,
    postgres_url: str,
    tmp_path: Path,
) -> None:
    """Anybody may make one, its maker alone may read it, and pg_dump would give up over it."""
    live_through(postgres_ledger, range(1))
    with opened_session(parse_database_url(fresh_database.reader_url)) as reader:
        reader.execute("SELECT lo_from_bytea(0, 'in the way')")
        reader.commit()
    login = f"backup_{uuid.uuid4().hex[:6]}"  # no superuser, as the owner is none
    url = parse_database_url(fresh_database.owner_url).set(username=login, password="backup")
    with owner_engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE {login} LOGIN PASSWORD 'backup'"))
        connection.execute(text(f"GRANT pg_read_all_data TO {login}"))

    live = libpq(url.render_as_string(hide_password=False))
    drilled = run_script("drill", live, libpq(postgres_url), folder=tmp_path)
    with owner_engine.begin() as connection:
        connection.execute(text(f"DROP ROLE {login}"))

    assert drilled.status == 0, drilled


def test_a_drill_takes_passwords_from_a_file_as_arguments_are_seen_by_all(
    postgres_ledger: PostgresLedger, fresh_database: TestDatabase, postgres_url: str, tmp_path: Path
) -> None:
    live_through(postgres_ledger, range(1))
    urls = [parse_database_url(url) for url in (fresh_database.owner_url, postgres_url)]
    passwords = tmp_path / ".pgpass"
    passwords.touch(mode=0o600)
    passwords.write_text("".join(f"*:*:*:{url.username}:{url.password}\n" for url in urls), encoding="utf-8")
    bare = [libpq(url._replace(password=None).render_as_string(hide_password=False)) for url in urls]

    drilled = run_script("drill", *bare, folder=tmp_path)

    assert all(url.password and url.password not in "".join(bare) for url in urls)
    assert drilled.status == 0, drilled


def test_a_restored_ledger_that_lacks_a_statement_or_was_touched_is_not_taken(
    postgres_ledger: PostgresLedger, fresh_database: TestDatabase, owner_engine: Engine, tmp_path: Path
) -> None:
    live_through(postgres_ledger, range(2))
    url = libpq(fresh_database.owner_url)
    hashes = tmp_path / "hashes"
    hashes.write_text(run_script("statement-hashes", url, folder=tmp_path).output, encoding="utf-8")
    good = run_script("check", url, hashes, folder=tmp_path)
    more = tmp_path / "more"
    more.write_text(hashes.read_text(encoding="utf-8") + f"{NODE_ID} 3 {'0' * 64}\n", encoding="utf-8")
    short = run_script("check", url, more, folder=tmp_path)
    with owner_engine.begin() as connection:  # a superuser's hand that no trigger stops
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE activity_events SET payload_hash = repeat('0', 64)"))
    touched = run_script("check", url, hashes, folder=tmp_path)

    assert good.status == 0, good
    assert (short.status, touched.status) == (1, 3)
    assert "are not those that are expected" in short.errors


@pytest.fixture
def folder() -> Iterator[Path]:
    with folder_for_all() as made:
        made.mkdir()
        made.chmod(0o711)
        yield made


def owned_by_postgres(path: Path) -> None:
    """Give a folder to the account that PostgreSQL runs as."""
    account = server_account()
    if account is not None:
        for each in (path, *path.rglob("*")):
            os.chown(each, account.user_id, account.group_id, follow_symlinks=False)


def as_sql(server: PostgresServer, statement: str) -> str:
    engine = create_ledger_engine(server.url, application_name="ledger-tests")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        found = connection.execute(text(statement))
        said = str(found.scalar_one()) if found.returns_rows else ""
    engine.dispose()
    return said


def test_a_ledger_is_restored_to_the_moment_before_a_disaster(folder: Path, tmp_path: Path) -> None:
    """Base backup, two more epochs, the schema dropped by its owner: all three statements come back."""
    archive, backup = folder / "archive", folder / "backup"
    archive.mkdir()
    owned_by_postgres(archive)
    live = folder / "live"
    with local_postgres(live, durable=False) as server:
        archiving = typed("archive", tmp_path, URL=libpq(server.url), ARCHIVE=archive)
    assert archiving.status == 0, archiving
    with local_postgres(live, durable=False) as server:
        engine = create_ledger_engine(server.url, application_name="ledger-tests")
        upgrade_schema(engine)
        ledger = PostgresLedger(engine, NODE_ID)
        live_through(ledger, range(1))
        backed_up = typed("back up", tmp_path, URL=libpq(server.url), BACKUP=backup)
        assert backed_up.status == 0, backed_up
        live_through(ledger, range(1, 3))
        hashes = tmp_path / "hashes"
        hashes.write_text(
            run_script("statement-hashes", server.url, folder=tmp_path).output, encoding="utf-8"
        )
        before = as_sql(server, "SELECT clock_timestamp()")
        time.sleep(0.1)  # a commit's own time has to lie after the moment
        as_sql(server, "DROP SCHEMA public CASCADE")
        switched = as_sql(server, "SELECT pg_walfile_name(pg_switch_wal())")
        until((archive / switched).exists, "the last WAL is archived")
        engine.dispose()
    assert len(hashes.read_text(encoding="utf-8").splitlines()) == 3

    restored = folder / "restored"
    with local_postgres(restored, durable=False):
        pass  # its password, and its place
    place = cluster_place(restored, server_account(), durable=False) / "cluster"
    shutil.rmtree(place)
    named: dict[str, str | Path] = {"BACKUP": backup, "ARCHIVE": archive, "RESTORED": place, "MOMENT": before}
    prepared = typed("prepare", tmp_path, **named)
    assert prepared.status == 0, prepared
    again = typed("prepare", tmp_path, **named)
    owned_by_postgres(place)
    shutil.copy(live / "password", restored / "password")
    with local_postgres(restored, durable=False) as server:
        until(lambda: as_sql(server, "SELECT pg_is_in_recovery()") == "False", "it has come to the moment")
        checked = typed("check", tmp_path, RESTORED_URL=libpq(server.url), HASHES=hashes)

    assert checked.status == 0, checked
    assert again.status == 1
    assert "is not empty, and is left alone" in again.errors


def test_what_is_no_base_backup_is_not_prepared(tmp_path: Path) -> None:
    prepared = run_script(
        "prepare-recovery", tmp_path, tmp_path, tmp_path / "data", "2026-11-26 17:30:00+00", folder=tmp_path
    )

    assert (prepared.status, (tmp_path / "data").exists()) == (1, False)


def test_the_moment_s_text_can_not_smuggle_settings_in(tmp_path: Path) -> None:
    (tmp_path / "backup_manifest").touch()

    prepared = run_script(
        "prepare-recovery", tmp_path, tmp_path, tmp_path / "data", "' archive_command='x", folder=tmp_path
    )

    assert (prepared.status, (tmp_path / "data").exists()) == (2, False)


def test_the_drill_knows_addresses_with_and_without_parameters(
    postgres_ledger: PostgresLedger, fresh_database: TestDatabase, postgres_url: str, tmp_path: Path
) -> None:
    live_through(postgres_ledger, range(1))
    scratch = parse_database_url(postgres_url).update_query_dict({"sslmode": "prefer"})

    drilled = run_script(
        "drill",
        libpq(fresh_database.owner_url),
        libpq(scratch.render_as_string(hide_password=False)),
        folder=tmp_path,
    )

    assert drilled.status == 0, drilled
