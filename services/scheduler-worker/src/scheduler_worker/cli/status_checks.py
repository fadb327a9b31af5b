"""What `ledger status` judges, from facts alone: each check is all right, worth a look, or a problem with a next step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from ledger_core.domain.instant import instant_text
from ledger_core.domain.operating_facts import OperatingFacts
from ledger_core.domain.stream_health import StreamHealth
from scheduler_worker.health_limits import EPOCH_OVERDUE, SCHEDULE_OVERDUE, STREAM_BEHIND
from scheduler_worker.schedule_health import ScheduleHealth

COLLECT = "ledger epoch collect"
_FINE_OUTCOMES = frozenset({None, "completed", "running", "continued as new"})


class State(StrEnum):
    """How a check ends; unknown where the server that knows does not answer."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "PROBLEM"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at; `facts` are for machines."""

    name: str
    state: State
    sentence: str
    next_step: str | None = None
    facts: dict[str, object] = field(default_factory=dict)


def ago(time: timedelta) -> str:
    """Return a length of time in its largest whole unit: `3d`, `5h`, `12m`, `40s`."""
    seconds = int(time.total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def ledger_checks(facts: OperatingFacts, now: datetime) -> list[Check]:
    """Return the checks of the open epoch, its unresolved events, the chain and each stream."""
    return [_epoch(facts, now), _unresolved(facts), _chain(facts), *stream_checks(facts.streams, now)]


def stream_checks(streams: Iterable[StreamHealth], now: datetime) -> list[Check]:
    """Return a check a stream, those with a problem first."""
    checks = [_stream(health, now) for health in streams]
    return sorted(checks, key=lambda check: check.state is not State.PROBLEM)


def schedule_check(schedule: ScheduleHealth | None, now: datetime, *, drift: int | None) -> Check:
    """Return how the schedule stands; drift is how many facts differ from ledger.toml, None where nobody can tell."""
    if schedule is None:
        return Check(
            name="schedule",
            state=State.PROBLEM,
            sentence="there is none: nothing is collected by itself",
            next_step="ledger schedule apply",
            facts={"present": False},
        )
    problem, step = _schedule_problem(schedule, now, drift=drift)
    last = "never" if schedule.last_success_at is None else instant_text(schedule.last_success_at)
    following = "-" if schedule.next_run_at is None else instant_text(_whole(schedule.next_run_at))
    return Check(
        name="schedule",
        state=State.OK if problem is None else State.PROBLEM,
        sentence=problem or f"last success {last}, next run {following}",
        next_step=step,
        facts={
            "present": True,
            "paused": schedule.is_paused,
            "last_success_at": None if schedule.last_success_at is None else last,
            "last_run_outcome": schedule.last_run_outcome,
            "overdue_seconds": int(schedule.overdue(now).total_seconds()),
            "drift": drift,
        },
    )


def _schedule_problem(
    schedule: ScheduleHealth, now: datetime, *, drift: int | None
) -> tuple[str | None, str | None]:
    overdue = schedule.overdue(now)
    if schedule.is_paused:
        return f"it is paused: {schedule.note or 'no reason given'}", "ledger schedule resume"
    if schedule.last_run_outcome not in _FINE_OUTCOMES:
        return f"its last run ended as {schedule.last_run_outcome}", "ledger schedule show"
    if overdue > SCHEDULE_OVERDUE:
        return f"a successful run is missing for {ago(overdue)}", "ledger schedule show"
    if drift:
        return f"it differs from ledger.toml in {drift} facts", "ledger schedule show, then apply"
    return None, None


def _epoch(facts: OperatingFacts, now: datetime) -> Check:
    epoch, overdue = facts.open_epoch, facts.overdue(now)
    if epoch is None:
        return Check(name="epoch", state=State.OK, sentence="none is open; the next collection opens one")
    end = instant_text(epoch.window.period_end)
    known: dict[str, object] = {"epoch_id": epoch.id, "overdue_seconds": int(overdue.total_seconds())}
    if not overdue:
        sentence = f"epoch {epoch.id} goes on until {end}"
        return Check(name="epoch", state=State.OK, sentence=sentence, facts=known)
    return Check(
        name="epoch",
        state=State.PROBLEM if overdue > EPOCH_OVERDUE else State.NOTE,
        sentence=f"epoch {epoch.id} ended {ago(overdue)} ago, at {end}, and is open",
        next_step=f"review, then ledger epoch finalize {epoch.id}",
        facts=known,
    )


def _unresolved(facts: OperatingFacts) -> Check:
    count = facts.unresolved_events
    known: dict[str, object] = {"events": count}
    if not count or facts.open_epoch is None:
        return Check(name="accounts", state=State.OK, sentence="every event has its user", facts=known)
    return Check(
        name="accounts",
        state=State.NOTE,
        sentence=f"{count} events of the open epoch have no user yet, and earn nothing",
        next_step=f"ledger identity unresolved --epoch {facts.open_epoch.id}",
        facts=known,
    )


def _chain(facts: OperatingFacts) -> Check:
    head = facts.head_hash
    sentence = "no statement yet" if head is None else f"head {head[:32]}..."
    return Check(name="chain", state=State.OK, sentence=sentence, facts={"head_hash": head})


def _stream(health: StreamHealth, now: datetime) -> Check:
    lag = health.lag(now)
    known: dict[str, object] = {
        "stream": str(health.stream),
        "lag_seconds": None if lag is None else int(lag.total_seconds()),
        "failing_seconds": int(health.failing_for(now).total_seconds()),
        "problem": health.problem,
    }
    if health.problem is not None:
        sentence = f"{health.stream} fails for {ago(health.failing_for(now))}: {health.problem}"
        step = f"solve that; it is tried again by itself, or by {COLLECT}"
        return Check(name="stream", state=State.PROBLEM, sentence=sentence, next_step=step, facts=known)
    if health.collected_until is None or lag is None:
        sentence = f"{health.stream} was never collected"
        return Check(name="stream", state=State.NOTE, sentence=sentence, next_step=COLLECT, facts=known)
    sentence = f"{health.stream} is complete up to {ago(lag)} ago"
    if lag > STREAM_BEHIND:
        return Check(name="stream", state=State.PROBLEM, sentence=sentence, next_step=COLLECT, facts=known)
    return Check(name="stream", state=State.OK, sentence=sentence, facts=known)


def _whole(at: datetime) -> datetime:
    return at.replace(microsecond=0)
