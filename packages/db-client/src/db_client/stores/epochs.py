"""Epochs on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from db_client.tables.epochs import epochs
from db_client.tables.touched import touched_epochs
from ledger_core.domain.epoch import Epoch, EpochStatus
from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.weight_config import WeightConfig
from ledger_core.errors import AnotherEpochOpen, EpochClosed, EpochNotFound, EpochWindowsOverlap
from ledger_core.identifiers import MAX_BIGINT, EpochId, NodeId

NUMBERING: Final = (
    "ledger: epochs are numbered"  # the lock under which one opener after another takes a number
)


class PostgresEpochStore:
    """The port EpochStore."""

    def __init__(self, connection: Connection, node_id: NodeId) -> None:
        self._connection = connection
        self._node_id = node_id
        self._select = select(epochs).where(epochs.c.node_id == node_id)

    def get(self, epoch_id: EpochId) -> Epoch:
        """Return the epoch, or refuse."""
        return self._get(epoch_id, lock=False)

    def find_open(self) -> Epoch | None:
        """Return the one open epoch."""
        row = self._connection.execute(self._select.where(epochs.c.status == "open")).one_or_none()
        return None if row is None else epoch_of_row(row)

    def find_by_window(self, window: EpochWindow) -> Epoch | None:
        """Return the epoch of exactly that window."""
        row = self._connection.execute(
            self._select.where(
                epochs.c.period_start == window.period_start, epochs.c.period_end == window.period_end
            )
        ).one_or_none()
        return None if row is None else epoch_of_row(row)

    def find_at(self, instant: datetime) -> Epoch | None:
        """Return the epoch whose window contains the instant."""
        row = self._connection.execute(
            self._select.where(epochs.c.period_start <= instant, epochs.c.period_end > instant)
        ).one_or_none()
        return None if row is None else epoch_of_row(row)

    def list_latest(self, *, limit: int) -> tuple[Epoch, ...]:
        """Return up to limit epochs, the latest window first."""
        rows = self._connection.execute(self._select.order_by(epochs.c.period_start.desc()).limit(limit))
        return tuple(epoch_of_row(row) for row in rows)

    def open(self, window: EpochWindow, weight_config: WeightConfig, *, opened_at: datetime) -> Epoch:
        """Create an open epoch; the unique index and the exclusion constraint refuse a second one.

        Which of them speaks first differs between a migrated and a restored database, so none is asked:
        what stands in the way is looked up.
        """
        # A statement pins its epoch's number, so that is one more than the last, whatever failed in between:
        # a sequence leaves a gap for an opening that was undone, and of up to 32 when the server crashed.
        self._connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(NUMBERING, 0))))
        row = self._connection.execute(
            insert(epochs)
            .values(
                id=select(func.coalesce(func.max(epochs.c.id), 0) + 1).scalar_subquery(),
                node_id=self._node_id,
                period_start=window.period_start,
                period_end=window.period_end,
                weight_config=dict(weight_config),
                opened_at=opened_at,
            )
            .on_conflict_do_nothing()
            .returning(epochs)
        ).one_or_none()
        if row is None:
            raise self._what_blocks(window)
        return epoch_of_row(row)

    def lock(self, epoch_id: EpochId) -> Epoch:
        """Return the epoch, its row locked until the transaction ends."""
        return self._get(epoch_id, lock=True)

    def close(self, epoch_id: EpochId, *, pool_total_credits: int, closed_at: datetime) -> None:
        """Close an open epoch."""
        closed = self._connection.execute(
            update(epochs)
            .where(epochs.c.node_id == self._node_id, epochs.c.id == epoch_id, epochs.c.status == "open")
            .values(status="closed", pool_total_credits=pool_total_credits, closed_at=closed_at)
        )
        if closed.rowcount != 1:
            raise EpochClosed(epoch_id)
        self._connection.execute(  # nobody refreshes it any more
            delete(touched_epochs).where(
                touched_epochs.c.node_id == self._node_id, touched_epochs.c.epoch_id == epoch_id
            )
        )

    def _what_blocks(self, window: EpochWindow) -> AnotherEpochOpen | EpochWindowsOverlap:
        blocking = self.find_open()
        if blocking is not None:
            return AnotherEpochOpen(blocking.id)
        overlapping = self._connection.execute(
            self._select.where(
                epochs.c.period_start < window.period_end, epochs.c.period_end > window.period_start
            ).limit(1)
        ).one_or_none()
        # Neither: it closed in between, and the caller looks again.
        return AnotherEpochOpen() if overlapping is None else EpochWindowsOverlap()

    def _get(self, epoch_id: EpochId, *, lock: bool) -> Epoch:
        if not 0 < epoch_id <= MAX_BIGINT:
            raise EpochNotFound(epoch_id)
        query = self._select.where(epochs.c.id == epoch_id)
        row = self._connection.execute(query.with_for_update() if lock else query).one_or_none()
        if row is None:
            raise EpochNotFound(epoch_id)
        return epoch_of_row(row)


def epoch_of_row(row: Row[Any]) -> Epoch:
    """Return the epoch that a row of `epochs` holds."""
    return Epoch(
        id=EpochId(row.id),
        status=EpochStatus(row.status),
        window=EpochWindow(
            period_start=row.period_start.astimezone(UTC), period_end=row.period_end.astimezone(UTC)
        ),
        weight_config=WeightConfig(row.weight_config),
        pool_total_credits=row.pool_total_credits,
        opened_at=row.opened_at.astimezone(UTC),
        closed_at=None if row.closed_at is None else row.closed_at.astimezone(UTC),
    )
