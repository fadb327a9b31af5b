"""Facts of an event as somebody looks at them: nothing is changed on the way, and a weight is found as when it is paid."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from ledger_core.domain.evidence import CuratedFact, Decision, decision_of, fact_of_event
from ledger_core.testing import MONDAY, make_event

EVENT = make_event(metadata={"title": "a widget"})


def curated(weight: int | None) -> CuratedFact:
    return CuratedFact(
        fact=fact_of_event(EVENT),
        user_id="ann",
        included=True,
        weight_override_milli=weight,
        late_from_epoch_id=None,
        decision=None,
    )


def test_an_event_is_looked_at_as_it_is_stored() -> None:
    fact = fact_of_event(EVENT)

    assert (fact.event_id, fact.source, fact.event_type) == (EVENT.id, EVENT.source, EVENT.event_type)
    assert (fact.event_time, fact.retrieved_at) == (EVENT.event_time, EVENT.retrieved_at)
    assert (fact.artifact_url, fact.login, fact.account) == (
        EVENT.artifact_url,
        EVENT.platform_login,
        EVENT.platform_user_id,
    )
    assert (fact.payload_hash, fact.producer, fact.producer_version) == (
        EVENT.payload_hash,
        EVENT.producer,
        EVENT.producer_version,
    )
    assert fact.rule == "github:pr_merged"


@pytest.mark.parametrize(
    ("own", "weights", "expected"),
    [
        (None, {"github:pr_merged": 8000}, 8000),
        (None, {"git:commit": 1000}, 0),
        (5, {"github:pr_merged": 8000}, 5),
        (0, {"github:pr_merged": 8000}, 0),
    ],
)
def test_an_events_own_weight_wins_over_the_policy_and_what_is_not_named_weighs_nothing(
    own: int | None, weights: dict[str, int], expected: int
) -> None:
    assert curated(own).weight_milli(weights) == expected


@pytest.mark.parametrize("kept", [{"by": "eve"}, {"at": MONDAY}, {"reason": "spam"}])
def test_a_decision_is_there_where_anything_of_it_was_kept(kept: dict[str, Any]) -> None:
    nothing: dict[str, str | datetime | None] = {"by": None, "at": None, "reason": None}
    whole: dict[str, Any] = nothing | kept

    assert decision_of(**whole) == Decision(**whole)


def test_where_nothing_was_kept_there_is_no_decision() -> None:
    assert decision_of(by=None, at=None, reason=None) is None
