"""Curation on PostgreSQL: one statement brings it up to date, however many events there are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, and_, func, select, update

from db_client.stores.activity import event_of_row
from db_client.stores.curation_statements import (
    COUNT_TOUCHED,
    IS_UNCURATED,
    Part,
    refresh_statement,
)
from db_client.stores.large_statements import large_statements, small_statements
from db_client.tables.activity import activity_events
from db_client.tables.curation import activity_curation
from ledger_core.domain.curation import CuratedEvent, CurationCounts, CurationSummary
from ledger_core.domain.epoch import Epoch
from ledger_core.errors import EventNotCurated
from ledger_core.identifiers import EpochId, EventId, NodeId, UserId
from ledger_core.ports.curation_store import CuratedActivity

STREAMED_ROWS = 5_000  # rows fetched at once from a server-side cursor
# Up to so many events and identities each is looked up in an index; of more, all there are is read once: both take under a second.
FEW: Final = 20_000

_CURATED_ACTIVITY: Final[Select[*tuple[Any, ...]]] = select(
    activity_curation.c.epoch_id,
    activity_curation.c.event_id,
    activity_curation.c.user_id,
    activity_curation.c.included,
    activity_curation.c.weight_override_milli,
    activity_curation.c.late_from_epoch_id,
    activity_curation.c.note,
    activity_curation.c.judged_by,
    activity_curation.c.judged_at,
    activity_events,
).join(
    activity_events,
    and_(
        activity_events.c.node_id == activity_curation.c.node_id,
        activity_events.c.id == activity_curation.c.event_id,
    ),
)


class PostgresCurationStore:
    """The port CurationStore."""

    def __init__(self, connection: Connection, node_id: NodeId) -> None:
        self._connection = connection
        self._node_id = node_id
        self._columns: Select[*tuple[Any, ...]] = select(
            *(column for column in activity_curation.c if column.name != "node_id"),
            activity_events.c.source,
            activity_events.c.event_type,
            activity_events.c.payload_hash,
        ).join(
            activity_events,
            and_(
                activity_events.c.node_id == activity_curation.c.node_id,
                activity_events.c.id == activity_curation.c.event_id,
            ),
        )

    def find(self, epoch_id: EpochId, event_id: EventId) -> CuratedEvent | None:
        """Return one event as it stands in the epoch."""
        row = self._connection.execute(
            self._columns.where(
                activity_curation.c.node_id == self._node_id,
                activity_curation.c.epoch_id == epoch_id,
                activity_curation.c.event_id == event_id,
            )
        ).one_or_none()
        return None if row is None else _curated_event(row)

    def ordered_events(self, epoch_id: EpochId) -> Iterator[CuratedEvent]:
        """Yield the epoch's events in order of their ids, from a server-side cursor."""
        query = self._columns.where(
            activity_curation.c.node_id == self._node_id, activity_curation.c.epoch_id == epoch_id
        ).order_by(activity_curation.c.event_id)
        with self._connection.execute(query, execution_options={"yield_per": STREAMED_ROWS}) as rows:
            for row in rows:
                yield _curated_event(row)

    def ordered_activity(self, epoch_id: EpochId) -> Iterator[CuratedActivity]:
        """Yield the same with the facts behind them."""
        query = _CURATED_ACTIVITY.where(
            activity_curation.c.node_id == self._node_id, activity_curation.c.epoch_id == epoch_id
        ).order_by(activity_curation.c.event_id)
        with self._connection.execute(query, execution_options={"yield_per": STREAMED_ROWS}) as rows:
            for row in rows:
                yield _curated_activity(row)

    def summary(self, epoch_id: EpochId) -> CurationSummary:
        """Return how many events the epoch holds, and how they stand."""
        included = activity_curation.c.included
        row = self._connection.execute(
            select(
                func.count().label("events"),
                func.count().filter(included).label("included"),
                func.count().filter(included, activity_curation.c.user_id.is_(None)).label("unresolved"),
                func.count(activity_curation.c.late_from_epoch_id).label("late"),
            ).where(activity_curation.c.node_id == self._node_id, activity_curation.c.epoch_id == epoch_id)
        ).one()
        return CurationSummary(
            events=row.events, included=row.included, unresolved=row.unresolved, late=row.late
        )

    def count_unresolved(self, epoch_id: EpochId) -> int:
        """Return how many included events have no user, from the index of just those."""
        counted = self._connection.execute(
            select(func.count()).where(
                activity_curation.c.node_id == self._node_id,
                activity_curation.c.epoch_id == epoch_id,
                activity_curation.c.included,
                activity_curation.c.user_id.is_(None),
            )
        )
        return counted.scalar_one()

    def refresh(self, epoch: Epoch, *, at: datetime) -> CurationCounts:
        """Bring the epoch's curation up to date, as of one snapshot."""
        key = {"node_id": self._node_id, "epoch_id": epoch.id}
        window = {"period_start": epoch.window.period_start, "period_end": epoch.window.period_end}
        days, identities, is_large = self._parts(key)
        if days is identities is Part.NONE:
            return CurationCounts(added=0, added_late=0, carried=0, resolved=0)
        with large_statements(self._connection) if is_large else small_statements(self._connection):
            statement = refresh_statement(days=days, identities=identities)
            row = self._connection.execute(statement, key | window | {"at": at}).one()
        return CurationCounts(
            added=row.added, added_late=row.added_late, carried=row.carried, resolved=row.resolved
        )

    def _parts(self, key: dict[str, Any]) -> tuple[Part, Part, bool]:
        """Return what to look at, of the days and of the identities, and whether that is much."""
        if self._connection.execute(IS_UNCURATED, key).scalar_one():
            return Part.EVERY, Part.EVERY, True
        with small_statements(self._connection):
            row = self._connection.execute(COUNT_TOUCHED, {"node_id": self._node_id, "most": FEW + 1}).one()
        days = Part.TOUCHED if row.events_of_days else Part.NONE
        identities = Part.TOUCHED if row.identities else Part.NONE
        if max(row.identities, row.events_of_identities) > FEW:
            identities = Part.EVERY
        return days, identities, max(row) > FEW

    def judge(
        self,
        epoch_id: EpochId,
        event_id: EventId,
        *,
        included: bool,
        weight_override_milli: int | None,
        note: str | None,
        by: str,
        at: datetime,
    ) -> None:
        """Set an admin's judgement of one event."""
        changed = self._connection.execute(
            update(activity_curation)
            .where(
                activity_curation.c.node_id == self._node_id,
                activity_curation.c.epoch_id == epoch_id,
                activity_curation.c.event_id == event_id,
            )
            .values(
                included=included,
                weight_override_milli=weight_override_milli,
                note=note,
                judged_by=by,
                judged_at=at,
                updated_at=at,
            )
        )
        if changed.rowcount != 1:
            raise EventNotCurated(epoch_id, event_id)


def _curated_activity(row: Row[*tuple[Any, ...]]) -> CuratedActivity:
    return CuratedActivity(
        event=event_of_row(row),
        curation=_curated_event(row),
        note=row.note,
        judged_by=row.judged_by,
        judged_at=None if row.judged_at is None else row.judged_at.astimezone(UTC),
    )


def _curated_event(row: Row[*tuple[Any, ...]]) -> CuratedEvent:
    return CuratedEvent(
        event_id=EventId(row.event_id),
        source=row.source,
        event_type=row.event_type,
        payload_hash=row.payload_hash,
        user_id=None if row.user_id is None else UserId(row.user_id),
        included=row.included,
        weight_override_milli=row.weight_override_milli,
        late_from_epoch_id=row.late_from_epoch_id,
    )
