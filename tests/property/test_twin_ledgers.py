"""One random history, played on the ledger in memory and on PostgreSQL: every answer and refusal is compared.

Failures are planted at the n-th statement that PostgreSQL is sent; what failed must have left no trace.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, event

from db_client.postgres_ledger import PostgresLedger
from ledger_core import (
    ActivityEvent,
    EpochId,
    EventId,
    Ledger,
    LedgerError,
    LedgerView,
    NodeId,
    StreamRef,
    UserId,
    WeightConfig,
)
from ledger_core.domain.allocation import compute_allocation_set_hash
from ledger_core.testing import (
    FixedClock,
    InMemoryLedger,
    make_binding,
    make_component,
    make_context,
    make_event,
    make_page,
    make_window,
)
from ledger_core.use_cases.adjust_allocation import adjust_allocation
from ledger_core.use_cases.bind_identity import bind_identities, unbind_identity
from ledger_core.use_cases.curate_event import curate_event
from ledger_core.use_cases.finalize_epoch import finalize_epoch
from ledger_core.use_cases.open_epoch import open_epoch
from ledger_core.use_cases.plan_windows import plan_windows
from ledger_core.use_cases.propose_allocations import propose_allocations
from ledger_core.use_cases.record_pool_component import record_pool_component
from ledger_core.use_cases.refresh_epoch import refresh_epoch
from ledger_core.use_cases.store_page import find_cursor, store_page

NOWHERE = EpochId(999_999_999)
CONTEXT = make_context()
STREAM = StreamRef(source="github", source_ref="acme/widgets", stream="pull_requests")
WEIGHTS = WeightConfig({"github:pr_merged": 8000, "github:review": 333})

WEEKS = st.integers(0, 2)
USERS = st.sampled_from(["ann", "bob", "cid"])
ACCOUNTS = st.sampled_from(["1001", "1002"])
NUMBERS = st.integers(0, 4)
FAILURES = st.one_of(st.none(), st.none(), st.none(), st.integers(1, 10))


@st.composite
def events(draw: st.DrawFn) -> ActivityEvent:
    """Few numbers, so that histories meet: duplicates, conflicts, boundary instants, gone accounts."""
    week, hours = draw(WEEKS), draw(st.sampled_from([0, 0, 30, 167]))
    return make_event(
        draw(NUMBERS),
        at=make_window(week).period_start + timedelta(hours=hours),
        account=draw(st.one_of(st.none(), ACCOUNTS, ACCOUNTS)),
        event_type=draw(st.sampled_from(["pr_merged", "pr_merged", "review", "unweighed"])),
        event_id=f"github:{draw(NUMBERS)}",
        metadata={"edition": draw(st.integers(0, 1))},
    )


class Planted(Exception):
    """The failure that was planted."""


@dataclass
class Twin:
    """One of the two ledgers, with its epochs by week."""

    ledger: Ledger

    def epoch(self, week: int) -> EpochId:
        with self.ledger.read() as view:
            found = view.epochs.find_by_window(make_window(week))
        return NOWHERE if found is None else found.id

    def answer(self, step: Callable[[Twin], object]) -> tuple[str, object]:
        """What the step returned, or the code of its refusal."""
        try:
            return "done", step(self)
        except LedgerError as error:
            return "refused", error.code

    def state(self) -> dict[str, Any]:
        """All that can be read, with epochs named by their windows."""
        with self.ledger.read() as view:
            return _state(view)


def _state(view: LedgerView) -> dict[str, Any]:
    epochs = view.epochs.list_latest(limit=100)
    names = {epoch.id: str(epoch.window) for epoch in epochs}
    state: dict[str, Any] = {
        "waiting": view.activity.count_waiting(),
        "cursor": view.cursors.find(STREAM),
        "unresolved": view.identities.list_unresolved(None, limit=100),
        "chain": [
            (names[found.epoch_id], found.payouts, found.activity_set_hash, found.allocation_set_hash)
            for found in view.statements.chain()
        ],
        "actions": [
            (found.action, re.sub(r"epoch \d+", "epoch", found.subject), found.context, found.at)
            for found in view.actions.list_latest(limit=1000)
        ],
    }
    for epoch in epochs:
        state[names[epoch.id]] = (
            epoch.status,
            epoch.pool_total_credits,
            epoch.opened_at,
            epoch.closed_at,
            view.allocations.list_all(epoch.id),
            view.pool.list_all(epoch.id),
            view.curation.summary(epoch.id),
            [
                asdict(row) | {"late_from_epoch_id": names.get(row.late_from_epoch_id or NOWHERE)}
                for row in view.curation.ordered_events(epoch.id)
            ],
        )
    return state


class TwinLedgers(RuleBasedStateMachine):
    """Plays each step on both ledgers."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        node_id = NodeId(uuid.uuid4())  # a node of its own: nothing of earlier histories is in it
        self.engine = engine
        self.memory = Twin(InMemoryLedger(node_id))
        self.postgres = Twin(PostgresLedger(engine, node_id))
        self.clock = FixedClock(make_window(9).period_start)
        self.pages = 0

    def play(self, step: Callable[[Twin], object], fail_at: int | None = None) -> None:
        """Play the step on both; with a failure planted, on memory only if PostgreSQL got through."""
        self.clock.advance(timedelta(minutes=1))
        statements = 0

        def plant(*_arguments: Any) -> None:
            nonlocal statements
            statements += 1
            if statements == fail_at:
                raise Planted

        if fail_at is not None:
            event.listen(self.engine, "before_cursor_execute", plant)
        try:
            answer = self.postgres.answer(step)
        except Planted:
            return  # the invariant sees that nothing changed
        finally:
            if fail_at is not None:
                event.remove(self.engine, "before_cursor_execute", plant)
        assert answer == self.memory.answer(step)

    @invariant()
    def both_hold_the_same(self) -> None:
        assert self.postgres.state() == self.memory.state()

    @rule(week=WEEKS, fail_at=FAILURES)
    def open(self, week: int, fail_at: int | None) -> None:
        def step(twin: Twin) -> object:
            opened = open_epoch(twin.ledger, make_window(week), WEIGHTS, clock=self.clock)
            return opened.epoch and opened.epoch.window, opened.blocking and opened.blocking.window

        self.play(step, fail_at)

    @rule(page=st.lists(events(), max_size=6), stale=st.booleans(), fail_at=FAILURES)
    def collect(self, page: list[ActivityEvent], stale: bool, fail_at: int | None) -> None:  # noqa: FBT001
        self.pages += 1
        cursor = f"page-{self.pages}"

        def step(twin: Twin) -> object:
            expected = "a cursor that never was" if stale else find_cursor(twin.ledger, STREAM)
            return store_page(twin.ledger, STREAM, make_page(*page, cursor=cursor), expected_cursor=expected)

        self.play(step, fail_at)

    @rule(week=WEEKS, fail_at=FAILURES)
    def refresh(self, week: int, fail_at: int | None) -> None:
        self.play(lambda twin: refresh_epoch(twin.ledger, twin.epoch(week), clock=self.clock), fail_at)

    @rule(week=WEEKS, fail_at=FAILURES)
    def propose(self, week: int, fail_at: int | None) -> None:
        self.play(lambda twin: propose_allocations(twin.ledger, twin.epoch(week)), fail_at)

    @rule(user=USERS, account=ACCOUNTS, fail_at=FAILURES)
    def bind(self, user: str, account: str, fail_at: int | None) -> None:
        bindings = [make_binding(user, account)]
        self.play(lambda twin: bind_identities(twin.ledger, bindings, CONTEXT, clock=self.clock), fail_at)

    @rule(account=ACCOUNTS, fail_at=FAILURES)
    def unbind(self, account: str, fail_at: int | None) -> None:
        self.play(
            lambda twin: unbind_identity(twin.ledger, "github", account, CONTEXT, clock=self.clock), fail_at
        )

    @rule(week=WEEKS, user=USERS, units=st.one_of(st.none(), st.integers(0, 9000)), fail_at=FAILURES)
    def adjust(self, week: int, user: str, units: int | None, fail_at: int | None) -> None:
        self.play(
            lambda twin: adjust_allocation(
                twin.ledger,
                twin.epoch(week),
                UserId(user),
                final_units=units,
                context=CONTEXT,
                clock=self.clock,
            ),
            fail_at,
        )

    @rule(
        week=WEEKS,
        number=NUMBERS,
        included=st.booleans(),
        weight=st.one_of(st.none(), st.integers(0, 2**63 - 1)),
        fail_at=FAILURES,
    )
    def judge(
        self,
        week: int,
        number: int,
        included: bool,  # noqa: FBT001
        weight: int | None,
        fail_at: int | None,
    ) -> None:
        self.play(
            lambda twin: curate_event(
                twin.ledger,
                twin.epoch(week),
                EventId(f"github:{number}"),
                included=included,
                weight_override_milli=weight,
                context=CONTEXT,
                clock=self.clock,
            ),
            fail_at,
        )

    @rule(
        week=WEEKS,
        component=st.sampled_from(["base_issuance", "base_issuance", "top_up"]),
        credits_=st.sampled_from([0, 7, 1000, 2**63 - 1]),
        fail_at=FAILURES,
    )
    def record(self, week: int, component: str, credits_: int, fail_at: int | None) -> None:
        made = make_component(credits_, component_id=component)
        self.play(
            lambda twin: record_pool_component(
                twin.ledger, twin.epoch(week), made, CONTEXT, clock=self.clock
            ),
            fail_at,
        )

    @rule(week=WEEKS, reviewed=st.booleans(), fail_at=FAILURES)
    def finalize(self, week: int, reviewed: bool, fail_at: int | None) -> None:  # noqa: FBT001
        def step(twin: Twin) -> object:
            epoch_id = twin.epoch(week)
            with twin.ledger.read() as view:
                rows = view.allocations.list_all(epoch_id)
            pinned = compute_allocation_set_hash(row.finalized() for row in rows) if reviewed else None
            found = finalize_epoch(twin.ledger, epoch_id, CONTEXT, reviewed_hash=pinned, clock=self.clock)
            statement = found.statement
            return found.closed_now, statement.payouts, statement.pool_total_credits

        self.play(step, fail_at)

    @rule(page=st.lists(events(), min_size=1, max_size=6), week=WEEKS)
    def live_through(self, page: list[ActivityEvent], week: int) -> None:
        """Steps in the order of a real week, as chance alone seldom closes an epoch with anything in it."""
        open_week = self.open_week()
        chosen = week if open_week is None else open_week
        self.open(chosen, None)
        self.collect(page, stale=False, fail_at=None)
        self.refresh(chosen, None)
        self.record(chosen, "base_issuance", 1000, None)
        self.finalize(chosen, reviewed=True, fail_at=None)

    def open_week(self) -> int | None:
        with self.memory.ledger.read() as view:
            found = view.epochs.find_open()
        weeks = [week for week in range(3) if found is not None and found.window == make_window(week)]
        return weeks[0] if weeks else None

    @rule(week=st.integers(0, 5))
    def plan(self, week: int) -> None:
        window = make_window(week)
        self.play(
            lambda twin: plan_windows(
                twin.ledger, at=window.period_start, anchor=window.period_start.date(), length_days=7
            )
        )


def test_the_twins_answer_alike_whatever_happens(worker_engine: Engine) -> None:
    """Every answer, refusal and state of the in-memory ledger is PostgreSQL's."""

    class Twins(TwinLedgers):
        def __init__(self) -> None:
            super().__init__(worker_engine)

    run_state_machine_as_test(
        Twins,
        settings=settings(
            max_examples=30,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
