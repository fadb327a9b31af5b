"""epoch_pool_components, payout_statements, statement_signatures: the budget and what became of it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)

from db_client.tables.schema import Credits, Identifier, Instant, Json, metadata, node_column

COMPLETENESS_OF_FORMAT: Final = (
    "CASE format WHEN 'ledger-statement/2' THEN completeness_json IS NOT NULL"
    " WHEN 'ledger-statement/3' THEN true ELSE completeness_json IS NULL END"
)
AMENDMENT_OF_FORMAT: Final = (
    "(amendment_json IS NOT NULL) = (format = 'ledger-statement/3')"
    " AND (amendment_json IS NOT NULL) = (supersedes_statement_id IS NOT NULL)"
)

epoch_pool_components: Final = Table(
    "epoch_pool_components",
    metadata,
    Column("id", Uuid(), primary_key=True, server_default=func.gen_random_uuid()),
    node_column(),
    Column("epoch_id", BigInteger(), nullable=False),
    Column("component_id", Identifier, nullable=False),
    Column("algorithm_version", Text(), nullable=False),
    Column("inputs_json", Json, nullable=False),
    Column("amount_credits", Credits, nullable=False),
    Column("evidence_ref", Text()),
    Column("computed_at", Instant, nullable=False),
    UniqueConstraint("epoch_id", "component_id", name="pool_unique_per_type"),
    ForeignKeyConstraint(["node_id", "epoch_id"], ["epochs.node_id", "epochs.id"]),
    CheckConstraint("amount_credits >= 0", name="amount"),
    CheckConstraint("char_length(component_id) BETWEEN 1 AND 255", name="component_id_length"),
)

payout_statements: Final = Table(
    "payout_statements",
    metadata,
    Column("id", Uuid(), primary_key=True, server_default=func.gen_random_uuid()),
    node_column(),
    Column("epoch_id", BigInteger(), nullable=False),
    Column("format", Text(), nullable=False),
    Column("activity_set_hash", Identifier, nullable=False),
    Column("allocation_set_hash", Identifier, nullable=False),
    Column("pool_total_credits", Credits, nullable=False),
    Column("payouts_json", Json, nullable=False),
    Column("statement_hash", Identifier, nullable=False),
    Column("previous_statement_hash", Identifier),
    Column("supersedes_statement_id", Uuid()),
    Column("completeness_json", Json),
    Column("amendment_json", Json),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("node_id", "id"),
    UniqueConstraint("node_id", "statement_hash"),
    # One successor each, one first statement a node: the chain cannot fork.
    UniqueConstraint(
        "node_id",
        "previous_statement_hash",
        name="statement_chain_linear",
        postgresql_nulls_not_distinct=True,
    ),
    UniqueConstraint("supersedes_statement_id", name="statement_superseded_once"),
    ForeignKeyConstraint(["node_id", "epoch_id"], ["epochs.node_id", "epochs.id"]),
    ForeignKeyConstraint(
        ["node_id", "previous_statement_hash"],
        ["payout_statements.node_id", "payout_statements.statement_hash"],
        name="fk_payout_statements_previous",
    ),
    ForeignKeyConstraint(
        ["node_id", "supersedes_statement_id"],
        ["payout_statements.node_id", "payout_statements.id"],
        name="fk_payout_statements_supersedes",
    ),
    CheckConstraint("pool_total_credits >= 0", name="pool_total"),
    CheckConstraint("statement_hash ~ '^[0-9a-f]{64}$'", name="statement_hash"),
    CheckConstraint("statement_hash <> previous_statement_hash", name="previous_is_another"),
    CheckConstraint(COMPLETENESS_OF_FORMAT, name="completeness"),
    CheckConstraint(AMENDMENT_OF_FORMAT, name="amendment"),
)

Index(
    "epoch_close_idempotent",
    payout_statements.c.epoch_id,
    unique=True,
    postgresql_where=text("supersedes_statement_id IS NULL"),
)

statement_signatures: Final = Table(
    "statement_signatures",
    metadata,
    Column("id", Uuid(), primary_key=True, server_default=func.gen_random_uuid()),
    node_column(),
    Column("statement_id", Uuid(), nullable=False),
    Column("signer_wallet", Identifier, nullable=False),
    Column("signature", Text(), nullable=False),
    Column("signed_at", Instant, nullable=False),
    UniqueConstraint("statement_id", "signer_wallet"),
    CheckConstraint("signer_wallet ~ '^0x[0-9a-f]{40}$'", name="signer_wallet"),
    CheckConstraint("signature ~ '^0x[0-9a-f]{128}(00|01|1b|1c)$'", name="signature"),
    ForeignKeyConstraint(["node_id", "statement_id"], ["payout_statements.node_id", "payout_statements.id"]),
)
