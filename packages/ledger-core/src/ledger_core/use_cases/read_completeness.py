"""How complete an epoch's streams are."""

from __future__ import annotations

from datetime import datetime

from ledger_core.domain.epoch import Epoch
from ledger_core.domain.stream_reading import StreamCompleteness, compute_completeness
from ledger_core.ports.completeness_store import CompletenessReader


def read_completeness(
    reader: CompletenessReader, epoch: Epoch, *, at: datetime
) -> tuple[StreamCompleteness, ...]:
    """Return how the streams of the epoch's window stand at an instant: of a closed epoch, at that of its close."""
    return compute_completeness(
        reader.newest_readings(epoch.window), reader.waivers(epoch.id), at=epoch.closed_at or at
    )
