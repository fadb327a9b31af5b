"""Allocations on PostgreSQL: proposals are computed where the events are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, select, text
from sqlalchemy.dialects.postgresql import insert

from db_client.stores.curation_statements import IS_TOUCHED
from db_client.stores.large_statements import large_statements
from db_client.stores.proposal_sums import ACTIVITY, WINDOW
from db_client.stores.settled_rows import are_settled, find_settled
from db_client.tables.curation import epoch_allocations
from db_client.tables.identities import users
from ledger_core.domain.allocation import Allocation
from ledger_core.errors import UserNotFound
from ledger_core.identifiers import EpochId, NodeId, UserId
from ledger_core.ports.allocation_store import SettledRows

_UPSERT: Final = text(
    ACTIVITY  # noqa: S608 - constants of this module
    + """
    INSERT INTO epoch_allocations AS allocation (node_id, epoch_id, user_id, proposed_units, activity_count)
    SELECT :node_id, :epoch_id, user_id, CAST(units AS bigint), activity_count FROM activity ORDER BY user_id
    ON CONFLICT (epoch_id, user_id) DO UPDATE
        SET proposed_units = excluded.proposed_units, activity_count = excluded.activity_count
        WHERE (allocation.proposed_units, allocation.activity_count)
            IS DISTINCT FROM (excluded.proposed_units, excluded.activity_count)
"""
)

_WITHOUT_ACTIVITY: Final = """
    allocation.node_id = :node_id AND allocation.epoch_id = :epoch_id
        AND NOT EXISTS (
            SELECT FROM activity_curation AS curated
            WHERE curated.node_id = allocation.node_id AND curated.epoch_id = allocation.epoch_id
                AND curated.user_id = allocation.user_id AND curated.included
        )
"""

_DELETE_IDLE: Final = text(
    "DELETE FROM epoch_allocations AS allocation WHERE allocation.final_units IS NULL AND "  # noqa: S608 - constants
    + _WITHOUT_ACTIVITY
)

_RESET_IDLE_OVERRIDES: Final = text(
    "UPDATE epoch_allocations AS allocation SET proposed_units = 0, activity_count = 0"  # noqa: S608 - constants
    " WHERE allocation.final_units IS NOT NULL"
    " AND (allocation.proposed_units, allocation.activity_count) <> (0, 0) AND " + _WITHOUT_ACTIVITY
)

# Whoever writes to the epoch notes it before the caller's lock of its row is granted, or after it is released.
# What says that curation is behind only a refresh takes away, and that only in the transaction in which it looked.
_FORGET_TOUCHES: Final = text(
    "DELETE FROM touched_epochs WHERE node_id = :node_id AND epoch_id = :epoch_id AND (:is_curated OR NOT is_uncurated)"
)


class PostgresAllocationStore:
    """The port AllocationStore."""

    def __init__(self, connection: Connection, node_id: NodeId) -> None:
        self._connection = connection
        self._node_id = node_id

    def list_all(self, epoch_id: EpochId) -> tuple[Allocation, ...]:
        """Return the epoch's allocations, ordered by user id."""
        rows = self._connection.execute(
            select(epoch_allocations)
            .where(epoch_allocations.c.node_id == self._node_id, epoch_allocations.c.epoch_id == epoch_id)
            .order_by(epoch_allocations.c.user_id)
        )
        return tuple(allocation_of_row(row) for row in rows)

    def find(self, epoch_id: EpochId, user_id: UserId) -> Allocation | None:
        """Return one user's allocation."""
        row = self._connection.execute(
            select(epoch_allocations).where(
                epoch_allocations.c.node_id == self._node_id,
                epoch_allocations.c.epoch_id == epoch_id,
                epoch_allocations.c.user_id == user_id,
            )
        ).one_or_none()
        return None if row is None else allocation_of_row(row)

    def find_settled(self, epoch_id: EpochId) -> SettledRows | None:
        """Return what tells the epoch's rows from any later ones, unless proposals are behind."""
        return find_settled(self._connection, self._node_id, epoch_id)

    def are_settled(self, epoch_id: EpochId, rows: SettledRows) -> bool:
        """Say whether these are still the epoch's rows."""
        return are_settled(self._connection, self._node_id, epoch_id, rows)

    def propose(self, epoch_id: EpochId, *, anew: bool = False, is_curated: bool = False) -> int:
        """Recompute the proposals, unless nothing was written to the epoch since; rows that would not change are not written."""
        values: dict[str, Any] = {"node_id": self._node_id, "epoch_id": epoch_id}
        if not anew and not self._connection.execute(IS_TOUCHED, values).scalar_one():
            return 0
        window = self._connection.execute(WINDOW, values).one_or_none()
        if window is None:
            return 0
        values |= window._asdict()
        changed = 0
        with large_statements(self._connection):
            for statement in (_UPSERT, _RESET_IDLE_OVERRIDES, _DELETE_IDLE):
                changed += self._connection.execute(statement, values).rowcount
        self._connection.execute(_FORGET_TOUCHES, values | {"is_curated": is_curated})
        return changed

    def set_final(
        self,
        epoch_id: EpochId,
        user_id: UserId,
        *,
        final_units: int | None,
        reason: str | None,
        by: str,
        at: datetime,
    ) -> None:
        """Set what an admin decided for a user, in a row of its own if there is none yet."""
        is_known = select(users.c.user_id).where(users.c.node_id == self._node_id, users.c.user_id == user_id)
        if self._connection.execute(is_known).one_or_none() is None:
            raise UserNotFound(user_id)
        is_set = final_units is not None
        decided = {
            "final_units": final_units,
            "override_reason": reason,
            "override_by": by if is_set else None,
            "override_at": at if is_set else None,
        }
        self._connection.execute(
            insert(epoch_allocations)
            .values(
                node_id=self._node_id,
                epoch_id=epoch_id,
                user_id=user_id,
                proposed_units=0,
                activity_count=0,
                **decided,
            )
            .on_conflict_do_update(index_elements=["epoch_id", "user_id"], set_=decided)
        )


def allocation_of_row(row: Row[Any]) -> Allocation:
    """Return what a row of epoch_allocations holds."""
    return Allocation(
        user_id=UserId(row.user_id),
        proposed_units=row.proposed_units,
        final_units=row.final_units,
        override_reason=row.override_reason,
        override_by=row.override_by,
        override_at=None if row.override_at is None else row.override_at.astimezone(UTC),
        activity_count=row.activity_count,
    )
