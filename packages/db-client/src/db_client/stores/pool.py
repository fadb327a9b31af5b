"""Pool components on PostgreSQL."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from db_client.tables.statements import epoch_pool_components
from ledger_core.domain.pool import PoolComponent
from ledger_core.identifiers import ComponentId, EpochId, NodeId


class PostgresPoolStore:
    """The port PoolStore."""

    def __init__(self, connection: Connection, node_id: NodeId) -> None:
        self._connection = connection
        self._node_id = node_id

    def list_all(self, epoch_id: EpochId) -> tuple[PoolComponent, ...]:
        """Return the epoch's components, ordered by component id."""
        rows = self._connection.execute(
            select(epoch_pool_components)
            .where(
                epoch_pool_components.c.node_id == self._node_id,
                epoch_pool_components.c.epoch_id == epoch_id,
            )
            .order_by(epoch_pool_components.c.component_id)
        )
        return tuple(_component(row) for row in rows)

    def add(self, epoch_id: EpochId, component: PoolComponent) -> None:
        """Record a component; the unique constraint refuses a second one (POOL_UNIQUE_PER_TYPE)."""
        self._connection.execute(
            insert(epoch_pool_components).values(
                node_id=self._node_id,
                epoch_id=epoch_id,
                component_id=component.component_id,
                algorithm_version=component.algorithm_version,
                inputs_json=component.inputs,
                amount_credits=component.amount_credits,
                evidence_ref=component.evidence_ref,
                computed_at=component.computed_at,
            )
        )


def _component(row: Row[Any]) -> PoolComponent:
    return PoolComponent(
        component_id=ComponentId(row.component_id),
        algorithm_version=row.algorithm_version,
        amount_credits=row.amount_credits,
        inputs=row.inputs_json,
        evidence_ref=row.evidence_ref,
        computed_at=row.computed_at.astimezone(UTC),
    )
