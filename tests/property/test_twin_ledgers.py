"""One random history, played on the ledger in memory and on PostgreSQL: every answer and refusal is compared.

Failures are planted at the n-th statement that PostgreSQL is sent, and attacks are plain SQL of the tables' owner;
neither may leave a trace. After every step what is stored is coherent, and in the end every statement's bundle
is verified. The ordinary run looks through PostgreSQL's own eyes when an epoch closed; HYPOTHESIS_PROFILE=ci always.
"""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import IntegrityError

from db_client.postgres_ledger import PostgresLedger
from ledger_core import (
    ActivityEvent,
    EpochId,
    EventId,
    Ledger,
    LedgerError,
    NodeId,
    StreamRef,
    UserId,
    WeightConfig,
)
from ledger_core.domain.allocation import compute_allocation_set_hash
from ledger_core.domain.completeness import CompletenessCertificate, CompletenessCount
from ledger_core.domain.stream_reading import StreamReading
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
from ledger_core.use_cases.amend_statement import amend_statement
from ledger_core.use_cases.bind_identity import bind_identities, unbind_identity
from ledger_core.use_cases.check_coherence import check_coherence
from ledger_core.use_cases.curate_event import curate_event
from ledger_core.use_cases.finalize_epoch import finalize_epoch
from ledger_core.use_cases.import_bindings import import_bindings
from ledger_core.use_cases.move_identities import MovedIdentities, merge_users, split_user
from ledger_core.use_cases.open_epoch import open_epoch
from ledger_core.use_cases.plan_windows import plan_windows
from ledger_core.use_cases.propose_allocations import propose_allocations
from ledger_core.use_cases.record_pool_component import record_pool_component
from ledger_core.use_cases.record_reading import record_reading
from ledger_core.use_cases.refresh_epoch import refresh_epoch
from ledger_core.use_cases.store_page import find_cursor, store_page
from ledger_core.use_cases.waive_gap import waive_gap
from ledger_core.verification.bundle_writer import write_bundle
from ledger_core.verification.verifier import verify_open_bundle
from tests.ledger_states import NOWHERE, state_of

CONTEXT = make_context()
STREAM = StreamRef(source="github", source_ref="acme/widgets", stream="pull_requests")
WEIGHTS = WeightConfig({"github:pr_merged": 8000, "github:review": 333})

WEEKS = st.integers(0, 2)
STREAMS = st.sampled_from([STREAM, StreamRef(source="github", source_ref="acme/widgets", stream="issues")])
USERS = st.sampled_from(["ann", "bob", "cid"])
ACCOUNTS = st.sampled_from(["1001", "1002"])
NUMBERS = st.integers(0, 4)
FAILURES = st.one_of(st.none(), st.none(), st.none(), st.integers(1, 10))


@st.composite
def events(draw: st.DrawFn, weeks: st.SearchStrategy[int] = WEEKS) -> ActivityEvent:
    """Few numbers, so that histories meet: duplicates, conflicts, boundary instants, gone accounts."""
    week, hours = draw(weeks), draw(st.sampled_from([0, 0, 30, 167]))
    return make_event(
        draw(NUMBERS),
        at=make_window(week).period_start + timedelta(hours=hours),
        account=draw(st.one_of(st.none(), ACCOUNTS, ACCOUNTS)),
        event_type=draw(st.sampled_from(["pr_merged", "pr_merged", "review", "unweighed"])),
        event_id=f"github:{draw(NUMBERS)}",
        metadata={"edition": draw(st.integers(0, 1))},
    )


def _moved(found: MovedIdentities) -> object:
    """A move without the epoch's number, which is each twin's own."""
    return found.moved, found.counts, found.allocations_changed


# An admin's decision and a binding move what the next proposal says; the open epoch shows that it is behind. A cursor
# can stand where no event was new.
PENDING = {"open-proposals", "cursor-sources"}
LOOKS_ALWAYS = os.environ.get("HYPOTHESIS_PROFILE") == "ci"
ATTACKS = {
    "pay somebody else": "UPDATE payout_statements SET payouts_json = '[]' WHERE node_id = :node",
    "take a statement back": "DELETE FROM payout_statements WHERE node_id = :node",
    "open a closed epoch": "UPDATE epochs SET status = 'open' WHERE node_id = :node AND status = 'closed'",
    "drop a closed epoch": "DELETE FROM epochs WHERE node_id = :node AND status = 'closed'",
    "change the weights": "UPDATE epochs SET weight_config = '{\"a:b\": 1}' WHERE node_id = :node",
    "close without a statement": (
        "UPDATE epochs SET status = 'closed', pool_total_credits = 1, closed_at = now()"
        " WHERE node_id = :node AND status = 'open'"
    ),
    "forget an event": "DELETE FROM activity_events WHERE node_id = :node",
    "rewrite an event": "UPDATE activity_events SET event_type = 'review' WHERE node_id = :node",
    "raise the pool": "UPDATE epoch_pool_components SET amount_credits = amount_credits + 1 WHERE node_id = :node",
    "judge after the close": (
        "UPDATE activity_curation SET included = NOT included WHERE node_id = :node AND epoch_id IN"
        " (SELECT id FROM epochs WHERE status = 'closed')"
    ),
    "carry curation out of a closed epoch": (
        "UPDATE activity_curation SET epoch_id = (SELECT id FROM epochs WHERE node_id = :node AND status = 'open')"
        " WHERE node_id = :node AND epoch_id IN (SELECT id FROM epochs WHERE status = 'closed')"
    ),
    "add units after the close": (
        "UPDATE epoch_allocations SET final_units = 1, override_reason = 'x' WHERE node_id = :node AND epoch_id IN"
        " (SELECT id FROM epochs WHERE status = 'closed')"
    ),
    "pay an event twice": (
        "INSERT INTO activity_curation (node_id, epoch_id, event_id, user_id, created_at, updated_at)"
        " SELECT paid.node_id, epoch.id, paid.event_id, paid.user_id, now(), now() FROM activity_curation AS paid"
        " JOIN epochs AS epoch ON epoch.node_id = paid.node_id AND epoch.id <> paid.epoch_id"
        " WHERE paid.node_id = :node AND paid.included AND paid.user_id IS NOT NULL"
    ),
    "rewrite what admins did": "UPDATE ledger_actions SET actor = 'x' WHERE node_id = :node",
    "forget who was bound": "DELETE FROM identity_events WHERE node_id = :node",
}


def findings(ledger: Ledger) -> set[str]:
    """Return the checks that find something."""
    return {found.check for found in check_coherence(ledger)}


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
        return state_of(self.ledger, [STREAM])


class TwinLedgers(RuleBasedStateMachine):
    """Plays each step on both ledgers."""

    def __init__(self, engine: Engine, owner: Engine) -> None:
        super().__init__()
        self.owner = owner
        self.statements = 0
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
    def both_hold_the_same_and_are_coherent(self) -> None:
        state = self.memory.state()
        assert self.postgres.state() == state
        assert findings(self.memory.ledger) <= PENDING
        statements = len(state["chain"])
        if LOOKS_ALWAYS or statements > self.statements:
            assert findings(self.postgres.ledger) <= PENDING
        self.statements = statements

    def teardown(self) -> None:
        """Whatever happened, each statement follows from what its bundle holds."""
        with self.memory.ledger.read() as view:
            closed = [found.epoch_id for found in view.statements.chain()]
            weeks = {view.epochs.get(epoch_id).window for epoch_id in closed}
        for ledger in (self.memory.ledger, self.postgres.ledger):
            for window in weeks:
                with ledger.read() as view:
                    epoch = view.epochs.find_by_window(window)
                    assert epoch is not None
                    bundles = []
                    for version in view.statements.versions(epoch.id):
                        bundles.append(io.BytesIO())
                        write_bundle(view, epoch.id, bundles[-1], statement_hash=version.statement_hash)
                assert all(verify_open_bundle(bundle).is_verified for bundle in bundles)

    @rule(name=st.sampled_from(sorted(ATTACKS)))
    def attack(self, name: str) -> None:
        """The tables' owner tries to rewrite what was paid; the invariant sees that nothing changed."""
        node = {"node": self.postgres.ledger.node_id}
        with suppress(IntegrityError), self.owner.begin() as connection:
            touched = connection.execute(text(ATTACKS[name]), node).rowcount
            assert touched == 0, f"{name}: {touched} rows"

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

    @rule(gone=USERS, into=USERS, fail_at=FAILURES)
    def merge(self, gone: str, into: str, fail_at: int | None) -> None:
        self.play(
            lambda twin: _moved(
                merge_users(twin.ledger, UserId(gone), UserId(into), CONTEXT, clock=self.clock)
            ),
            fail_at,
        )

    @rule(user=USERS, into=USERS, accounts=st.sets(ACCOUNTS, min_size=1), fail_at=FAILURES)
    def split(self, user: str, into: str, accounts: set[str], fail_at: int | None) -> None:
        named = [("github", account) for account in sorted(accounts)]
        self.play(
            lambda twin: _moved(
                split_user(twin.ledger, UserId(user), UserId(into), named, CONTEXT, clock=self.clock)
            ),
            fail_at,
        )

    @rule(owners=st.dictionaries(ACCOUNTS, USERS, min_size=1), fail_at=FAILURES)
    def take(self, owners: dict[str, str], fail_at: int | None) -> None:
        bindings = [make_binding(user, account) for account, user in owners.items()]
        self.play(lambda twin: import_bindings(twin.ledger, bindings, CONTEXT, clock=self.clock), fail_at)

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

    @rule(week=WEEKS, stream=STREAMS, seen=st.integers(1, 2), early=st.booleans(), fail_at=FAILURES)
    def read_again(self, week: int, stream: StreamRef, seen: int, early: bool, fail_at: int | None) -> None:  # noqa: FBT001
        window = make_window(week)
        count = CompletenessCount(what="issues", route="search", seen=seen, independent=2)
        reading = StreamReading(
            stream=stream,
            window=window,
            retrieved_at=window.period_start if early else window.period_end,
            certificate=CompletenessCertificate(begins=None, ends=None, pages=1, counts=(count,)),
        )
        self.play(lambda twin: record_reading(twin.ledger, reading), fail_at)

    @rule(week=WEEKS, stream=STREAMS, fail_at=FAILURES)
    def lose(self, week: int, stream: StreamRef, fail_at: int | None) -> None:
        window = make_window(week)
        reading = StreamReading(
            stream=stream, window=window, retrieved_at=window.period_end, problem="source-unavailable"
        )
        self.play(lambda twin: record_reading(twin.ledger, reading), fail_at)

    @rule(week=WEEKS, stream=STREAMS, fail_at=FAILURES)
    def waive(self, week: int, stream: StreamRef, fail_at: int | None) -> None:
        self.play(
            lambda twin: waive_gap(twin.ledger, twin.epoch(week), stream, context=CONTEXT, clock=self.clock),
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

    @rule(
        week=WEEKS,
        units=st.dictionaries(USERS, st.integers(0, 9000), max_size=2),
        cleared=st.lists(USERS, max_size=1),
        stale=st.booleans(),
        fail_at=FAILURES,
    )
    def amend(
        self,
        week: int,
        units: dict[str, int],
        cleared: list[str],
        stale: bool,  # noqa: FBT001
        fail_at: int | None,
    ) -> None:
        def step(twin: Twin) -> object:
            epoch_id = twin.epoch(week)
            with twin.ledger.read() as view:
                versions = view.statements.versions(epoch_id)
            reviewed = versions[0 if stale else -1].statement_hash if versions else "0" * 64
            amended = amend_statement(
                twin.ledger,
                epoch_id,
                set_units={UserId(user): milli_units for user, milli_units in units.items()},
                cleared=[UserId(user) for user in cleared],
                reviewed_statement_hash=reviewed,
                context=CONTEXT,
                clock=self.clock,
            )
            return amended.statement.payouts

        self.play(step, fail_at)

    @rule(page=st.lists(events(), min_size=1, max_size=6), week=WEEKS)
    def live_through(self, page: list[ActivityEvent], week: int) -> None:
        """Steps in the order of a real week, as chance alone seldom closes an epoch with anything in it."""
        open_week = self.open_week()
        chosen = week if open_week is None else open_week
        self.begin_week(chosen, page)
        self.end_week(chosen)

    @rule(
        unbound=st.lists(events(weeks=st.just(0)), min_size=1, max_size=4),
        late=st.lists(events(weeks=WEEKS), min_size=1, max_size=4),
        user=USERS,
        account=ACCOUNTS,
        weight=st.one_of(st.none(), st.integers(0, 9)),
        judged=st.sampled_from(["before the close", "when carried", "never"]),
    )
    def work_that_comes_late(
        self,
        unbound: list[ActivityEvent],
        late: list[ActivityEvent],
        user: str,
        account: str,
        weight: int | None,
        judged: str,
    ) -> None:
        """A week closes with work of nobody's accounts; one is bound, more arrives, and the next weeks close."""
        number = int(unbound[0].id.removeprefix("github:"))
        self.unbind(account, None)
        self.begin_week(0, unbound)
        if judged == "before the close":
            self.judge(0, number, included=True, weight=weight, fail_at=None)
        self.end_week(0)
        self.bind(user, account, None)
        for week in (1, 2):
            self.begin_week(week, late)
            if judged == "when carried" and week == 1:
                self.judge(1, number, included=weight is not None, weight=weight, fail_at=None)
            self.end_week(week)

    def begin_week(self, week: int, page: list[ActivityEvent]) -> None:
        self.open(week, None)
        self.collect(page, stale=False, fail_at=None)
        self.refresh(week, None)

    def end_week(self, week: int) -> None:
        self.record(week, "base_issuance", 1000, None)
        self.finalize(week, reviewed=True, fail_at=None)

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


def test_the_twins_answer_alike_whatever_happens(worker_engine: Engine, owner_engine: Engine) -> None:
    """Every answer, refusal and state of the in-memory ledger is PostgreSQL's."""

    class Twins(TwinLedgers):
        def __init__(self) -> None:
            super().__init__(worker_engine, owner_engine)

    run_state_machine_as_test(
        Twins,
        settings=settings(
            max_examples=200 if LOOKS_ALWAYS else 25,
            stateful_step_count=50 if LOOKS_ALWAYS else 20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
