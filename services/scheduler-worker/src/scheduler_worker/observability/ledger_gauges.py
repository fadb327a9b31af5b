"""The ledger's own gauges: what a worker reads of the ledger and of the schedule, on the SDK's endpoint.

`docs/operating.md` says what each means, and `deploy/alerts` what to be woken for.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from temporalio.common import MetricMeter

from ledger_core.domain.operating_facts import OperatingFacts
from scheduler_worker.schedule_health import ScheduleHealth
from scheduler_worker.workflow_ids import COLLECT_SCHEDULE_ID

DATABASE: Final = "database"
TEMPORAL: Final = "temporal"


class LedgerGauges:
    """Every gauge of one node.

    Units: seconds, but for counts and for flags, which are 0 or 1.
    Holds: labels are the configured streams, the one schedule and the two servers, and never a person. A
           gauge that could not be read keeps its value; ledger_reachable and ledger_observed say so.
    """

    def __init__(self, meter: MetricMeter) -> None:
        self._told: set[str] = set()
        self._lag = meter.create_gauge_float(
            "ledger_stream_lag_seconds", "How far a stream's collection is behind now"
        )
        self._failing = meter.create_gauge_float(
            "ledger_stream_failing_seconds", "For how long a stream has failed; 0 if it does not"
        )
        self._epoch_open = meter.create_gauge("ledger_epoch_open", "1 while an epoch is open")
        self._epoch_overdue = meter.create_gauge_float(
            "ledger_epoch_overdue_seconds", "Age of the open epoch past its window's end"
        )
        self._unresolved = meter.create_gauge(
            "ledger_unresolved_events", "Events of the open epoch whose account is nobody's yet"
        )
        self._present = meter.create_gauge("ledger_schedule_present", "1 if the schedule is on the server")
        self._paused = meter.create_gauge("ledger_schedule_paused", "1 if the schedule is paused")
        self._succeeded = meter.create_gauge_float(
            "ledger_schedule_last_success_timestamp_seconds",
            "Nominal Unix time of the newest run that completed",
        )
        self._schedule_overdue = meter.create_gauge_float(
            "ledger_schedule_overdue_seconds", "For how long a successful run has been missing"
        )
        self._reachable = meter.create_gauge("ledger_reachable", "1 if a server answered when last asked")
        self._observed = meter.create_gauge_float(
            "ledger_observed_timestamp_seconds", "Unix time at which a server was last read from"
        )

    def set_reachable(self, server: str, *, answers: bool, at: datetime) -> None:
        """Say whether a server answered just now."""
        labels = {"server": server}
        self._reachable.set(int(answers), labels)
        if answers:
            self._observed.set(at.timestamp(), labels)

    def set_facts(self, facts: OperatingFacts, *, at: datetime) -> None:
        """Say how the ledger stands; a stream that was never collected has no lag."""
        told = {str(health.stream) for health in facts.streams}
        for stream in self._told - told:  # listed when last told of, and no longer
            self._failing.set(0.0, {"stream": stream})
            self._lag.set(0.0, {"stream": stream})
        self._told |= told
        self._epoch_open.set(int(facts.open_epoch is not None))
        self._epoch_overdue.set(facts.overdue(at).total_seconds())
        self._unresolved.set(facts.unresolved_events)
        for health in facts.streams:
            labels = {"stream": str(health.stream)}
            lag = health.lag(at)
            if lag is not None:
                self._lag.set(lag.total_seconds(), labels)
            self._failing.set(health.failing_for(at).total_seconds(), labels)

    def set_schedule(self, schedule: ScheduleHealth | None, *, at: datetime) -> None:
        """Say how the schedule stands; one that is not there is neither paused nor overdue."""
        labels = {"schedule": COLLECT_SCHEDULE_ID}
        self._present.set(int(schedule is not None), labels)
        self._paused.set(int(schedule is not None and schedule.is_paused), labels)
        self._schedule_overdue.set(0.0 if schedule is None else schedule.overdue(at).total_seconds(), labels)
        if schedule is not None and schedule.last_success_at is not None:
            self._succeeded.set(schedule.last_success_at.timestamp(), labels)
