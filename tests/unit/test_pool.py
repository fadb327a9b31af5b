"""The pool: components with what they were computed from, and their sum."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from ledger_core import InvalidValue, NotCanonical, PoolBaseMissing, PoolTooLarge, compute_pool_total
from ledger_core.domain.pool import MAX_EVIDENCE_CHARACTERS, MAX_INPUTS_BYTES
from ledger_core.testing import make_component

MAX_BIGINT = 2**63 - 1
COMPONENT = make_component(1000, inputs={"weeks": 1, "rate": "0.5"}, evidence_ref="https://e.example/1")


def test_the_total_is_the_sum_of_the_components() -> None:
    """POOL_REPRODUCIBLE: in any order."""
    components = [
        make_component(1000),
        make_component(7, component_id="top_up"),
        make_component(0, component_id="x"),
    ]

    assert compute_pool_total(components) == compute_pool_total(reversed(components)) == 1007


@pytest.mark.parametrize("components", [[], [make_component(5, component_id="base_issuance_v2")]])
def test_a_pool_without_a_base_issuance_is_refused(components: list[Any]) -> None:
    """POOL_REQUIRES_BASE: by its exact name."""
    with pytest.raises(PoolBaseMissing):
        compute_pool_total(components)


def test_a_total_up_to_the_largest_bigint_is_exact_and_refused_above() -> None:
    """POOL_REPRODUCIBLE, ALL_MATH_BIGINT: overflow is an error."""
    base = make_component(MAX_BIGINT - 1)

    assert compute_pool_total([base, make_component(1, component_id="top_up")]) == MAX_BIGINT
    with pytest.raises(PoolTooLarge):
        compute_pool_total([base, make_component(2, component_id="top_up")])


def test_the_inputs_hash_covers_the_inputs_in_canonical_json() -> None:
    """PAYOUT_DETERMINISTIC: the text is written out here."""
    expected = "8535578bfd0e22b232ecee4d5b3fb6308aca5021e6dd2f9ebeec656afec81ce8"

    assert expected == sha256(b'{"rate":"0.5","weeks":1}').hexdigest()
    assert COMPONENT.inputs_hash == expected


def test_components_have_the_same_content_whenever_they_were_computed() -> None:
    """POOL_UNIQUE_PER_TYPE: recording the same one again is a no-op."""
    later = replace(
        COMPONENT, computed_at=datetime(2027, 1, 1, tzinfo=UTC), inputs={"rate": "0.5", "weeks": 1}
    )

    assert COMPONENT.has_content_of(later)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("component_id", "top_up"),
        ("algorithm_version", "2"),
        ("amount_credits", 1001),
        ("inputs", {"weeks": 2}),
        ("evidence_ref", None),
    ],
)
def test_components_differ_in_any_part(name: str, value: Any) -> None:
    """POOL_UNIQUE_PER_TYPE: other content is an error."""
    changed: dict[str, Any] = {name: value}

    assert not COMPONENT.has_content_of(replace(COMPONENT, **changed))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("component_id", ""),
        ("algorithm_version", " 1"),
        ("amount_credits", -1),
        ("amount_credits", MAX_BIGINT + 1),
        ("amount_credits", 1.0),
        ("amount_credits", True),
        ("evidence_ref", ""),
        ("evidence_ref", "x" * (MAX_EVIDENCE_CHARACTERS + 1)),
        ("computed_at", datetime(2026, 11, 16)),  # noqa: DTZ001 - the naive time that must be refused
        ("inputs", {"nul": "\x00"}),
        ("inputs", {"large": "x" * MAX_INPUTS_BYTES}),
    ],
)
def test_what_breaks_the_rule_of_a_part_is_refused(name: str, value: Any) -> None:
    changed: dict[str, Any] = {name: value}

    with pytest.raises(InvalidValue):
        replace(COMPONENT, **changed)


def test_inputs_with_a_float_are_refused() -> None:
    """ALL_MATH_BIGINT: a rate is a text."""
    with pytest.raises(NotCanonical):
        make_component(inputs={"rate": 0.5})  # type: ignore[dict-item]
