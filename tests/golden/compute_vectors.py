"""Compute the golden vectors' outputs from their inputs, with the core alone: run by every Python here.

Usage: python compute_vectors.py vectors.json  ->  the outputs as canonical JSON on standard output.
"""

from __future__ import annotations

import contextlib
import json
import locale
import random
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from ledger_core import (
    ActivityEvent,
    ComponentId,
    CuratedEvent,
    EpochId,
    EpochWindow,
    EventId,
    FinalizedAllocation,
    NodeId,
    PayoutStatement,
    PoolComponent,
    UserId,
    WeightConfig,
    canonical_json,
    compute_activity_set_hash,
    compute_allocation_set_hash,
    compute_epoch_window,
    compute_payouts,
    compute_proposed_allocations,
)
from ledger_core.domain.instant import instant_text, parse_instant
from ledger_core.domain.stream_reading import parse_completeness


def compute(vectors: dict[str, Any]) -> dict[str, Any]:
    """Return the outputs of all vectors, with every order that must not matter shuffled first."""
    return {
        "canonical_json": [canonical_json(case).decode("utf-8") for case in vectors["canonical_json"]],
        "windows": [window(case) for case in vectors["windows"]],
        "allocation_sets": [
            compute_allocation_set_hash(allocations(case)) for case in vectors["allocation_sets"]
        ],
        "payouts": [payouts(case) for case in vectors["payouts"]],
        "payload_hashes": [event(case).payload_hash for case in vectors["events"]],
        "statement": statement(vectors),
        "statement_2": statement(vectors, completeness=vectors["completeness"]),
    }


def window(case: dict[str, Any]) -> str:
    found = compute_epoch_window(
        parse_instant(case["at"]), anchor=date.fromisoformat(case["anchor"]), length_days=case["length_days"]
    )
    return str(found)


def allocations(case: dict[str, str]) -> list[FinalizedAllocation]:
    found = [FinalizedAllocation(user, int(units)) for user, units in case.items()]
    random.shuffle(found)
    return found


def payouts(case: dict[str, Any]) -> list[list[str]]:
    lines = compute_payouts(allocations(case["units"]), int(case["pool"]))
    return [[line.user_id, str(line.total_units), line.share, str(line.amount_credits)] for line in lines]


def event(case: dict[str, Any]) -> ActivityEvent:
    return ActivityEvent(
        id=EventId(case["id"]),
        source="git",
        event_type=case["event_type"],
        platform_user_id=case["platform_user_id"],
        platform_login=case["platform_login"],
        artifact_url=None,
        event_time=parse_instant(case["event_time"]),
        metadata=case["metadata"],
        producer="golden",
        producer_version="1",
        retrieved_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def statement(vectors: dict[str, Any], *, completeness: list[Any] | None = None) -> dict[str, Any]:
    case = vectors["statement"]
    weights = WeightConfig(case["weight_config"])
    curated = [
        CuratedEvent(
            event_id=fact.id,
            source=fact.source,
            event_type=fact.event_type,
            payload_hash=fact.payload_hash,
            user_id=None if (user := case["users"].get(fact.platform_user_id)) is None else UserId(user),
            included=fact.id not in case["excluded"],
            weight_override_milli=case["overrides"].get(fact.id),
        )
        for fact in map(event, vectors["events"])
    ]
    random.shuffle(curated)
    units = [
        FinalizedAllocation(row.user_id, row.proposed_units)
        for row in compute_proposed_allocations(curated, weights)
    ]
    components = [
        PoolComponent(
            component_id=ComponentId(part["component_id"]),
            algorithm_version="v0",
            amount_credits=int(part["amount_credits"]),
            inputs=part["inputs"],
            evidence_ref=part["evidence_ref"],
            computed_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        for part in case["components"]
    ]
    random.shuffle(components)
    pool = sum(part.amount_credits for part in components)
    found = PayoutStatement(
        node_id=NodeId(UUID(case["node_id"])),
        epoch_id=EpochId(case["epoch_id"]),
        window=EpochWindow(
            period_start=parse_instant(case["period_start"]), period_end=parse_instant(case["period_end"])
        ),
        weight_config=weights,
        activity_set_hash=compute_activity_set_hash(sorted(curated, key=lambda row: row.event_id), weights),
        allocation_set_hash=compute_allocation_set_hash(units),
        pool_components=tuple(components),
        pool_total_credits=pool,
        payouts=compute_payouts(units, pool),
        previous_statement_hash=case["previous_statement_hash"],
        completeness=() if completeness is None else parse_completeness(completeness),
    )
    return {
        "document": found.document().decode("utf-8"),
        "statement_hash": found.statement_hash,
        "period_start": instant_text(found.window.period_start),
    }


def main() -> None:
    with contextlib.suppress(locale.Error):  # a locale that isn't installed is the C locale
        locale.setlocale(locale.LC_ALL, "")
    time.tzset()
    vectors = json.loads(Path(sys.argv[1]).read_bytes())["inputs"]
    sys.stdout.buffer.write(canonical_json(compute(vectors)))


if __name__ == "__main__":
    main()
