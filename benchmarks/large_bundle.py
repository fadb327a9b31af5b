"""A genuine bundle of any number of events, written without a database and in flat memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast
from uuid import UUID

from ledger_core import (
    Allocation,
    CuratedEvent,
    EpochId,
    EventId,
    NodeId,
    PayoutStatement,
    UserId,
    WeightConfig,
    compute_allocation_set_hash,
    compute_payouts,
)
from ledger_core.domain.curation import compute_activity_set_hash
from ledger_core.ports.curation_store import CuratedActivity
from ledger_core.testing import MONDAY, make_component, make_event, make_window
from ledger_core.verification.bundle_writer import write_bundle

USERS: Final = 10_000
WEIGHT_MILLI: Final = 8000
EPOCH: Final = EpochId(1)
WEIGHTS: Final = WeightConfig({"github:pr_merged": WEIGHT_MILLI})


def write_large_bundle(path: Path, events: int) -> None:
    """Write the bundle of an epoch with so many events, of up to 10,000 users."""
    users = min(events, USERS)
    rows = tuple(
        Allocation(
            user_id=UserId(f"user-{number:05d}"),
            proposed_units=WEIGHT_MILLI * len(range(number, events, users)),
            activity_count=len(range(number, events, users)),
        )
        for number in range(users)
    )
    components = (make_component(1_000_000),)
    statement = PayoutStatement(
        node_id=NodeId(UUID(int=1)),
        epoch_id=EPOCH,
        window=make_window(),
        weight_config=WEIGHTS,
        activity_set_hash=compute_activity_set_hash((found.curation for found in _activity(events)), WEIGHTS),
        allocation_set_hash=compute_allocation_set_hash(row.finalized() for row in rows),
        pool_components=components,
        pool_total_credits=1_000_000,
        payouts=compute_payouts((row.finalized() for row in rows), 1_000_000),
        previous_statement_hash=None,
    )
    view = SimpleNamespace(
        epochs=SimpleNamespace(get=lambda _: None),
        statements=SimpleNamespace(find=lambda _: statement, chain=lambda: iter((statement,))),
        pool=SimpleNamespace(list_all=lambda _: components),
        allocations=SimpleNamespace(list_all=lambda _: rows),
        curation=SimpleNamespace(ordered_activity=lambda _: _activity(events)),
    )
    with path.open("w+b") as file:
        write_bundle(cast("Any", view), EPOCH, file)


def _activity(events: int) -> Iterator[CuratedActivity]:
    for number in range(events):
        user = number % min(events, USERS)
        event = make_event(
            at=MONDAY + timedelta(microseconds=number),
            event_id=f"github:pr:acme/widgets:{number:09d}",
            account=str(1_000_000 + user),
            login=f"login-{user}",
            metadata={
                "additions": number % 977,
                "labels": ["bug", "good first issue"],
                "title": f"Fix {number}",
            },
        )
        curation = CuratedEvent(
            event_id=EventId(event.id),
            source=event.source,
            event_type=event.event_type,
            payload_hash=event.payload_hash,
            user_id=UserId(f"user-{user:05d}"),
            included=True,
        )
        yield CuratedActivity(event=event, curation=curation, note=None)
