"""Curation, in memory: the same sets that PostgreSQL computes, one row at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.curation import CuratedEvent, CurationCounts, CurationSummary
from ledger_core.domain.epoch import Epoch
from ledger_core.errors import EventNotCurated, EventPaidTwice
from ledger_core.identifiers import EpochId, EventId
from ledger_core.ports.curation_store import CuratedActivity
from ledger_core.testing.in_memory_state import CurationRow, LedgerState, Scope


class InMemoryCurationReader:
    """Curation to read."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def find(self, epoch_id: EpochId, event_id: EventId) -> CuratedEvent | None:
        """Return one event as it stands in the epoch."""
        row = self._scope.state.curation.get((epoch_id, event_id))
        return None if row is None else row.curation

    def ordered_events(self, epoch_id: EpochId) -> Iterator[CuratedEvent]:
        """Yield the epoch's events in order of their ids."""
        for activity in self.ordered_activity(epoch_id):
            yield activity.curation

    def ordered_activity(self, epoch_id: EpochId) -> Iterator[CuratedActivity]:
        """Yield the same with the facts behind them."""
        for event_id in sorted(
            event_id for epoch, event_id in self._scope.state.curation if epoch == epoch_id
        ):
            row = self._scope.state.curation[epoch_id, event_id]
            event = self._scope.state.events[event_id]
            yield CuratedActivity(
                event=event,
                curation=row.curation,
                note=row.note,
                judged_by=row.judged_by,
                judged_at=row.judged_at,
            )

    def summary(self, epoch_id: EpochId) -> CurationSummary:
        """Return how many events the epoch holds; an excluded one is not counted as unresolved."""
        events = list(self.ordered_events(epoch_id))
        return CurationSummary(
            events=len(events),
            included=sum(event.included for event in events),
            unresolved=sum(event.included and event.user_id is None for event in events),
            late=sum(event.late_from_epoch_id is not None for event in events),
        )

    def count_unresolved(self, epoch_id: EpochId) -> int:
        """Return how many of the epoch's included events have no user."""
        return self.summary(epoch_id).unresolved


class InMemoryCurationStore(InMemoryCurationReader):
    """Curation to write; each refusal of it is one of PostgreSQL's."""

    def refresh(self, epoch: Epoch, *, at: datetime) -> CurationCounts:
        """Bring the epoch's curation up to date; transactions come one after another, so this is one moment."""
        self._scope.check_writable(epoch.id)
        return CurationCounts(
            added=self._add_window_events(epoch, at=at),
            added_late=self._add_late_events(epoch, at=at),
            carried=self._carry_resolved_events(epoch, at=at),
            resolved=self._sync_users(epoch, at=at),
        )

    def _add_window_events(self, epoch: Epoch, *, at: datetime) -> int:
        """Curate the events of the epoch's window that no epoch holds; return how many."""
        state = self._scope.state
        found = [event for event in _waiting(state) if epoch.window.contains(event.event_time)]
        for event in found:
            self._write(epoch.id, _new_row(state, event, at=at, late_from=None))
        return len(found)

    def _add_late_events(self, epoch: Epoch, *, at: datetime) -> int:
        """Curate events that no epoch holds and whose window's epoch is closed, marked late."""
        state = self._scope.state
        found = [
            (event, closed)
            for event in _waiting(state)
            for closed in state.closed_epochs()
            if closed.window.contains(event.event_time)
        ]
        for event, closed in found:
            self._write(epoch.id, _new_row(state, event, at=at, late_from=closed.id))
        return len(found)

    def _carry_resolved_events(self, epoch: Epoch, *, at: datetime) -> int:
        """Curate events that closed unresolved and whose identity is bound by now, marked late."""
        state = self._scope.state
        found = [
            (event, row)
            for event, row in _unresolved_at_close(state)
            if state.user_of(event) is not None and (epoch.id, event.id) not in state.curation
        ]
        for event, row in found:
            origin = next(other for other in state.epochs.values() if other.window.contains(event.event_time))
            carried = _new_row(state, event, at=at, late_from=origin.id)
            weight = row.curation.weight_override_milli
            curation = replace(carried.curation, weight_override_milli=weight)
            judged = replace(
                carried,
                curation=curation,
                note=row.note,
                judged_by=row.judged_by,
                judged_at=row.judged_at,
            )
            self._write(epoch.id, judged)
        return len(found)

    def _sync_users(self, epoch: Epoch, *, at: datetime) -> int:
        """Give each event of the epoch the user of its identity now; after an unbinding that is none."""
        state = self._scope.state
        changed = 0
        for curated in list(self.ordered_events(epoch.id)):
            user = state.user_of(state.events[curated.event_id])
            if user != curated.user_id:
                changed += 1
                row = state.curation[epoch.id, curated.event_id]
                self._write(epoch.id, replace(row, curation=replace(curated, user_id=user), updated_at=at))
        return changed

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
        """Set an admin's judgement of one event, or raise EventNotCurated or EpochClosed."""
        row = self._scope.state.curation.get((epoch_id, event_id))
        if row is None:
            raise EventNotCurated(epoch_id, event_id)
        self._scope.check_writable(epoch_id)
        curation = replace(row.curation, included=included, weight_override_milli=weight_override_milli)
        self._write(
            epoch_id,
            replace(row, curation=curation, note=note, judged_by=by, judged_at=at, updated_at=at),
        )

    def _write(self, epoch_id: EpochId, row: CurationRow) -> None:
        curation = row.curation
        rows = self._scope.state.curation
        if curation.included and curation.user_id is not None:  # EVENT_PAID_ONCE
            for other in self._scope.state.epochs:
                paid = rows.get((other, curation.event_id)) if other != epoch_id else None
                if paid is not None and is_paid(paid):
                    raise EventPaidTwice
        rows[epoch_id, curation.event_id] = row


def is_paid(row: CurationRow) -> bool:
    """Say whether the row counts for somebody: included and resolved."""
    return row.curation.included and row.curation.user_id is not None


def _waiting(state: LedgerState) -> list[ActivityEvent]:
    curated = {event_id for _, event_id in state.curation}
    return [event for event in state.events.values() if event.id not in curated]


def _new_row(
    state: LedgerState, event: ActivityEvent, *, at: datetime, late_from: EpochId | None
) -> CurationRow:
    curation = CuratedEvent(
        event_id=event.id,
        source=event.source,
        event_type=event.event_type,
        payload_hash=event.payload_hash,
        user_id=state.user_of(event),
        included=True,
        late_from_epoch_id=late_from,
    )
    return CurationRow(curation=curation, note=None, created_at=at, updated_at=at)


def _unresolved_at_close(state: LedgerState) -> list[tuple[ActivityEvent, CurationRow]]:
    """Return events that a closed epoch left unresolved, nobody excluded and nobody is paid for.

    Each comes with its row in the epoch that closed last, as that holds the newest judgement.
    """
    position = {epoch.id: index for index, epoch in enumerate(state.closed_epochs())}
    newest: dict[EventId, tuple[int, CurationRow]] = {}
    settled: set[EventId] = set()
    for (epoch_id, event_id), row in state.curation.items():
        if not row.curation.included or row.curation.user_id is not None:
            settled.add(event_id)
        elif epoch_id in position:
            found = (position[epoch_id], row)
            newest[event_id] = max(newest.get(event_id, found), found, key=lambda pair: pair[0])
    return [(state.events[event_id], row) for event_id, (_, row) in newest.items() if event_id not in settled]
