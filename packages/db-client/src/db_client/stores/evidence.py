"""Evidence on PostgreSQL: one statement a question, whatever it is asked about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, or_, select, text, tuple_

from db_client.stores.curation import STREAMED_ROWS
from db_client.stores.identities import GROUPED_BY_IDENTITY, MOST_EVENTS_FIRST, unresolved_of_row
from db_client.tables.activity import activity_events
from db_client.tables.curation import activity_curation
from db_client.tables.identities import identity_events, user_bindings
from ledger_core.domain.epoch import Epoch
from ledger_core.domain.evidence import CuratedFact, EventFact, decision_of
from ledger_core.domain.identity import (
    IdentityBinding,
    IdentityChange,
    IdentityEvent,
    UnresolvedIdentity,
    like_names,
)
from ledger_core.domain.ledger_action import ActionContext
from ledger_core.identifiers import EpochId, EventId, NodeId, UserId
from ledger_core.ports.evidence_reader import ActivityElsewhere, DailyActivity, EventInEpoch

# What `like_names` does: in the collation "C", A to Z alone are letters; translate() takes ten times as long.
FOLDED: Final = 'lower({} COLLATE "C")'
_LOGIN: Final = FOLDED.format("event.platform_login")
_ACCOUNT: Final = FOLDED.format("event.platform_user_id")

_UNRESOLVED_LIKE: Final = text(
    GROUPED_BY_IDENTITY
    + f"""
    JOIN activity_curation AS curated
        ON curated.node_id = event.node_id AND curated.event_id = event.id
    WHERE curated.node_id = :node_id AND curated.epoch_id = :epoch_id
        AND curated.included AND curated.user_id IS NULL
        AND ARRAY[{_LOGIN}, split_part({_LOGIN}, '@', 1), {_ACCOUNT}, split_part({_ACCOUNT}, '@', 1)]
            && CAST(:names AS text[])
"""
    + MOST_EVENTS_FIRST
)

# From the history, as whoever is bound was bound once: an account that was unbound is in it too.
_ELSEWHERE: Final = text("""
    SELECT curated.epoch_id, curated.user_id, curated.included,
        event.event_time >= :period_start AND event.event_time < :period_end AS in_window,
        count(*) AS events, min(event.event_time) AS first_event_time, max(event.event_time) AS last_event_time
    FROM (
        SELECT DISTINCT provider, external_id FROM identity_events
        WHERE node_id = :node_id AND user_id = :user_id
    ) AS mine
    JOIN activity_events AS event
        ON event.node_id = :node_id
        AND event.source = mine.provider AND event.platform_user_id = mine.external_id
    LEFT JOIN activity_curation AS curated
        ON curated.node_id = event.node_id AND curated.event_id = event.id
    WHERE NOT EXISTS (
        SELECT FROM activity_curation AS here
        WHERE here.node_id = event.node_id AND here.event_id = event.id
            AND here.epoch_id = :epoch_id AND here.user_id = :user_id
    )
    GROUP BY curated.epoch_id, curated.user_id, curated.included, in_window
    ORDER BY in_window DESC, curated.epoch_id DESC NULLS FIRST, curated.user_id NULLS LAST,
        curated.included DESC
    LIMIT :limit
""")


_DAILY: Final = text("""
    SELECT CASE
            WHEN event.event_time >= :period_start AND event.event_time < :period_end
            THEN CAST(event.event_time AT TIME ZONE 'UTC' AS date)
        END AS day,
        event.source,
        count(*) AS events,
        count(*) FILTER (WHERE curated.included) AS included,
        count(*) FILTER (WHERE curated.included AND curated.user_id IS NULL) AS unresolved,
        count(*) FILTER (WHERE curated.included AND curated.weight_override_milli IS NOT NULL) AS reweighted
    FROM activity_curation AS curated
    JOIN activity_events AS event
        ON event.node_id = curated.node_id AND event.id = curated.event_id
    WHERE curated.node_id = :node_id AND curated.epoch_id = :epoch_id
    GROUP BY day, event.source
    ORDER BY day NULLS LAST, event.source COLLATE "C"
""")


# Every column of an event but its metadata, which is most of it.
CURATED_FACTS: Final[Select[*tuple[Any, ...]]] = select(
    activity_curation.c.epoch_id,
    activity_curation.c.user_id,
    activity_curation.c.included,
    activity_curation.c.weight_override_milli,
    activity_curation.c.late_from_epoch_id,
    activity_curation.c.note,
    activity_curation.c.judged_by,
    activity_curation.c.judged_at,
    *(column for column in activity_events.c if column.name not in {"node_id", "metadata", "ingested_at"}),
).join(
    activity_events,
    and_(
        activity_events.c.node_id == activity_curation.c.node_id,
        activity_events.c.id == activity_curation.c.event_id,
    ),
)


class PostgresEvidenceReader:
    """The port EvidenceReader."""

    def __init__(self, connection: Connection, node_id: NodeId) -> None:
        self._connection = connection
        self._node_id = node_id

    def activity_of_user(self, epoch_id: EpochId, user_id: UserId) -> Iterator[CuratedFact]:
        """Yield the epoch's events that belong to the user, by id, from a server-side cursor."""
        query = CURATED_FACTS.where(
            activity_curation.c.node_id == self._node_id,
            activity_curation.c.epoch_id == epoch_id,
            activity_curation.c.user_id == user_id,
        ).order_by(activity_curation.c.event_id)
        with self._connection.execute(query, execution_options={"yield_per": STREAMED_ROWS}) as rows:
            for row in rows:
                yield curated_fact(row)

    def unresolved_like(
        self, epoch_id: EpochId, names: Sequence[str], *, limit: int
    ) -> tuple[UnresolvedIdentity, ...]:
        """Return the epoch's unresolved identities that are like a name, the most events first."""
        wanted = sorted(frozenset().union(*map(like_names, names)))
        values = {"node_id": self._node_id, "epoch_id": epoch_id, "names": wanted, "limit": limit}
        return tuple(unresolved_of_row(row) for row in self._connection.execute(_UNRESOLVED_LIKE, values))

    def bindings_of(self, user_id: UserId, *, limit: int) -> tuple[IdentityBinding, ...]:
        """Return the identities that are bound to the user now, in order."""
        rows = self._connection.execute(
            select(user_bindings)
            .where(user_bindings.c.node_id == self._node_id, user_bindings.c.user_id == user_id)
            .order_by(user_bindings.c.provider, user_bindings.c.external_id)
            .limit(limit)
        )
        return tuple(_binding(row) for row in rows)

    def history_of_user(self, user_id: UserId, *, limit: int) -> tuple[IdentityEvent, ...]:
        """Return the newest binds and unbinds of the user's identities, the oldest of them first."""
        return self._history(identity_events.c.user_id == user_id, limit=limit)

    def history_of_identity(
        self, provider: str, external_id: str, *, limit: int
    ) -> tuple[IdentityEvent, ...]:
        """Return the newest binds and unbinds of an identity, the oldest of them first."""
        return self._history(
            identity_events.c.provider == provider, identity_events.c.external_id == external_id, limit=limit
        )

    def users_ever_bound(self, identities: Sequence[tuple[str, str]]) -> frozenset[UserId]:
        """Return everybody to whom one of the identities was ever bound."""
        identity = tuple_(identity_events.c.provider, identity_events.c.external_id)
        rows = self._connection.execute(
            select(identity_events.c.user_id)
            .where(identity_events.c.node_id == self._node_id, identity.in_(identities))
            .distinct()
        )
        return frozenset(UserId(row.user_id) for row in rows)

    def activity_elsewhere(
        self, epoch: Epoch, user_id: UserId, *, limit: int
    ) -> tuple[ActivityElsewhere, ...]:
        """Count the events of identities that are, or ever were, the user's, and stand otherwise."""
        rows = self._connection.execute(
            _ELSEWHERE,
            {
                "node_id": self._node_id,
                "epoch_id": epoch.id,
                "user_id": user_id,
                "period_start": epoch.window.period_start,
                "period_end": epoch.window.period_end,
                "limit": limit,
            },
        )
        return tuple(
            ActivityElsewhere(
                epoch_id=row.epoch_id,
                in_window=row.in_window,
                user_id=None if row.user_id is None else UserId(row.user_id),
                included=row.included,
                events=row.events,
                first_event_time=row.first_event_time.astimezone(UTC),
                last_event_time=row.last_event_time.astimezone(UTC),
            )
            for row in rows
        )

    def standings(self, event_id: EventId) -> tuple[EventInEpoch, ...]:
        """Return how the event stands in each epoch that holds it."""
        rows = self._connection.execute(
            CURATED_FACTS.where(
                activity_curation.c.node_id == self._node_id, activity_curation.c.event_id == event_id
            ).order_by(activity_curation.c.epoch_id)
        )
        return tuple(EventInEpoch(epoch_id=EpochId(row.epoch_id), curated=curated_fact(row)) for row in rows)

    def daily_activity(self, epoch: Epoch) -> tuple[DailyActivity, ...]:
        """Count the epoch's events by day and source."""
        rows = self._connection.execute(
            _DAILY,
            {
                "node_id": self._node_id,
                "epoch_id": epoch.id,
                "period_start": epoch.window.period_start,
                "period_end": epoch.window.period_end,
            },
        )
        return tuple(DailyActivity(**row._mapping) for row in rows)  # noqa: SLF001 - SQLAlchemy's public name

    def judged_activity(self, epoch_id: EpochId, *, limit: int) -> tuple[CuratedFact, ...]:
        """Return the first events that are excluded or have a weight of their own."""
        is_judged = or_(
            activity_curation.c.included.is_(False), activity_curation.c.weight_override_milli.is_not(None)
        )
        return self._first(epoch_id, is_judged, limit=limit)

    def late_activity(self, epoch_id: EpochId, *, limit: int) -> tuple[CuratedFact, ...]:
        """Return the first events that came late."""
        return self._first(epoch_id, activity_curation.c.late_from_epoch_id.is_not(None), limit=limit)

    def _first(
        self, epoch_id: EpochId, wanted: ColumnElement[bool], *, limit: int
    ) -> tuple[CuratedFact, ...]:
        rows = self._connection.execute(
            CURATED_FACTS.where(
                activity_curation.c.node_id == self._node_id,
                activity_curation.c.epoch_id == epoch_id,
                wanted,
            )
            .order_by(activity_curation.c.event_id)
            .limit(limit)
        )
        return tuple(curated_fact(row) for row in rows)

    def _history(self, *conditions: ColumnElement[bool], limit: int) -> tuple[IdentityEvent, ...]:
        rows = self._connection.execute(
            select(identity_events)
            .where(identity_events.c.node_id == self._node_id, *conditions)
            .order_by(identity_events.c.id.desc())
            .limit(limit)
        ).all()
        return tuple(_identity_event(row) for row in reversed(rows))


def curated_fact(row: Row[*tuple[Any, ...]]) -> CuratedFact:
    """Return what a row of CURATED_FACTS holds."""
    judged_at = None if row.judged_at is None else row.judged_at.astimezone(UTC)
    return CuratedFact(
        fact=EventFact(
            event_id=row.id,
            source=row.source,
            event_type=row.event_type,
            event_time=row.event_time.astimezone(UTC),
            artifact_url=row.artifact_url,
            login=row.platform_login,
            account=row.platform_user_id,
            payload_hash=row.payload_hash,
            producer=row.producer,
            producer_version=row.producer_version,
            retrieved_at=row.retrieved_at.astimezone(UTC),
        ),
        user_id=row.user_id,
        included=row.included,
        weight_override_milli=row.weight_override_milli,
        late_from_epoch_id=row.late_from_epoch_id,
        decision=decision_of(by=row.judged_by, at=judged_at, reason=row.note),
    )


def _binding(row: Row[Any]) -> IdentityBinding:
    return IdentityBinding(provider=row.provider, external_id=row.external_id, user_id=UserId(row.user_id))


def _identity_event(row: Row[Any]) -> IdentityEvent:
    return IdentityEvent(
        change=IdentityChange(row.change),
        binding=_binding(row),
        context=ActionContext(actor=row.actor, reason=row.reason, workflow_id=row.workflow_id),
        at=row.at.astimezone(UTC),
    )
