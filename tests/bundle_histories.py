"""Histories to bundle, and what an attacker needs: taking a bundle apart and putting it together again.

`python -m tests.bundle_histories FOLDER` writes the bundles of the standard history with nothing but
`ledger_core` on the path, so that any Python can be asked for its bytes.
"""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.completeness import CompletenessCertificate, CompletenessCount
from ledger_core.domain.stream_reading import StreamReading
from ledger_core.domain.weight_config import WeightConfig
from ledger_core.identifiers import EpochId, EventId, NodeId, StreamRef, UserId
from ledger_core.testing import (
    MONDAY,
    FixedClock,
    InMemoryLedger,
    make_binding,
    make_component,
    make_context,
    make_event,
    make_page,
    make_window,
)
from ledger_core.use_cases.adjust_allocation import adjust_allocation
from ledger_core.use_cases.amend_statement import amend_statement
from ledger_core.use_cases.bind_identity import bind_identities
from ledger_core.use_cases.curate_epoch import curate_epoch
from ledger_core.use_cases.curate_event import curate_event
from ledger_core.use_cases.finalize_epoch import finalize_epoch
from ledger_core.use_cases.open_epoch import open_epoch
from ledger_core.use_cases.record_pool_component import record_pool_component
from ledger_core.use_cases.record_reading import record_reading
from ledger_core.use_cases.store_page import find_cursor, store_page
from ledger_core.use_cases.waive_gap import waive_gap
from ledger_core.verification.bundle_writer import write_bundle

NODE = NodeId(UUID("0c0ffee0-1111-4222-8333-444455556666"))
WEIGHTS = WeightConfig({"github:pr_merged": 8000, "github:review": 1500, "github:typo": 0})
STREAM = StreamRef(source="github", source_ref="acme/widgets", stream="pull_requests")
CLOCK = FixedClock()


def store_events(ledger: InMemoryLedger, *events: ActivityEvent) -> None:
    """Store events as one page after those that are there."""
    cursor = find_cursor(ledger, STREAM)
    after = str(int(cursor or "0") + len(events))
    store_page(ledger, STREAM, make_page(*events, cursor=after), expected_cursor=cursor)


def open_week(ledger: InMemoryLedger, week: int, weights: WeightConfig = WEIGHTS) -> EpochId:
    """Open the epoch of a week."""
    epoch = open_epoch(
        ledger, make_window(week), weights, clock=FixedClock(make_window(week).period_end)
    ).epoch
    assert epoch is not None
    return epoch.id


def bind(ledger: InMemoryLedger, **accounts: str) -> None:
    """Bind each user to an account."""
    bindings = [make_binding(user, account) for user, account in accounts.items()]
    bind_identities(ledger, bindings, make_context(), clock=CLOCK)


def finalize(ledger: InMemoryLedger, epoch_id: EpochId, pool_credits: int = 1000) -> str:
    """Curate and close the epoch with a pool of pool_credits; return the statement's hash."""
    curate_epoch(ledger, epoch_id, clock=CLOCK)
    component = make_component(
        pool_credits, inputs={"rate": 7, "of": ["year", 2026]}, evidence_ref="minutes#4"
    )
    record_pool_component(ledger, epoch_id, component, make_context(), clock=CLOCK)
    return finalize_epoch(ledger, epoch_id, make_context(), clock=CLOCK).statement.statement_hash


def read_again(ledger: InMemoryLedger, epoch_id: EpochId) -> None:
    """Count two streams of an epoch's window a second time: one is complete, the other's gap is waived."""
    with ledger.read() as view:
        window = view.epochs.get(epoch_id).window
    for stream, independent in (("issues", 42), ("pull_requests", 41)):
        count = CompletenessCount(what=stream, route="search", seen=41, independent=independent)
        certificate = CompletenessCertificate(
            begins="2026-11-16T00:00:00Z", ends=None, pages=1, counts=(count,)
        )
        reading = StreamReading(
            stream=replace(STREAM, stream=stream),
            window=window,
            retrieved_at=window.period_end,
            certificate=certificate,
        )
        record_reading(ledger, reading)
    issues = replace(STREAM, stream="issues")
    waive_gap(ledger, epoch_id, issues, context=make_context(), clock=FixedClock(window.period_end))


def amend(ledger: InMemoryLedger, epoch_id: EpochId, *cleared: str, **units: int) -> str:
    """Amend the epoch's newest statement; return the new one's hash."""
    with ledger.read() as view:
        newest = view.statements.versions(epoch_id)[-1].statement_hash
    return amend_statement(
        ledger,
        epoch_id,
        set_units={UserId(user): milli_units for user, milli_units in units.items()},
        cleared=[UserId(user) for user in cleared],
        reviewed_statement_hash=newest,
        context=make_context(),
        clock=CLOCK,
    ).statement.statement_hash


def amended_history() -> InMemoryLedger:
    """Return the counted history with its first week amended twice and its fourth once; the fifth is closed, too."""
    ledger = counted_history()
    bind(ledger, zoe="an account that nobody saw")
    amend(ledger, EpochId(1), ann=1, zoe=5000)
    fifth = open_week(ledger, 4)
    finalize(ledger, fifth, 7)
    amend(ledger, EpochId(4), ann=2500)
    amend(ledger, EpochId(1), "ann", zoe=0)
    return ledger


def standard_history() -> InMemoryLedger:
    """Return a ledger of three closed epochs (1, 2, 3) and an open one (4): late work, late bindings,
    overrides of units and weights, exclusions, unresolved accounts, zero weights, odd characters.
    """
    ledger = InMemoryLedger(NODE)
    _first_week(ledger)
    _second_week(ledger)
    _third_week(ledger)
    open_week(ledger, 3)
    return ledger


def counted_history() -> InMemoryLedger:
    """Return the standard history with its fourth week closed, whose streams were counted a second time."""
    ledger = standard_history()
    fourth = EpochId(4)
    read_again(ledger, fourth)
    finalize(ledger, fourth, 12)
    return ledger


def _first_week(ledger: InMemoryLedger) -> None:
    first = open_week(ledger, 0)
    bind(ledger, ann="1001", bob="1002", carol="1003")
    store_events(
        ledger,
        *(make_event(number, at=MONDAY + timedelta(hours=number)) for number in range(1, 4)),
        make_event(4, at=MONDAY, account="1002", login="bob", event_type="review"),
        make_event(5, at=MONDAY + timedelta(microseconds=1), account="1002", event_type="typo"),
        make_event(6, at=MONDAY, account="9999", login="stranger"),
        make_event(7, at=MONDAY, account=None, login=None, event_type="unheard_of"),
        make_event(
            8,
            at=MONDAY,
            event_id="github:pr:\u00e9\ufb33\U0001f600",
            metadata={"title": '\u20ac \\ "', "n": [1, None]},
        ),
    )
    curate_epoch(ledger, first, clock=CLOCK)
    _judge(ledger, first, "github:pr_merged:acme/widgets:2", included=False, weight=None)
    _judge(ledger, first, "github:pr_merged:acme/widgets:3", included=True, weight=2**60)
    _set_units(ledger, first, "carol", 12_000)
    bonus = make_component(250, component_id="kpi_bonus_v0", inputs={"kpi": "12.5%"})
    record_pool_component(ledger, first, bonus, make_context(), clock=CLOCK)
    finalize(ledger, first, 2**55)


def _second_week(ledger: InMemoryLedger) -> None:
    second = open_week(ledger, 1)
    bind(ledger, stranger="9999")  # event 6 of the first week is carried
    store_events(
        ledger,
        make_event(20, at=MONDAY + timedelta(days=2)),  # late
        make_event(21, at=MONDAY + timedelta(days=8), account="1002"),
        make_event(22, at=MONDAY + timedelta(days=8), account="1003"),
        make_event(23, at=MONDAY + timedelta(days=9), account="8888", login="nobody yet"),
    )
    curate_epoch(ledger, second, clock=CLOCK)
    _set_units(ledger, second, "bob", 0)
    finalize(ledger, second, 7)


def _third_week(ledger: InMemoryLedger) -> None:
    third = open_week(ledger, 2, WeightConfig({"github:pr_merged": 3}))
    store_events(
        ledger,
        make_event(30, at=MONDAY + timedelta(days=1)),  # late by two weeks
        *(
            make_event(40 + number, at=MONDAY + timedelta(days=14 + number), account=f"100{number % 3 + 1}")
            for number in range(5)
        ),
    )
    finalize(ledger, third, 100)


def _judge(
    ledger: InMemoryLedger, epoch_id: EpochId, event_id: str, *, included: bool, weight: int | None
) -> None:
    curate_event(
        ledger,
        epoch_id,
        EventId(event_id),
        included=included,
        weight_override_milli=weight,
        context=make_context("seen by hand"),
        clock=CLOCK,
    )


def _set_units(ledger: InMemoryLedger, epoch_id: EpochId, user: str, units: int) -> None:
    adjust_allocation(ledger, epoch_id, UserId(user), final_units=units, context=make_context(), clock=CLOCK)


def bundle_bytes(ledger: InMemoryLedger, epoch_id: int) -> bytes:
    """Return the bundle of an epoch."""
    file = io.BytesIO()
    with ledger.read() as view:
        write_bundle(view, EpochId(epoch_id), file)
    return file.getvalue()


if __name__ == "__main__":
    history = standard_history()
    for number in (1, 2, 3):
        (Path(sys.argv[1]) / f"epoch-{number}.zip").write_bytes(bundle_bytes(history, number))
