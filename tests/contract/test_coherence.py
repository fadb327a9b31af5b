"""A history that only use cases have made is coherent, after each of its steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ledger_core import EpochId, Ledger, UserId
from ledger_core.domain.finding import CHECKS, Finding
from ledger_core.testing import InMemoryLedger, make_component, make_event, make_page
from ledger_core.testing.in_memory_state import LedgerState
from ledger_core.use_cases.check_coherence import check_coherence
from ledger_core.use_cases.coherence_findings import MAX_FINDINGS_A_CHECK
from ledger_core.use_cases.store_page import store_page
from tests.contract.story import NODE_ID, PULLS, LedgerStory, annas, bobs, day


def checks_of(findings: tuple[Finding, ...]) -> set[str]:
    return {finding.check for finding in findings}


def tell_history(story: LedgerStory) -> list[EpochId]:
    """Three epochs, the last one open: late and carried work, an override, exclusions, an own weight, a top-up."""
    late, unresolved = annas(3, at=day(2)), make_event(4, at=day(3), account="3003", login="cid")
    week_0 = [annas(1, at=day(0)), bobs(2, at=day(1)), unresolved, annas(5, at=day(4))]
    story.bind("ann", "1001")
    story.bind("bob", "2002")
    first = story.open(0)
    store_page(story.ledger, PULLS, make_page(*week_0, cursor="1"), expected_cursor=None)
    story.curate(first)
    story.propose(first)
    story.judge(first, week_0[3], included=False)
    story.adjust(first, "bob", 5_000)
    story.record(first, make_component(7, component_id="top_up"))
    story.close(first, 1_000)
    story.bind("cid", "3003")
    second = story.open(1)
    week_1 = [late, bobs(6, at=day(0, week=1), event_type="issue_closed"), annas(7, at=day(6, week=1))]
    store_page(story.ledger, PULLS, make_page(*week_1, cursor="2"), expected_cursor="1")
    story.curate(second)
    story.judge(second, week_1[2], weight=123)
    story.close(second, 10)
    third = story.open(2)
    story.store(annas(8, at=day(1, week=2)), make_event(9, at=day(1, week=2), account=None, login=None))
    story.curate(third)
    story.propose(third)
    story.adjust(third, "cid", 0)
    return [first, second, third]


def test_an_empty_ledger_is_coherent(ledger: Ledger) -> None:
    assert check_coherence(ledger) == ()


def test_a_history_of_three_epochs_is_coherent(story: LedgerStory) -> None:
    """Nothing of late work, overrides and exclusions is mistaken for a fault."""
    first, second, third = tell_history(story)

    findings = check_coherence(story.ledger)

    assert findings == ()
    assert len(story.curated(second)) == 4
    assert {event.late_from_epoch_id for event in story.curated(second).values()} == {None, first}
    assert story.paid(first)["bob"] > 0
    assert story.units(third) == {"ann": 8_000, "cid": 0}


def test_epochs_that_pay_nothing_and_windows_that_are_not_in_order_are_coherent(story: LedgerStory) -> None:
    story.live_through(2)
    story.live_through(0, annas(1, at=day(0)))

    assert check_coherence(story.ledger) == ()


def test_removed_statement_in_the_same_store_is_not_looked_at(story: LedgerStory, neighbour: Ledger) -> None:
    """NODE_SCOPED: each node's ledger is coherent by itself."""
    tell_history(story)
    neighbours = LedgerStory(neighbour)
    tell_history(neighbours)

    assert check_coherence(story.ledger) == check_coherence(neighbour) == ()


def test_proposals_that_lag_behind_curation_are_found(story: LedgerStory) -> None:
    story.bind("ann", "1001")
    epoch = story.open(0)
    story.store(annas(1, at=day(0)))
    story.curate(epoch)

    (found,) = check_coherence(story.ledger)

    assert (found.check, found.subject) == ("open-proposals", f"epoch {epoch}: ann")
    assert (found.expected, found.found) == ("8000 milli-units of 1 events", "no allocation")


def test_a_cursor_of_a_source_without_events_is_a_doubt(story: LedgerStory) -> None:
    """CURSOR_STATE_PERSISTED: it may be that of an empty page, and only the source knows."""
    store_page(story.ledger, PULLS, make_page(cursor="1"), expected_cursor=None)

    (found,) = check_coherence(story.ledger)

    assert (found.check, found.is_doubt) == ("cursor-sources", True)
    assert found.subject == f"cursor of {PULLS}"


class Told:
    """A watcher that keeps what it was told."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.counts: dict[str, list[tuple[int, int | None]]] = {}

    def tell(self, step: str) -> None:
        self.steps.append(step)

    def count(self, done: int, *, total: int | None, what: str) -> None:
        self.counts.setdefault(what, []).append((done, total))


def test_each_step_is_told_and_counted_to_its_end(story: LedgerStory) -> None:
    tell_history(story)
    told = Told()

    check_coherence(story.ledger, watcher=told)

    assert told.steps == ["the store's guards", "payments and cursors"]
    assert {what: len(counts) for what, counts in told.counts.items()} == {
        "statements": 2,
        "curated events": 10,
        "events": 9,
    }
    for counts in told.counts.values():
        assert counts == [(number, len(counts)) for number in range(len(counts))]


def test_more_findings_than_a_person_reads_are_counted() -> None:
    story = LedgerStory(InMemoryLedger(NODE_ID))
    for number in range(MAX_FINDINGS_A_CHECK + 3):
        story.bind(f"user-{number:03}", str(number))
    epoch = story.open(0)
    story.store(*(make_event(n, at=day(0), account=str(n)) for n in range(MAX_FINDINGS_A_CHECK + 3)))
    story.curate(epoch)

    findings = check_coherence(story.ledger)

    assert len(findings) == MAX_FINDINGS_A_CHECK + 1
    assert (findings[-1].subject, findings[-1].found) == ("further findings", "3 more")


def edited(edit: Callable[[LedgerState], None]) -> set[str]:
    """Tell the history in memory, edit the state behind its back, and return the checks that find it."""
    ledger = InMemoryLedger(NODE_ID)
    tell_history(LedgerStory(ledger))
    edit(ledger._committed)
    return checks_of(check_coherence(ledger))


def overlap(state: LedgerState) -> None:
    epochs = state.epochs
    epochs[EpochId(2)] = replace(epochs[EpochId(2)], window=epochs[EpochId(1)].window)


def removed_statement(state: LedgerState) -> None:
    del state.statements[EpochId(1)]


def fewer_units(state: LedgerState) -> None:
    key = (EpochId(1), UserId("ann"))
    state.allocations[key] = replace(state.allocations[key], proposed_units=1)


@pytest.mark.parametrize(
    ("edit", "checks"),
    [
        (overlap, {"epoch-windows", "event-windows", "statement-hashes"}),
        (removed_statement, {"epoch-statements", "statement-chain"}),
        (fewer_units, {"allocation-set", "payouts", "proposals"}),
    ],
)
def test_an_edit_behind_the_ledger_s_back_is_found(
    edit: Callable[[LedgerState], None], checks: set[str]
) -> None:
    assert edited(edit) == checks


def test_every_check_has_a_name_and_a_sentence() -> None:
    assert all(name == name.lower() and " " not in name for name in CHECKS)
    assert all(holds and not holds.endswith(".") for holds in CHECKS.values())
