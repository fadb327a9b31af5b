"""Only what is stored is curated, and what is curated stays: plain SQL against the triggers that stand for a foreign key."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine

from db_client.database_url import parse_database_url
from tests.conftest import TestDatabase
from tests.ledger_history import Attacked, attacked_database, live, name_of_rule, opened_session

pytestmark = pytest.mark.xdist_group("database scopes")

COLUMNS = "node_id, epoch_id, event_id, created_at, updated_at"
INTO = f"INSERT INTO activity_curation ({COLUMNS})"
NEW = "(%(node)s, %(open)s, %(event_new)s, now(), now())"
ABSENT = "(%(node)s, %(open)s, 'nothing', now(), now())"
FOREIGN = "(%(node)s, %(open)s, %(event_foreign)s, now(), now())"
OPEN_ROW = "WHERE epoch_id = %(open)s AND event_id = %(event_open)s"
KEEPERS_OFF = (
    "ALTER TABLE activity_events DISABLE TRIGGER activity_append_only;"
    " ALTER TABLE activity_events DISABLE TRIGGER activity_append_only_truncate;"
)
BY_INSERTING = {
    "one row": f"{INTO} VALUES {ABSENT}",
    "the last of many": f"{INTO} VALUES {NEW}, {ABSENT}",
    "the first of many": f"{INTO} VALUES {ABSENT}, {NEW}",
    "another node's event": f"{INTO} VALUES {NEW}, {FOREIGN}",
    "from a query": (
        f"{INTO} SELECT node_id, %(open)s, id || suffix, now(), now() FROM activity_events,"
        " (VALUES (''), ('x')) AS suffixes (suffix) WHERE id = %(event_new)s"
    ),
    "a thousand, of which one": (
        f"{INTO} SELECT %(node)s, %(open)s, CASE n WHEN 1000 THEN %(event_new)s ELSE 'git:commit:r:' || n END,"
        " now(), now() FROM generate_series(1000, 2000) AS n"
    ),
    "in a query's part": f"WITH added AS ({INTO} VALUES {ABSENT} RETURNING *) SELECT count(*) FROM added",
    "by merging": (
        f"MERGE INTO activity_curation USING (SELECT 1) AS one ON false"
        f" WHEN NOT MATCHED THEN INSERT ({COLUMNS}) VALUES {ABSENT}"
    ),
    "prepared": f"PREPARE attack AS {INTO} VALUES {ABSENT}; EXECUTE attack",
    "prepared for good": (
        "SET LOCAL plan_cache_mode = force_generic_plan;"
        f" {INTO} VALUES {NEW}; DELETE FROM activity_curation WHERE event_id = %(event_new)s; {INTO} VALUES {ABSENT}"
    ),
    "of a case of its own": (f"{INTO} VALUES (%(node)s, %(open)s, upper(%(event_new)s), now(), now())"),
    "in a savepoint": f"SAVEPOINT one; {INTO} VALUES {NEW}; SAVEPOINT two; {INTO} VALUES {ABSENT}",
    "of an event that was taken back": (
        "SAVEPOINT before; INSERT INTO activity_events SELECT node_id, 'brief', source, event_type, platform_user_id,"
        " platform_login, artifact_url, metadata, payload_hash, producer, producer_version, event_time, retrieved_at"
        " FROM activity_events WHERE node_id = %(node)s AND id = %(event_new)s; ROLLBACK TO before;"
        f" {INTO} VALUES (%(node)s, %(open)s, 'brief', now(), now())"
    ),
    "with joins forbidden": (
        "SET LOCAL enable_nestloop = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;"
        f" SET LOCAL enable_seqscan = off; {INTO} VALUES {ABSENT}"
    ),
    "by a table of the same name": (
        "CREATE TEMP TABLE activity_events (LIKE public.activity_events);"
        " INSERT INTO pg_temp.activity_events SELECT * FROM public.activity_events;"
        " UPDATE pg_temp.activity_events SET id = 'nothing' WHERE id = %(event_new)s;"
        f" SET LOCAL search_path = pg_temp, public; {INTO} VALUES {ABSENT}"
    ),
    "by a table of the trigger's name": (
        f"CREATE TEMP TABLE new_rows (LIKE public.activity_curation); {INTO} VALUES {ABSENT}"
    ),
}
BY_UPDATING = {
    "its event": f"UPDATE activity_curation SET event_id = 'nothing' {OPEN_ROW}",
    "to another node's event": f"UPDATE activity_curation SET event_id = %(event_foreign)s {OPEN_ROW}",
    "its node and epoch": (
        f"UPDATE activity_curation SET node_id = %(neighbour)s, epoch_id = %(foreign_open)s {OPEN_ROW}"
    ),
    "among columns that stay": (
        f"UPDATE activity_curation SET note = 'x', included = included, event_id = event_id || 'x' {OPEN_ROW}"
    ),
    "by merging": (
        "MERGE INTO activity_curation AS curated USING (SELECT 1) AS one"
        " ON epoch_id = %(open)s AND event_id = %(event_open)s WHEN MATCHED THEN UPDATE SET event_id = 'nothing'"
    ),
    "by a conflict": (
        f"{INTO} VALUES (%(node)s, %(open)s, %(event_open)s, now(), now())"
        " ON CONFLICT (epoch_id, event_id) DO UPDATE SET event_id = 'nothing'"
    ),
    "through a cursor": (
        f"DECLARE seen CURSOR FOR SELECT * FROM activity_curation {OPEN_ROW} FOR UPDATE; FETCH seen;"
        " UPDATE activity_curation SET event_id = 'nothing' WHERE CURRENT OF seen"
    ),
}
OF_EVENTS = {
    "deleted": "DELETE FROM activity_events WHERE id = %(event_open)s",
    "deleted among others": "DELETE FROM activity_events",
    "renamed": "UPDATE activity_events SET id = id || 'x' WHERE id = %(event_open)s",
    "of another node": "UPDATE activity_events SET node_id = %(neighbour)s WHERE id = %(event_open)s",
    "swapped": (
        "UPDATE activity_events SET id = 'free' WHERE id = %(event_new)s;"
        " UPDATE activity_events SET id = %(event_new)s WHERE id = %(event_open)s"
    ),
    "truncated": "TRUNCATE activity_events",
    "truncated with what refers to it": "TRUNCATE activity_events CASCADE",
}


NO_ROWS = f"{INTO} SELECT node_id, %(open)s, id, now(), now() FROM activity_events WHERE false"
MANY_EVENTS = (
    "INSERT INTO activity_events (node_id, id, source, event_type, metadata, payload_hash, producer, producer_version,"
    " event_time, retrieved_at) SELECT %(node)s, 'many:' || n, 'git', 'commit', '{}', repeat('0', 64), 'git-adapter',"
    " '1', now(), now() FROM generate_series(1, 2000) AS n"
)


@pytest.fixture(scope="module", params=["superuser", "plain owner"])
def attacked(
    request: pytest.FixtureRequest, postgres_url: str, admin_engine: Engine, template_database: str
) -> Iterator[Attacked]:
    with attacked_database(postgres_url, admin_engine, template_database, attacker=request.param) as database:
        yield database


@pytest.mark.parametrize("how", BY_INSERTING)
def test_what_is_not_stored_is_not_curated(attacked: Attacked, how: str) -> None:
    """NODE_SCOPED: each way to insert, whatever stands beside it in the statement."""
    assert attacked.refusal(BY_INSERTING[how]) == "NODE_SCOPED"


def test_what_is_not_stored_is_not_copied_into_curation(attacked: Attacked) -> None:
    """NODE_SCOPED."""
    rows = [("node", "open", event, "now", "now") for event in ("event_new", "nothing")]

    assert attacked.refusal_of_copy(f"activity_curation ({COLUMNS})", *rows) == "NODE_SCOPED"


@pytest.mark.parametrize("how", BY_UPDATING)
def test_a_curated_row_keeps_to_what_is_stored(attacked: Attacked, how: str) -> None:
    """NODE_SCOPED: each way to update."""
    assert attacked.refusal(BY_UPDATING[how]) == "NODE_SCOPED"


@pytest.mark.parametrize("how", OF_EVENTS)
def test_a_curated_event_stays_for_whoever_takes_away_what_keeps_events(attacked: Attacked, how: str) -> None:
    """NODE_SCOPED, where ACTIVITY_APPEND_ONLY is disabled: the row that refers to it does not come to refer to nothing."""
    assert attacked.refusal(KEEPERS_OFF + OF_EVENTS[how]) == "NODE_SCOPED"


@pytest.mark.parametrize(
    "script",
    [
        f"{INTO} VALUES {NEW}",
        f"UPDATE activity_curation SET event_id = %(event_new)s {OPEN_ROW}",
        f"UPDATE activity_curation SET event_id = event_id, node_id = node_id, note = 'x' {OPEN_ROW}",
        f"{KEEPERS_OFF} DELETE FROM activity_events WHERE id = %(event_new)s",
        f"{KEEPERS_OFF} UPDATE activity_events SET id = 'free' WHERE id = %(event_new)s",
        (
            "WITH stored AS (INSERT INTO activity_events SELECT node_id, 'both', source, event_type, platform_user_id,"
            " platform_login, artifact_url, metadata, payload_hash, producer, producer_version, event_time, retrieved_at"
            " FROM activity_events WHERE node_id = %(node)s AND id = %(event_new)s RETURNING node_id, id)"
            f" {INTO} SELECT node_id, %(open)s, id, now(), now() FROM stored"
        ),
    ],
)
def test_what_is_sound_is_taken(attacked: Attacked, script: str) -> None:
    """The attacks here fail for what is wrong with them; an event and its curation may come in one statement."""
    assert attacked.rows_allowed(script) == 1


@pytest.mark.parametrize(
    "isolation", [psycopg.IsolationLevel.READ_COMMITTED, psycopg.IsolationLevel.SERIALIZABLE]
)
def test_an_event_that_another_has_not_committed_is_not_curated(
    fresh_database: TestDatabase, owner_engine: Engine, isolation: psycopg.IsolationLevel
) -> None:
    """NODE_SCOPED: two connections; whether the event comes to be or not, nothing refers to it before."""
    names = live(owner_engine)
    url = parse_database_url(fresh_database.worker_url)
    with opened_session(url) as writer, opened_session(url) as curator:
        curator.isolation_level = isolation
        writer.execute(
            b'INSERT INTO activity_events SELECT (jsonb_populate_record(known, \'{"id": "soon"}\')).*'
            b" FROM activity_events AS known WHERE node_id = %(node)s AND id = %(event_new)s",
            names,
        )
        with pytest.raises(psycopg.Error) as refused:
            curator.execute(f"{INTO} VALUES (%(node)s, %(open)s, 'soon', now(), now())".encode(), names)
        assert name_of_rule(refused.value) == "NODE_SCOPED"
        curator.rollback()
        writer.commit()
        curator.execute(f"{INTO} VALUES (%(node)s, %(open)s, 'soon', now(), now())".encode(), names)
        curator.commit()


def test_a_session_that_curated_before_there_were_events_looks_each_up_by_its_key(
    fresh_database: TestDatabase, owner_engine: Engine
) -> None:
    """What a plan was made of an empty table costs nobody later: as many rows are read as are written, not as are stored."""
    names = live(owner_engine)
    with opened_session(parse_database_url(fresh_database.worker_url)) as curator:
        for script in (NO_ROWS, MANY_EVENTS):
            curator.execute(script.encode(), names)
            curator.commit()
        read = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'activity_events'"
        curator.execute(
            f"{INTO} SELECT %(node)s, %(open)s, 'many:' || n, now(), now() FROM generate_series(1, 100) AS n".encode(),
            names,
        )
        row = curator.execute(read.encode()).fetchone()

    assert row is not None
    assert 0 < row[0] <= 200
