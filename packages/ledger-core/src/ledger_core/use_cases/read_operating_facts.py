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
    directories: Iterable[StreamRef] = (),
    is_read: Callable[[StreamRef], bool] = lambda _: True,
) -> OperatingFacts:
    """Return how the ledger stands; a stream that was never tried has nothing known of it.

    Holds: what the directories listed last is told like what is named, if the policy still reads it (`is_read`).
           What they list no longer is not: it would lag for ever. That listing itself goes on is told by
           each directory's own health.
           Nothing that is read grows with the ledger, but for the count of unresolved events, from their own
           index.
    """
    with reader.read() as view:
        known = {health.stream: health for health in view.stream_health.list_all()}
        asked = tuple(directories)
        named = dict.fromkeys([*streams, *asked])
        listings = {known[directory].listed_at for directory in asked if directory in known} - {None}
        listed = [
            stream
            for stream, health in known.items()
            if health.listed_at in listings and stream not in named and is_read(stream)
        ]
        epoch = view.epochs.find_open()
        return OperatingFacts(
            open_epoch=epoch,
            unresolved_events=0 if epoch is None else view.curation.count_unresolved(epoch.id),
            streams=tuple(known.get(stream) or StreamHealth(stream=stream) for stream in [*named, *listed]),
            head_hash=view.statements.head_hash(),
        )
