"""The payout statement: one document, to the byte."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from ledger_core import (
    EpochId,
    InvalidValue,
    NodeId,
    PayoutLine,
    PayoutStatement,
    WeightConfig,
    parse_canonical_json,
)
from ledger_core.testing import make_component, make_window

STATEMENT = PayoutStatement(
    node_id=NodeId(UUID("0195f1d2-0000-7000-8000-000000000001")),
    epoch_id=EpochId(3),
    window=make_window(),
    weight_config=WeightConfig({"github:pr_merged": 8000, "git:commit": 0}),
    activity_set_hash="a" * 64,
    allocation_set_hash="b" * 64,
    pool_components=(
        make_component(7, component_id="top_up", evidence_ref="https://e.example/\u00e9"),
        make_component(1000, inputs={"weeks": 1, "rate": "0.5"}),
    ),
    pool_total_credits=1007,
    payouts=(PayoutLine("bob", 8000, "0.470588", 474), PayoutLine("ann", 9000, "0.529411", 533)),
    previous_statement_hash=None,
)
DOCUMENT = (
    '{"activity_set_hash":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",'
    '"allocation_algorithm":"weight-sum-v0",'
    '"allocation_set_hash":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",'
    '"epoch_id":"3","format":"ledger-statement/1","node_id":"0195f1d2-0000-7000-8000-000000000001",'
    '"payout_algorithm":"largest-remainder-v0","payouts":['
    '{"amount_credits":"533","share":"0.529411","total_units":"9000","user_id":"ann"},'
    '{"amount_credits":"474","share":"0.470588","total_units":"8000","user_id":"bob"}],'
    '"period_end":"2026-11-23T00:00:00Z","period_start":"2026-11-16T00:00:00Z","pool_components":['
    '{"algorithm_version":"1","amount_credits":"1000","component_id":"base_issuance","evidence_ref":null,'
    '"inputs_hash":"8535578bfd0e22b232ecee4d5b3fb6308aca5021e6dd2f9ebeec656afec81ce8"},'
    '{"algorithm_version":"1","amount_credits":"7","component_id":"top_up",'
    '"evidence_ref":"https://e.example/\u00e9",'
    '"inputs_hash":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}],'
    '"pool_total_credits":"1007","previous_statement_hash":null,"undistributed_credits":"0",'
    '"weight_config":{"git:commit":0,"github:pr_merged":8000}}'
)
STATEMENT_HASH = "f6dbfeb62ad9f9447f0c927d056040c572083277f3303ee2579a0ea9ab5bee85"

MAX_BIGINT = 2**63 - 1
PARTS: dict[str, Any] = {
    "node_id": NodeId(UUID("0195f1d2-0000-7000-8000-000000000002")),
    "epoch_id": EpochId(4),
    "window": make_window(1),
    "weight_config": WeightConfig({}),
    "activity_set_hash": "c" * 64,
    "allocation_set_hash": "c" * 64,
    "pool_components": (make_component(1007),),
    "payouts": (PayoutLine("ann", 1, "1.000000", 1007),),
    "previous_statement_hash": "c" * 64,
}


def test_the_document_is_what_is_written_out_here() -> None:
    """PAYOUT_DETERMINISTIC: a change of this text changes every hash; version the format instead."""
    assert STATEMENT.document().decode() == DOCUMENT


def test_the_statement_hash_covers_the_document() -> None:
    """PAYOUT_DETERMINISTIC: the hash is written out here."""
    assert STATEMENT.statement_hash == STATEMENT_HASH == sha256(DOCUMENT.encode()).hexdigest()


def test_the_order_of_components_and_payouts_does_not_matter() -> None:
    other = replace(
        STATEMENT,
        pool_components=tuple(reversed(STATEMENT.pool_components)),
        payouts=tuple(reversed(STATEMENT.payouts)),
    )

    assert other.document() == STATEMENT.document()


@pytest.mark.parametrize(("name", "value"), PARTS.items(), ids=PARTS)
def test_every_part_moves_the_hash(name: str, value: Any) -> None:
    changed: dict[str, Any] = {name: value}

    assert replace(STATEMENT, **changed).statement_hash != STATEMENT_HASH


def test_when_a_component_was_computed_does_not_move_the_hash() -> None:
    """PAYOUT_DETERMINISTIC: the document holds no clock reading."""
    moved = tuple(
        replace(part, computed_at=datetime(2030, 1, 1, tzinfo=UTC)) for part in STATEMENT.pool_components
    )

    assert replace(STATEMENT, pool_components=moved).statement_hash == STATEMENT_HASH


def test_quantities_beyond_what_json_readers_keep_travel_as_texts() -> None:
    """ALL_MATH_BIGINT: units, credits and the epoch's id."""
    statement = replace(
        STATEMENT,
        epoch_id=EpochId(MAX_BIGINT),
        pool_components=(make_component(MAX_BIGINT),),
        pool_total_credits=MAX_BIGINT,
        payouts=(PayoutLine("ann", MAX_BIGINT, "1.000000", MAX_BIGINT),),
    )

    document = parse_canonical_json(statement.document())
    assert document["epoch_id"] == document["pool_total_credits"] == "9223372036854775807"
    assert document["payouts"][0]["total_units"] == "9223372036854775807"
    assert document["pool_components"][0]["amount_credits"] == "9223372036854775807"


def test_what_nobody_gets_is_undistributed() -> None:
    statement = replace(STATEMENT, payouts=())

    assert statement.undistributed_credits == 1007
    assert parse_canonical_json(statement.document())["undistributed_credits"] == "1007"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pool_total_credits", 1006),
        ("payouts", (PayoutLine("ann", 1, "1.000000", 1006),)),
        ("payouts", (PayoutLine("ann", 1, "1.000000", 1008),)),
    ],
    ids=["total", "less paid", "more paid"],
)
def test_a_statement_whose_sums_disagree_cannot_be_made(name: str, value: Any) -> None:
    """POOL_REPRODUCIBLE: amounts plus undistributed is the pool, and the pool is its components."""
    changed: dict[str, Any] = {name: value}

    with pytest.raises(InvalidValue):
        replace(STATEMENT, **changed)
