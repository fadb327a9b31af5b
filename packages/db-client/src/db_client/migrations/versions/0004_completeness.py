"""Readings of streams and waivers of their gaps; a statement names how complete its streams were."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FUNCTIONS: Final = ("ledger_gap_blocks_close", "ledger_freeze_readings")
GAP_OF_CERTIFICATE: Final = (
    "(gap IS NOT NULL) = (problem IS NOT NULL"
    " OR jsonb_path_exists(certificate, '$.counts[*] ? (@.seen != @.independent)'))"
)
GAP_WHEN_OVER: Final = (
    "CASE WHEN retrieved_at < period_end THEN gap_when_over IS NOT NULL AND gap_when_over IS DISTINCT FROM gap"
    " ELSE gap_when_over IS NOT DISTINCT FROM gap END"
)


def upgrade() -> None:
    create_readings()
    create_waivers()
    op.add_column("payout_statements", sa.Column("completeness_json", postgresql.JSONB(), nullable=True))
    op.create_check_constraint(
        op.f("ck_payout_statements_completeness"),
        "payout_statements",
        "(completeness_json IS NOT NULL) = (format = 'ledger-statement/2')",
    )
    create_triggers()


def create_readings() -> None:
    op.create_table(
        "stream_readings",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("period_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.Column("source_ref", sa.Text(collation="C"), nullable=False),
        sa.Column("stream", sa.Text(collation="C"), nullable=False),
        sa.Column("retrieved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("certificate", postgresql.JSONB(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("gap", sa.Text(collation="C"), nullable=True),
        sa.Column("gap_when_over", sa.Text(collation="C"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stream_readings")),
        sa.CheckConstraint(
            "(certificate IS NULL) <> (problem IS NULL)",
            name=op.f("ck_stream_readings_certificate_or_problem"),
        ),
        sa.CheckConstraint(GAP_OF_CERTIFICATE, name=op.f("ck_stream_readings_gap_of_certificate")),
        sa.CheckConstraint(GAP_WHEN_OVER, name=op.f("ck_stream_readings_gap_when_over")),
    )
    op.create_index(
        "ix_stream_readings_newest",
        "stream_readings",
        ["node_id", "period_start", "period_end", "source", "source_ref", "stream", sa.text("id DESC")],
        unique=False,
    )


def create_waivers() -> None:
    op.create_table(
        "gap_waivers",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("epoch_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.Column("source_ref", sa.Text(collation="C"), nullable=False),
        sa.Column("stream", sa.Text(collation="C"), nullable=False),
        sa.Column("gap", sa.Text(collation="C"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("waived_by", sa.Text(), nullable=False),
        sa.Column("waived_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gap_waivers")),
        sa.ForeignKeyConstraint(
            ["node_id", "epoch_id"], ["epochs.node_id", "epochs.id"], name=op.f("fk_gap_waivers_epochs")
        ),
        sa.CheckConstraint("reason <> '' AND waived_by <> ''", name=op.f("ck_gap_waivers_decided")),
        sa.CheckConstraint("jsonb_typeof(gap::jsonb) = 'object'", name=op.f("ck_gap_waivers_gap")),
    )
    op.create_index(
        "gap_waived_once",
        "gap_waivers",
        ["epoch_id", "source", "source_ref", "stream", sa.text("md5(gap)")],
        unique=True,
    )


def create_triggers() -> None:
    connection = op.get_bind()
    driver_connection = connection.connection.driver_connection
    assert driver_connection is not None
    script = files("db_client") / "migrations" / "sql" / "gap_blocks_close.sql"
    driver_connection.execute(script.read_text(encoding="utf-8"))  # many statements, and '%' as itself
    for function in FUNCTIONS:
        connection.execute(
            sa.text(
                f"DO $$ BEGIN EXECUTE format('ALTER FUNCTION {function}() SET search_path = %I, pg_temp',"
                " current_schema()); END $$"
            )
        )


def downgrade() -> None:
    raise NotImplementedError("what closed epochs stand on is never thrown away; restore a backup instead")
