"""Tells a ledger's story in short steps: each is one use case, or one transaction on a store."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from ledger_core import (
    ActivityEvent,
    CuratedEvent,
    Epoch,
    EpochId,
    EventId,
    Ledger,
    NodeId,
    PayoutStatement,
    PoolComponent,
    StreamRef,
    UserId,
    WeightConfig,
)
from ledger_core.domain.curation import CurationCounts
from ledger_core.ports.activity_store import StoredEvents
from ledger_core.testing import (
    FixedClock,
    make_binding,
    make_component,
    make_context,
    make_event,
    make_window,
)
from ledger_core.use_cases.adjust_allocation import adjust_allocation
from ledger_core.use_cases.bind_identity import bind_identities, unbind_identity
from ledger_core.use_cases.curate_epoch import curate_epoch
from ledger_core.use_cases.curate_event import curate_event
from ledger_core.use_cases.finalize_epoch import finalize_epoch
from ledger_core.use_cases.open_epoch import open_epoch
from ledger_core.use_cases.propose_allocations import propose_allocations
from ledger_core.use_cases.record_pool_component import record_pool_component

NODE_ID = NodeId(UUID("0195f1d2-0000-7000-8000-000000000001"))
NEIGHBOUR_ID = NodeId(UUID("0195f1d2-0000-7000-8000-000000000002"))
PULLS = StreamRef(source="github", source_ref="acme/widgets", stream="pull_requests")
WEIGHTS = WeightConfig({"github:pr_merged": 8000, "github:issue_closed": 1000})
CONTEXT = make_context()


def day(number: int, *, week: int = 0, hour: int = 12) -> datetime:
    """Return an hour of a day of a week, both counted from 0."""
    return make_window(week).period_start + timedelta(days=number, hours=hour)


class LedgerStory:
    """A ledger, a clock that moves on by a minute at every step, and the steps."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.clock = FixedClock(day(0, week=9))

    def open(self, week: int = 0, *, weights: WeightConfig = WEIGHTS) -> EpochId:
        """Open the week's epoch."""
        self.clock.advance(timedelta(minutes=1))
        opened = open_epoch(self.ledger, make_window(week), weights, clock=self.clock)
        assert opened.epoch is not None, f"{opened.blocking} is in the way"
        return opened.epoch.id

    def store(self, *events: ActivityEvent) -> StoredEvents:
        """Insert events."""
        with self.ledger.begin() as transaction:
            return transaction.activity.store(events)

    def bind(self, user_id: str, *accounts: str, provider: str = "github") -> int:
        """Bind accounts to a user."""
        bindings = [make_binding(user_id, account, provider=provider) for account in accounts]
        return bind_identities(self.ledger, bindings, CONTEXT, clock=self.clock)

    def unbind(self, account: str, *, provider: str = "github") -> UserId:
        """Take an account's binding back."""
        return unbind_identity(self.ledger, provider, account, CONTEXT, clock=self.clock)

    def curate(self, epoch_id: EpochId) -> CurationCounts:
        """Bring the epoch's curation up to date."""
        self.clock.advance(timedelta(minutes=1))
        return curate_epoch(self.ledger, epoch_id, clock=self.clock)

    def judge(
        self, epoch_id: EpochId, event: ActivityEvent, *, included: bool = True, weight: int | None = None
    ) -> bool:
        """Set an admin's judgement of an event."""
        self.clock.advance(timedelta(minutes=1))
        return curate_event(
            self.ledger,
            epoch_id,
            event.id,
            included=included,
            weight_override_milli=weight,
            context=CONTEXT,
            clock=self.clock,
        )

    def propose(self, epoch_id: EpochId) -> int:
        """Recompute the proposals."""
        return propose_allocations(self.ledger, epoch_id)

    def adjust(self, epoch_id: EpochId, user_id: str, final_units: int | None) -> bool:
        """Set, or take back, an admin's units of a user."""
        return adjust_allocation(
            self.ledger,
            epoch_id,
            UserId(user_id),
            final_units=final_units,
            context=CONTEXT,
            clock=self.clock,
        )

    def record(self, epoch_id: EpochId, component: PoolComponent) -> bool:
        """Record a part of the pool."""
        return record_pool_component(self.ledger, epoch_id, component, CONTEXT, clock=self.clock)

    def finalize(self, epoch_id: EpochId) -> PayoutStatement:
        """Close the epoch."""
        self.clock.advance(timedelta(minutes=1))
        return finalize_epoch(self.ledger, epoch_id, CONTEXT, clock=self.clock).statement

    def close(self, epoch_id: EpochId, credits_: int = 1000) -> PayoutStatement:
        """Fund the epoch with a base issuance and close it."""
        self.record(epoch_id, make_component(credits_))
        return self.finalize(epoch_id)

    def live_through(self, week: int, *events: ActivityEvent) -> EpochId:
        """Open the week, collect and curate its events, and close it."""
        epoch_id = self.open(week)
        self.store(*events)
        self.curate(epoch_id)
        self.close(epoch_id)
        return epoch_id

    def epoch(self, epoch_id: EpochId) -> Epoch:
        """Return the epoch as it stands."""
        with self.ledger.read() as view:
            return view.epochs.get(epoch_id)

    def curated(self, epoch_id: EpochId) -> dict[EventId, CuratedEvent]:
        """Return the epoch's events as they stand, in their order."""
        with self.ledger.read() as view:
            return {event.event_id: event for event in view.curation.ordered_events(epoch_id)}

    def users(self, epoch_id: EpochId) -> list[UserId | None]:
        """Return whom the epoch's events count for, in order of the events' ids."""
        return [event.user_id for event in self.curated(epoch_id).values()]

    def units(self, epoch_id: EpochId) -> dict[str, int]:
        """Return the units that everybody of the epoch is paid by, as they stand."""
        with self.ledger.read() as view:
            return {row.user_id: row.finalized().units for row in view.allocations.list_all(epoch_id)}

    def paid(self, epoch_id: EpochId) -> dict[str, int]:
        """Return the credits of the closed epoch's payouts."""
        with self.ledger.read() as view:
            statement = view.statements.find(epoch_id)
        assert statement is not None
        return {line.user_id: line.amount_credits for line in statement.payouts}


def annas(number: int = 1, *, at: datetime, event_type: str = "pr_merged") -> ActivityEvent:
    """Return an event of the account 1001."""
    return make_event(number, at=at, account="1001", login="ann", event_type=event_type)


def bobs(number: int = 2, *, at: datetime, event_type: str = "pr_merged") -> ActivityEvent:
    """Return an event of the account 2002."""
    return make_event(number, at=at, account="2002", login="bob", event_type=event_type)
