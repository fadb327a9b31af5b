"""Everything as PostgreSQL stores it: every row is read as it is, and one that makes no value comes as None.

Documents are read as text, and times within what Python can hold, as a row that was forged may hold anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Row, TextClause, text

from db_client.stores.coherence_values import (
    NO_VALUE,
    amendment_of,
    completeness_of,
    component_of,
    computed_hash_of,
    curated_event_of,
    epoch_of,
    in_utc,
    payouts_of,
)
from db_client.stores.guards import guard_faults
from ledger_core.domain.epoch import EpochStatus
from ledger_core.domain.pool import PoolComponent
from ledger_core.identifiers import EpochId, EventId, NodeId
from ledger_core.ports.coherence_reader import (
    GuardFault,
    RepeatedPayment,
    StoredCuration,
    StoredCursor,
    StoredEpoch,
    StoredEvent,
    StoredSignature,
    StoredStatement,
    StoredTotals,
)

STREAMED_ROWS: Final = 5_000  # rows fetched at once from a server-side cursor
STREAMED_STATEMENTS: Final = 10  # a statement may have thousands of payouts


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

_SIGNATURES: Final = text("""
    SELECT stated.epoch_id, stated.statement_hash, stated.pool_total_credits, signer_wallet, signature
    FROM statement_signatures AS signed
    JOIN payout_statements AS stated ON stated.node_id = signed.node_id AND stated.id = signed.statement_id
    WHERE signed.node_id = :node_id ORDER BY stated.epoch_id, stated.statement_hash, signer_wallet
""")

_TOTALS: Final = text("""
    SELECT (SELECT count(*) FROM payout_statements WHERE node_id = :node_id) AS statements,
        (SELECT count(*) FROM statement_signatures WHERE node_id = :node_id) AS signatures,
        (SELECT count(*) FROM activity_curation WHERE node_id = :node_id) AS curated,
        (SELECT count(*) FROM activity_events WHERE node_id = :node_id) AS events
""")

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

    def totals(self) -> StoredTotals:
        """Return how many rows there are."""
        row = self._connection.execute(_TOTALS, {"node_id": self._node_id}).one()
        return StoredTotals(
            statements=row.statements, signatures=row.signatures, curated=row.curated, events=row.events
        )

    def epochs(self) -> tuple[StoredEpoch, ...]:
        """Return the epochs with their pools, ordered by their ids."""
        rows = self._connection.execute(_EPOCHS, {"node_id": self._node_id}).all()
        return tuple(
            StoredEpoch(
                epoch_id=EpochId(row.id),
                is_open=row.status != EpochStatus.CLOSED,
                epoch=epoch_of(row),
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
                amendment=amendment_of(row.amendment),
                activity_set_hash=row.activity_set_hash,
                allocation_set_hash=row.allocation_set_hash,
                pool_total_credits=row.pool_total_credits,
                payouts=payouts_of(row.payouts),
                completeness=completeness_of(row.completeness),
                created_at=in_utc(row.created_at),
            )

    def signatures(self) -> Iterator[StoredSignature]:
        """Yield the signatures, from a server-side cursor."""
        for row in self._stream(_SIGNATURES):
            yield StoredSignature(
                epoch_id=EpochId(row.epoch_id),
                statement_hash=row.statement_hash,
                pool_total_credits=row.pool_total_credits,
                signer=row.signer_wallet,
                signature=row.signature,
            )

    def curation(self, epoch_id: EpochId) -> Iterator[StoredCuration]:
        """Yield an epoch's rows whose events are stored, from a server-side cursor."""
        for row in self._stream(_CURATION, epoch_id=epoch_id):
            yield StoredCuration(
                event_id=EventId(row.event_id),
                curation=curated_event_of(row),
                event_time=in_utc(row.event_time),
                created_at=in_utc(row.created_at),
                updated_at=in_utc(row.updated_at),
            )

    def events(self) -> Iterator[StoredEvent]:
        """Yield every event, its hash recomputed, from a server-side cursor."""
        for row in self._stream(_EVENTS):
            yield StoredEvent(
                event_id=EventId(row.id), payload_hash=row.payload_hash, computed_hash=computed_hash_of(row)
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
            return tuple(component_of(row) for row in rows.all())
        except NO_VALUE:
            return None

    def _stream(
        self, query: TextClause, *, rows: int = STREAMED_ROWS, **values: object
    ) -> Iterator[Row[Any]]:
        parameters = {"node_id": self._node_id, **values}
        options = {"yield_per": rows}
        with self._connection.execute(query, parameters, execution_options=options) as result:
            yield from result
