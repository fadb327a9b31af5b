"""Everything as PostgreSQL stores it: every row is read as it is, and one that makes no value comes as None.

Documents are read as text, and times within what Python can hold, as a row that was forged may hold anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, TextClause, text

from db_client.stores.guards import guard_faults
from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.amendment import Amendment, parse_amendment
from ledger_core.domain.curation import CuratedEvent
from ledger_core.domain.epoch import Epoch, EpochStatus
from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.payouts import PayoutLine
from ledger_core.domain.pool import PoolComponent
from ledger_core.domain.statement import payout_document
from ledger_core.domain.stream_reading import StreamCompleteness, parse_completeness
from ledger_core.domain.weight_config import WeightConfig
from ledger_core.errors import LedgerError
from ledger_core.identifiers import ComponentId, EpochId, EventId, NodeId, UserId
from ledger_core.ports.coherence_reader import (
    GuardFault,
    RepeatedPayment,
    StoredCuration,
    StoredCursor,
    StoredEpoch,
    StoredEvent,
    StoredStatement,
)

STREAMED_ROWS: Final = 5_000  # rows fetched at once from a server-side cursor
STREAMED_STATEMENTS: Final = 10  # a statement may have thousands of payouts
# What a row holds that no domain value takes: refused by the domain, by the parser, or of another kind.
_NO_VALUE: Final = (LedgerError, ValueError, TypeError, KeyError, RecursionError)


def _instant(column: str) -> str:
    """Return SQL for a time between the first day and the last that Python knows; null becomes the first."""
    return f"least(greatest({column}, '0001-01-02 00:00Z'::timestamptz), '9999-12-30 00:00Z'::timestamptz)"


_EPOCHS: Final = text(f"""
    SELECT id, status, pool_total_credits, weight_config::text AS weight_config,
        {_instant("period_start")} AS period_start, {_instant("period_end")} AS period_end,
        {_instant("opened_at")} AS opened_at,
        CASE WHEN closed_at IS NOT NULL THEN {_instant("closed_at")} END AS closed_at
    FROM epochs WHERE node_id = :node_id ORDER BY id
""")  # noqa: S608 - constants of this module

_COMPONENTS: Final = text(f"""
    SELECT component_id, algorithm_version, amount_credits, inputs_json::text AS inputs, evidence_ref,
        {_instant("computed_at")} AS computed_at
    FROM epoch_pool_components WHERE node_id = :node_id AND epoch_id = :epoch_id ORDER BY component_id
""")  # noqa: S608 - constants of this module

_STATEMENTS: Final = text(f"""
    SELECT epoch_id, format, statement_hash, previous_statement_hash, activity_set_hash,
        allocation_set_hash, pool_total_credits, payouts_json::text AS payouts,
        completeness_json::text AS completeness, amendment_json::text AS amendment,
        supersedes_statement_id IS NOT NULL AS is_correction,
        (
            SELECT superseded.statement_hash FROM payout_statements AS superseded
            WHERE superseded.node_id = stated.node_id AND superseded.id = stated.supersedes_statement_id
        ) AS superseded_hash,
        {_instant("created_at")} AS created_at
    FROM payout_statements AS stated WHERE node_id = :node_id ORDER BY epoch_id, created_at, statement_hash
""")  # noqa: S608 - constants of this module

_CURATION: Final = text(f"""
    SELECT curated.event_id, curated.user_id, curated.included, curated.weight_override_milli,
        curated.late_from_epoch_id, event.source, event.event_type, event.payload_hash,
        {_instant("event.event_time")} AS event_time, {_instant("curated.created_at")} AS created_at,
        {_instant("curated.updated_at")} AS updated_at
    FROM activity_curation AS curated
    JOIN activity_events AS event ON event.node_id = curated.node_id AND event.id = curated.event_id
    WHERE curated.node_id = :node_id AND curated.epoch_id = :epoch_id ORDER BY curated.event_id
""")  # noqa: S608 - constants of this module

_EVENTS: Final = text(f"""
    SELECT id, source, event_type, platform_user_id, platform_login, artifact_url,
        metadata::text AS metadata, payload_hash, producer, producer_version,
        {_instant("event_time")} AS event_time, {_instant("retrieved_at")} AS retrieved_at
    FROM activity_events WHERE node_id = :node_id ORDER BY id
""")  # noqa: S608 - constants of this module

_REPEATED_PAYMENTS: Final = text("""
    SELECT event_id, array_agg(epoch_id ORDER BY epoch_id) AS epoch_ids FROM activity_curation
    WHERE node_id = :node_id AND included AND user_id IS NOT NULL
    GROUP BY event_id HAVING count(*) > 1 ORDER BY event_id
""")

_CURSORS: Final = text("""
    SELECT source, source_ref, stream, EXISTS (
        SELECT FROM activity_events AS event
        WHERE event.node_id = stored.node_id AND event.source = stored.source
    ) AS has_events
    FROM source_cursors AS stored WHERE node_id = :node_id ORDER BY source, source_ref, stream
""")


class PostgresCoherenceReader:
    """The port CoherenceReader."""

    def __init__(self, connection: Connection, node_id: NodeId) -> None:
        self._connection = connection
        self._node_id = node_id

    def epochs(self) -> tuple[StoredEpoch, ...]:
        """Return the epochs with their pools, ordered by their ids."""
        rows = self._connection.execute(_EPOCHS, {"node_id": self._node_id}).all()
        return tuple(
            StoredEpoch(
                epoch_id=EpochId(row.id),
                is_open=row.status != EpochStatus.CLOSED,
                epoch=_epoch(row),
                components=self._components(row.id),
            )
            for row in rows
        )

    def statements(self) -> Iterator[StoredStatement]:
        """Yield the statements, ordered by their epochs' ids, from a server-side cursor."""
        for row in self._stream(_STATEMENTS, rows=STREAMED_STATEMENTS):
            yield StoredStatement(
                epoch_id=EpochId(row.epoch_id),
                format=row.format,
                statement_hash=row.statement_hash,
                previous_statement_hash=row.previous_statement_hash,
                is_correction=row.is_correction,
                superseded_hash=row.superseded_hash,
                amendment=_amendment(row.amendment),
                activity_set_hash=row.activity_set_hash,
                allocation_set_hash=row.allocation_set_hash,
                pool_total_credits=row.pool_total_credits,
                payouts=_payouts(row.payouts),
                completeness=_completeness(row.completeness),
                created_at=_utc(row.created_at),
            )

    def curation(self, epoch_id: EpochId) -> Iterator[StoredCuration]:
        """Yield an epoch's rows whose events are stored, from a server-side cursor."""
        for row in self._stream(_CURATION, epoch_id=epoch_id):
            yield StoredCuration(
                event_id=EventId(row.event_id),
                curation=_curated_event(row),
                event_time=_utc(row.event_time),
                created_at=_utc(row.created_at),
                updated_at=_utc(row.updated_at),
            )

    def events(self) -> Iterator[StoredEvent]:
        """Yield every event, its hash recomputed, from a server-side cursor."""
        for row in self._stream(_EVENTS):
            yield StoredEvent(
                event_id=EventId(row.id), payload_hash=row.payload_hash, computed_hash=_computed_hash(row)
            )

    def repeated_payments(self) -> Iterator[RepeatedPayment]:
        """Yield the events that count for a user more than once."""
        for row in self._stream(_REPEATED_PAYMENTS):
            epoch_ids = tuple(EpochId(epoch_id) for epoch_id in row.epoch_ids)
            yield RepeatedPayment(event_id=EventId(row.event_id), epoch_ids=epoch_ids)

    def cursors(self) -> Iterator[StoredCursor]:
        """Yield the streams that have a cursor."""
        for row in self._stream(_CURSORS):
            stream = f"{row.source}:{row.source_ref}:{row.stream}"
            yield StoredCursor(stream=stream, source=row.source, has_events=row.has_events)

    def guard_faults(self) -> Iterator[GuardFault]:
        """Yield what the catalog lacks of the migrated schema, and rows that refer to nothing."""
        return guard_faults(self._connection, self._node_id)

    def _components(self, epoch_id: int) -> tuple[PoolComponent, ...] | None:
        rows = self._connection.execute(_COMPONENTS, {"node_id": self._node_id, "epoch_id": epoch_id})
        try:
            return tuple(_component(row) for row in rows.all())
        except _NO_VALUE:
            return None

    def _stream(
        self, query: TextClause, *, rows: int = STREAMED_ROWS, **values: object
    ) -> Iterator[Row[Any]]:
        parameters = {"node_id": self._node_id, **values}
        options = {"yield_per": rows}
        with self._connection.execute(query, parameters, execution_options=options) as result:
            yield from result


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _epoch(row: Row[Any]) -> Epoch | None:
    has_result = {row.pool_total_credits is not None, row.closed_at is not None}
    if has_result != {row.status == EpochStatus.CLOSED}:
        return None
    try:
        return Epoch(
            id=EpochId(row.id),
            status=EpochStatus(row.status),
            window=EpochWindow(period_start=_utc(row.period_start), period_end=_utc(row.period_end)),
            weight_config=WeightConfig(json.loads(row.weight_config)),
            pool_total_credits=row.pool_total_credits,
            opened_at=_utc(row.opened_at),
            closed_at=None if row.closed_at is None else _utc(row.closed_at),
        )
    except _NO_VALUE:
        return None


def _component(row: Row[Any]) -> PoolComponent:
    return PoolComponent(
        component_id=ComponentId(row.component_id),
        algorithm_version=row.algorithm_version,
        amount_credits=row.amount_credits,
        inputs=json.loads(row.inputs),
        evidence_ref=row.evidence_ref,
        computed_at=_utc(row.computed_at),
    )


def _payouts(stored: str) -> tuple[PayoutLine, ...] | None:
    try:
        documents = json.loads(stored)
        lines = tuple(
            PayoutLine(
                user_id=line["user_id"],
                total_units=int(line["total_units"]),
                share=line["share"],
                amount_credits=int(line["amount_credits"]),
            )
            for line in documents
        )
        # As a document has them, to the letter: "007" credits are no 7.
        is_exact = [payout_document(line) for line in lines] == documents
    except _NO_VALUE:
        return None
    return lines if is_exact else None


def _completeness(stored: str | None) -> tuple[StreamCompleteness, ...] | None:
    try:
        return () if stored is None else parse_completeness(json.loads(stored))
    except _NO_VALUE:
        return None


def _amendment(stored: str | None) -> Amendment | None:
    try:
        return None if stored is None else parse_amendment(json.loads(stored))
    except _NO_VALUE:
        return None


def _curated_event(row: Row[Any]) -> CuratedEvent | None:
    try:
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
    except _NO_VALUE:
        return None


def _computed_hash(row: Row[Any]) -> str | None:
    try:
        return ActivityEvent(
            id=EventId(row.id),
            source=row.source,
            event_type=row.event_type,
            platform_user_id=row.platform_user_id,
            platform_login=row.platform_login,
            artifact_url=row.artifact_url,
            event_time=_utc(row.event_time),
            metadata=json.loads(row.metadata),
            producer=row.producer,
            producer_version=row.producer_version,
            retrieved_at=_utc(row.retrieved_at),
        ).payload_hash
    except _NO_VALUE:
        return None
