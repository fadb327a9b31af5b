"""The port `StatementStore`: written once at a close, chained, kept for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger_core import EpochId, Ledger, LedgerRuleBroken, PayoutStatement
from ledger_core.testing import RETRIEVED_AT, make_component
from tests.contract.story import LedgerStory, annas, bobs, day


def add(ledger: Ledger, statement: PayoutStatement) -> None:
    with ledger.begin() as transaction:
        transaction.epochs.lock(statement.epoch_id)
        transaction.statements.add(statement, created_at=RETRIEVED_AT)


def close_with(ledger: Ledger, statement: PayoutStatement) -> None:
    with ledger.begin() as transaction:
        epoch_id = transaction.epochs.lock(statement.epoch_id).id
        total = statement.pool_total_credits
        transaction.epochs.close(epoch_id, pool_total_credits=total, closed_at=RETRIEVED_AT)
        transaction.statements.add(statement, created_at=RETRIEVED_AT)


def close_without_statement(ledger: Ledger, epoch_id: EpochId, *, pool_total_credits: int) -> None:
    with ledger.begin() as transaction:
        transaction.epochs.lock(epoch_id)
        transaction.epochs.close(epoch_id, pool_total_credits=pool_total_credits, closed_at=RETRIEVED_AT)


def chain(ledger: Ledger) -> list[PayoutStatement]:
    with ledger.read() as view:
        return list(view.statements.chain())


def head_hash(ledger: Ledger) -> str | None:
    with ledger.read() as view:
        return view.statements.head_hash()


def live_three_epochs(story: LedgerStory) -> list[PayoutStatement]:
    """Close three epochs, of which the windows do not come in the order of the closes."""
    statements = []
    for week, credits_ in ((1, 100), (2, 200), (0, 300)):
        statements.append(story.close(story.open(week), credits_))
    return statements


def test_a_ledger_begins_without_statements(story: LedgerStory) -> None:
    epoch_id = story.open()

    assert head_hash(story.ledger) is None
    assert chain(story.ledger) == []
    with story.ledger.read() as view:
        assert view.statements.find(epoch_id) is None
        assert view.statements.find(EpochId(987_654_321)) is None


def test_a_statement_is_found_as_it_was_written(story: LedgerStory) -> None:
    """PAYOUT_DETERMINISTIC: recomputed from its row, it gives the same bytes."""
    epoch_id = story.open()
    story.bind("ann", "1001")
    story.bind("\U0001f600", "2002")
    story.store(annas(1, at=day(0)), bobs(2, at=day(6)))
    story.curate(epoch_id)
    story.record(epoch_id, make_component(2**62, component_id="top_up", inputs={"rate": "0.5"}))
    story.record(epoch_id, make_component(1001, evidence_ref="https://e.example/\u00e9"))
    written = story.finalize(epoch_id)

    with story.ledger.read() as view:
        found = view.statements.find(epoch_id)
    assert found == written
    assert found.document() == written.document()
    assert found.statement_hash == written.statement_hash
    assert [line.user_id for line in found.payouts] == ["ann", "\U0001f600"]


def test_a_statement_without_payouts_is_found_as_it_was_written(story: LedgerStory) -> None:
    epoch_id = story.open()
    written = story.close(epoch_id, 77)

    with story.ledger.read() as view:
        found = view.statements.find(epoch_id)
    assert found == written
    assert (found.payouts, found.undistributed_credits) == ((), 77)


def test_statements_form_a_chain_in_the_order_of_the_closes(story: LedgerStory) -> None:
    first, second, third = live_three_epochs(story)

    assert chain(story.ledger) == [first, second, third]
    assert first.previous_statement_hash is None
    assert second.previous_statement_hash == first.statement_hash
    assert third.previous_statement_hash == second.statement_hash
    assert head_hash(story.ledger) == third.statement_hash


def test_a_second_statement_of_an_epoch_is_refused(story: LedgerStory) -> None:
    """EPOCH_CLOSE_IDEMPOTENT: not even one that would stand at the chain's end."""
    epoch_id = story.open()
    written = story.close(epoch_id, 100)

    with pytest.raises(LedgerRuleBroken) as refused:
        add(story.ledger, replace(written, previous_statement_hash=written.statement_hash))

    assert refused.value.invariant == "EPOCH_CLOSE_IDEMPOTENT"
    assert chain(story.ledger) == [written]


def test_a_statement_of_an_open_epoch_is_refused(story: LedgerStory) -> None:
    """STATEMENT_OF_CLOSED_EPOCH: what is not closed has no result."""
    first = story.close(story.open(), 100)
    epoch_id = story.open(1)
    story.record(epoch_id, make_component(100))
    forged = replace(first, epoch_id=epoch_id, previous_statement_hash=first.statement_hash)

    with pytest.raises(LedgerRuleBroken) as refused:
        add(story.ledger, forged)

    assert refused.value.invariant == "STATEMENT_OF_CLOSED_EPOCH"
    assert chain(story.ledger) == [first]


@pytest.mark.parametrize("previous", [None, "f" * 64], ids=["a second first", "an unknown one"])
def test_a_statement_that_leaves_the_chain_is_refused(story: LedgerStory, previous: str | None) -> None:
    """STATEMENT_CHAIN_LINEAR: it follows the newest, and no other."""
    first = story.close(story.open(), 100)
    epoch_id = story.open(1)
    story.record(epoch_id, make_component(100))
    forged = replace(first, epoch_id=epoch_id, previous_statement_hash=previous)

    with pytest.raises(LedgerRuleBroken) as refused:
        close_with(story.ledger, forged)

    assert refused.value.invariant == "STATEMENT_CHAIN_LINEAR"
    assert story.epoch(epoch_id).is_open


def test_an_epoch_does_not_close_without_its_statement(story: LedgerStory) -> None:
    """STATEMENT_OF_CLOSED_EPOCH: what is closed has a result, by the end of the transaction."""
    epoch_id = story.open()
    story.record(epoch_id, make_component(100))

    with pytest.raises(LedgerRuleBroken) as refused:
        close_without_statement(story.ledger, epoch_id, pool_total_credits=100)

    assert refused.value.invariant == "STATEMENT_OF_CLOSED_EPOCH"
    assert story.epoch(epoch_id).is_open


@pytest.mark.parametrize("pool_total_credits", [99, 101])
def test_an_epoch_does_not_close_with_another_total_than_its_pool(
    story: LedgerStory, pool_total_credits: int
) -> None:
    """POOL_REPRODUCIBLE: on both sides."""
    epoch_id = story.open()
    story.record(epoch_id, make_component(100))

    with pytest.raises(LedgerRuleBroken) as refused:
        close_without_statement(story.ledger, epoch_id, pool_total_credits=pool_total_credits)

    assert refused.value.invariant == "POOL_REPRODUCIBLE"
    assert story.epoch(epoch_id).is_open
