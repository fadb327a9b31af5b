"""How each stream's collection fares: operating data, no part of any statement."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stream_health",
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.Column("stream", sa.Text(collation="C"), nullable=False),
        sa.Column("source_ref", sa.Text(collation="C"), nullable=False),
        sa.Column("collected_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("node_id", "source", "stream", "source_ref", name=op.f("pk_stream_health")),
        sa.CheckConstraint(
            "(failing_since IS NULL) = (problem IS NULL)", name=op.f("ck_stream_health_problem_of_failing")
        ),
        sa.CheckConstraint(
            "char_length(problem) BETWEEN 1 AND 300", name=op.f("ck_stream_health_problem_length")
        ),
    )


def downgrade() -> None:
    op.drop_table("stream_health")
