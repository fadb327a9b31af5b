"""Every row means something: plain SQL against provenance, nodes, users, amounts, and what is paid once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.ledger_history import Attacked, attacked_database, component

pytestmark = pytest.mark.xdist_group("database scopes")

EVENT = {
    "node_id": "%(node)s",
    "id": "'git:commit:r:1'",
    "source": "'git'",
    "event_type": "'commit'",
    "metadata": "'{}'",
    "payload_hash": "repeat('0', 64)",
    "producer": "'git-adapter'",
    "producer_version": "'1'",
    "event_time": "now()",
    "retrieved_at": "now()",
}
CURATION = {
    "node_id": "%(node)s",
    "epoch_id": "%(open)s",
    "event_id": "%(event_new)s",
    "user_id": "NULL",
    "included": "true",
    "weight_override_milli": "NULL",
    "late_from_epoch_id": "NULL",
    "created_at": "now()",
    "updated_at": "now()",
}
ALLOCATION = {
    "node_id": "%(node)s",
    "epoch_id": "%(open)s",
    "user_id": "'bob'",
    "proposed_units": "1",
    "final_units": "NULL",
    "override_reason": "NULL",
    "activity_count": "1",
}
BINDING = {
    "node_id": "%(node)s",
    "provider": "'github'",
    "external_id": "'7007'",
    "user_id": "'ann'",
    "created_at": "now()",
}
TOO_LARGE = "9223372036854775808"


def insert(table: str, row: dict[str, str], **changes: str) -> str:
    values = row | changes
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())})"


def event(**changes: str) -> str:
    return insert("activity_events", EVENT, **changes)


def curation(**changes: str) -> str:
    return insert("activity_curation", CURATION, **changes)


def allocation(**changes: str) -> str:
    return insert("epoch_allocations", ALLOCATION, **changes)


def binding(**changes: str) -> str:
    return insert("user_bindings", BINDING, **changes)


@pytest.fixture(scope="module", params=["superuser", "plain owner"])
def attacked(
    request: pytest.FixtureRequest, postgres_url: str, admin_engine: Engine, template_database: str
) -> Iterator[Attacked]:
    with attacked_database(postgres_url, admin_engine, template_database, attacker=request.param) as database:
        yield database


@pytest.mark.parametrize("script", [event(), curation(), allocation(), binding(), component("1")])
def test_a_sound_row_is_taken(attacked: Attacked, script: str) -> None:
    """The attacks here fail for what is wrong with them: without it, they would succeed."""
    assert attacked.rows_allowed(script) == 1


@pytest.mark.parametrize("column", [name for name in EVENT if name != "metadata"])
def test_an_event_says_where_it_comes_from(attacked: Attacked, column: str) -> None:
    """PROVENANCE_REQUIRED, NODE_SCOPED: no event lacks a column that tells what it is, when, and from whom."""
    assert attacked.refusal(event(**{column: "NULL"})) == f"NOT NULL {column}"


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("payload_hash", "''", "ck_activity_events_provenance_required"),
        ("payload_hash", "repeat('0', 63)", "ck_activity_events_provenance_required"),
        ("payload_hash", "repeat('0', 65)", "ck_activity_events_provenance_required"),
        ("payload_hash", "repeat('A', 64)", "ck_activity_events_provenance_required"),
        ("payload_hash", "repeat('g', 64)", "ck_activity_events_provenance_required"),
        ("payload_hash", "repeat('0', 64) || chr(10)", "ck_activity_events_provenance_required"),
        ("payload_hash", "chr(10) || repeat('0', 64)", "ck_activity_events_provenance_required"),
        ("producer", "''", "ck_activity_events_provenance_producer"),
        ("producer_version", "''", "ck_activity_events_provenance_producer"),
        ("id", "''", "ck_activity_events_id_length"),
        ("id", "repeat('x', 256)", "ck_activity_events_id_length"),
        ("id", "%(event_paid)s", "pk_activity_events"),
        ("metadata", "'{'", "InvalidTextRepresentation"),
        ("retrieved_at", "'yesterday week'", "InvalidDatetimeFormat"),
    ],
)
def test_an_event_that_proves_nothing_is_refused(
    attacked: Attacked, column: str, value: str, rule: str
) -> None:
    """PROVENANCE_REQUIRED, ACTIVITY_IDEMPOTENT: its hash is one, its producer is named, its id is its own."""
    assert attacked.refusal(event(**{column: value})) == rule


def test_the_same_event_again_changes_nothing(attacked: Attacked) -> None:
    """ACTIVITY_IDEMPOTENT: what was seen first is kept."""
    again = event(id="%(event_paid)s") + " ON CONFLICT DO NOTHING"

    assert attacked.changed_by(again) == ()


@pytest.mark.parametrize(
    ("script", "rule"),
    [
        (curation(event_id="'nothing'"), "NODE_SCOPED"),
        (curation(event_id="%(event_foreign)s"), "NODE_SCOPED"),
        (curation(epoch_id="%(foreign_open)s"), "fk_activity_curation_epochs"),
        (
            curation(node_id="%(neighbour)s", epoch_id="%(foreign_open)s"),
            "NODE_SCOPED",
        ),
        (curation(node_id="%(neighbour)s", event_id="%(event_foreign)s"), "fk_activity_curation_epochs"),
        (curation(epoch_id="-1"), "fk_activity_curation_epochs"),
        (curation(late_from_epoch_id="%(foreign_closed)s"), "fk_activity_curation_late_from"),
        (curation(late_from_epoch_id="%(open)s"), "ck_activity_curation_late_from_another"),
        (curation(node_id="NULL"), "NOT NULL node_id"),
        (
            "UPDATE activity_curation SET node_id = %(neighbour)s WHERE epoch_id = %(open)s",
            "fk_activity_curation_epochs",
        ),
        (
            "UPDATE activity_curation SET epoch_id = %(foreign_open)s WHERE epoch_id = %(open)s",
            "fk_activity_curation_epochs",
        ),
        (allocation(epoch_id="%(foreign_open)s"), "fk_epoch_allocations_epochs"),
        (allocation(user_id="'zoe'"), "fk_epoch_allocations_users"),
        (allocation(user_id="'nobody'"), "fk_epoch_allocations_users"),
        (component("1", epoch="%(foreign_open)s"), "fk_epoch_pool_components_epochs"),
        (component("1", node="%(neighbour)s"), "fk_epoch_pool_components_epochs"),
        (component("1", epoch="-1"), "fk_epoch_pool_components_epochs"),
        (binding(user_id="'zoe'"), "fk_user_bindings_users"),
        ("DELETE FROM epochs WHERE id = %(open)s", "fk_activity_curation_epochs"),
    ],
)
def test_a_row_belongs_to_one_node_with_all_that_it_names(attacked: Attacked, script: str, rule: str) -> None:
    """NODE_SCOPED: no row of a node names an event, epoch or user that isn't, or is another's."""
    assert attacked.refusal(script) == rule


PAID = {"event_id": "%(event_paid)s", "user_id": "'ann'"}


@pytest.mark.parametrize(
    "script",
    [
        curation(**PAID),
        curation(**PAID | {"user_id": "'bob'"}),
        curation(**PAID | {"weight_override_milli": "0"}),
        curation(**PAID | {"late_from_epoch_id": "%(closed)s"}),
        curation(**PAID | {"user_id": "NULL"})
        + "; UPDATE activity_curation SET user_id = 'ann' WHERE epoch_id = %(open)s",
        curation(**PAID | {"included": "false"})
        + "; UPDATE activity_curation SET included = true WHERE epoch_id = %(open)s",
        curation(**PAID | {"included": "false"})
        + "; MERGE INTO activity_curation USING (SELECT 1) AS one ON epoch_id = %(open)s"
        " WHEN MATCHED THEN UPDATE SET included = true",
        curation(**PAID | {"included": "false"})
        + "; "
        + curation(**PAID)
        + " ON CONFLICT (epoch_id, event_id) DO UPDATE SET included = excluded.included",
        "UPDATE activity_curation SET event_id = %(event_paid)s WHERE event_id = %(event_open)s",
    ],
)
def test_an_event_is_paid_in_one_epoch(attacked: Attacked, script: str) -> None:
    """EVENT_PAID_ONCE: not a second time, to anybody, by any way to get there."""
    assert attacked.refusal(script) == "event_paid_once"


@pytest.mark.parametrize(
    "changes", [{"user_id": "NULL"}, {"included": "false"}, {"event_id": "%(event_unresolved)s"}]
)
def test_an_event_may_enter_another_epoch_where_it_earns_nothing_twice(
    attacked: Attacked, changes: dict[str, str]
) -> None:
    """EVENT_PAID_ONCE: unresolved or excluded rows, and what closed unresolved, stand in nobody's way."""
    assert attacked.rows_allowed(curation(**PAID | changes)) == 1


def test_an_epoch_holds_an_event_once(attacked: Attacked) -> None:
    """EVENT_PAID_ONCE: not even where it counts for nobody."""
    again = curation(event_id="%(event_waiting)s")

    assert attacked.refusal(again) == "pk_activity_curation"


@pytest.mark.parametrize(
    ("script", "rule"),
    [
        (binding(external_id="'1001'"), "pk_user_bindings"),
        (binding(external_id="'1001'", user_id="'bob'"), "pk_user_bindings"),
        (binding(user_id="'nobody'"), "fk_user_bindings_users"),
        ("UPDATE user_bindings SET external_id = '2002' WHERE external_id = '1001'", "pk_user_bindings"),
        ("DELETE FROM users WHERE user_id = 'ann'", "fk_epoch_allocations_users"),
        ("DELETE FROM users WHERE user_id = 'zoe'", "fk_epoch_allocations_users"),
        ("UPDATE users SET user_id = 'eve' WHERE user_id = 'ann'", "fk_epoch_allocations_users"),
        ("UPDATE users SET node_id = %(quiet)s WHERE user_id = 'bob'", "fk_epoch_allocations_users"),
        (
            "INSERT INTO users VALUES (%(node)s, 'dan'); " + binding(user_id="'dan'") + "; DELETE FROM users"
            " WHERE user_id = 'dan'",
            "fk_user_bindings_users",
        ),
        ("INSERT INTO users VALUES (%(node)s, 'ann')", "pk_users"),
        ("INSERT INTO users VALUES (%(node)s, '')", "ck_users_user_id_length"),
        ("INSERT INTO users VALUES (%(node)s, repeat('u', 256))", "ck_users_user_id_length"),
        (
            (
                "INSERT INTO identity_events (node_id, provider, external_id, user_id, change, actor, at)"
                " VALUES (%(node)s, 'github', '1', 'ann', 'merged', 'admin', now())"
            ),
            "ck_identity_events_change",
        ),
    ],
)
def test_nobody_is_merged_or_forgotten(attacked: Attacked, script: str, rule: str) -> None:
    """IDENTITY_BEST_EFFORT: an identity has one user, and a user who is named anywhere stays."""
    assert attacked.refusal(script) == rule


@pytest.mark.parametrize(
    ("script", "rule"),
    [
        (curation(weight_override_milli="-1"), "ck_activity_curation_weight_override"),
        (curation(weight_override_milli=TOO_LARGE), "NumericValueOutOfRange"),
        (curation(user_id="''"), "ck_activity_curation_user_id_length"),
        (allocation(proposed_units="-1"), "ck_epoch_allocations_proposed_units"),
        (allocation(proposed_units=TOO_LARGE), "NumericValueOutOfRange"),
        (allocation(final_units="-1", override_reason="'x'"), "ck_epoch_allocations_final_units"),
        (allocation(final_units=TOO_LARGE, override_reason="'x'"), "NumericValueOutOfRange"),
        (allocation(activity_count="-1"), "ck_epoch_allocations_activity_count"),
        (allocation(user_id="'ann'"), "pk_epoch_allocations"),
        (component("-1"), "ck_epoch_pool_components_amount"),
        (component(TOO_LARGE), "NumericValueOutOfRange"),
        (component("NULL"), "NOT NULL amount_credits"),
        (component("1", component=""), "ck_epoch_pool_components_component_id_length"),
    ],
)
def test_an_amount_is_a_whole_number_from_0_to_the_largest_bigint(
    attacked: Attacked, script: str, rule: str
) -> None:
    """ALL_MATH_BIGINT: what is negative, or too large, is refused and not bent."""
    assert attacked.refusal(script) == rule


@pytest.mark.parametrize(
    "changes",
    [
        {"final_units": "5"},
        {"final_units": "0"},
        {"final_units": "5", "override_reason": "''"},
        {"override_reason": "'because'"},
    ],
)
def test_an_admin_who_sets_units_says_why(attacked: Attacked, changes: dict[str, str]) -> None:
    """HISTORY_APPEND_ONLY: a decision has its reason beside it, and a reason its decision."""
    assert attacked.refusal(allocation(**changes)) == "ck_epoch_allocations_override_has_reason"


@pytest.mark.parametrize("amount", ["500", "0", "501"])
def test_an_epoch_has_one_base_issuance(attacked: Attacked, amount: str) -> None:
    """POOL_UNIQUE_PER_TYPE: each component once, be it the same or another."""
    second = component(amount, component="base_issuance")

    assert attacked.refusal(second) == "pool_unique_per_type"
