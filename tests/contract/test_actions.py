"""The port `ActionLog`: the append-only record of admin writes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ledger_core import ActionContext, Ledger, LedgerAction, LedgerRuleBroken
from ledger_core.testing import RETRIEVED_AT, make_context


def make_action(subject: str, *, context: ActionContext | None = None) -> LedgerAction:
    return LedgerAction(
        action="tried",
        subject=subject,
        context=make_context() if context is None else context,
        at=RETRIEVED_AT,
    )


def append(ledger: Ledger, *actions: LedgerAction) -> None:
    with ledger.begin() as transaction:
        for action in actions:
            transaction.actions.append(action)


def latest(ledger: Ledger, limit: int) -> list[LedgerAction]:
    with ledger.read() as view:
        return list(view.actions.list_latest(limit=limit))


def test_a_ledger_begins_without_actions(ledger: Ledger) -> None:
    assert latest(ledger, 10) == []


def test_an_action_is_found_as_it_was_recorded(ledger: Ledger) -> None:
    context = ActionContext(
        actor="admin@acme", reason="so \u00e9 and \U0001f600", workflow_id="ledger-finalize-1"
    )
    full = LedgerAction(
        action="epoch-closed",
        subject="epoch 1",
        context=context,
        at=RETRIEVED_AT + timedelta(microseconds=1),
        before={"units": "1", "list": [1, None, True]},
        after={"units": "9007199254740993", "nested": {"\U0001f600": "x"}},
    )
    plain = make_action("nothing", context=ActionContext(actor="admin"))
    append(ledger, full, plain)

    assert latest(ledger, 10) == [plain, full]


def test_the_newest_action_comes_first_in_order_of_recording(ledger: Ledger) -> None:
    actions = [make_action(str(number)) for number in range(5)]
    append(ledger, *actions[:3])
    append(ledger, *actions[3:])

    assert latest(ledger, 3) == [actions[4], actions[3], actions[2]]
    assert len(latest(ledger, 10)) == 5


def test_the_same_action_twice_is_two_entries(ledger: Ledger) -> None:
    append(ledger, make_action("again"), make_action("again"))

    assert latest(ledger, 10) == [make_action("again"), make_action("again")]


def with_key(key: str) -> ActionContext:
    return replace(make_context(), idempotency_key=key)


def test_an_action_is_found_by_its_own_idempotency_key(ledger: Ledger) -> None:
    action = make_action("once", context=with_key("run-1/5"))
    append(ledger, make_action("keyless"), action)

    with ledger.begin() as transaction:
        assert transaction.actions.find_applied("run-1/5") == action
        assert transaction.actions.find_applied("run-1/6") is None
        assert transaction.actions.find_applied(None) is None


def test_the_same_idempotency_key_twice_is_refused(ledger: Ledger) -> None:
    """ACTION_APPLIED_ONCE: and the first action stays as it was."""
    first = make_action("once", context=with_key("run-1/5"))
    append(ledger, first)

    with pytest.raises(LedgerRuleBroken, match="ACTION_APPLIED_ONCE"):
        append(ledger, make_action("once more", context=with_key("run-1/5")))

    assert latest(ledger, 10) == [first]
