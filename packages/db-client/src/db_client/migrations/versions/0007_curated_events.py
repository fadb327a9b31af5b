"""Curation costs what it must: events are looked for once a statement, and rows are named by what they are of.

A foreign key looked for each event and locked it; an id drawn at random was nobody's name for a row, and the dearest of
its columns.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import sqlalchemy as sa
from alembic import op

from ledger_core.errors import LedgerRuleBroken

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

FUNCTIONS: Final = (
    "ledger_curated_events_are_stored",
    "ledger_curated_event_is_stored",
    "ledger_curated_event_stays",
)


def upgrade() -> None:
    # First: from here to the end of the transaction nobody else writes curation or events.
    op.drop_constraint("fk_activity_curation_activity_events", "activity_curation", type_="foreignkey")
    create_triggers()
    check_events()
    name_rows("activity_curation", ("epoch_id", "event_id"))
    name_rows("epoch_allocations", ("epoch_id", "user_id"))


def check_events() -> None:
    """Refuse a database with a curated row of no event, which came in while the key was disabled: nothing else would tell.

    Raises: LedgerRuleBroken.
    """
    absent = op.get_bind().execute(
        sa.text(
            "SELECT min(event_id) FROM activity_curation AS curated WHERE NOT EXISTS ("
            " SELECT FROM activity_events AS event"
            " WHERE event.node_id = curated.node_id AND event.id = curated.event_id)"
        )
    )
    if absent.scalar_one() is not None:
        raise LedgerRuleBroken("NODE_SCOPED")


def name_rows(table: str, columns: tuple[str, str]) -> None:
    """Make what was unique the primary key, in place of the random id."""
    op.drop_column(table, "id")  # and its key
    op.drop_constraint(f"uq_{table}_{'_'.join(columns)}", table, type_="unique")
    op.create_primary_key(f"pk_{table}", table, list(columns))


def create_triggers() -> None:
    connection = op.get_bind()
    driver_connection = connection.connection.driver_connection
    assert driver_connection is not None
    script = files("db_client") / "migrations" / "sql" / "curated_events.sql"
    driver_connection.execute(script.read_text(encoding="utf-8"))  # many statements
    for function in FUNCTIONS:
        connection.execute(
            sa.text(
                f"DO $$ BEGIN EXECUTE format('ALTER FUNCTION {function}() SET search_path = %I, pg_temp',"
                " current_schema()); END $$"
            )
        )


def downgrade() -> None:
    raise NotImplementedError("what closed epochs stand on is never thrown away; restore a backup instead")
