"""How complete an epoch's streams are, as a command reads it."""

from __future__ import annotations

from ledger_core.domain.epoch import Epoch
from ledger_core.domain.stream_reading import StreamCompleteness, compute_completeness
from ledger_core.ports.ledger import LedgerView
from scheduler_worker.bootstrap import system_clock


def read_streams(view: LedgerView, epoch: Epoch) -> tuple[StreamCompleteness, ...]:
    """Return how the streams of an epoch stand: of a closed one as of its close, else as of now."""
    return compute_completeness(
        view.completeness.newest_readings(epoch.window),
        view.completeness.waivers(epoch.id),
        at=epoch.closed_at or system_clock(),
    )
