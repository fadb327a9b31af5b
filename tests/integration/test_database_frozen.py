"""What a closed epoch holds is frozen: plain SQL against its curation, allocations and pool.

Each attack has its twin on the open epoch, which the database lets through: so it is the freeze that refuses.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.ledger_history import Attacked, attacked_database

pytestmark = pytest.mark.xdist_group("database frozen")

FREEZE = "CURATION_FREEZE_ON_CLOSE"
CURATION = "activity_curation (node_id, epoch_id, event_id, created_at, updated_at)"
ALLOCATION = "epoch_allocations (node_id, epoch_id, user_id, proposed_units, activity_count)"
COMPONENT = (
    "epoch_pool_components"
    " (node_id, epoch_id, component_id, algorithm_version, inputs_json, amount_credits, computed_at)"
)
NEW_COMPONENT = "(%(node)s, {epoch}, 'kpi_bonus_v0', '1', '{{}}', 0, now())"

# {epoch} is the epoch under attack; every script writes to it and is fine while it is open.
CURATION_WRITES = {
    "insert": f"INSERT INTO {CURATION} VALUES (%(node)s, {{epoch}}, %(event_new)s, now(), now())",
    "insert from a query": (
        f"INSERT INTO {CURATION} SELECT node_id, {{epoch}}, id, now(), now() FROM activity_events"
        " WHERE id = %(event_new)s"
    ),
    "insert after a deletion": (
        "WITH gone AS (DELETE FROM activity_curation WHERE event_id = %(event_waiting)s RETURNING *)"
        f" INSERT INTO {CURATION} SELECT node_id, {{epoch}}, event_id, now(), now() FROM gone"
    ),
    "update": "UPDATE activity_curation SET note = 'x' WHERE epoch_id = {epoch}",
    "update to the same": "UPDATE activity_curation SET note = note WHERE epoch_id = {epoch}",
    "update of the weight": "UPDATE activity_curation SET weight_override_milli = 1 WHERE epoch_id = {epoch}",
    "update of the user": (
        "UPDATE activity_curation SET user_id = 'bob' WHERE epoch_id = {epoch} AND user_id IS NULL"
    ),
    "update of inclusion": "UPDATE activity_curation SET included = false WHERE epoch_id = {epoch}",
    "update of all": "UPDATE activity_curation SET updated_at = now() WHERE epoch_id IN ({epoch}, %(open)s)",
    "update through a join": (
        "UPDATE activity_curation AS curated SET note = 'x' FROM epochs"
        " WHERE epochs.id = curated.epoch_id AND epochs.id = {epoch}"
    ),
    "delete": "DELETE FROM activity_curation WHERE epoch_id = {epoch}",
    "delete in a query": (
        "WITH gone AS (DELETE FROM activity_curation WHERE epoch_id = {epoch} RETURNING 1) SELECT 1 FROM gone"
    ),
    "upsert": (
        f"INSERT INTO {CURATION} SELECT node_id, epoch_id, event_id, created_at, updated_at"
        " FROM activity_curation WHERE epoch_id = {epoch}"
        " ON CONFLICT (epoch_id, event_id) DO UPDATE SET included = false"
    ),
    "merge to insert": (
        "MERGE INTO activity_curation USING (SELECT %(event_new)s AS event_id) AS new"
        " ON activity_curation.event_id = new.event_id WHEN NOT MATCHED THEN"
        " INSERT (node_id, epoch_id, event_id, created_at, updated_at)"
        " VALUES (%(node)s, {epoch}, new.event_id, now(), now())"
    ),
    "merge to update": (
        "MERGE INTO activity_curation AS mine USING (SELECT 1) AS one ON mine.epoch_id = {epoch}"
        " WHEN MATCHED THEN UPDATE SET included = false"
    ),
    "merge to delete": (
        "MERGE INTO activity_curation AS mine USING (SELECT 1) AS one ON mine.epoch_id = {epoch}"
        " WHEN MATCHED THEN DELETE"
    ),
}
ALLOCATION_WRITES = {
    "insert": f"INSERT INTO {ALLOCATION} VALUES (%(node)s, {{epoch}}, 'eve', 1, 1)",
    "update": "UPDATE epoch_allocations SET proposed_units = 1 WHERE epoch_id = {epoch}",
    "update to the same": "UPDATE epoch_allocations SET user_id = user_id WHERE epoch_id = {epoch}",
    "final units": (
        "UPDATE epoch_allocations SET final_units = 9, override_reason = 'x' WHERE epoch_id = {epoch}"
    ),
    "delete": "DELETE FROM epoch_allocations WHERE epoch_id = {epoch}",
    "upsert": (
        f"INSERT INTO {ALLOCATION} VALUES (%(node)s, {{epoch}}, 'ann', 1, 1), (%(node)s, {{epoch}}, 'eve', 1, 1)"
        " ON CONFLICT (epoch_id, user_id) DO UPDATE SET proposed_units = 1"
    ),
    "merge": (
        "MERGE INTO epoch_allocations AS mine USING (SELECT 1) AS one ON mine.epoch_id = {epoch}"
        " WHEN MATCHED THEN UPDATE SET proposed_units = 1"
    ),
}
POOL_WRITES = {
    "insert": f"INSERT INTO {COMPONENT} VALUES {NEW_COMPONENT}",
    "insert beside another": (
        f"INSERT INTO {COMPONENT} VALUES (%(neighbour)s, %(foreign_open)s, 'top_up', '1', '{{{{}}}}', 1, now()),"
        f" {NEW_COMPONENT}"
    ),
    "upsert": (
        f"INSERT INTO {COMPONENT} VALUES {NEW_COMPONENT} ON CONFLICT (epoch_id, component_id) DO NOTHING"
    ),
    "merge": (
        "MERGE INTO epoch_pool_components USING (SELECT 1) AS one ON false WHEN NOT MATCHED THEN"
        " INSERT (node_id, epoch_id, component_id, algorithm_version, inputs_json, amount_credits, computed_at)"
        f" VALUES {NEW_COMPONENT}"
    ),
}
WINDOW_OF = (
    "INSERT INTO stream_readings (node_id, period_start, period_end, source, source_ref, stream, retrieved_at,"
    " certificate) SELECT node_id, period_start, period_end, 'github', 'acme/widgets', 'pulls', period_end,"
    " '{{\"counts\": []}}' FROM epochs WHERE id"
)
WAIVER = "gap_waivers (node_id, epoch_id, source, source_ref, stream, gap, reason, waived_by, waived_at)"
COMPLETENESS_WRITES = {
    "a reading": f"{WINDOW_OF} = {{epoch}}",
    "readings of two windows": f"{WINDOW_OF} IN ({{epoch}}, %(foreign_open)s)",
    "a waiver": f"INSERT INTO {WAIVER} VALUES (%(node)s, {{epoch}}, 'a', 'b', 'c', '{{{{}}}}', 'why', 'ann', now())",
}
WRITES = [
    *(("completeness", how, script, "COMPLETENESS_FROZEN") for how, script in COMPLETENESS_WRITES.items()),
    *(("activity_curation", how, script, FREEZE) for how, script in CURATION_WRITES.items()),
    *(("epoch_allocations", how, script, FREEZE) for how, script in ALLOCATION_WRITES.items()),
    *(("epoch_pool_components", how, script, "POOL_IMMUTABLE") for how, script in POOL_WRITES.items()),
]
# ann is known to the open epoch, eve to none: somebody for whom an allocation is new.
ARRIVAL = "INSERT INTO users (node_id, user_id) VALUES (%(node)s, 'eve');"
CLOSE = "UPDATE epochs SET status = 'closed', pool_total_credits = 500, closed_at = now() WHERE id = %(open)s"


@pytest.fixture(scope="module", params=["superuser", "plain owner"])
def attacked(
    request: pytest.FixtureRequest, postgres_url: str, admin_engine: Engine, template_database: str
) -> Iterator[Attacked]:
    with attacked_database(postgres_url, admin_engine, template_database, attacker=request.param) as database:
        yield database


@pytest.mark.parametrize(
    ("script", "rule"),
    [pytest.param(script, rule, id=f"{table}: {how}") for table, how, script, rule in WRITES],
)
def test_a_closed_epoch_takes_no_write(attacked: Attacked, script: str, rule: str) -> None:
    """CURATION_FREEZE_ON_CLOSE, POOL_IMMUTABLE: every write that the open epoch takes, the closed one refuses."""
    assert attacked.refusal(ARRIVAL + script.format(epoch="%(closed)s")) == rule
    assert attacked.rows_allowed(ARRIVAL + script.format(epoch="%(open)s")) > 0


@pytest.mark.parametrize(
    ("columns", "row", "rule"),
    [
        (CURATION, ("node", "{epoch}", "event_new", "now", "now"), FREEZE),
        (ALLOCATION, ("node", "{epoch}", "cid", "1", "1"), FREEZE),
        (COMPONENT, ("node", "{epoch}", "kpi_bonus_v0", "1", "{}", "1", "now"), "POOL_IMMUTABLE"),
    ],
)
def test_nothing_is_copied_into_a_closed_epoch(
    attacked: Attacked, columns: str, row: tuple[str, ...], rule: str
) -> None:
    """CURATION_FREEZE_ON_CLOSE, POOL_IMMUTABLE: COPY is a write like any other."""
    if "cid" in row:
        attacked.changed_by(
            "INSERT INTO users (node_id, user_id) VALUES (%(node)s, 'cid') ON CONFLICT DO NOTHING"
        )

    copied = tuple(value.replace("{epoch}", "closed") for value in row)

    assert attacked.refusal_of_copy(columns, copied) == rule


@pytest.mark.parametrize(
    "moves",
    [
        "UPDATE activity_curation SET epoch_id = %(open)s WHERE event_id = %(event_unresolved)s",
        "UPDATE activity_curation SET epoch_id = %(closed)s WHERE event_id = %(event_waiting)s",
        "UPDATE activity_curation SET epoch_id = %(latest)s WHERE event_id = %(event_unresolved)s",
        (
            "UPDATE activity_curation SET epoch_id ="
            " CASE epoch_id WHEN %(closed)s THEN %(open)s ELSE %(closed)s END"
            " WHERE event_id IN (%(event_waiting)s, %(event_unresolved)s)"
        ),
        "UPDATE epoch_allocations SET epoch_id = %(open)s WHERE epoch_id = %(closed)s AND user_id = 'bob'",
        (
            "DELETE FROM epoch_allocations WHERE epoch_id = %(open)s;"
            " UPDATE epoch_allocations SET epoch_id = %(open)s WHERE epoch_id = %(latest)s"
        ),
        (
            "UPDATE epoch_allocations SET user_id = 'bob' WHERE epoch_id = %(open)s;"
            " UPDATE epoch_allocations SET epoch_id = %(latest)s WHERE epoch_id = %(open)s"
        ),
    ],
)
def test_no_row_moves_into_or_out_of_a_closed_epoch(attacked: Attacked, moves: str) -> None:
    """CURATION_FREEZE_ON_CLOSE: both sides of a move are looked at."""
    assert attacked.refusal(moves) == FREEZE


@pytest.mark.parametrize(
    ("write", "rule"),
    [
        (CURATION_WRITES["insert"], FREEZE),
        (CURATION_WRITES["update"], FREEZE),
        (ALLOCATION_WRITES["delete"], FREEZE),
        (POOL_WRITES["insert"], "POOL_IMMUTABLE"),
        (COMPLETENESS_WRITES["a reading"], "COMPLETENESS_FROZEN"),
        (COMPLETENESS_WRITES["a waiver"], "COMPLETENESS_FROZEN"),
    ],
)
@pytest.mark.parametrize("joint", ["; ", "; SAVEPOINT closed; "])
def test_whoever_closes_an_epoch_writes_no_more_in_the_same_transaction(
    attacked: Attacked, write: str, rule: str, joint: str
) -> None:
    """CURATION_FREEZE_ON_CLOSE, POOL_IMMUTABLE: the freeze begins at once, not at the commit."""
    assert attacked.refusal(CLOSE + joint + write.format(epoch="%(open)s")) == rule


@pytest.mark.parametrize(
    ("write", "rule"),
    [
        (CURATION_WRITES["insert"], FREEZE),
        (CURATION_WRITES["update"], FREEZE),
        (CURATION_WRITES["delete"], FREEZE),
        (ALLOCATION_WRITES["update"], FREEZE),
        (ALLOCATION_WRITES["delete"], FREEZE),
        (POOL_WRITES["insert"], "POOL_IMMUTABLE"),
    ],
)
@pytest.mark.parametrize("closes_last", [True, False])
def test_one_statement_does_not_both_close_an_epoch_and_write_to_it(
    attacked: Attacked, write: str, rule: str, *, closes_last: bool
) -> None:
    """CURATION_FREEZE_ON_CLOSE, POOL_IMMUTABLE: statement triggers see the close, whichever part runs first."""
    written = write.format(epoch="%(open)s")
    parts = (written, CLOSE) if closes_last else (CLOSE, written)

    assert attacked.refusal(f"WITH one AS ({parts[0]} RETURNING 1) {parts[1]}") == rule


def test_an_epoch_that_a_transaction_left_open_again_is_written_to(attacked: Attacked) -> None:
    """CURATION_FREEZE_ON_CLOSE: a close that was undone freezes nothing."""
    script = f"SAVEPOINT before; {CLOSE}; ROLLBACK TO before; " + CURATION_WRITES["insert"].format(
        epoch="%(open)s"
    )

    assert attacked.rows_allowed(script) == 1


def test_a_write_that_touches_no_row_is_no_write(attacked: Attacked) -> None:
    """CURATION_FREEZE_ON_CLOSE: a rerun with nothing new waits for no one."""
    assert attacked.rows_allowed("UPDATE activity_curation SET note = 'x' WHERE epoch_id = -1") == 0
    assert attacked.rows_allowed("DELETE FROM epoch_allocations WHERE epoch_id = -1") == 0
