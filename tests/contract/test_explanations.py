"""Explanations, the same from PostgreSQL, from memory and from a bundle; every reason for nothing by example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from ledger_core import EpochNotFound, InvalidValue, Ledger
from ledger_core.domain.evidence import Decision
from ledger_core.explanation import ReasonCode, UserExplanation, UserNotInEpoch, explain_user
from ledger_core.explanation.refusals import EventNotFound
from ledger_core.explanation.trace_event import EventTrace, Outcome, trace_event
from ledger_core.explanation.values import Source
from ledger_core.identifiers import EpochId
from ledger_core.testing import InMemoryLedger, make_component
from tests.contract.story import CONTEXT, NODE_ID
from tests.explained_history import (
    EVERYBODY,
    Explained,
    bundle_of,
    event_id,
    from_ledger,
    live,
    opened,
    pull,
    traced,
)

LEDGER_ONLY = {
    ReasonCode.USER_UNKNOWN, ReasonCode.NO_BINDING, ReasonCode.BOUND_AFTER_CLOSE, ReasonCode.UNBOUND,
    ReasonCode.COUNTS_FOR_ANOTHER, ReasonCode.COUNTS_ELSEWHERE, ReasonCode.WAITING, ReasonCode.OTHER_WINDOW,
}  # fmt: skip


@pytest.fixture
def lived(ledger: Ledger) -> Explained:
    return live(ledger)


def explained(lived: Explained, user: str, *, epoch_id: EpochId | None = None) -> UserExplanation:
    return from_ledger(lived.story.ledger, epoch_id or lived.first, user)


def explained_or_none(lived: Explained, user: str, epoch_id: EpochId) -> UserExplanation | None:
    return none_if_absent(lambda: explained(lived, user, epoch_id=epoch_id))


def none_if_absent(explain: Callable[[], UserExplanation]) -> UserExplanation | None:
    try:
        return explain()
    except UserNotInEpoch:
        return None


def sentence_of(found: UserExplanation, code: ReasonCode) -> str:
    return " | ".join(reason.sentence for reason in found.reasons if reason.code is code)


def codes(found: UserExplanation) -> set[ReasonCode]:
    return {reason.code for reason in found.reasons}


def test_an_amount_is_explained_down_to_the_credit(lived: Explained) -> None:
    """ann 16.000, bob 8.000, gus 0.001 of 24.001 units and 17 credits, to check by hand."""
    ann, bob, gus = (explained(lived, user) for user in ("ann", "bob", "gus"))

    assert [each.amount_credits for each in (ann, bob, gus)] == [11, 6, 0]
    assert ann.amount is not None
    assert (ann.amount.floor_credits, ann.amount.remainder) == divmod(16_000 * 17, 24_001) == (11, 7_989)
    assert bob.amount is not None
    assert (bob.amount.floor_credits, bob.amount.remainder) == divmod(8_000 * 17, 24_001) == (5, 15_995)
    assert (ann.amount.rank, bob.amount.rank, bob.amount.spare_credits) == (2, 1, 1)
    assert (bob.amount.gets_spare_credit, ann.amount.gets_spare_credit) == (True, False)
    assert (ann.amount.last_winner, ann.amount.last_winning_remainder) == ("bob", 15_995)
    assert ann.amount.people == 5  # dan, fay and gus have a line too, and so has nobody else
    assert ann.amount.share == "0.666638"
    assert ann.stated is not None
    assert (ann.stated.amount_credits, ann.stated.share) == (11, "0.666638")
    assert [(part.component_id, part.amount_credits, part.evidence_ref) for part in ann.pool] == [
        ("base_issuance", 10, None),
        ("top_up", 7, "minutes#4"),
    ]


def test_units_are_explained_by_rule_and_event(lived: Explained) -> None:
    found = explained(lived, "ann")

    rules = {rule.rule: (rule.policy_weight_milli, rule.events, rule.units) for rule in found.rules}
    assert rules == {"github:pr_merged": (8000, 2, 16_000), "github:review": (None, 1, 0)}
    assert found.units is not None
    assert (found.units.units, found.units.units_of_events, found.units.final_units) == (16_000, 16_000, None)
    assert [(line.event_id, line.units) for line in found.events.lines] == [
        (event_id(1), 8000),
        (event_id(2), 8000),
        (event_id(3, "review"), 0),
    ]
    assert found.events.lines[0].artifact_url == "https://github.example/acme/widgets/1"
    assert "names no weight" in sentence_of(found, ReasonCode.WEIGHT_ZERO)


def test_a_limit_cuts_what_is_listed_and_no_sum(lived: Explained) -> None:
    whole = explained(lived, "ann")
    cut = from_ledger(lived.story.ledger, lived.first, "ann", limit=1)

    assert (len(cut.events.lines), cut.events.total, cut.events.not_shown) == (1, 3, 2)
    assert replace(cut, events=whole.events) == whole


def test_weight_zero_is_a_reason(lived: Explained) -> None:
    found = explained(lived, "dan")

    assert (found.amount_credits, codes(found)) == (0, {ReasonCode.WEIGHT_ZERO})
    assert "1 event of github:issue_closed: the policy weighs it 0" in sentence_of(
        found, ReasonCode.WEIGHT_ZERO
    )


def test_who_excluded_an_event_when_and_why_is_told(lived: Explained) -> None:
    found = explained(lived, "eve")

    assert (found.amount_credits, found.units) == (0, None)
    assert codes(found) == {ReasonCode.NO_ACTIVITY, ReasonCode.EXCLUDED}
    [line] = found.judged.lines
    assert (line.included, line.units) == (False, 0)
    assert line.decision is not None
    assert (line.decision.by, line.decision.reason) == (CONTEXT.actor, CONTEXT.reason)
    assert line.decision.at is not None
    assert f"{event_id(7)} by admin at " in sentence_of(found, ReasonCode.EXCLUDED)


def test_who_set_units_to_zero_when_and_why_is_told(lived: Explained) -> None:
    found = explained(lived, "fay")

    assert (found.amount_credits, codes(found)) == (0, {ReasonCode.FINAL_UNITS_ZERO})
    assert found.units is not None
    assert (found.units.units, found.units.proposed_units, found.units.final_units) == (0, 8000, 0)
    decision = found.units.decision
    assert isinstance(decision, Decision)
    assert (decision.by, decision.reason) == (CONTEXT.actor, CONTEXT.reason)
    assert decision.at is not None


def test_the_remainder_that_did_not_suffice_is_told(lived: Explained) -> None:
    found = explained(lived, "gus")

    assert (found.amount_credits, codes(found)) == (0, {ReasonCode.ROUNDING})
    assert "17/24001 of a credit, rank 3 by remainder" in sentence_of(found, ReasonCode.ROUNDING)
    assert "the last to bob with 15995" in sentence_of(found, ReasonCode.ROUNDING)
    [line] = found.judged.lines
    assert (line.weight_override_milli, line.policy_weight_milli, line.units) == (1, 8000, 1)


def test_who_did_nothing_is_told_so(lived: Explained) -> None:
    found = explained(lived, "hal")

    assert (found.amount_credits, codes(found)) == (0, {ReasonCode.NO_ACTIVITY})


def test_an_account_that_was_unbound_is_a_reason(lived: Explained) -> None:
    found = explained(lived, "ivy")

    assert codes(found) == {
        ReasonCode.NO_ACTIVITY,
        ReasonCode.NO_BINDING,
        ReasonCode.UNBOUND,
        ReasonCode.UNRESOLVED,
    }
    assert "github 9009 was unbound at " in sentence_of(found, ReasonCode.UNBOUND)
    assert [identity.login for identity in found.look_alikes] == ["ivy"]


def test_an_account_bound_after_the_close_is_a_reason_and_where_its_work_counts_is_told(
    lived: Explained,
) -> None:
    found = explained(lived, "cid")

    assert codes(found) == {
        ReasonCode.NO_ACTIVITY,
        ReasonCode.BOUND_AFTER_CLOSE,
        ReasonCode.UNRESOLVED,
        ReasonCode.COUNTS_ELSEWHERE,
    }
    assert f"after epoch {lived.first} closed at " in sentence_of(found, ReasonCode.BOUND_AFTER_CLOSE)
    assert f"late and in epoch {lived.second}, counting: 1 event" in sentence_of(
        found, ReasonCode.COUNTS_ELSEWHERE
    )


def test_work_of_another_window_is_a_reason(lived: Explained) -> None:
    found = explained(lived, "jon")

    assert codes(found) == {ReasonCode.NO_ACTIVITY, ReasonCode.OTHER_WINDOW}
    assert f"epoch {lived.second} (1)" in sentence_of(found, ReasonCode.OTHER_WINDOW)


def test_late_work_names_the_epoch_it_counts_in_and_what_waits(lived: Explained) -> None:
    found = explained(lived, "kim")

    assert codes(found) == {ReasonCode.NO_ACTIVITY, ReasonCode.COUNTS_ELSEWHERE, ReasonCode.WAITING}
    assert f"late and in epoch {lived.second}, counting: 1 event" in sentence_of(
        found, ReasonCode.COUNTS_ELSEWHERE
    )
    assert "of this window, in no epoch yet: 1 event" in sentence_of(found, ReasonCode.WAITING)


def test_somebody_whose_account_nobody_bound_is_found_by_name(lived: Explained) -> None:
    found = explained(lived, "lou")

    assert codes(found) == {ReasonCode.NO_ACTIVITY, ReasonCode.UNRESOLVED, ReasonCode.USER_UNKNOWN}
    assert [identity.external_id for identity in found.look_alikes] == ["1212", "lou@example.org"]


def test_an_event_that_counts_for_another_by_now_is_told(lived: Explained) -> None:
    lived.story.unbind("2002")
    lived.story.bind("zoe", "2002")

    found = explained(lived, "zoe")

    assert "for bob" in sentence_of(found, ReasonCode.COUNTS_FOR_ANOTHER)


def test_an_open_epoch_is_a_preview_of_what_a_close_pays(lived: Explained) -> None:
    story = lived.story
    before = explained(lived, "ann", epoch_id=lived.open)
    story.curate(lived.open)
    story.propose(lived.open)
    story.record(lived.open, make_component(99))
    preview = explained(lived, "ann", epoch_id=lived.open)
    statement = story.finalize(lived.open)
    after = explained(lived, "ann", epoch_id=lived.open)

    assert before.epoch.is_open
    assert ReasonCode.POOL_EMPTY in codes(before)
    assert preview.stated is None
    assert preview.amount == after.amount
    assert [line for line in statement.payouts if line.user_id == "ann"] == [after.stated]


def test_a_pool_of_nothing_and_units_of_nobody_are_reasons(ledger: Ledger) -> None:
    lived = live(ledger)
    lived.story.close(lived.open, 0)
    empty = lived.story.open(4)
    lived.story.close(empty, 5)

    assert ReasonCode.POOL_EMPTY in codes(explained(lived, "ann", epoch_id=lived.open))
    assert ReasonCode.NOBODY_HAS_UNITS in codes(explained(lived, "ann", epoch_id=empty))


@pytest.mark.parametrize("user", EVERYBODY)
def test_a_bundle_explains_the_same_as_far_as_it_knows(lived: Explained, user: str) -> None:
    for epoch_id in (lived.first, lived.second):
        facts = opened(bundle_of(lived.story.ledger, epoch_id))
        mine = explained_or_none(lived, user, epoch_id)
        theirs = none_if_absent(partial(explain_user, facts, user, limit=20))
        if theirs is None:
            assert mine is None or (mine.units, mine.rules, mine.look_alikes) == (None, (), ())
            continue
        assert mine is not None

        assert theirs.reasons == tuple(reason for reason in mine.reasons if reason in theirs.reasons)
        assert {reason.code for reason in set(mine.reasons) - set(theirs.reasons)} <= LEDGER_ONLY | {
            ReasonCode.UNRESOLVED
        }
        assert replace(mine, source=Source.BUNDLE, beyond=None, reasons=theirs.reasons) == theirs


def test_memory_and_postgres_explain_and_trace_everything_alike(ledger: Ledger) -> None:
    here, there = live(ledger), live(InMemoryLedger(NODE_ID))
    assert (here.first, here.second, here.open) == (there.first, there.second, there.open)

    for user in EVERYBODY:
        for epoch_id in (here.first, here.second, here.open):
            assert explained_or_none(here, user, epoch_id) == explained_or_none(there, user, epoch_id)
    for number in (1, 2, 4, 5, 7, 8, 9, 10, 11, 12, 13, 21, 22, 23, 31, 41):
        assert traced(ledger, number) == traced(there.story.ledger, number)


def test_who_is_not_there_is_refused_with_who_is_almost(lived: Explained) -> None:
    with pytest.raises(UserNotInEpoch, match="did you mean ann") as caught:
        explained(lived, "anna")
    assert caught.value.near == ("ann",)

    with pytest.raises(UserNotInEpoch, match=r"nor an account like it$"):
        explained(lived, "somebody else entirely")
    with pytest.raises(EpochNotFound):
        explained(lived, "ann", epoch_id=EpochId(99))
    with pytest.raises(InvalidValue):
        explained(lived, "a\nb")


# --- traces -------------------------------------------------------------------------------------------


def trace(lived: Explained, number: int, kind: str = "pr_merged") -> EventTrace:
    return traced(lived.story.ledger, number, kind)


def hash_of(lived: Explained, epoch_id: EpochId) -> str:
    with lived.story.ledger.read() as view:
        statement = view.statements.find(epoch_id)
    assert statement is not None
    return statement.statement_hash


def test_an_event_is_traced_into_its_statement(lived: Explained) -> None:
    found = trace(lived, 4)

    assert (found.outcome, found.statement_hash) == (Outcome.IN_STATEMENT, hash_of(lived, lived.first))
    assert (found.bound_to, found.fact.artifact_url) == ("bob", "https://github.example/acme/widgets/4")
    [standing] = found.standings
    assert (standing.user_id, standing.units, standing.policy_weight_milli) == ("bob", 8000, 8000)
    assert found.home is not None
    assert found.home.epoch_id == lived.first
    assert found.history is not None
    assert [(line.change, line.user_id, line.decision.by) for line in found.history] == [
        ("bound", "bob", "admin")
    ]


def test_a_carried_event_is_traced_through_both_its_epochs(lived: Explained) -> None:
    found = trace(lived, 5)

    assert (found.outcome, found.statement_hash) == (Outcome.IN_STATEMENT, hash_of(lived, lived.second))
    assert [(each.epoch.epoch_id, each.user_id, each.late_from_epoch_id) for each in found.standings] == [
        (lived.first, None, None),
        (lived.second, "cid", lived.first),
    ]
    assert found.standings[0].epoch.statement_hash == hash_of(lived, lived.first)


def test_final_units_that_silence_an_event_are_told(lived: Explained) -> None:
    [standing] = trace(lived, 8).standings

    assert (standing.units, standing.user_final_units) == (8000, 0)


def test_every_way_not_to_be_in_a_statement_has_its_outcome(lived: Explained) -> None:
    outcomes = {number: trace(lived, number) for number in (7, 10, 13, 23, 31, 41)}

    assert {number: found.outcome for number, found in outcomes.items()} == {
        7: Outcome.EXCLUDED,
        10: Outcome.UNRESOLVED,
        13: Outcome.UNRESOLVED,
        23: Outcome.WAITING,
        31: Outcome.IN_OPEN_EPOCH,
        41: Outcome.WAITING,
    }
    assert all(found.statement_hash is None for found in outcomes.values())
    assert "by admin at " in outcomes[7].why
    assert "github 9009 is bound to nobody" in outcomes[10].why
    assert "its account is gone" in outcomes[13].why
    assert f"closed without it: epoch {lived.open} takes it in, marked late" in outcomes[23].why
    assert f"epoch {lived.open}, which is open" in outcomes[31].why
    assert "its window has no epoch yet" in outcomes[41].why


def test_what_is_bound_since_or_waits_for_its_own_epoch_is_told(lived: Explained) -> None:
    lived.story.bind("ivy", "9009")
    lived.story.store(late := pull(32, "1001", "ann", week=2))

    assert "belongs to ivy by now" in trace(lived, 10).why
    assert f"epoch {lived.open} is its window's" in traced(lived.story.ledger, 32).why
    assert late.id == event_id(32)


def test_a_bundle_traces_the_same_as_far_as_it_knows(lived: Explained) -> None:
    ledger = lived.story.ledger
    facts = opened(bundle_of(ledger, lived.first))
    for number in (1, 2, 4, 7, 8, 9):
        mine, theirs = trace(lived, number), trace_event(facts.trace_facts(event_id(number)))

        expected = replace(mine, source=Source.BUNDLE, bound_to=None, history=None)
        assert expected == theirs
    carried = trace_event(opened(bundle_of(ledger, lived.second)).trace_facts(event_id(5)))
    assert carried.standings == trace(lived, 5).standings[1:]
    assert (carried.home, carried.outcome) == (trace(lived, 5).home, Outcome.IN_STATEMENT)


def test_an_event_that_there_is_not_is_refused(lived: Explained) -> None:
    with pytest.raises(EventNotFound, match="the ledger has no event"):
        traced(lived.story.ledger, 99)
    with pytest.raises(EventNotFound, match="the bundle of epoch"):
        opened(bundle_of(lived.story.ledger, lived.first)).trace_facts(event_id(21))
