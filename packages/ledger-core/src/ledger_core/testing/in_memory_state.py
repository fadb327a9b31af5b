"""What an in-memory ledger holds, and the span of one transaction over it.

A state that is committed never changes again: a transaction works on its own copy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.allocation import Allocation
from ledger_core.domain.curation import CuratedEvent
from ledger_core.domain.epoch import Epoch
from ledger_core.domain.identity import IdentityEvent
from ledger_core.domain.ledger_action import LedgerAction
from ledger_core.domain.pool import PoolComponent
from ledger_core.domain.signature import StatementSignature
from ledger_core.domain.statement import PayoutStatement
from ledger_core.domain.stream_health import StreamHealth
from ledger_core.domain.stream_reading import GapWaiver, StreamReading
from ledger_core.errors import EpochClosed
from ledger_core.identifiers import ComponentId, EpochId, EventId, NodeId, StreamRef, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class CurationRow:
    """How an event stands in an epoch, with the note of whoever judged it, who that was, and when."""

    curation: CuratedEvent
    note: str | None
    created_at: datetime
    updated_at: datetime
    judged_by: str | None = None
    judged_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class LedgerState:
    """Every row of one node; the values are immutable, so a shallow copy is a whole one."""

    node_id: NodeId
    epochs: dict[EpochId, Epoch] = field(default_factory=dict)
    events: dict[EventId, ActivityEvent] = field(default_factory=dict)
    cursors: dict[StreamRef, str] = field(default_factory=dict)
    stream_health: dict[StreamRef, StreamHealth] = field(default_factory=dict)
    curation: dict[tuple[EpochId, EventId], CurationRow] = field(default_factory=dict)
    allocations: dict[tuple[EpochId, UserId], Allocation] = field(default_factory=dict)
    components: dict[tuple[EpochId, ComponentId], PoolComponent] = field(default_factory=dict)
    statements: dict[EpochId, tuple[PayoutStatement, ...]] = field(default_factory=dict)
    signatures: dict[tuple[str, str], StatementSignature] = field(default_factory=dict)
    users: set[UserId] = field(default_factory=set)
    bindings: dict[tuple[str, str], UserId] = field(default_factory=dict)
    identity_events: list[IdentityEvent] = field(default_factory=list)
    actions: list[LedgerAction] = field(default_factory=list)
    readings: list[StreamReading] = field(default_factory=list)
    waivers: list[tuple[EpochId, GapWaiver]] = field(default_factory=list)

    def copy(self) -> LedgerState:
        """Return a state that may be written without this one changing."""
        return LedgerState(
            node_id=self.node_id,
            epochs=dict(self.epochs),
            events=dict(self.events),
            cursors=dict(self.cursors),
            stream_health=dict(self.stream_health),
            curation=dict(self.curation),
            allocations=dict(self.allocations),
            components=dict(self.components),
            statements=dict(self.statements),
            signatures=dict(self.signatures),
            users=set(self.users),
            bindings=dict(self.bindings),
            identity_events=list(self.identity_events),
            actions=list(self.actions),
            readings=list(self.readings),
            waivers=list(self.waivers),
        )

    def all_statements(self) -> list[PayoutStatement]:
        """Return every statement, also those that are superseded."""
        return [statement for versions in self.statements.values() for statement in versions]

    def user_of(self, event: ActivityEvent) -> UserId | None:
        """Return whom the event's identity is bound to now."""
        if event.platform_user_id is None:
            return None
        return self.bindings.get((event.source, event.platform_user_id))

    def closed_epochs(self) -> list[Epoch]:
        """Return the closed epochs in the order in which they closed."""
        closed = [
            (epoch.closed_at, epoch.id) for epoch in self.epochs.values() if epoch.closed_at is not None
        ]
        return [self.epochs[epoch_id] for _, epoch_id in sorted(closed)]


class Scope:
    """One transaction or snapshot: its state while it lasts, and which epochs it locked."""

    def __init__(self, state: LedgerState) -> None:
        self._state: LedgerState | None = state
        self.locked: set[EpochId] = set()

    @property
    def state(self) -> LedgerState:
        """Return the state; it is a mistake to reach for it once the `with` block is left."""
        assert self._state is not None, "the transaction or snapshot is over"
        return self._state

    def end(self) -> None:
        """Let nobody who kept a store reach the state any more."""
        self._state = None

    def check_writable(self, epoch_id: EpochId) -> None:
        """Refuse writes to a closed epoch (CURATION_FREEZE_ON_CLOSE); the caller holds its lock.

        Raises: EpochClosed.
        """
        assert epoch_id in self.locked, f"epoch {epoch_id} is written without epochs.lock()"
        if not self.state.epochs[epoch_id].is_open:
            raise EpochClosed(epoch_id)
