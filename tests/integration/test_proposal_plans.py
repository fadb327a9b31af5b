"""How PostgreSQL goes about proposals: never over an epoch's curation once for each user, whatever it believes of sizes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, event, text

from db_client.postgres_ledger import PostgresLedger
from ledger_core import WeightConfig
from ledger_core.testing import MONDAY, FixedClock, make_binding, make_context, make_event, make_window
from ledger_core.use_cases.bind_identity import bind_identities
from ledger_core.use_cases.open_epoch import open_epoch
from ledger_core.use_cases.refresh_epoch import refresh_epoch

USERS = 300
CLOCK = FixedClock(make_window().period_end)


def test_idle_users_are_found_without_a_loop_over_the_curation_for_each(
    worker_engine: Engine, owner_engine: Engine, postgres_ledger: PostgresLedger
) -> None:
    """Without it, a first collection of 30,000 events took 23 s, and one of a million would not have ended."""
    opened = open_epoch(postgres_ledger, make_window(), WeightConfig({"github:pr_merged": 8000}), clock=CLOCK)
    assert opened.epoch is not None
    bind_identities(
        postgres_ledger,
        [make_binding(f"user-{number}", str(number)) for number in range(USERS)],
        make_context(),
        clock=CLOCK,
    )
    with postgres_ledger.begin() as transaction:
        transaction.activity.store(
            [make_event(number, at=MONDAY, account=str(number)) for number in range(USERS)]
        )
    refresh_epoch(postgres_ledger, opened.epoch.id, clock=CLOCK)
    with owner_engine.begin() as owner:  # as right after a large page: the tables are taken for empty
        for table in ("epoch_allocations", "activity_curation"):
            owner.execute(text("SELECT pg_clear_relation_stats('public', :table)"), {"table": table})
    plans: list[str] = []

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if (
            statement.lstrip().startswith(("DELETE FROM epoch_allocations", "UPDATE epoch_allocations"))
            and "EXISTS" in statement
        ):
            cursor.execute("EXPLAIN " + statement, parameters)
            plans.append("\n".join(line for (line,) in cursor.fetchall()))

    event.listen(worker_engine, "before_cursor_execute", explain)
    try:
        with postgres_ledger.begin() as transaction:
            transaction.allocations.propose(opened.epoch.id, anew=True)
    finally:
        event.remove(worker_engine, "before_cursor_execute", explain)

    assert len(plans) == 2
    for plan in plans:
        assert "Anti Join" in plan
        assert "Nested Loop" not in plan, plan
