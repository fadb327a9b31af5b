"""Everything as it is stored, in memory: values, so that no row ever makes none."""

from __future__ import annotations

from collections.abc import Iterator

from ledger_core.identifiers import EpochId
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
from ledger_core.testing.in_memory_curation import is_paid
from ledger_core.testing.in_memory_state import Scope


class InMemoryCoherenceReader:
    """The port CoherenceReader; what guards this store is its code, of which no part can be switched off."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def totals(self) -> StoredTotals:
        """Return how many rows there are."""
        state = self._scope.state
        return StoredTotals(
            statements=sum(1 for _ in state.all_statements()),
            signatures=len(state.signatures),
            curated=len(state.curation),
            events=len(state.events),
        )

    def epochs(self) -> tuple[StoredEpoch, ...]:
        """Return the epochs, ordered by their ids."""
        state = self._scope.state
        return tuple(
            StoredEpoch(
                epoch_id=epoch_id,
                is_open=state.epochs[epoch_id].is_open,
                epoch=state.epochs[epoch_id],
                components=tuple(
                    state.components[key] for key in sorted(state.components) if key[0] == epoch_id
                ),
            )
            for epoch_id in sorted(state.epochs)
        )

    def statements(self) -> Iterator[StoredStatement]:
        """Yield the statements, as of when their epochs closed."""
        state = self._scope.state
        for statement in sorted(state.all_statements(), key=lambda found: found.epoch_id):
            epoch = state.epochs[statement.epoch_id]
            amendment = statement.amendment
            yield StoredStatement(
                epoch_id=statement.epoch_id,
                format=statement.format,
                statement_hash=statement.statement_hash,
                previous_statement_hash=statement.previous_statement_hash,
                is_correction=amendment is not None,
                superseded_hash=None if amendment is None else amendment.supersedes,
                amendment=amendment,
                activity_set_hash=statement.activity_set_hash,
                allocation_set_hash=statement.allocation_set_hash,
                pool_total_credits=statement.pool_total_credits,
                payouts=statement.payouts,
                completeness=statement.completeness,
                created_at=epoch.closed_at or epoch.opened_at,
            )

    def signatures(self) -> Iterator[StoredSignature]:
        """Yield the signatures, ordered by epoch, statement and signer."""
        statements = {found.statement_hash: found for found in self._scope.state.all_statements()}
        for statement_hash, signer in sorted(
            self._scope.state.signatures, key=lambda key: (statements[key[0]].epoch_id, key)
        ):
            statement = statements[statement_hash]
            yield StoredSignature(
                epoch_id=statement.epoch_id,
                statement_hash=statement_hash,
                pool_total_credits=statement.pool_total_credits,
                signer=signer,
                signature=self._scope.state.signatures[statement_hash, signer].signature,
            )

    def curation(self, epoch_id: EpochId) -> Iterator[StoredCuration]:
        """Yield an epoch's rows in order of their events' ids."""
        state = self._scope.state
        for event_id in sorted(event_id for owner, event_id in state.curation if owner == epoch_id):
            row = state.curation[epoch_id, event_id]
            yield StoredCuration(
                event_id=event_id,
                curation=row.curation,
                event_time=state.events[event_id].event_time,
                created_at=row.created_at,
                updated_at=row.updated_at,
            )

    def events(self) -> Iterator[StoredEvent]:
        """Yield every event; its hash is the one that it was constructed with."""
        for event_id in sorted(self._scope.state.events):
            event = self._scope.state.events[event_id]
            yield StoredEvent(
                event_id=event_id, payload_hash=event.payload_hash, computed_hash=event.payload_hash
            )

    def repeated_payments(self) -> Iterator[RepeatedPayment]:
        """Yield the events that count for a user more than once."""
        epochs_of: dict[str, list[EpochId]] = {}
        for (epoch_id, event_id), row in sorted(self._scope.state.curation.items(), key=lambda pair: pair[0]):
            if is_paid(row):
                epochs_of.setdefault(event_id, []).append(epoch_id)
        for event_id in sorted(self._scope.state.events):
            epoch_ids = tuple(epochs_of.get(event_id, ()))
            if len(epoch_ids) > 1:
                yield RepeatedPayment(event_id=event_id, epoch_ids=epoch_ids)

    def cursors(self) -> Iterator[StoredCursor]:
        """Yield the streams that have a cursor, in order."""
        state = self._scope.state
        sources = {event.source for event in state.events.values()}
        for stream in sorted(state.cursors):
            yield StoredCursor(stream=str(stream), source=stream.source, has_events=stream.source in sources)

    def guard_faults(self) -> Iterator[GuardFault]:
        """Yield nothing."""
        yield from ()
