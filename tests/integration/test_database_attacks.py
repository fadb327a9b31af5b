"""What is written once stays: plain SQL against append-only tables, by whoever owns them.

DDL is out of scope: who may drop a table, or its triggers, may do anything. So is a superuser's
session_replication_role; a plain owner may not set it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.ledger_history import Attacked, attacked_database

pytestmark = pytest.mark.xdist_group("database attacks")

# Each with its rule, a column to overwrite, and its key.
APPEND_ONLY = {
    "activity_events": ("ACTIVITY_APPEND_ONLY", "producer", "node_id, id"),
    "epoch_pool_components": ("POOL_IMMUTABLE", "evidence_ref", "id"),
    "payout_statements": ("EPOCH_CLOSED_FOREVER", "format", "id"),
    "statement_signatures": ("EPOCH_CLOSED_FOREVER", "signature", "id"),
    "identity_events": ("HISTORY_APPEND_ONLY", "actor", "id"),
    "ledger_actions": ("HISTORY_APPEND_ONLY", "actor", "id"),
}
REWRITES = {
    "update": "UPDATE {table} SET {column} = 'x'",
    "update to the same": "UPDATE {table} SET {column} = {column}",
    "update of the node": "UPDATE {table} SET node_id = %(neighbour)s",
    "delete": "DELETE FROM {table}",
    "delete in a query": "WITH gone AS (DELETE FROM {table} RETURNING *) SELECT count(*) FROM gone",
    "delete through a cursor": (
        "DECLARE seen CURSOR FOR SELECT * FROM {table} FOR UPDATE; FETCH seen;"
        " DELETE FROM {table} WHERE CURRENT OF seen"
    ),
    "truncate": "TRUNCATE {table} CASCADE",
    "truncate and restart": "TRUNCATE {table} RESTART IDENTITY CASCADE",
    "merge to update": (
        "MERGE INTO {table} USING (SELECT 1) AS one ON true WHEN MATCHED THEN UPDATE SET {column} = 'x'"
    ),
    "merge to delete": "MERGE INTO {table} USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
    "upsert": ("INSERT INTO {table} SELECT * FROM {table} ON CONFLICT ({key}) DO UPDATE SET {column} = 'x'"),
    "prepared": "PREPARE attack AS DELETE FROM {table}; EXECUTE attack",
}
CLOSED_NOTE = (
    "INSERT INTO public.activity_curation (node_id, epoch_id, event_id, created_at, updated_at)"
    " VALUES (%(node)s, %(closed)s, %(event_new)s, now(), now())"
)
CLOSE_UNFUNDED = (
    "UPDATE public.epochs SET status = 'closed', pool_total_credits = 0, closed_at = now()"
    " WHERE id = %(foreign_open)s"
)
CLOSE_FUNDED = (
    "UPDATE public.epochs SET status = 'closed', pool_total_credits = 500, closed_at = now()"
    " WHERE id = %(open)s"
)
# What each trigger reads, and a script that would get through if it read the attacker's table instead.
SHADOWED = {
    "curation": ("epochs", "", CLOSED_NOTE, "CURATION_FREEZE_ON_CLOSE"),
    "base": (
        "epoch_pool_components",
        """
        INSERT INTO {shadow} (id, node_id, epoch_id, component_id, algorithm_version, inputs_json,
            amount_credits, computed_at)
        SELECT id, node_id, %(foreign_open)s, 'base_issuance', '1', '{{}}', 0, now()
        FROM public.epoch_pool_components LIMIT 1;
        """,
        CLOSE_UNFUNDED,
        "POOL_REQUIRES_BASE",
    ),
    "statement": (
        "payout_statements",
        """
        INSERT INTO {shadow} SELECT * FROM public.payout_statements;
        UPDATE {shadow} SET epoch_id = %(open)s, supersedes_statement_id = NULL;
        """,
        CLOSE_FUNDED,
        "STATEMENT_OF_CLOSED_EPOCH",
    ),
}


@pytest.fixture(scope="module", params=["superuser", "plain owner"])
def attacked(
    request: pytest.FixtureRequest, postgres_url: str, admin_engine: Engine, template_database: str
) -> Iterator[Attacked]:
    with attacked_database(postgres_url, admin_engine, template_database, attacker=request.param) as database:
        yield database


@pytest.mark.parametrize("how", REWRITES)
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_what_is_written_once_stays(attacked: Attacked, table: str, how: str) -> None:
    """ACTIVITY_APPEND_ONLY, POOL_IMMUTABLE, EPOCH_CLOSED_FOREVER, HISTORY_APPEND_ONLY: each way to rewrite."""
    rule, column, key = APPEND_ONLY[table]
    script = REWRITES[how].format(table=table, column=column, key=key)

    assert attacked.refusal(script) == rule


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_whoever_swallows_the_refusal_has_still_changed_nothing(attacked: Attacked, table: str) -> None:
    """ACTIVITY_APPEND_ONLY, POOL_IMMUTABLE, EPOCH_CLOSED_FOREVER, HISTORY_APPEND_ONLY: no error, no change."""
    script = f"DO $$ BEGIN DELETE FROM {table}; EXCEPTION WHEN OTHERS THEN NULL; END $$"

    assert attacked.changed_by(script) == ()


@pytest.mark.parametrize(
    "script",
    ["UPDATE payload_seed SET seed = seed", "DELETE FROM payload_seed", "TRUNCATE payload_seed"],
)
def test_the_seed_of_payload_keys_stays(attacked: Attacked, script: str) -> None:
    """PAYLOADS_HIDDEN: without it, no run that is under way could be read any more, nor any history."""
    assert attacked.refusal(script) == "PAYLOADS_HIDDEN"


@pytest.mark.parametrize(
    ("tables", "rule"),
    [
        ("activity_events", "ACTIVITY_APPEND_ONLY"),
        ("epochs", "EPOCH_CLOSED_FOREVER"),
        ("payout_statements", "EPOCH_CLOSED_FOREVER"),
        ("users", "CURATION_FREEZE_ON_CLOSE"),
        ("activity_curation", "CURATION_FREEZE_ON_CLOSE"),
        ("epoch_allocations", "CURATION_FREEZE_ON_CLOSE"),
        ("user_bindings, users, epoch_allocations", "CURATION_FREEZE_ON_CLOSE"),
    ],
)
@pytest.mark.parametrize("option", ["CASCADE", "RESTART IDENTITY CASCADE"])
def test_truncating_what_others_refer_to_reaches_nothing(
    attacked: Attacked, tables: str, rule: str, option: str
) -> None:
    """ACTIVITY_APPEND_ONLY, EPOCH_CLOSED_FOREVER, CURATION_FREEZE_ON_CLOSE: nor does a cascade get through."""
    assert attacked.refusal(f"TRUNCATE {tables} {option}") == rule


def test_events_and_all_that_refers_to_them_are_not_truncated_together(attacked: Attacked) -> None:
    """ACTIVITY_APPEND_ONLY: named first or last, the table keeps its rows."""
    assert attacked.refusal("TRUNCATE activity_events, activity_curation") == "ACTIVITY_APPEND_ONLY"
    assert attacked.refusal("TRUNCATE activity_curation, activity_events") == "CURATION_FREEZE_ON_CLOSE"


@pytest.mark.parametrize("path", ["pg_temp, public", "elsewhere, public", "pg_temp, elsewhere, pg_catalog"])
@pytest.mark.parametrize("shadowed", SHADOWED)
def test_a_table_of_the_same_name_does_not_stand_in_for_the_real_one(
    attacked: Attacked, shadowed: str, path: str
) -> None:
    """CURATION_FREEZE_ON_CLOSE, POOL_REQUIRES_BASE, STATEMENT_OF_CLOSED_EPOCH: triggers pin their search_path."""
    table, filling, attack, rule = SHADOWED[shadowed]
    shadow = f"{'pg_temp' if path.startswith('pg_temp') else 'elsewhere'}.{table}"
    script = (
        "CREATE SCHEMA elsewhere;"
        f" CREATE TABLE {shadow} (LIKE public.{table});"
        f" {filling.format(shadow=shadow)}"
        f" SET LOCAL search_path = {path}; {attack}"
    )

    assert attacked.refusal(script) == rule


@pytest.mark.parametrize(
    "setting",
    [
        "transform_null_equals = on",
        "datestyle = 'German'",
        "timezone = 'Pacific/Kiritimati'",
        "extra_float_digits = -15",
        "search_path = ''",
        "constraint_exclusion = on",
    ],
)
def test_no_setting_of_a_session_lets_a_write_through(attacked: Attacked, setting: str) -> None:
    """CURATION_FREEZE_ON_CLOSE, ACTIVITY_APPEND_ONLY: whatever a session may set for itself."""
    set_it = f"SET LOCAL {setting};"

    assert attacked.refusal(set_it + CLOSED_NOTE) == "CURATION_FREEZE_ON_CLOSE"
    assert attacked.refusal(set_it + "DELETE FROM public.activity_events") == "ACTIVITY_APPEND_ONLY"


@pytest.mark.parametrize("setting", ["session_replication_role = replica", "ROLE postgres"])
@pytest.mark.parametrize("attacked", ["plain owner"], indirect=True)
def test_a_plain_owner_does_not_get_past_the_triggers(attacked: Attacked, setting: str) -> None:
    """EPOCH_CLOSED_FOREVER: what would silence the triggers is a superuser's alone."""
    assert attacked.refusal(f"SET {setting}; DELETE FROM payout_statements") == "InsufficientPrivilege"
