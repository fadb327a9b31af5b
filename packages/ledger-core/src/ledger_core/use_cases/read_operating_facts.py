"""Read what whoever operates a ledger watches, in one snapshot and a few bounded queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ledger_core.domain.operating_facts import OperatingFacts
from ledger_core.domain.stream_health import StreamHealth
from ledger_core.identifiers import StreamRef
from ledger_core.ports.ledger import LedgerReader


def read_operating_facts(
    reader: LedgerReader,
    streams: Iterable[StreamRef],
    *,
    is_listed: Callable[[StreamRef], bool] = lambda _: False,
) -> OperatingFacts:
    """Return how the ledger stands; a stream that was never tried has nothing known of it.

    Holds: of streams that only a platform lists, those that fail are told as well. One that it lists no longer
           would lag for ever; that listing itself goes on is told by the directory's own health.
           Nothing that is read grows with the ledger, but for the count of unresolved events, from their own
           index.
    """
    with reader.read() as view:
        known = {health.stream: health for health in view.stream_health.list_all()}
        named = list(streams)
        failing = [
            health.stream
            for health in known.values()
            if health.problem is not None and health.stream not in named and is_listed(health.stream)
        ]
        epoch = view.epochs.find_open()
        return OperatingFacts(
            open_epoch=epoch,
            unresolved_events=0 if epoch is None else view.curation.count_unresolved(epoch.id),
            streams=tuple(known.get(stream) or StreamHealth(stream=stream) for stream in [*named, *failing]),
            head_hash=view.statements.head_hash(),
        )
