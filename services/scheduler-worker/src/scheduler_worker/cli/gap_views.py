"""How complete an epoch's streams are, as the ledger has it now."""

from __future__ import annotations

from ledger_core.completeness_errors import StreamIncomplete
from ledger_core.domain.stream_reading import StreamCompleteness, Verdict, compute_completeness
from ledger_core.identifiers import EpochId
from ledger_core.ports.ledger import LedgerView
from scheduler_worker.bootstrap import system_clock


def read_completeness(view: LedgerView, epoch_id: EpochId) -> tuple[StreamCompleteness, ...]:
    """Return how the streams of an epoch stand: of a closed one as of its close, else as of now."""
    epoch = view.epochs.get(epoch_id)
    return compute_completeness(
        view.completeness.newest_readings(epoch.window),
        view.completeness.waivers(epoch.id),
        at=epoch.closed_at or system_clock(),
    )


def check_complete(view: LedgerView, epoch_id: EpochId) -> None:
    """Refuse now what the worker would refuse later, before anybody is asked to confirm it.

    Raises: StreamIncomplete.
    """
    incomplete = [found for found in read_completeness(view, epoch_id) if found.verdict is Verdict.INCOMPLETE]
    if incomplete:
        first = incomplete[0]
        raise StreamIncomplete(epoch_id, str(first.stream), str(first.gap), more=len(incomplete) - 1)
