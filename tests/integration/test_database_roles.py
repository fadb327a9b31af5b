"""What each login may do: the worker adds and never rewrites, the reader reads, and no secret gets out."""

from __future__ import annotations

import logging
import re
import traceback
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from db_client.database_url import DatabaseUrlInvalid, parse_database_url
from db_client.engine import create_ledger_engine
from db_client.postgres_ledger import PostgresLedger, PostgresTransaction
from db_client.roles import (
    READABLE_TABLES,
    WORKER_RIGHTS,
    LedgerRole,
    RoleRightsMissing,
    grant_login,
    grant_roles,
)
from ledger_core import EpochId
from ledger_core.testing import RETRIEVED_AT, make_binding, make_event, make_window
from tests.conftest import TestDatabase
from tests.contract.story import CONTEXT, WEIGHTS, LedgerStory, annas, day
from tests.ledger_history import TABLES, Session, contents, name_of_rule, opened_session, run_alone

DENIED = "InsufficientPrivilege"
SECRET = "s3cr3t % ' \\ \" of one login"
APPEND_ONLY = [table for table, rights in WORKER_RIGHTS.items() if rights == "INSERT"]
UPDATABLE = {
    table: re.findall(r"\w+", found[0])
    for table, rights in WORKER_RIGHTS.items()
    if (found := re.findall(r"UPDATE \(([^)]*)\)", rights))
}


@pytest.fixture
def past(postgres_ledger: PostgresLedger) -> EpochId:
    """A closed epoch and an open one after it."""
    story = LedgerStory(postgres_ledger)
    story.bind("ann", "1001")
    epoch_id = story.live_through(0, annas(1, at=day(0)))
    story.live_through(1, annas(2, at=day(0, week=1)))
    story.open(2)
    return epoch_id


@pytest.fixture
def worker(fresh_database: TestDatabase, past: EpochId) -> Iterator[Session]:
    assert past > 0
    with opened_session(parse_database_url(fresh_database.worker_url)) as session:
        yield session


@pytest.fixture
def reader(fresh_database: TestDatabase, past: EpochId) -> Iterator[Session]:
    assert past > 0
    with opened_session(parse_database_url(fresh_database.reader_url)) as session:
        yield session


def refusal(session: Session, script: str) -> str:
    before = contents(session)
    session.commit()
    try:
        session.execute(script.encode())
        session.commit()
    except psycopg.Error as error:
        session.rollback()
        assert contents(session) == before
        return name_of_rule(error)
    return "allowed"


def rights_on_tables(engine: Engine) -> set[tuple[str, str, str]]:
    query = """
        SELECT grantee, table_name, privilege_type FROM information_schema.table_privileges
        WHERE table_schema = 'public' AND grantee IN ('PUBLIC', 'ledger_worker', 'ledger_reader')
    """
    with engine.connect() as connection:
        return {(row[0], row[1], row[2]) for row in connection.execute(text(query))}


def rights_on_columns(engine: Engine) -> set[tuple[str, str, str]]:
    """Return (role, table, column) of every UPDATE that is granted, and of REFERENCES if ever."""
    query = """
        SELECT grantee, table_name, column_name FROM information_schema.column_privileges
        WHERE table_schema = 'public' AND grantee IN ('PUBLIC', 'ledger_worker', 'ledger_reader')
            AND privilege_type NOT IN ('SELECT', 'INSERT')
    """
    with engine.connect() as connection:
        return {(row[0], row[1], row[2]) for row in connection.execute(text(query))}


def other_rights(engine: Engine) -> set[tuple[str, str, str]]:
    """Return what the roles and everybody may do with the schema and its sequences."""
    query = """
        SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END AS grantee, name, privilege_type
        FROM (
            SELECT nspname AS name, (aclexplode(nspacl)).* FROM pg_namespace WHERE nspname = 'public'
            UNION ALL
            SELECT relname, (aclexplode(relacl)).* FROM pg_class
            WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace
        ) AS entries
        WHERE grantee = 0 OR pg_get_userbyid(grantee) IN ('ledger_worker', 'ledger_reader')
    """
    with engine.connect() as connection:
        return {(row[0], row[1], row[2]) for row in connection.execute(text(query))}


def check_rights(engine: Engine) -> None:
    """Assert that the catalog grants exactly what `db_client.roles` writes down."""
    on_tables = {(role.value, table, "SELECT") for role in LedgerRole for table in READABLE_TABLES}
    for table, rights in WORKER_RIGHTS.items():
        plain = re.sub(r"UPDATE \([^)]*\)", "", rights)
        on_tables |= {("ledger_worker", table, right) for right in re.findall(r"[A-Z]+", plain)}
    on_columns = {("ledger_worker", table, column) for table in UPDATABLE for column in UPDATABLE[table]}
    sequences = (
        "epochs_id_seq",
        "gap_waivers_id_seq",
        "identity_events_id_seq",
        "ledger_actions_id_seq",
        "stream_readings_id_seq",
        "touched_days_id_seq",
        "touched_epochs_id_seq",
        "touched_identities_id_seq",
    )
    others = {("ledger_worker", sequence, "USAGE") for sequence in sequences}
    others |= {(who, "public", "USAGE") for who in ("PUBLIC", "ledger_worker", "ledger_reader")}

    assert rights_on_tables(engine) == on_tables
    assert rights_on_columns(engine) == on_columns
    assert other_rights(engine) == others


def test_the_rights_are_exactly_those_written_down(owner_engine: Engine) -> None:
    """ACTIVITY_APPEND_ONLY, POOL_IMMUTABLE, WEIGHT_PINNING: the worker has no right to what it must not do."""
    assert set(WORKER_RIGHTS) == set(TABLES)
    check_rights(owner_engine)


def test_granting_again_changes_nothing(owner_engine: Engine) -> None:
    grant_roles(owner_engine)
    grant_roles(owner_engine)

    check_rights(owner_engine)


@pytest.mark.parametrize(
    "excess",
    [
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO ledger_worker, ledger_reader",
        "GRANT UPDATE (weight_config) ON epochs TO ledger_worker",
        "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO ledger_worker, ledger_reader",
        "GRANT ALL ON SCHEMA public TO ledger_worker, ledger_reader",
    ],
)
def test_granting_takes_back_what_is_too_much(owner_engine: Engine, excess: str) -> None:
    """WRITES_VIA_TEMPORAL: rights that somebody added by hand do not outlive the next grant."""
    with owner_engine.begin() as connection:
        connection.execute(text(excess))

    grant_roles(owner_engine)

    check_rights(owner_engine)


def test_a_database_that_is_closed_to_the_public_is_open_to_the_two_roles(
    owner_engine: Engine, fresh_database: TestDatabase
) -> None:
    name = owner_engine.url.database
    with run_alone(owner_engine) as connection:
        connection.execute(text(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC, ledger_worker, ledger_reader'))
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        _look(fresh_database.worker_url)

    grant_roles(owner_engine)

    assert (_look(fresh_database.worker_url), _look(fresh_database.reader_url)) == (1, 1)


def _look(url: str) -> int:
    with opened_session(parse_database_url(url)) as session:
        found: int = session.execute("SELECT 1").fetchall()[0][0]
        return found


def test_grants_at_once_all_succeed(owner_engine: Engine) -> None:
    def grant(_: int) -> None:
        grant_roles(owner_engine)
        grant_login(owner_engine, LedgerRole.WORKER, "ledger_test_worker", password=None)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(grant, range(6)))

    check_rights(owner_engine)


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_a_worker_only_adds_to_what_is_append_only(worker: Session, table: str) -> None:
    """ACTIVITY_APPEND_ONLY, POOL_IMMUTABLE, EPOCH_CLOSED_FOREVER, HISTORY_APPEND_ONLY: by its rights already."""
    assert refusal(worker, f"UPDATE {table} SET node_id = node_id") == DENIED
    assert refusal(worker, f"DELETE FROM {table}") == DENIED
    assert refusal(worker, f"TRUNCATE {table} CASCADE") == DENIED
    assert refusal(worker, f"MERGE INTO {table} USING (SELECT 1) ON true WHEN MATCHED THEN DELETE") == DENIED


@pytest.mark.parametrize("table", TABLES)
def test_a_worker_changes_the_columns_it_has_to_and_no_other(worker: Session, table: str) -> None:
    """WEIGHT_PINNING, EPOCH_WINDOW_UNIQUE, NODE_SCOPED: nor does it truncate, empty, or take over a table."""
    columns = worker.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s",
        [table],
    ).fetchall()
    worker.rollback()
    assert columns
    for (column,) in columns:
        if column not in UPDATABLE.get(table, ()):
            assert refusal(worker, f'UPDATE {table} SET "{column}" = "{column}"') == DENIED
    assert refusal(worker, f"TRUNCATE {table}") == DENIED
    assert refusal(worker, f"ALTER TABLE {table} DISABLE TRIGGER ALL") == DENIED
    assert refusal(worker, f"DROP TABLE {table} CASCADE") == DENIED
    assert refusal(worker, f"CREATE TRIGGER mine BEFORE INSERT ON {table} EXECUTE FUNCTION mine()") == DENIED


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE EXTENSION hstore",
        "DELETE FROM epochs",
        "DELETE FROM activity_curation",
        "UPDATE alembic_version SET version_num = '0'",
        "SELECT setval('epochs_id_seq', 1)",
        "SET session_replication_role = replica",
        "SET ROLE postgres",
        "ALTER FUNCTION ledger_guard_epoch() RESET ALL",
        "DROP FUNCTION ledger_guard_epoch CASCADE",
        "COPY users TO PROGRAM 'true'",
    ],
)
def test_a_worker_owns_nothing(worker: Session, script: str) -> None:
    """WRITES_VIA_TEMPORAL, EPOCH_CLOSED_FOREVER: it can't make tables, nor silence what guards them."""
    assert refusal(worker, script) == DENIED


def test_a_worker_is_refused_by_the_triggers_too(worker: Session, past: EpochId) -> None:
    """CURATION_FREEZE_ON_CLOSE, EPOCH_CLOSED_FOREVER: where it has the right, the rule still holds."""
    frozen = f"UPDATE activity_curation SET included = false WHERE epoch_id = {past}"

    assert refusal(worker, frozen) == "CURATION_FREEZE_ON_CLOSE"
    assert refusal(worker, f"UPDATE epochs SET status = 'open' WHERE id = {past}") == "EPOCH_CLOSED_FOREVER"


@pytest.mark.parametrize("table", [*TABLES, "alembic_version"])
def test_a_reader_writes_nothing(reader: Session, table: str) -> None:
    """WRITES_VIA_TEMPORAL: a reader sees everything, and that is all."""
    assert reader.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() is not None
    for script in (
        f"INSERT INTO {table} SELECT * FROM {table}",
        f"DELETE FROM {table}",
        f"TRUNCATE {table}",
        f"SELECT * FROM {table} FOR UPDATE",
        f"SELECT * FROM {table} FOR SHARE",
        f"LOCK TABLE {table} IN SHARE MODE",
        "CREATE TABLE mine (id int)",
        "SELECT nextval('epochs_id_seq')",
    ):
        assert refusal(reader, script) == DENIED


@pytest.mark.parametrize(
    "script",
    [
        "SELECT lo_from_bytea(0, 'mine')",  # PostgreSQL lets everybody, and a plain owner can't take it back
        "CREATE TEMP TABLE epochs (id int); INSERT INTO epochs VALUES (1)",
    ],
)
def test_what_a_reader_makes_of_its_own_reaches_nothing(
    reader: Session, worker: Session, script: str
) -> None:
    """WRITES_VIA_TEMPORAL: what the database lets anybody make is seen by its maker alone, and by no rule."""
    before = contents(worker)
    worker.commit()

    assert refusal(reader, script) == "allowed"

    assert contents(worker) == before
    for there in worker.execute("SELECT oid FROM pg_largeobject_metadata").fetchall():
        assert refusal(worker, f"SELECT lo_get({there[0]})") == DENIED
    assert refusal(reader, "INSERT INTO public.epochs SELECT * FROM public.epochs") == DENIED


def test_a_snapshot_refuses_writes_even_of_a_worker(postgres_ledger: PostgresLedger) -> None:
    """WRITES_VIA_TEMPORAL: the database itself keeps a read from writing."""
    writes: tuple[Callable[[PostgresTransaction], object], ...] = (
        lambda view: view.activity.store([make_event()]),
        lambda view: view.epochs.open(make_window(), WEIGHTS, opened_at=RETRIEVED_AT),
        lambda view: view.identities.bind([make_binding()], CONTEXT, at=RETRIEVED_AT),
        lambda view: view.connection.execute(text("DELETE FROM user_bindings")),
    )
    for write in writes:
        with pytest.raises(DBAPIError, match="read-only transaction"), postgres_ledger.read() as view:
            write(view)

    with postgres_ledger.read() as view:
        assert view.epochs.find_open() is None
        assert view.activity.count_waiting() == 0


# --- secrets --------------------------------------------------------------------------------------


def test_a_login_works_with_the_password_it_was_given(
    admin_engine: Engine, owner_engine: Engine, fresh_database: TestDatabase
) -> None:
    """The server is given what it stores of a password, and that fits the password."""
    login = f"ledger_test_{uuid.uuid4().hex[:12]}"
    url = parse_database_url(fresh_database.owner_url).set(username=login, password=SECRET)
    try:
        grant_login(owner_engine, LedgerRole.READER, login, password=SECRET)
        with opened_session(url) as session:
            user = session.execute("SELECT current_user").fetchone()
        with pytest.raises(psycopg.OperationalError), opened_session(url.set(password="another")):
            pass
    finally:
        with run_alone(admin_engine) as connection:
            connection.execute(text(f'DROP ROLE IF EXISTS "{login}"'))

    assert user == (login,)


def test_a_password_is_in_no_statement_and_no_error(
    admin_engine: Engine, fresh_database: TestDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """Not where granting fails, not in the chain of causes, and not in what SQLAlchemy logs."""
    granter, login = (f"ledger_test_{uuid.uuid4().hex[:12]}" for _ in range(2))
    with run_alone(admin_engine) as connection:
        connection.execute(text(f"CREATE ROLE {granter} LOGIN CREATEROLE PASSWORD 'weak'"))
    url = parse_database_url(fresh_database.owner_url).set(username=granter, password="weak")
    engine = create_ledger_engine(url.render_as_string(hide_password=False), application_name="tests")
    try:
        # It may create the login and set its password, but not let it act as the reader.
        with (
            caplog.at_level(logging.INFO, logger="sqlalchemy.engine"),
            pytest.raises(RoleRightsMissing) as refused,
        ):
            grant_login(engine, LedgerRole.READER, login, password=SECRET)
    finally:
        engine.dispose()
        with run_alone(admin_engine) as connection:
            connection.execute(text(f"DROP ROLE {granter}"))

    assert f'ALTER ROLE "{login}" PASSWORD' in caplog.text
    assert "s3cr3t" not in caplog.text + "".join(traceback.format_exception(refused.value))


def test_a_password_is_in_no_text_of_an_engine_or_its_errors() -> None:
    address = "postgresql://ann:s3cr3t@127.0.0.1:1/ledger"
    engine = create_ledger_engine(address, application_name="tests")
    with pytest.raises(OperationalError) as unreachable, engine.connect():
        pass
    engine.dispose()

    told = "".join(traceback.format_exception(unreachable.value))
    assert "s3cr3t" not in repr(engine) + str(engine.url) + repr(engine.url) + told


@pytest.mark.parametrize(
    "address", ["mysql://ann:s3cr3t@db/ledger", "postgresql://ann:s3cr3t@db:port/ledger", "ann:s3cr3t@db", ""]
)
def test_a_password_is_in_no_refusal_of_an_address(address: str) -> None:
    with pytest.raises(DatabaseUrlInvalid) as refused:
        parse_database_url(address)

    shown = refused.value
    assert "s3cr3t" not in str(shown) + repr(shown) + repr(shown.__cause__)
    assert shown.__suppress_context__ or shown.__context__ is None
