"""The weight policy: whole milli-units for each kind of activity."""

from __future__ import annotations

from typing import Any

import pytest

from ledger_core import InvalidValue, WeightConfig
from ledger_core.domain.weight_config import MAX_WEIGHTS


def test_a_weight_is_found_by_its_key() -> None:
    weights = WeightConfig({"github:pr_merged": 8000, "git:commit": 0})

    assert weights["github:pr_merged"] == 8000
    assert weights.get("github:unknown", 0) == 0
    assert len(weights) == 2


def test_equal_weights_are_equal_in_whatever_order_they_were_given() -> None:
    """PAYOUT_DETERMINISTIC: the order of a config file does not matter."""
    one = WeightConfig({"b:x": 1, "a:x": 2})
    other = WeightConfig({"a:x": 2, "b:x": 1})

    assert list(one) == list(other) == ["a:x", "b:x"]
    assert one == other
    assert hash(one) == hash(other)
    assert repr(one) == "WeightConfig({'a:x': 2, 'b:x': 1})"
    assert one != WeightConfig({"a:x": 2})


def test_weights_do_not_follow_the_mapping_they_came_from() -> None:
    """WEIGHT_PINNING: a policy is what it was."""
    source = {"github:pr_merged": 8000}
    weights = WeightConfig(source)
    source["github:pr_merged"] = 1

    assert weights["github:pr_merged"] == 8000


def test_weights_reach_from_zero_to_a_billion_units() -> None:
    weights = WeightConfig({"a:none": 0, "a:most": 10**12})

    assert dict(weights) == {"a:none": 0, "a:most": 1_000_000_000_000}


@pytest.mark.parametrize("weight", [-1, 10**12 + 1, 1.5, 8000.0, True, "8000", None])
def test_a_weight_that_is_no_whole_number_in_range_is_refused(weight: Any) -> None:
    """WEIGHTS_INTEGER_ONLY: neither floats nor booleans nor texts."""
    with pytest.raises(InvalidValue, match="github:pr_merged"):
        WeightConfig({"github:pr_merged": weight})


@pytest.mark.parametrize(
    "key", ["github", "github:", ":pr", "GitHub:pr", "github:PR", "github:pr:x", "", 5, "a b:c"]
)
def test_a_key_that_names_no_source_and_event_type_is_refused(key: Any) -> None:
    with pytest.raises(InvalidValue):
        WeightConfig({key: 1})


@pytest.mark.parametrize("weights", [None, [("github:pr", 1)], "github:pr"])
def test_what_is_no_mapping_is_refused(weights: Any) -> None:
    with pytest.raises(InvalidValue, match="weight config"):
        WeightConfig(weights)


def test_a_policy_names_as_many_kinds_as_allowed_and_no_more() -> None:
    kinds = {f"source:kind{number}": number for number in range(MAX_WEIGHTS + 1)}

    with pytest.raises(InvalidValue, match="more than 1000"):
        WeightConfig(kinds)
    kinds.popitem()
    assert len(WeightConfig(kinds)) == 1000
