"""The port `PoolStore`: components are recorded once."""

from __future__ import annotations

import pytest

from ledger_core import EpochClosed, EpochId, Ledger, PoolComponent, PoolComponentDiffers
from ledger_core.testing import make_component
from tests.contract.story import LedgerStory

MAX_BIGINT = 2**63 - 1


def add(ledger: Ledger, epoch_id: EpochId, component: PoolComponent) -> None:
    with ledger.begin() as transaction:
        transaction.epochs.lock(epoch_id)
        transaction.pool.add(epoch_id, component)


def components(ledger: Ledger, epoch_id: EpochId) -> tuple[PoolComponent, ...]:
    with ledger.read() as view:
        return view.pool.list_all(epoch_id)


def test_an_epoch_begins_without_a_pool(story: LedgerStory) -> None:
    epoch_id = story.open()

    assert components(story.ledger, epoch_id) == ()


@pytest.mark.parametrize(
    "component",
    [
        make_component(0),
        make_component(MAX_BIGINT),
        make_component(
            inputs={"b": [1, None, "\U0001f600"], "a": {"c": "2.5"}}, evidence_ref="https://e.example/1"
        ),
    ],
    ids=["zero", "largest", "inputs and evidence"],
)
def test_a_component_is_found_as_it_was_recorded(story: LedgerStory, component: PoolComponent) -> None:
    """POOL_REPRODUCIBLE: with the inputs that it was computed from, and their hash."""
    epoch_id = story.open()
    add(story.ledger, epoch_id, component)

    [found] = components(story.ledger, epoch_id)
    assert found == component
    assert found.inputs_hash == component.inputs_hash


def test_components_come_in_order_of_code_points(story: LedgerStory) -> None:
    """PAYOUT_DETERMINISTIC: no locale decides."""
    epoch_id = story.open()
    ordered = ["Z", "base_issuance", "basea", "\u00e9", "\ufb00", "\U0001f600"]
    for name in reversed(ordered):
        add(story.ledger, epoch_id, make_component(component_id=name))

    assert [component.component_id for component in components(story.ledger, epoch_id)] == ordered


@pytest.mark.parametrize("amount", [1000, 999], ids=["same content", "other content"])
def test_a_component_is_recorded_once(story: LedgerStory, amount: int) -> None:
    """POOL_UNIQUE_PER_TYPE, POOL_IMMUTABLE: the store takes an id once; sameness is the use case's affair."""
    epoch_id = story.open()
    add(story.ledger, epoch_id, make_component(1000))

    with pytest.raises(PoolComponentDiffers):
        add(story.ledger, epoch_id, make_component(amount))

    assert components(story.ledger, epoch_id) == (make_component(1000),)


def test_another_epoch_has_its_own_component_of_that_id(story: LedgerStory) -> None:
    """POOL_UNIQUE_PER_TYPE: for each epoch."""
    first = story.open()
    story.close(first, 1000)
    second = story.open(1)
    add(story.ledger, second, make_component(5))

    assert components(story.ledger, first) == (make_component(1000),)
    assert components(story.ledger, second) == (make_component(5),)


def test_a_closed_epoch_takes_no_component(story: LedgerStory) -> None:
    """POOL_IMMUTABLE, CURATION_FREEZE_ON_CLOSE: the pool of a closed epoch is what it was."""
    epoch_id = story.open()
    story.close(epoch_id, 1000)

    with pytest.raises(EpochClosed):
        add(story.ledger, epoch_id, make_component(5, component_id="top_up"))

    assert components(story.ledger, epoch_id) == (make_component(1000),)
