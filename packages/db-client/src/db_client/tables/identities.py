"""users, user_bindings, identity_events and ledger_actions: people, and who decided what."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
    text,
)

from db_client.tables.schema import Identifier, Instant, Json, metadata, node_column

users: Final = Table(
    "users",
    metadata,
    node_column(),
    Column("user_id", Identifier, nullable=False),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("node_id", "user_id"),
    CheckConstraint("char_length(user_id) BETWEEN 1 AND 255", name="user_id_length"),
)

user_bindings: Final = Table(
    "user_bindings",
    metadata,
    node_column(),
    Column("provider", Identifier, nullable=False),
    Column("external_id", Identifier, nullable=False),
    Column("user_id", Identifier, nullable=False),
    Column("created_at", Instant, nullable=False),
    # Nobody is merged by accident: an identity belongs to one user.
    PrimaryKeyConstraint("node_id", "provider", "external_id"),
    ForeignKeyConstraint(["node_id", "user_id"], ["users.node_id", "users.user_id"]),
)

identity_events: Final = Table(
    "identity_events",
    metadata,
    Column("id", BigInteger(), primary_key=True, autoincrement=True),
    node_column(),
    Column("provider", Identifier, nullable=False),
    Column("external_id", Identifier, nullable=False),
    Column("user_id", Identifier, nullable=False),
    Column("change", Text(), nullable=False),
    Column("actor", Text(), nullable=False),
    Column("reason", Text()),
    Column("workflow_id", Text()),
    Column("at", Instant, nullable=False),
    CheckConstraint("change IN ('bound', 'unbound')", name="change"),
)

ledger_actions: Final = Table(
    "ledger_actions",
    metadata,
    Column("id", BigInteger(), primary_key=True, autoincrement=True),
    node_column(),
    Column("actor", Text(), nullable=False),
    Column("action", Text(), nullable=False),
    Column("subject", Text(), nullable=False),
    Column("reason", Text()),
    Column("before", Json, nullable=False),
    Column("after", Json, nullable=False),
    Column("workflow_id", Text()),
    Column("idempotency_key", Text()),
    Column("at", Instant, nullable=False),
)

Index(
    "action_applied_once",
    ledger_actions.c.node_id,
    ledger_actions.c.idempotency_key,
    unique=True,
    postgresql_where=text("idempotency_key IS NOT NULL"),
)
Index("ix_ledger_actions_node_id", ledger_actions.c.node_id, ledger_actions.c.id)
