"""epochs: windows with pinned weights, open or closed for ever."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from db_client.tables.schema import Credits, Instant, Json, metadata, node_column

epochs: Final = Table(
    "epochs",
    metadata,
    Column("id", BigInteger(), primary_key=True, autoincrement=True),
    node_column(),
    Column("status", Text(), nullable=False, server_default="open"),
    Column("period_start", Instant, nullable=False),
    Column("period_end", Instant, nullable=False),
    Column("weight_config", Json, nullable=False),
    Column("pool_total_credits", Credits),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    UniqueConstraint("node_id", "id"),
    UniqueConstraint("node_id", "period_start", "period_end", name="epoch_window_unique"),
    CheckConstraint("status IN ('open', 'closed')", name="status"),
    CheckConstraint("period_start < period_end", name="period_order"),
    CheckConstraint("pool_total_credits >= 0", name="pool_total"),
    CheckConstraint(
        "(status = 'closed') = (pool_total_credits IS NOT NULL)"
        " AND (status = 'closed') = (closed_at IS NOT NULL)",
        name="closed_has_result",
    ),
    ExcludeConstraint(
        (text("node_id"), "="),
        (text("tstzrange(period_start, period_end)"), "&&"),
        name="epoch_windows_disjoint",
        using="gist",
    ),
)

Index("one_open_epoch", epochs.c.node_id, unique=True, postgresql_where=text("status = 'open'"))
