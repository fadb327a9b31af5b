"""activity_events, source_cursors and stream_health: what sources reported, where they stopped, how they fare."""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, Index, PrimaryKeyConstraint, Table, Text, func

from db_client.tables.schema import Identifier, Instant, Json, metadata, node_column

activity_events: Final = Table(
    "activity_events",
    metadata,
    node_column(),
    Column("id", Identifier, nullable=False),
    Column("source", Identifier, nullable=False),
    Column("event_type", Identifier, nullable=False),
    Column("platform_user_id", Identifier),
    Column("platform_login", Text()),
    Column("artifact_url", Text()),
    Column("metadata", Json, nullable=False),
    Column("payload_hash", Identifier, nullable=False),
    Column("producer", Text(), nullable=False),
    Column("producer_version", Text(), nullable=False),
    Column("event_time", Instant, nullable=False),
    Column("retrieved_at", Instant, nullable=False),
    Column("ingested_at", Instant, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("node_id", "id"),
    CheckConstraint("char_length(id) BETWEEN 1 AND 255", name="id_length"),
    CheckConstraint("payload_hash ~ '^[0-9a-f]{64}$'", name="provenance_required"),
    CheckConstraint("producer <> '' AND producer_version <> ''", name="provenance_producer"),
)

Index("ix_activity_events_event_time", activity_events.c.node_id, activity_events.c.event_time)
Index(
    "ix_activity_events_identity",
    activity_events.c.node_id,
    activity_events.c.source,
    activity_events.c.platform_user_id,
)

source_cursors: Final = Table(
    "source_cursors",
    metadata,
    node_column(),
    Column("source", Identifier, nullable=False),
    Column("stream", Identifier, nullable=False),
    Column("source_ref", Identifier, nullable=False),
    Column("cursor_value", Text(), nullable=False),
    Column("retrieved_at", Instant, nullable=False),
    PrimaryKeyConstraint("node_id", "source", "stream", "source_ref"),
)

# For whoever operates the ledger; no statement depends on it.
stream_health: Final = Table(
    "stream_health",
    metadata,
    node_column(),
    Column("source", Identifier, nullable=False),
    Column("stream", Identifier, nullable=False),
    Column("source_ref", Identifier, nullable=False),
    Column("collected_until", Instant),
    Column("failing_since", Instant),
    Column("problem", Text()),
    Column("listed_at", Instant),
    PrimaryKeyConstraint("node_id", "source", "stream", "source_ref"),
    CheckConstraint("(failing_since IS NULL) = (problem IS NULL)", name="problem_of_failing"),
    CheckConstraint("char_length(problem) BETWEEN 1 AND 300", name="problem_length"),
)
