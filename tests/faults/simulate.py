"""A simulator of years: each seed is a world, lived once in peace and once with faults at random places.

    uv run python -m tests.faults.simulate --seeds 2000        (--first N: begin with that seed; --weeks N)

Three things are looked at. Safety: after every close the statement pays what the oracle, which shares no code with
the ledger, works out by itself. Liveness: once faults stop, after two runs every event that a source ever told is in
a statement, in the open epoch, or named as excluded or unresolved. And sameness: the year with faults has, byte for
byte, the statements of the year without. What fails prints its seed.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any, Final

from temporalio.exceptions import ApplicationError

from ledger_core import EpochId, Ledger, NodeId
from ledger_core.domain.approvals import NO_APPROVALS
from ledger_core.testing import MONDAY, FixedClock, InMemoryLedger, make_binding, make_context, make_window
from ledger_core.use_cases.check_coherence import check_coherence
from scheduler_worker.activities.create_activities import create_activities
from scheduler_worker.messages import (
    AdjustAllocationCommand,
    BindCommand,
    CollectRequest,
    FinalizeCommand,
    JudgeEventCommand,
    PlanRequest,
    RecordPoolCommand,
    UnbindCommand,
)
from scheduler_worker.starting import WorkflowFailed
from scheduler_worker.workflows.admin_writes import (
    AdjustAllocationWorkflow,
    BindIdentitiesWorkflow,
    JudgeEventWorkflow,
    RecordPoolComponentWorkflow,
    UnbindIdentityWorkflow,
)
from scheduler_worker.workflows.collect_epoch import CollectEpochWorkflow
from scheduler_worker.workflows.finalize_epoch import FinalizeEpochWorkflow
from scheduler_worker.workflows.plan_collection import COLLECTIONS_INCOMPLETE, PlanCollectionWorkflow
from tests.faults.faulty_ledger import FaultyLedger, draw_plan
from tests.faults.in_process import Attempt, InProcessTemporal
from tests.faults.oracle import BASE, Oracle
from tests.faults.world import (
    ACCOUNTS,
    LONGEST_DELAY,
    STREAMS,
    USERS,
    WEIGHTS,
    Wish,
    World,
    WorldSource,
    make_world,
)

WEEKS: Final = 52
CHANCE_OF_A_FAULT: Final = 0.15
CHANCE_OF_A_STALE_ATTEMPT: Final = 0.3
BASE_CREDITS: Final = 1000
CONTEXT: Final = make_context()
NODE: Final = NodeId(uuid.UUID("0195f1d2-0000-7000-8000-0000000000fb"))
# What an admin may be told; anything else that a workflow ends in is a failure of the simulation.
EXPECTED_REFUSALS: Final = frozenset(
    {
        "allocations-changed",
        "epoch-closed",
        "event-not-curated",
        "identity-already-bound",
        "identity-not-bound",
        "pool-base-missing",
        "pool-component-differs",
        "user-not-found",
    }
)
ADMIN_ACTIVITIES: Final = frozenset(
    {"bind_identities", "unbind_identity", "judge_event", "adjust_allocation", "record_pool_component"}
)


@dataclass(slots=True, kw_only=True)
class Year:
    """What a year ended with."""

    statements: list[bytes] = field(default_factory=list)
    faults: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    events: int = 0
    closes: int = 0


class Life:
    """Lives a world's year on a ledger, step by step through the real workflows, with the oracle beside it."""

    def __init__(self, ledger: Ledger, world: World, *, faults: Random | None) -> None:
        self.oracle = Oracle()
        self.year = Year()
        self.clock = FixedClock(MONDAY)
        self.source = WorldSource(world=world, clock=self.clock)
        self._world = world
        self._faults = faults
        self._ledger = ledger
        self._faulty = FaultyLedger(ledger, committed=self._committed)
        self._attempt: Attempt | None = None
        self._wrong: AssertionError | None = None
        self._past: list[Attempt] = []
        self._temporal = InProcessTemporal(
            create_activities(
                ledger=self._faulty,
                sources=dict.fromkeys(STREAMS, self.source),
                clock=self.clock,
                approval_policy=NO_APPROVALS,
            ),
            during=self._during,
        )

    def live(self) -> Year:
        """Live the year and its quiet end; return what it ended with.

        Raises: AssertionError, when something wrong was paid or something was lost.
        """
        for number, week in enumerate(self._world.weeks):
            self.source.week = number
            self.clock.now = MONDAY + timedelta(weeks=number, hours=30)
            if not week.is_missed:
                self._run_schedule()
            for wish in week.wishes:
                self.clock.advance(timedelta(hours=5))
                self._try(wish)
                self._wake_a_stale_attempt()
        self._faults = None
        self.source.is_calm = True
        # What is told once more comes up to twice the longest delay after it happened, and what stands behind it no sooner.
        told_out = MONDAY + timedelta(weeks=len(self._world.weeks), hours=30) + 2 * LONGEST_DELAY
        for quiet_run in range(2):
            self.clock.now = told_out + timedelta(weeks=quiet_run)
            self._run_and_close()
        self._check_nothing_is_lost()
        findings = check_coherence(self._ledger)
        assert not findings, f"the doctor finds {findings[0]}"
        with self._ledger.read() as view:
            self.year.statements = [statement.document() for statement in view.statements.chain()]
        self.year.faults += self._faulty.faults
        self.year.events = len(self.oracle.facts)
        return self.year

    # --- what the schedule and the admin do ---------------------------------------------------------------

    def _run_schedule(self) -> None:
        request = PlanRequest(
            anchor="1970-01-05",
            length_days=7,
            weight_config=WEIGHTS,
            base_issuance_credits=BASE_CREDITS,
            streams=STREAMS,
        )
        try:
            self._temporal.run(PlanCollectionWorkflow.run, request, "ledger-plan", scheduled_at=self.clock())
        except WorkflowFailed as failed:
            if failed.code != COLLECTIONS_INCOMPLETE:
                raise

    def _run_and_close(self) -> None:
        """Collect, and close every epoch whose window has passed: what a run means to an admin who is there."""
        for _ in self._world.weeks:
            self._run_schedule()
            period = self.oracle.open_period
            if period is None or period.end > self.clock():
                return
            self._close(period.number)

    def _try(self, wish: Wish) -> None:
        """Try what the admin wishes; a refusal is one of those that an admin may get."""
        try:
            getattr(self, f"_wish_{wish.kind.replace(' ', '_')}")(wish)
        except WorkflowFailed as failed:
            if failed.code not in EXPECTED_REFUSALS:
                raise
            self.year.refusals[failed.code] += 1

    def _wish_bind(self, wish: Wish) -> None:
        account = ACCOUNTS[wish.choice % len(ACCOUNTS)]
        user = USERS[wish.choice // 10 % len(USERS)]
        self._temporal.run(
            BindIdentitiesWorkflow.run,
            BindCommand(bindings=(make_binding(user, account),), context=CONTEXT),
            f"bind {account}",
        )

    def _wish_unbind(self, wish: Wish) -> None:
        account = ACCOUNTS[wish.choice % len(ACCOUNTS)]
        self._temporal.run(
            UnbindIdentityWorkflow.run,
            UnbindCommand(provider="github", external_id=account, context=CONTEXT),
            f"unbind {account}",
        )

    def _wish_judge(self, wish: Wish) -> None:
        period = self._some_period(wish)
        if period is None or not self.oracle.period(period).rows:
            return
        events = sorted(self.oracle.period(period).rows)
        command = JudgeEventCommand(
            epoch_id=period,
            event_id=events[wish.choice % len(events)],
            included=wish.choice % 3 > 0,
            weight_override_milli=wish.amount if wish.choice % 2 else None,
            context=CONTEXT,
        )
        self._temporal.run(JudgeEventWorkflow.run, command, "judge")

    def _wish_adjust(self, wish: Wish) -> None:
        self._adjust(wish, wish.amount)

    def _wish_clear(self, wish: Wish) -> None:
        self._adjust(wish, None)

    def _adjust(self, wish: Wish, units: int | None) -> None:
        period = self._some_period(wish)
        if period is not None:
            command = AdjustAllocationCommand(
                epoch_id=period, user_id=USERS[wish.choice % len(USERS)], final_units=units, context=CONTEXT
            )
            self._temporal.run(AdjustAllocationWorkflow.run, command, "adjust")

    def _wish_record(self, wish: Wish) -> None:
        period = self._some_period(wish)
        if period is not None:
            command = RecordPoolCommand(
                epoch_id=period,
                component_id=("top_up", "sponsor")[wish.choice % 2],
                algorithm_version="1",
                amount_credits=wish.amount,
                inputs_json="{}",
                evidence_ref=None,
                context=CONTEXT,
            )
            self._temporal.run(RecordPoolComponentWorkflow.run, command, "record")

    def _wish_collect(self, wish: Wish) -> None:
        """Collect the window after the last one, as an admin would who catches up; else any that was collected."""
        if not self.oracle.periods:
            return
        last = self.oracle.periods[-1]
        week = (last.end - MONDAY) // timedelta(weeks=1)
        if last.is_open or week > self.source.week:
            week -= 1 + wish.choice % 2
        window = make_window(week)
        if window.period_start < self.oracle.periods[0].start:
            return  # before the node's first epoch: no plan would collect that
        request = CollectRequest(
            window=window, weight_config=WEIGHTS, base_issuance_credits=BASE_CREDITS, streams=STREAMS
        )
        self._temporal.run(CollectEpochWorkflow.run, request, "collect")

    def _wish_close(self, wish: Wish) -> None:
        period = self._some_period(wish)
        if period is not None and self.oracle.period(period).end <= self.clock():
            self._close(period)

    def _wish_early_close(self, wish: Wish) -> None:
        period = self._some_period(wish)
        if period is not None:
            self._close(period)

    def _wish_stale_close(self, wish: Wish) -> None:
        period = self._some_period(wish)
        if period is not None:
            self._close(period, reviewed_hash="0" * 64)

    def _close(self, number: int, *, reviewed_hash: str | None = None) -> None:
        command = FinalizeCommand(epoch_id=number, context=CONTEXT, reviewed_hash=reviewed_hash)
        self._temporal.run(FinalizeEpochWorkflow.run, command, f"ledger-finalize-{number}")

    def _some_period(self, wish: Wish) -> int | None:
        """The open epoch mostly, else a closed one: that is refused, or answers with what it has."""
        period = self.oracle.open_period
        if period is not None and wish.choice % 10 < 9:
            return period.number
        return len(self.oracle.periods) or None

    # --- what goes wrong ----------------------------------------------------------------------------------

    def _during(self, attempt: Attempt, answer: Callable[[], Any]) -> Any:
        self._attempt = attempt
        random = self._faults
        if random is not None and attempt.number > 0:
            self._faulty.arm(draw_plan(random, chance=CHANCE_OF_A_FAULT))
        try:
            told = answer()
        finally:
            self._faulty.arm(None)
            if self._wrong is not None:  # to the worker it was a fault like any other
                raise self._wrong
        if attempt.activity in ADMIN_ACTIVITIES:
            self._past.append(attempt)
        return told

    def _wake_a_stale_attempt(self) -> None:
        """Let an attempt that was given up long ago go on: whatever was decided since stays (ACTION_APPLIED_ONCE)."""
        random = self._faults
        if random is None or not self._past or random.random() >= CHANCE_OF_A_STALE_ATTEMPT:
            return
        self.year.faults += 1
        with suppress(ApplicationError):
            self._temporal.repeat(random.choice(self._past))

    # --- what the oracle hears ----------------------------------------------------------------------------

    def _committed(self, calls: list[tuple[str, tuple[Any, ...]]]) -> None:
        try:
            self._hear(calls)
        except AssertionError as error:
            self._wrong = error
            raise

    def _hear(self, calls: list[tuple[str, tuple[Any, ...]]]) -> None:
        attempt = self._attempt
        assert attempt is not None
        names = {name for name, _ in calls}
        if attempt.activity == "collect_stream":
            for name, arguments in calls:
                if name == "activity.store":
                    self.oracle.store(arguments[0])
        elif attempt.activity == "open_epoch":
            window = attempt.arguments[0].window
            self.oracle.open(window.period_start, window.period_end, WEIGHTS)
        elif attempt.activity in ("curate_epoch", "curate_open_epoch"):
            if "curation.refresh" in names:
                self.oracle.refresh()
        elif attempt.activity == "record_base_issuance":
            self.oracle.record(attempt.arguments[0], BASE, attempt.arguments[1])
        elif attempt.activity == "finalize_epoch":
            self._closed(attempt.arguments[0].epoch_id)
        elif self.oracle.hears(attempt.key):
            self._decided(attempt.arguments[0])

    def _decided(self, command: Any) -> None:
        match command:
            case BindCommand():
                self.oracle.bind((each.external_id, each.user_id) for each in command.bindings)
            case UnbindCommand():
                self.oracle.unbind(command.external_id)
            case JudgeEventCommand():
                self.oracle.judge(
                    command.epoch_id,
                    command.event_id,
                    included=command.included,
                    weight=command.weight_override_milli,
                )
            case AdjustAllocationCommand():
                self.oracle.adjust(command.epoch_id, command.user_id, command.final_units)
            case RecordPoolCommand():
                self.oracle.record(command.epoch_id, command.component_id, command.amount_credits)
            case _:
                raise AssertionError(f"the oracle never heard of {command}")

    # --- what must hold -----------------------------------------------------------------------------------

    def _closed(self, number: int) -> None:
        """Safety: the statement pays what the oracle says, and no event has counted twice."""
        self.oracle.close(number)
        self.year.closes += 1
        with self._ledger.read() as view:
            statement = view.statements.find(EpochId(number))
        assert statement is not None, f"epoch {number} closed without a statement"
        paid = {line.user_id: (line.total_units, line.amount_credits) for line in statement.payouts}
        assert paid == self.oracle.payouts(number), (
            f"epoch {number} paid {paid}, and ought to have paid {self.oracle.payouts(number)}"
        )
        pool = sum(self.oracle.period(number).pool.values())
        assert statement.pool_total_credits == pool, f"epoch {number} has another pool"
        assert sum(credits_ for _, credits_ in paid.values()) in (0, pool)
        twice = {event_id: epochs for event_id, epochs in self.oracle.paid().items() if len(epochs) > 1}
        assert not twice, f"paid twice: {twice}"

    def _check_nothing_is_lost(self) -> None:
        """Liveness: each event told is counted, in the open epoch, excluded or unresolved; by what the ledger says."""
        told = {str(it.event.id) for stream in STREAMS for it in self._world.emissions[stream]}
        before_first = {
            event_id
            for event_id, fact in self.oracle.facts.items()
            if fact.event_time < self.oracle.periods[0].start
        }
        named: set[str] = set()
        with self._ledger.read() as view:
            for epoch in view.epochs.list_latest(limit=1000):
                for event in view.curation.ordered_events(epoch.id):
                    named.add(event.event_id)
            waiting = view.activity.count_waiting()
        assert told == set(self.oracle.facts), f"never stored: {sorted(told - set(self.oracle.facts))[:3]}"
        assert told - named == before_first, f"lost: {sorted(told - named - before_first)[:3]}"
        assert waiting == len(before_first), f"{waiting} events wait, and {len(before_first)} are too old"


def simulate(seed: int, *, weeks: int = WEEKS, open_ledger: Callable[[], Ledger] | None = None) -> Year:
    """Live a seed's year in peace and with faults; return the latter.

    Raises: AssertionError, naming the seed.
    """
    world = make_world(seed, weeks=weeks)
    make = open_ledger or partial(InMemoryLedger, NODE)
    try:
        calm = Life(InMemoryLedger(NODE), world, faults=None).live()
        year = Life(make(), world, faults=Random(f"faults {seed}")).live()
        assert year.statements == calm.statements, "the year with faults has other statements"
        assert year.refusals == calm.refusals, f"other refusals: {year.refusals} and not {calm.refusals}"
    except Exception as error:
        raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
    return year


def _attempted(seed: int, weeks: int) -> tuple[Year, str | None]:
    logging.disable(logging.CRITICAL)
    try:
        return simulate(seed, weeks=weeks), None
    except AssertionError as error:
        return Year(), str(error)


def main() -> int:
    """Simulate many seeds; the exit status is 1 if one failed."""
    parser = argparse.ArgumentParser(description="live years with faults at random places")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--weeks", type=int, default=WEEKS)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    begun = time.monotonic()
    faults = events = closes = failed = 0
    seeds = range(given.first, given.first + given.seeds)
    with ProcessPoolExecutor(given.processes) as pool:
        for year, problem in pool.map(partial(_attempted, weeks=given.weeks), seeds, chunksize=4):
            faults += year.faults
            events += year.events
            closes += year.closes
            if problem is not None:
                failed += 1
                print(problem, flush=True)
    print(
        f"{given.seeds} years, {events} events, {closes} closes, {faults} faults,"
        f" {failed} seeds failed, in {time.monotonic() - begun:.0f} s"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
