"""The ledger's gauges on the SDK's endpoint, set from facts."""

from __future__ import annotations

import urllib.request
from datetime import timedelta

from ledger_core import StreamRef
from ledger_core.domain.operating_facts import OperatingFacts
from ledger_core.domain.stream_health import StreamHealth
from ledger_core.testing import MONDAY
from scheduler_worker.local.startup import free_ports
from scheduler_worker.observability.core_runtime import create_runtime
from scheduler_worker.observability.ledger_gauges import DATABASE, LedgerGauges
from scheduler_worker.operating_settings import Address
from tests.operating.operated import parse_exposition

NAMED = StreamRef(source="git", source_ref='acme/"quoted" \\ name', stream="commits")
LISTED = StreamRef(source="github", source_ref="acme/new", stream="issues")
HOUR = timedelta(hours=1)


def facts(*streams: StreamHealth) -> OperatingFacts:
    return OperatingFacts(open_epoch=None, unresolved_events=0, streams=streams, head_hash=None)


def test_gauges_follow_the_facts_and_forget_the_lag_and_failure_of_a_stream_that_is_told_no_longer() -> None:
    [port] = free_ports(1)
    runtime = create_runtime(Address(host="127.0.0.1", port=port))  # it serves for as long as it lives
    gauges = LedgerGauges(runtime.metric_meter)

    def values(name: str) -> dict[str, float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            samples = parse_exposition(answer.read().decode())
        return {
            sample.labels.get("stream", sample.labels.get("server", "")): sample.value
            for sample in samples
            if sample.name == name
        }

    named = StreamHealth(stream=NAMED, collected_until=MONDAY)
    failing = StreamHealth(stream=LISTED, failing_since=MONDAY, problem="a: b")
    gauges.set_facts(facts(named, failing), at=MONDAY + HOUR)
    first = (values("ledger_stream_lag_seconds"), values("ledger_stream_failing_seconds"))
    gauges.set_facts(facts(named), at=MONDAY + 2 * HOUR)
    then = (values("ledger_stream_lag_seconds"), values("ledger_stream_failing_seconds"))
    gauges.set_reachable(DATABASE, answers=True, at=MONDAY)
    gauges.set_reachable(DATABASE, answers=False, at=MONDAY + HOUR)
    gauges.set_schedule(None, at=MONDAY)

    escaped = str(NAMED).replace("\\", "\\\\").replace('"', '\\"')
    assert first == ({escaped: 3_600.0}, {escaped: 0.0, str(LISTED): 3_600.0})
    assert then == ({escaped: 7_200.0, str(LISTED): 0.0}, {escaped: 0.0, str(LISTED): 0.0})
    assert values("ledger_reachable") == {DATABASE: 0.0}
    assert values("ledger_observed_timestamp_seconds") == {DATABASE: MONDAY.timestamp()}
    assert values("ledger_schedule_present") == {"": 0.0}
    assert values("ledger_epoch_open") == {"": 0.0}
