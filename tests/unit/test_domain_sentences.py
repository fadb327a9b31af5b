"""What a person reads when the domain refuses: the whole sentence, which names the thing and never echoes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest

from ledger_core import (
    ActionContext,
    Allocation,
    CuratedEvent,
    EpochWindow,
    EventId,
    FinalizedAllocation,
    InvalidValue,
    LedgerError,
    PayoutLine,
    PayoutStatement,
    UserId,
    WeightConfig,
    canonical_json,
    compute_activity_set_hash,
    compute_allocation_set_hash,
    compute_epoch_window,
    compute_payouts,
    compute_pool_total,
    compute_proposed_allocations,
    largest_remainder,
    parse_canonical_json,
)
from ledger_core.domain.instant import check_instant, parse_instant
from ledger_core.testing import make_binding, make_component, make_context, make_event, make_window
from tests.unit.test_statement import STATEMENT

IDENTIFIER = "must be 1 to 255 characters without control characters, line separators or outer white space"
NAME = "must be 1 to 63 of a-z, 0-9, '_', '-', '.', and begin with a letter"
BIGINT = "must lie between 0 and 2^63-1"
UTC_ONLY = "must be a time in UTC"
NAIVE = datetime(2026, 11, 16)  # noqa: DTZ001 - what is refused
ELSEWHERE = datetime(2026, 11, 16, tzinfo=timezone(timedelta(hours=1)))
ALLOCATION = Allocation(user_id=UserId("ann"), proposed_units=1)
CURATED = CuratedEvent(
    event_id=EventId("a"),
    source="git",
    event_type="commit",
    payload_hash="0" * 64,
    user_id=None,
    included=True,
)
OTHER_POOL = {"pool_total_credits": STATEMENT.pool_total_credits + 1}
SHORT_PAYOUT = {"payouts": (PayoutLine("ann", 1, "1.000000", 1),)}


def event(**changes: Any) -> Callable[[], object]:
    return partial(replace, make_event(), **changes)


def component(**changes: Any) -> Callable[[], object]:
    return partial(replace, make_component(), **changes)


def statement(**changes: Any) -> Callable[[], PayoutStatement]:
    return partial(replace, STATEMENT, **changes)


def nested(levels: int) -> Any:
    return [] if levels == 0 else [nested(levels - 1)]


REFUSED: list[tuple[str, Callable[[], object]]] = [
    (f"event id {IDENTIFIER}", event(id="")),
    (f"source {NAME}", event(source="Git")),
    (f"event type {NAME}", event(event_type="")),
    (f"platform user id {IDENTIFIER}", event(platform_user_id=" 1")),
    (f"platform login {IDENTIFIER}", event(platform_login="a\n")),
    ("artifact url must be one line of 1 to 2048 characters", event(artifact_url="x" * 2_049)),
    (f"event time {UTC_ONLY}", event(event_time=NAIVE)),
    (f"retrieval time {UTC_ONLY}", event(retrieved_at=ELSEWHERE)),
    (f"producer {IDENTIFIER}", event(producer="")),
    (f"producer version {IDENTIFIER}", event(producer_version="")),
    ("event metadata is larger than 65536 bytes", event(metadata={"text": "x" * 65_536})),
    ("event metadata holds a NUL character, which the store cannot keep", event(metadata={"text": "\0"})),
    (f"user id {IDENTIFIER}", partial(FinalizedAllocation, "", 0)),
    (f"units {BIGINT}", partial(FinalizedAllocation, "ann", -1)),
    (f"user id {IDENTIFIER}", partial(replace, ALLOCATION, user_id=UserId(""))),
    (f"proposed units {BIGINT}", partial(replace, ALLOCATION, proposed_units=2**63)),
    (f"final units {BIGINT}", partial(replace, ALLOCATION, final_units=-1)),
    (f"pool {BIGINT}", partial(largest_remainder, -1, {"ann": 1})),
    ("units must be an integer, not float", partial(largest_remainder, 1, {"ann": 1.0})),  # type: ignore[dict-item]
    (f"pool {BIGINT}", partial(compute_payouts, (), 2**63)),
    (f"event id {IDENTIFIER}", partial(replace, CURATED, event_id=EventId(""))),
    (f"weight override {BIGINT}", partial(replace, CURATED, weight_override_milli=-1)),
    (
        "activity set must be in order of event ids, each once",
        partial(compute_activity_set_hash, [CURATED, CURATED], {}),
    ),
    (f"period start {UTC_ONLY}", partial(replace, make_window(), period_start=NAIVE)),
    (f"period end {UTC_ONLY}", partial(replace, make_window(), period_end=ELSEWHERE)),
    (
        "epoch window must end after it starts",
        partial(replace, make_window(), period_end=make_window().period_start),
    ),
    (f"instant {UTC_ONLY}", partial(compute_epoch_window, NAIVE)),
    (
        "epoch length must be a whole number of days from 1 to 366",
        partial(compute_epoch_window, make_window().period_start, length_days=367),
    ),
    (
        "epoch window lies beyond the calendar",
        partial(compute_epoch_window, datetime.max.replace(tzinfo=make_window().period_start.tzinfo)),
    ),
    (f"provider {NAME}", partial(make_binding, provider="Git")),
    (f"external id {IDENTIFIER}", partial(make_binding, "ann", "")),
    (f"user id {IDENTIFIER}", partial(make_binding, "", "1001")),
    ("time must be a datetime, not date", partial(check_instant, "time", date(2026, 11, 16))),
    ("time must be written like 2026-11-16T00:00:00Z", partial(parse_instant, "2026-11-16")),
    ("time is no date and time of the calendar", partial(parse_instant, "2026-02-30T00:00:00Z")),
    ("time must leave out a fraction that is zero", partial(parse_instant, "2026-11-16T00:00:00.000000Z")),
    (
        "idempotency key must be one line of 1 to 255 characters",
        partial(ActionContext, actor="a", idempotency_key=""),
    ),
    ("actor must be one line of 1 to 255 characters", partial(ActionContext, actor="")),
    (
        "reason must be one line of 1 to 2000 characters",
        partial(ActionContext, actor="a", reason="r" * 2_001),
    ),
    ("reason is required for this write", make_context(None).required_reason),
    (f"component id {IDENTIFIER}", component(component_id="")),
    (f"algorithm version {IDENTIFIER}", component(algorithm_version="")),
    (f"amount {BIGINT}", component(amount_credits=-1)),
    ("evidence must be one line of 1 to 2048 characters", component(evidence_ref="x" * 2_049)),
    (f"computation time {UTC_ONLY}", component(computed_at=NAIVE)),
    ("component inputs must stay within 65536 bytes, without NUL", component(inputs={"a": "\0"})),
    ("statement must have the sum of its components as its pool", statement(**OTHER_POOL)),
    ("statement must pay out its pool to the last credit, or nothing", statement(**SHORT_PAYOUT)),
    ("weight config must map source:event_type to a whole number", partial(WeightConfig, [])),  # type: ignore[arg-type]
    (
        "weight config names more than 1000 kinds of activity",
        partial(WeightConfig, {f"git:kind{number}": 1 for number in range(1_001)}),
    ),
    (
        "weight of git:commit must be a whole number of milli-units, not float",
        partial(WeightConfig, {"git:commit": 1.0}),  # type: ignore[dict-item]
    ),
    (
        "weight of git:commit must lie between 0 and 10^12 milli-units",
        partial(WeightConfig, {"git:commit": 10**12 + 1}),
    ),
    ("weight key must be written source:event_type", partial(WeightConfig, {"commit": 1})),
    ("weight key must be written source:event_type", partial(WeightConfig, {1: 1})),  # type: ignore[dict-item]
    (f"source of a weight key {NAME}", partial(WeightConfig, {":commit": 1})),
    (f"event type of a weight key {NAME}", partial(WeightConfig, {"git:": 1})),
    (f"event type of a weight key {NAME}", partial(WeightConfig, {"git:commit:x": 1})),
    ("a string holds a lone surrogate, which UTF-8 cannot carry", partial(canonical_json, "\ud800")),
    ("a key holds a lone surrogate, which UTF-8 cannot carry", partial(canonical_json, {"\ud800": 1})),
    ("the text is JSON, but not in canonical form", partial(parse_canonical_json, b"[1, 2]")),
    ("the text is not JSON in UTF-8", partial(parse_canonical_json, b"{")),
    ("an integer lies beyond +-(2^53-1); write it as a decimal string", partial(canonical_json, 2**53)),
    ("an integer lies beyond +-(2^53-1)", partial(parse_canonical_json, b"9007199254740992")),
    ("the value is nested deeper than 64 levels", partial(canonical_json, nested(64))),
    ("a value of type float has no canonical JSON form", partial(canonical_json, 1.0)),  # type: ignore[arg-type]
    ("an object's keys must be strings", partial(canonical_json, {1: 1})),  # type: ignore[dict-item]
    ("an object repeats a key", partial(parse_canonical_json, b'{"a":1,"a":1}')),
    ("a number is not an integer", partial(parse_canonical_json, b"1.5")),
    ("a number is not an integer", partial(parse_canonical_json, b"NaN")),
]


@pytest.mark.parametrize(("sentence", "refused"), REFUSED, ids=[sentence for sentence, _ in REFUSED])
def test_a_refusal_says_what_is_wrong_with_what(sentence: str, refused: Callable[[], object]) -> None:
    with pytest.raises(LedgerError, match=f"^{re.escape(sentence)}$"):
        refused()


def test_a_refusal_names_the_user_it_is_about() -> None:
    twice = [FinalizedAllocation("ann", 1), FinalizedAllocation("ann", 2)]
    heavy = [
        replace(CURATED, event_id=EventId(name), user_id=UserId("ann"), weight_override_milli=2**62)
        for name in "ab"
    ]

    for refused in (
        partial(compute_allocation_set_hash, twice),
        partial(compute_payouts, twice, 1),
        partial(compute_proposed_allocations, heavy, {}),
    ):
        with pytest.raises(LedgerError) as caught:
            refused()

        assert "ann" in str(caught.value)


def test_what_just_fits_is_taken() -> None:
    """The other side of each boundary."""
    key = "k" * 255
    inputs = {"a": "x" * (65_536 - len('{"a":""}'))}

    assert key == ActionContext(actor=key, idempotency_key=key).idempotency_key
    assert inputs == make_component(inputs=inputs).inputs
    assert canonical_json(nested(63)) == b"[" * 64 + b"]" * 64


@pytest.mark.parametrize("key", ["k" * 256, "a\nb"])
def test_an_idempotency_key_is_one_short_line(key: str) -> None:
    with pytest.raises(InvalidValue):
        ActionContext(actor="a", idempotency_key=key)


def test_an_actor_has_no_more_than_255_characters() -> None:
    with pytest.raises(InvalidValue):
        ActionContext(actor="a" * 256)


def test_equal_weights_have_one_hash_and_others_another() -> None:
    weights = {"git:commit": 1, "github:pr_merged": 2}

    assert hash(WeightConfig(weights)) == hash(WeightConfig(dict(reversed(weights.items()))))
    assert hash(WeightConfig(weights)) != hash(WeightConfig({"git:commit": 1}))


def test_a_pool_of_a_base_alone_is_its_amount() -> None:
    assert compute_pool_total([make_component(5)]) == 5


def test_windows_print_both_ends() -> None:
    window = EpochWindow(period_start=make_window().period_start, period_end=make_window(1).period_start)

    assert str(window) == "2026-11-16T00:00:00Z/2026-11-23T00:00:00Z"
