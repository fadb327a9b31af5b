"""Tables, constraints and triggers of the ledger.

Frozen: a later change is a later migration. The triggers' text stands in `migrations/sql`, a file an
invariant.
"""

from __future__ import annotations

import secrets
from importlib.resources import files
from typing import Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TRIGGERS: Final = (
    "refuse_change.sql",
    "guard_epoch.sql",
    "freeze_on_close.sql",
    "statement_of_closed_epoch.sql",
)


FUNCTIONS: Final = (
    "ledger_refuse_change",
    "ledger_guard_epoch",
    "ledger_freeze_on_close",
    "ledger_statement_of_closed_epoch",
    "ledger_closed_epoch_has_statement",
)


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")  # for a UUID in an exclusion constraint
    create_tables()
    create_payload_seed()
    create_triggers()


def create_payload_seed() -> None:
    seed = op.create_table(
        "payload_seed",
        sa.Column("is_only", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("seed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("octet_length(seed) = 32", name=op.f("ck_payload_seed_seed_length")),
        sa.CheckConstraint("is_only", name=op.f("ck_payload_seed_one_row")),
        sa.PrimaryKeyConstraint("is_only", name=op.f("pk_payload_seed")),
    )
    op.get_bind().execute(sa.insert(seed).values(seed=secrets.token_bytes(32)))


def create_triggers() -> None:
    connection = op.get_bind()
    driver_connection = connection.connection.driver_connection
    assert driver_connection is not None
    for name in TRIGGERS:
        # Through the driver: its files hold many statements, and '%' as itself.
        driver_connection.execute(
            (files("db_client") / "migrations" / "sql" / name).read_text(encoding="utf-8")
        )
    for function in FUNCTIONS:
        # A temporary table named `epochs` must not stand in for the real one.
        connection.execute(
            sa.text(
                f"DO $$ BEGIN EXECUTE format('ALTER FUNCTION {function}() SET search_path = %I, pg_temp',"
                " current_schema()); END $$"
            )
        )


def create_tables() -> None:
    op.create_table(
        "activity_events",
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.Column("event_type", sa.Text(collation="C"), nullable=False),
        sa.Column("platform_user_id", sa.Text(collation="C"), nullable=True),
        sa.Column("platform_login", sa.Text(), nullable=True),
        sa.Column("artifact_url", sa.Text(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(), nullable=False),
        sa.Column("payload_hash", sa.Text(collation="C"), nullable=False),
        sa.Column("producer", sa.Text(), nullable=False),
        sa.Column("producer_version", sa.Text(), nullable=False),
        sa.Column("event_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retrieved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ingested_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "payload_hash ~ '^[0-9a-f]{64}$'", name=op.f("ck_activity_events_provenance_required")
        ),
        sa.CheckConstraint(
            "producer <> '' AND producer_version <> ''", name=op.f("ck_activity_events_provenance_producer")
        ),
        sa.CheckConstraint("char_length(id) BETWEEN 1 AND 255", name=op.f("ck_activity_events_id_length")),
        sa.PrimaryKeyConstraint("node_id", "id", name=op.f("pk_activity_events")),
    )
    op.create_index(
        "ix_activity_events_event_time", "activity_events", ["node_id", "event_time"], unique=False
    )
    op.create_index(
        "ix_activity_events_identity",
        "activity_events",
        ["node_id", "source", "platform_user_id"],
        unique=False,
    )
    op.create_table(
        "epochs",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("period_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("weight_config", postgresql.JSONB(), nullable=False),
        sa.Column("pool_total_credits", sa.BigInteger(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.text("node_id"), "="),
            (sa.text("tstzrange(period_start, period_end)"), "&&"),
            using="gist",
            name="epoch_windows_disjoint",
        ),
        sa.CheckConstraint(
            "(status = 'closed') = (pool_total_credits IS NOT NULL) AND (status = 'closed') = (closed_at IS NOT NULL)",
            name=op.f("ck_epochs_closed_has_result"),
        ),
        sa.CheckConstraint("status IN ('open', 'closed')", name=op.f("ck_epochs_status")),
        sa.CheckConstraint("period_start < period_end", name=op.f("ck_epochs_period_order")),
        sa.CheckConstraint("pool_total_credits >= 0", name=op.f("ck_epochs_pool_total")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_epochs")),
        sa.UniqueConstraint("node_id", "id", name=op.f("uq_epochs_node_id_id")),
        sa.UniqueConstraint("node_id", "period_start", "period_end", name="epoch_window_unique"),
    )
    op.create_index(
        "one_open_epoch", "epochs", ["node_id"], unique=True, postgresql_where=sa.text("status = 'open'")
    )
    op.create_table(
        "identity_events",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(collation="C"), nullable=False),
        sa.Column("external_id", sa.Text(collation="C"), nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("workflow_id", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("change IN ('bound', 'unbound')", name=op.f("ck_identity_events_change")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_events")),
    )
    op.create_table(
        "ledger_actions",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("before", postgresql.JSONB(), nullable=False),
        sa.Column("after", postgresql.JSONB(), nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_actions")),
    )
    op.create_index(
        "action_applied_once",
        "ledger_actions",
        ["node_id", "idempotency_key"],
        unique=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_index("ix_ledger_actions_node_id", "ledger_actions", ["node_id", "id"], unique=False)
    op.create_table(
        "source_cursors",
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.Column("stream", sa.Text(collation="C"), nullable=False),
        sa.Column("source_ref", sa.Text(collation="C"), nullable=False),
        sa.Column("cursor_value", sa.Text(), nullable=False),
        sa.Column("retrieved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("node_id", "source", "stream", "source_ref", name=op.f("pk_source_cursors")),
    )
    op.create_table(
        "users",
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("char_length(user_id) BETWEEN 1 AND 255", name=op.f("ck_users_user_id_length")),
        sa.PrimaryKeyConstraint("node_id", "user_id", name=op.f("pk_users")),
    )
    op.create_table(
        "activity_curation",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("epoch_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Text(collation="C"), nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=True),
        sa.Column("included", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("weight_override_milli", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("judged_by", sa.Text(), nullable=True),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("late_from_epoch_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "char_length(user_id) BETWEEN 1 AND 255", name=op.f("ck_activity_curation_user_id_length")
        ),
        sa.CheckConstraint(
            "late_from_epoch_id <> epoch_id", name=op.f("ck_activity_curation_late_from_another")
        ),
        sa.CheckConstraint(
            "(judged_by IS NULL) = (judged_at IS NULL)", name=op.f("ck_activity_curation_judged_by_and_at")
        ),
        sa.CheckConstraint("weight_override_milli >= 0", name=op.f("ck_activity_curation_weight_override")),
        sa.ForeignKeyConstraint(
            ["node_id", "epoch_id"], ["epochs.node_id", "epochs.id"], name=op.f("fk_activity_curation_epochs")
        ),
        sa.ForeignKeyConstraint(
            ["node_id", "event_id"],
            ["activity_events.node_id", "activity_events.id"],
            name=op.f("fk_activity_curation_activity_events"),
        ),
        sa.ForeignKeyConstraint(
            ["node_id", "late_from_epoch_id"],
            ["epochs.node_id", "epochs.id"],
            name="fk_activity_curation_late_from",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activity_curation")),
        sa.UniqueConstraint("epoch_id", "event_id", name=op.f("uq_activity_curation_epoch_id_event_id")),
    )
    op.create_index(
        "event_paid_once",
        "activity_curation",
        ["node_id", "event_id"],
        unique=True,
        postgresql_where=sa.text("included AND user_id IS NOT NULL"),
    )
    op.create_index("ix_activity_curation_event", "activity_curation", ["node_id", "event_id"], unique=False)
    op.create_index(
        "ix_activity_curation_unresolved",
        "activity_curation",
        ["node_id", "epoch_id"],
        unique=False,
        postgresql_where=sa.text("included AND user_id IS NULL"),
    )
    op.create_table(
        "epoch_allocations",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("epoch_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("proposed_units", sa.BigInteger(), nullable=False),
        sa.Column("final_units", sa.BigInteger(), nullable=True),
        sa.Column("override_reason", sa.Text(), nullable=True),
        sa.Column("override_by", sa.Text(), nullable=True),
        sa.Column("override_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("activity_count", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(final_units IS NULL) = (override_reason IS NULL) AND override_reason <> ''",
            name=op.f("ck_epoch_allocations_override_has_reason"),
        ),
        sa.CheckConstraint(
            "(override_by IS NULL) = (override_at IS NULL)",
            name=op.f("ck_epoch_allocations_override_by_and_at"),
        ),
        sa.CheckConstraint("activity_count >= 0", name=op.f("ck_epoch_allocations_activity_count")),
        sa.CheckConstraint("final_units >= 0", name=op.f("ck_epoch_allocations_final_units")),
        sa.CheckConstraint("proposed_units >= 0", name=op.f("ck_epoch_allocations_proposed_units")),
        sa.ForeignKeyConstraint(
            ["node_id", "epoch_id"], ["epochs.node_id", "epochs.id"], name=op.f("fk_epoch_allocations_epochs")
        ),
        sa.ForeignKeyConstraint(
            ["node_id", "user_id"],
            ["users.node_id", "users.user_id"],
            name=op.f("fk_epoch_allocations_users"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_epoch_allocations")),
        sa.UniqueConstraint("epoch_id", "user_id", name=op.f("uq_epoch_allocations_epoch_id_user_id")),
    )
    op.create_table(
        "epoch_pool_components",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("epoch_id", sa.BigInteger(), nullable=False),
        sa.Column("component_id", sa.Text(collation="C"), nullable=False),
        sa.Column("algorithm_version", sa.Text(), nullable=False),
        sa.Column("inputs_json", postgresql.JSONB(), nullable=False),
        sa.Column("amount_credits", sa.BigInteger(), nullable=False),
        sa.Column("evidence_ref", sa.Text(), nullable=True),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_credits >= 0", name=op.f("ck_epoch_pool_components_amount")),
        sa.CheckConstraint(
            "char_length(component_id) BETWEEN 1 AND 255",
            name=op.f("ck_epoch_pool_components_component_id_length"),
        ),
        sa.ForeignKeyConstraint(
            ["node_id", "epoch_id"],
            ["epochs.node_id", "epochs.id"],
            name=op.f("fk_epoch_pool_components_epochs"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_epoch_pool_components")),
        sa.UniqueConstraint("epoch_id", "component_id", name="pool_unique_per_type"),
    )
    op.create_table(
        "payout_statements",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("epoch_id", sa.BigInteger(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("activity_set_hash", sa.Text(collation="C"), nullable=False),
        sa.Column("allocation_set_hash", sa.Text(collation="C"), nullable=False),
        sa.Column("pool_total_credits", sa.BigInteger(), nullable=False),
        sa.Column("payouts_json", postgresql.JSONB(), nullable=False),
        sa.Column("statement_hash", sa.Text(collation="C"), nullable=False),
        sa.Column("previous_statement_hash", sa.Text(collation="C"), nullable=True),
        sa.Column("supersedes_statement_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "statement_hash ~ '^[0-9a-f]{64}$'", name=op.f("ck_payout_statements_statement_hash")
        ),
        sa.CheckConstraint("pool_total_credits >= 0", name=op.f("ck_payout_statements_pool_total")),
        sa.CheckConstraint(
            "statement_hash <> previous_statement_hash", name=op.f("ck_payout_statements_previous_is_another")
        ),
        sa.ForeignKeyConstraint(
            ["node_id", "epoch_id"], ["epochs.node_id", "epochs.id"], name=op.f("fk_payout_statements_epochs")
        ),
        sa.ForeignKeyConstraint(
            ["node_id", "previous_statement_hash"],
            ["payout_statements.node_id", "payout_statements.statement_hash"],
            name="fk_payout_statements_previous",
        ),
        sa.ForeignKeyConstraint(
            ["node_id", "supersedes_statement_id"],
            ["payout_statements.node_id", "payout_statements.id"],
            name="fk_payout_statements_supersedes",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout_statements")),
        sa.UniqueConstraint("node_id", "id", name=op.f("uq_payout_statements_node_id_id")),
        sa.UniqueConstraint(
            "node_id",
            "previous_statement_hash",
            name="statement_chain_linear",
            postgresql_nulls_not_distinct=True,
        ),
        sa.UniqueConstraint(
            "node_id", "statement_hash", name=op.f("uq_payout_statements_node_id_statement_hash")
        ),
        sa.UniqueConstraint("supersedes_statement_id", name="statement_superseded_once"),
    )
    op.create_index(
        "epoch_close_idempotent",
        "payout_statements",
        ["epoch_id"],
        unique=True,
        postgresql_where=sa.text("supersedes_statement_id IS NULL"),
    )
    op.create_table(
        "user_bindings",
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(collation="C"), nullable=False),
        sa.Column("external_id", sa.Text(collation="C"), nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["node_id", "user_id"], ["users.node_id", "users.user_id"], name=op.f("fk_user_bindings_users")
        ),
        sa.PrimaryKeyConstraint("node_id", "provider", "external_id", name=op.f("pk_user_bindings")),
    )
    op.create_table(
        "statement_signatures",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("signer_wallet", sa.Text(collation="C"), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["node_id", "statement_id"],
            ["payout_statements.node_id", "payout_statements.id"],
            name=op.f("fk_statement_signatures_payout_statements"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement_signatures")),
        sa.UniqueConstraint(
            "statement_id", "signer_wallet", name=op.f("uq_statement_signatures_statement_id_signer_wallet")
        ),
    )


def downgrade() -> None:
    raise NotImplementedError("a ledger is never migrated back to nothing; restore a backup instead")
