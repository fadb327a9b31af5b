"""stream_readings, gap_waivers: what collections of a window read, counted twice, and what admins waived."""

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
    func,
)

from db_client.tables.schema import Identifier, Instant, Json, metadata, node_column

# A certificate's figures decide whether there is a gap, and no writer's word for it.
GAP_OF_CERTIFICATE: Final = (
    "(gap IS NOT NULL) = (problem IS NOT NULL"
    " OR jsonb_path_exists(certificate, '$.counts[*] ? (@.seen != @.independent)'))"
)
GAP_WHEN_OVER: Final = (
    "CASE WHEN retrieved_at < period_end THEN gap_when_over IS NOT NULL AND gap_when_over IS DISTINCT FROM gap"
    " ELSE gap_when_over IS NOT DISTINCT FROM gap END"
)

stream_readings: Final = Table(
    "stream_readings",
    metadata,
    Column("id", BigInteger(), primary_key=True, autoincrement=True),
    node_column(),
    Column("period_start", Instant, nullable=False),
    Column("period_end", Instant, nullable=False),
    Column("source", Identifier, nullable=False),
    Column("source_ref", Identifier, nullable=False),
    Column("stream", Identifier, nullable=False),
    Column("retrieved_at", Instant, nullable=False),
    Column("certificate", Json),
    Column("problem", Text()),
    Column("gap", Identifier),  # canonical JSON: compared as text
    Column("gap_when_over", Identifier),
    CheckConstraint("(certificate IS NULL) <> (problem IS NULL)", name="certificate_or_problem"),
    CheckConstraint(GAP_OF_CERTIFICATE, name="gap_of_certificate"),
    CheckConstraint(GAP_WHEN_OVER, name="gap_when_over"),
)

Index(
    "ix_stream_readings_newest",
    stream_readings.c.node_id,
    stream_readings.c.period_start,
    stream_readings.c.period_end,
    stream_readings.c.source,
    stream_readings.c.source_ref,
    stream_readings.c.stream,
    stream_readings.c.id.desc(),
)

gap_waivers: Final = Table(
    "gap_waivers",
    metadata,
    Column("id", BigInteger(), primary_key=True, autoincrement=True),
    node_column(),
    Column("epoch_id", BigInteger(), nullable=False),
    Column("source", Identifier, nullable=False),
    Column("source_ref", Identifier, nullable=False),
    Column("stream", Identifier, nullable=False),
    Column("gap", Identifier, nullable=False),
    Column("reason", Text(), nullable=False),
    Column("waived_by", Text(), nullable=False),
    Column("waived_at", Instant, nullable=False),
    ForeignKeyConstraint(["node_id", "epoch_id"], ["epochs.node_id", "epochs.id"]),
    CheckConstraint("reason <> '' AND waived_by <> ''", name="decided"),
    CheckConstraint("jsonb_typeof(gap::jsonb) = 'object'", name="gap"),
)

# By its hash: a gap of many counts is longer than an index's entry may be.
Index(
    "gap_waived_once",
    gap_waivers.c.epoch_id,
    gap_waivers.c.source,
    gap_waivers.c.source_ref,
    gap_waivers.c.stream,
    func.md5(gap_waivers.c.gap),
    unique=True,
)
