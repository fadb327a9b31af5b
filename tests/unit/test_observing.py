"""A worker's looking around: no answer, however odd, ends it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import cast

from temporalio.client import Client
from temporalio.common import MetricMeter

from ledger_core.domain.operating_facts import OperatingFacts
from scheduler_worker.observability.ledger_gauges import LedgerGauges
from scheduler_worker.observing import Observer

FACTS = OperatingFacts(open_epoch=None, unresolved_events=0, streams=(), head_hash=None)


def test_a_schedule_that_can_t_be_read_is_a_server_that_does_not_answer() -> None:
    unreadable = cast("Client", object())  # whatever is asked of it, it has no such thing
    observer = Observer(
        read_facts=lambda: FACTS,
        client=unreadable,
        gauges=LedgerGauges(MetricMeter.noop),
        clock=lambda: datetime.now(tz=UTC),
    )
    try:
        asyncio.run(observer.look())
    finally:
        observer.stop()

    assert observer.servers() == {"database": True, "temporal": False}
