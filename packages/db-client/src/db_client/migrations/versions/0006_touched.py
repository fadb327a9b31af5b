"""What was written since curation and proposals were brought up to date, so that a refresh looks at that alone."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

FUNCTIONS: Final = (
    "ledger_touch_epochs",
    "ledger_touch_opened_epoch",
    "ledger_touch_days",
    "ledger_touch_identities",
)


def upgrade() -> None:
    op.create_table(
        "touched_epochs",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("epoch_id", sa.BigInteger(), nullable=False),
        sa.Column("is_uncurated", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_touched_epochs")),
    )
    op.create_table(
        "touched_days",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_touched_days")),
    )
    op.create_table(
        "touched_identities",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(collation="C"), nullable=False),
        sa.Column("external_id", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_touched_identities")),
    )
    create_triggers()
    # Nobody noted anything so far: the next refresh of an open epoch looks at everything.
    op.execute(
        "INSERT INTO touched_epochs (node_id, epoch_id, is_uncurated)"
        " SELECT node_id, id, true FROM epochs WHERE status = 'open'"
    )


def create_triggers() -> None:
    connection = op.get_bind()
    driver_connection = connection.connection.driver_connection
    assert driver_connection is not None
    script = files("db_client") / "migrations" / "sql" / "touched.sql"
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
