"""Note how a stream fares after a try to collect it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from ledger_core.domain.stream_health import problem_text
from ledger_core.identifiers import StreamRef
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger


def record_stream_collected(ledger: Ledger, stream: StreamRef, *, period_end: datetime, clock: Clock) -> None:
    """Note that the stream was collected to a window's end; of a window that goes on, up to now."""
    with ledger.begin() as transaction:
        transaction.stream_health.record_collected(stream, until=min(period_end, clock()))


def record_streams_listed(
    ledger: Ledger, directory: StreamRef, streams: Collection[StreamRef], *, clock: Clock
) -> None:
    """Note which streams a directory lists now, and that it could be listed."""
    now = clock()
    with ledger.begin() as transaction:
        transaction.stream_health.record_listed(directory, streams, at=now)
        transaction.stream_health.record_collected(directory, until=now)


def record_stream_problem(ledger: Ledger, stream: StreamRef, sentence: str, *, clock: Clock) -> None:
    """Note why a try to collect the stream failed."""
    with ledger.begin() as transaction:
        transaction.stream_health.record_problem(stream, problem=problem_text(sentence), at=clock())
