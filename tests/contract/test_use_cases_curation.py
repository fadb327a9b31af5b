"""The use cases `curate_epoch`, `curate_event` and `propose_allocations`."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ledger_core import (
    ActionContext,
    EpochClosed,
    EpochId,
    EpochNotFound,
    EventNotCurated,
    InvalidValue,
    LedgerAction,
)
from ledger_core.domain.curation import CurationCounts
from ledger_core.use_cases.curate_event import curate_event
from tests.contract.story import CONTEXT, LedgerStory, annas, bobs, day

MISSING = EpochId(987_654_321)
MAX_BIGINT = 2**63 - 1


def newest_action(story: LedgerStory) -> LedgerAction:
    with story.ledger.read() as view:
        return view.actions.list_latest(limit=1)[0]


def count_actions(story: LedgerStory) -> int:
    with story.ledger.read() as view:
        return len(view.actions.list_latest(limit=1000))


def test_curating_again_changes_nothing(story: LedgerStory) -> None:
    epoch_id = story.open()
    story.bind("ann", "1001")
    story.store(annas(1, at=day(0)), bobs(2, at=day(1)))
    first = story.curate(epoch_id)
    before = story.curated(epoch_id)

    second = story.curate(epoch_id)

    assert first == CurationCounts(added=2)
    assert second == CurationCounts()
    assert story.curated(epoch_id) == before


def test_a_later_binding_resolves_older_events_of_the_open_epoch(story: LedgerStory) -> None:
    """IDENTITY_BEST_EFFORT: what was unresolved earns once it is resolved."""
    epoch_id = story.open()
    story.store(annas(1, at=day(0)), annas(2, at=day(1)), bobs(3, at=day(2)))
    story.curate(epoch_id)
    story.bind("ann", "1001")

    counts = story.curate(epoch_id)
    story.propose(epoch_id)

    assert counts == CurationCounts(resolved=2)
    assert story.users(epoch_id) == ["ann", "ann", None]
    assert story.units(epoch_id) == {"ann": 16_000}


def test_an_unbinding_in_an_open_epoch_leaves_its_events_unresolved(story: LedgerStory) -> None:
    """IDENTITY_BEST_EFFORT: and they earn nothing any more."""
    epoch_id = story.open()
    story.bind("ann", "1001")
    story.store(annas(1, at=day(0)), annas(2, at=day(1)))
    story.curate(epoch_id)
    story.propose(epoch_id)
    story.unbind("1001")

    counts = story.curate(epoch_id)
    story.propose(epoch_id)

    assert counts == CurationCounts(resolved=2)
    assert story.users(epoch_id) == [None, None]
    assert story.units(epoch_id) == {}


def test_an_account_that_changes_hands_takes_its_events_of_the_open_epoch_along(story: LedgerStory) -> None:
    epoch_id = story.open()
    story.bind("ann", "1001")
    story.store(annas(1, at=day(0)))
    story.curate(epoch_id)
    story.unbind("1001")
    story.bind("bob", "1001")

    counts = story.curate(epoch_id)

    assert counts == CurationCounts(resolved=1)
    assert story.users(epoch_id) == ["bob"]


def test_curation_never_touches_a_judgement(story: LedgerStory) -> None:
    epoch_id = story.open()
    excluded, weighted = annas(1, at=day(0)), annas(2, at=day(0))
    story.store(excluded, weighted)
    story.curate(epoch_id)
    story.judge(epoch_id, excluded, included=False)
    story.judge(epoch_id, weighted, weight=3)
    story.bind("ann", "1001")

    story.curate(epoch_id)
    story.propose(epoch_id)

    rows = story.curated(epoch_id)
    assert (rows[excluded.id].included, rows[excluded.id].user_id) == (False, "ann")
    assert rows[weighted.id].weight_override_milli == 3
    assert story.units(epoch_id) == {"ann": 3}


def test_a_missing_epoch_is_refused(story: LedgerStory) -> None:
    with pytest.raises(EpochNotFound):
        story.curate(MISSING)
    with pytest.raises(EpochNotFound):
        story.propose(MISSING)
    with pytest.raises(EpochNotFound):
        story.judge(MISSING, annas(at=day(0)))


def test_a_closed_epoch_is_refused(story: LedgerStory) -> None:
    """CURATION_FREEZE_ON_CLOSE: even where nothing would change."""
    event = annas(1, at=day(0))
    epoch_id = story.live_through(0, event)
    before = story.curated(epoch_id)

    with pytest.raises(EpochClosed):
        story.curate(epoch_id)
    with pytest.raises(EpochClosed):
        story.propose(epoch_id)
    with pytest.raises(EpochClosed):
        story.judge(epoch_id, event, included=False)
    with pytest.raises(EpochClosed):
        story.judge(epoch_id, event)

    assert story.curated(epoch_id) == before


def test_a_judgement_moves_the_proposals_at_once_and_is_recorded(story: LedgerStory) -> None:
    epoch_id = story.open()
    story.bind("ann", "1001")
    event, other = annas(1, at=day(0)), annas(2, at=day(1))
    story.store(event, other)
    story.curate(epoch_id)

    changed = story.judge(epoch_id, event, included=False, weight=MAX_BIGINT)

    assert changed
    assert story.units(epoch_id) == {"ann": 8000}
    action = newest_action(story)
    assert (action.action, action.context, action.at) == ("event-judged", CONTEXT, story.clock.now)
    assert action.subject == f"epoch {epoch_id} {event.id}"
    assert action.before == {"included": True, "weight_override_milli": None}
    assert action.after == {"included": False, "weight_override_milli": str(MAX_BIGINT)}


def test_a_judgement_that_changes_nothing_is_not_recorded(story: LedgerStory) -> None:
    epoch_id = story.open()
    event = annas(1, at=day(0))
    story.store(event)
    story.curate(epoch_id)
    story.judge(epoch_id, event, weight=5)
    before = count_actions(story)

    changed = story.judge(epoch_id, event, weight=5)

    assert not changed
    assert count_actions(story) == before


def test_a_judgement_is_taken_back(story: LedgerStory) -> None:
    epoch_id = story.open()
    story.bind("ann", "1001")
    event = annas(1, at=day(0))
    story.store(event)
    story.curate(epoch_id)
    story.judge(epoch_id, event, included=False)
    excluded = story.units(epoch_id)

    changed = story.judge(epoch_id, event)

    assert changed
    assert (excluded, story.units(epoch_id)) == ({}, {"ann": 8000})


def test_an_event_that_the_epoch_does_not_hold_is_refused(story: LedgerStory) -> None:
    epoch_id = story.open()

    with pytest.raises(EventNotCurated):
        story.judge(epoch_id, annas(1, at=day(0)))


@pytest.mark.parametrize("weight", [-1, MAX_BIGINT + 1])
def test_a_weight_outside_a_bigint_is_refused(story: LedgerStory, weight: int) -> None:
    """ALL_MATH_BIGINT: on both sides."""
    epoch_id = story.open()
    event = annas(1, at=day(0))
    story.store(event)
    story.curate(epoch_id)

    with pytest.raises(InvalidValue):
        story.judge(epoch_id, event, weight=weight)


def test_a_judgement_needs_a_reason(story: LedgerStory) -> None:
    epoch_id = story.open()
    event = annas(1, at=day(0))
    story.store(event)
    story.curate(epoch_id)

    with pytest.raises(InvalidValue, match="reason"):
        curate_event(
            story.ledger,
            epoch_id,
            event.id,
            included=False,
            weight_override_milli=None,
            context=ActionContext(actor="admin"),
            clock=story.clock,
        )

    assert story.curated(epoch_id)[event.id].included


def test_a_judged_event_is_paid_in_one_epoch_only_whatever_is_judged(story: LedgerStory) -> None:
    """EVENT_PAID_ONCE: an event excluded and included again stays in its epoch alone."""
    story.bind("ann", "1001")
    first = story.open(0)
    event = annas(1, at=day(6) + timedelta(hours=11))
    story.store(event)
    story.curate(first)
    story.judge(first, event, included=False)
    story.judge(first, event, included=True)
    story.close(first)
    second = story.open(1)
    story.curate(second)
    story.close(second)

    assert (story.paid(first), story.paid(second)) == ({"ann": 1000}, {})
