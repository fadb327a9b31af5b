from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from ledger_core import EpochId, IdentityBinding, LedgerAction, UserId
from ledger_core.testing import MONDAY, ScriptedSource, make_event, make_page
from ledger_core.use_cases.adjust_allocation import adjust_allocation
from tests.temporal_runtime import LATER
from tests.workflow.interruptions import Failure, InterruptedLedger
from tests.workflow.ledger_runs import CONTEXT, PULLS, LedgerRuns, Runtime, refused, said

PULL = "github:pr_merged:acme/widgets:1"
ACTIONS = (
    "identities-bound",
    "pool-component-recorded",
    "allocation-set",
    "event-judged",
    "epoch-closed",
)

_Report = TypeVar("_Report")


def source() -> ScriptedSource:
    events = [make_event(1, at=MONDAY), make_event(2, at=MONDAY, account="2002", login="bob")]
    return ScriptedSource({PULLS: [make_page(*events, cursor="2")]})


def actions(runs: LedgerRuns, *names: str) -> list[LedgerAction]:
    """Return the recorded actions of those names, the oldest first."""
    with runs.ledger.read() as view:
        return [action for action in reversed(view.actions.list_latest(limit=100)) if action.action in names]


def units(runs: LedgerRuns, epoch_id: int | None) -> dict[str, tuple[int, int | None]]:
    """Return everybody's proposed and final units."""
    with runs.ledger.read() as view:
        epoch = view.epochs.find_open()
        assert epoch is not None
        assert epoch.id == epoch_id
        return {
            row.user_id: (row.proposed_units, row.final_units) for row in view.allocations.list_all(epoch.id)
        }


def test_a_pool_component_is_recorded_once_and_another_of_its_id_is_refused(runtime: Runtime) -> None:
    """POOL_UNIQUE_PER_TYPE."""

    async def story(runs: LedgerRuns) -> None:
        epoch_id = (await runs.collect()).epoch_id
        assert epoch_id is not None
        first = await runs.record(epoch_id, 50)
        recorded = runtime.rows()
        second = await runs.record(epoch_id, 50)
        refusal = await refused(runs.record(epoch_id, 51))
        after = runtime.rows()
        [action] = actions(runs, "pool-component-recorded")[1:]

        assert (first.changed, second.changed) == (True, False)
        assert refusal == (
            "pool-component-differs",
            f"epoch {epoch_id} has another top_up component already; it is immutable",
        )
        assert after == recorded
        assert (action.subject, said(action), action.before) == (f"epoch {epoch_id} top_up", CONTEXT, {})
        assert (action.after["amount_credits"], action.after["evidence_ref"]) == (
            "50",
            "https://example.org/votes/12",
        )
        [by_policy] = actions(runs, "pool-component-recorded")[:1]
        assert by_policy.context.actor == "policy"
        assert by_policy.context.workflow_id == "ledger-collect-2026-11-16-2026-11-23"

    runtime.play(story, source())


def test_an_allocation_is_set_and_cleared_and_each_change_leaves_one_action(runtime: Runtime) -> None:
    async def story(runs: LedgerRuns) -> None:
        await runs.bind(ann="1001", bob="2002")
        epoch_id = (await runs.collect()).epoch_id
        assert epoch_id is not None
        proposed = units(runs, epoch_id)
        changed = [
            (await runs.adjust(epoch_id, "ann", 3)).changed,
            (await runs.adjust(epoch_id, "ann", 3)).changed,
        ]
        set_units = units(runs, epoch_id)
        changed += [
            (await runs.adjust(epoch_id, "ann", None)).changed,
            (await runs.adjust(epoch_id, "ann", None)).changed,
        ]
        unknown = await refused(runs.adjust(epoch_id, "nobody", 1))
        set_action, cleared_action = actions(runs, "allocation-set", "allocation-cleared")

        assert proposed == {"ann": (8000, None), "bob": (8000, None)}
        assert changed == [True, False, True, False]
        assert set_units == {"ann": (8000, 3), "bob": (8000, None)}
        assert units(runs, epoch_id) == proposed
        assert unknown[0] == "user-not-found"
        assert (set_action.action, said(set_action)) == ("allocation-set", CONTEXT)
        assert (set_action.before["final_units"], set_action.after) == (None, {"final_units": "3"})
        assert (cleared_action.action, said(cleared_action)) == ("allocation-cleared", CONTEXT)
        assert (cleared_action.before["final_units"], cleared_action.after) == ("3", {"final_units": None})

    runtime.play(story, source())


def test_an_event_is_judged_and_the_proposals_follow(runtime: Runtime) -> None:
    async def story(runs: LedgerRuns) -> None:
        await runs.bind(ann="1001", bob="2002")
        epoch_id = (await runs.collect()).epoch_id
        assert epoch_id is not None
        weighed = await runs.judge(epoch_id, PULL, weight=5)
        weighed_units = units(runs, epoch_id)
        weighed_again = await runs.judge(epoch_id, PULL, weight=5)
        excluded = await runs.judge(epoch_id, PULL, included=False)
        unknown = await refused(runs.judge(epoch_id, "github:pr_merged:acme/widgets:9"))
        weigh_action, exclude_action = actions(runs, "event-judged")

        assert (weighed.changed, weighed_again.changed, excluded.changed) == (True, False, True)
        assert weighed_units == {"ann": (5, None), "bob": (8000, None)}
        assert units(runs, epoch_id) == {"bob": (8000, None)}
        assert unknown[0] == "event-not-curated"
        assert (said(weigh_action), weigh_action.subject) == (CONTEXT, f"epoch {epoch_id} {PULL}")
        assert weigh_action.before == {"included": True, "weight_override_milli": None}
        assert weigh_action.after == {"included": True, "weight_override_milli": "5"}
        assert exclude_action.before == weigh_action.after
        assert exclude_action.after == {"included": False, "weight_override_milli": None}

    runtime.play(story, source())


def test_a_binding_resolves_the_open_epochs_events_at_once_and_is_never_moved(runtime: Runtime) -> None:
    """IDENTITY_BEST_EFFORT: nobody is merged by accident."""

    async def story(runs: LedgerRuns) -> None:
        before_any_epoch = await runs.bind(carol="3003")
        collected = await runs.collect()
        bound = await runs.bind(ann="1001")
        bound_units = units(runs, collected.epoch_id)
        again = await runs.bind(ann="1001")
        rows = runtime.rows()
        to_another = await refused(
            runs.bind_all((IdentityBinding(provider="github", external_id="1001", user_id=UserId("bob")),))
        )
        bind_actions = actions(runs, "identities-bound")

        assert (before_any_epoch.added, before_any_epoch.curated) == (1, None)
        assert collected.curated is not None
        assert collected.curated.unresolved == 2
        assert bound.curated is not None
        assert (bound.added, bound.curated.counts.resolved, bound.curated.unresolved) == (1, 1, 1)
        assert bound_units == {"ann": (8000, None)}
        assert again.added == 0
        assert again.curated is not None
        assert (again.curated.counts.resolved, again.curated.allocations_changed) == (0, 0)
        assert to_another == (
            "identity-already-bound",
            "github identity 1001 is bound to ann; unbind it first",
        )
        assert runtime.rows() == rows
        assert [(action.subject, said(action)) for action in bind_actions] == [
            ("carol", CONTEXT),
            ("ann", CONTEXT),
        ]

    runtime.play(story, source())


def test_a_write_whose_reply_was_lost_is_tried_again_and_applied_once(runtime: Runtime) -> None:
    """Each activity below is told of a broken connection after its transaction committed."""
    broken = Failure(ConnectionResetError("the server closed the connection unexpectedly"), times=0)

    async def losing_its_reply(step: Awaitable[_Report]) -> _Report:
        broken.times = 1
        report = await step
        assert broken.times == 0
        return report

    async def story(runs: LedgerRuns) -> None:
        epoch_id = (await runs.collect()).epoch_id
        assert epoch_id is not None
        bound = await losing_its_reply(runs.bind(ann="1001", bob="2002"))
        writes = [
            await losing_its_reply(runs.record(epoch_id, 50)),
            await losing_its_reply(runs.adjust(epoch_id, "ann", 3)),
            await losing_its_reply(runs.judge(epoch_id, PULL, included=False)),
        ]
        closed = await losing_its_reply(runs.finalize(epoch_id))
        rows = runtime.rows()
        attempts = await runs.attempts(f"ledger-finalize-{epoch_id}")

        assert attempts == [2]
        assert [action.action for action in actions(runs, *ACTIONS)] == [
            "pool-component-recorded",
            *ACTIONS,
        ]
        assert {table: len(rows[table]) for table in ("user_bindings", "identity_events")} == {
            "user_bindings": 2,
            "identity_events": 2,
        }
        assert (bound.added, [write.changed for write in writes], closed.closed_now) == (2, [True] * 3, True)
        assert bound.curated is not None
        assert bound.curated.unresolved == 0
        assert len(rows["epoch_pool_components"]) == 2
        assert len(rows["payout_statements"]) == 1
        assert (closed.pool_total_credits, closed.payouts) == (1050, 2)

    runtime.play(story, source(), ledger=InterruptedLedger(runtime.ledger, after_commit=broken))


def test_an_identity_is_unbound_and_its_open_events_are_unresolved_again(runtime: Runtime) -> None:
    """IDENTITY_BEST_EFFORT: a wrong binding is taken back, with a reason; its history stays."""

    async def story(runs: LedgerRuns) -> None:
        collected = await runs.collect()
        await runs.bind(ann="1001")
        unbound = await runs.unbind("1001")
        again = await refused(runs.unbind("1001"))
        [action] = actions(runs, "identity-unbound")

        assert unbound.user_id == "ann"
        assert unbound.curated is not None
        assert unbound.curated.counts.resolved == 1
        assert units(runs, collected.epoch_id) == {}
        assert again[0] == "identity-not-bound"
        assert (action.subject, said(action)) == ("ann", CONTEXT)
        await runs.bind(bob="1001")
        assert units(runs, collected.epoch_id) == {"bob": (8000, None)}

    runtime.play(story, source())


def test_a_late_retry_does_not_undo_what_was_decided_since(runtime: Runtime) -> None:
    """ACTION_APPLIED_ONCE: the first attempt committed, its reply was lost, and another admin went on."""
    decided: list[int | None] = []

    def another_decides_and_the_reply_is_lost() -> None:
        if decided:
            epoch_id = decided.pop()
            assert epoch_id is not None
            adjust_allocation(
                runtime.ledger,
                EpochId(epoch_id),
                UserId("ann"),
                final_units=7,
                context=CONTEXT,
                clock=LATER,
            )
            raise ConnectionResetError

    async def story(runs: LedgerRuns) -> None:
        epoch_id = (await runs.collect()).epoch_id
        await runs.bind(ann="1001")
        assert epoch_id is not None
        decided.append(epoch_id)
        report = await runs.adjust(epoch_id, "ann", 5)

        assert (report.changed, decided) == (True, [])
        assert units(runs, epoch_id) == {"ann": (8000, 7)}
        changes = [
            (action.before["final_units"], action.after["final_units"])
            for action in actions(runs, "allocation-set")
        ]
        assert changes == [(None, "5"), ("5", "7")]

    interrupted = InterruptedLedger(runtime.ledger, after_commit=another_decides_and_the_reply_is_lost)
    runtime.play(story, source(), ledger=interrupted)
