"""activity_curation and epoch_allocations: what counts in an epoch, for whom, and for how much.

That the event of a curated row is stored, triggers see to (`migrations/sql/curated_events.sql`), once a statement.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from db_client.tables.schema import Identifier, Instant, MilliUnits, metadata, node_column

activity_curation: Final = Table(
    "activity_curation",
    metadata,
    node_column(),
    Column("epoch_id", BigInteger(), nullable=False),
    Column("event_id", Identifier, nullable=False),
    Column("user_id", Identifier),
    Column("included", Boolean(), nullable=False, server_default=text("true")),
    Column("weight_override_milli", MilliUnits),
    Column("note", Text()),
    Column("judged_by", Text()),
    Column("judged_at", Instant),
    Column("late_from_epoch_id", BigInteger()),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    PrimaryKeyConstraint("epoch_id", "event_id"),
    ForeignKeyConstraint(["node_id", "epoch_id"], ["epochs.node_id", "epochs.id"]),
    ForeignKeyConstraint(
        ["node_id", "late_from_epoch_id"],
        ["epochs.node_id", "epochs.id"],
        name="fk_activity_curation_late_from",
    ),
    CheckConstraint("weight_override_milli >= 0", name="weight_override"),
    CheckConstraint("char_length(user_id) BETWEEN 1 AND 255", name="user_id_length"),
    CheckConstraint("late_from_epoch_id <> epoch_id", name="late_from_another"),
    CheckConstraint("(judged_by IS NULL) = (judged_at IS NULL)", name="judged_by_and_at"),
)

Index(
    "event_paid_once",
    activity_curation.c.node_id,
    activity_curation.c.event_id,
    unique=True,
    postgresql_where=text("included AND user_id IS NOT NULL"),
)
Index("ix_activity_curation_event", activity_curation.c.node_id, activity_curation.c.event_id)
Index(
    "ix_activity_curation_unresolved",
    activity_curation.c.node_id,
    activity_curation.c.epoch_id,
    postgresql_where=text("included AND user_id IS NULL"),
)

epoch_allocations: Final = Table(
    "epoch_allocations",
    metadata,
    node_column(),
    Column("epoch_id", BigInteger(), nullable=False),
    Column("user_id", Identifier, nullable=False),
    Column("proposed_units", MilliUnits, nullable=False),
    Column("final_units", MilliUnits),
    Column("override_reason", Text()),
    Column("override_by", Text()),
    Column("override_at", Instant),
    Column("activity_count", BigInteger(), nullable=False),
    PrimaryKeyConstraint("epoch_id", "user_id"),
    ForeignKeyConstraint(["node_id", "epoch_id"], ["epochs.node_id", "epochs.id"]),
    ForeignKeyConstraint(["node_id", "user_id"], ["users.node_id", "users.user_id"]),
    CheckConstraint("proposed_units >= 0", name="proposed_units"),
    CheckConstraint("final_units >= 0", name="final_units"),
    CheckConstraint("activity_count >= 0", name="activity_count"),
    CheckConstraint(
        "(final_units IS NULL) = (override_reason IS NULL) AND override_reason <> ''",
        name="override_has_reason",
    ),
    CheckConstraint("(override_by IS NULL) = (override_at IS NULL)", name="override_by_and_at"),
)
