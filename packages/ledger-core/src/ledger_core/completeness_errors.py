"""Refusals about streams that are incomplete, and about the waivers of their gaps; and the one that stops a close."""

from __future__ import annotations

from collections.abc import Iterable

from ledger_core.domain.stream_reading import StreamCompleteness, Verdict
from ledger_core.errors import LedgerError
from ledger_core.identifiers import EpochId


class StreamIncomplete(LedgerError):
    """GAP_BLOCKS_CLOSE: a stream of the epoch's window is incomplete, and no admin has waived that."""

    code = "stream-incomplete"

    def __init__(self, epoch_id: int, stream: str, figures: str, *, more: int = 0) -> None:
        others = f", and {more} more streams are incomplete" if more else ""
        super().__init__(
            f"epoch {epoch_id} can't close, as {stream} is incomplete: {figures}{others}; collect the window again,"
            " and what a source will not count otherwise, an admin can waive: ledger gap waive"
            f" {epoch_id} {stream} --reason WHY"
        )
        self.epoch_id = epoch_id
        self.stream = stream
        self.figures = figures
        self.more = more


class StreamNotRead(LedgerError):
    """No collection of the epoch's window has tried to read that stream and to certify it."""

    code = "stream-not-read"

    def __init__(self, epoch_id: int, stream: str) -> None:
        super().__init__(f"no reading of {stream} is recorded for the window of epoch {epoch_id}")
        self.epoch_id = epoch_id
        self.stream = stream


class NothingToWaive(LedgerError):
    """The stream has no gap."""

    code = "nothing-to-waive"

    def __init__(self, epoch_id: int, stream: str) -> None:
        super().__init__(f"{stream} is complete in epoch {epoch_id}, so there is nothing to waive")
        self.epoch_id = epoch_id
        self.stream = stream


class GapChanged(LedgerError):
    """The stream's gap is not the one that the caller reviewed."""

    code = "gap-changed"

    def __init__(self, stream: str, reviewed: str, current: str) -> None:
        super().__init__(
            f"the gap of {stream} changed since it was reviewed: reviewed {reviewed}; now {current}"
        )
        self.stream = stream
        self.reviewed = reviewed
        self.current = current


def check_complete(epoch_id: EpochId, streams: Iterable[StreamCompleteness]) -> None:
    """Refuse streams of which one has a gap that nobody waived (GAP_BLOCKS_CLOSE).

    Raises: StreamIncomplete, naming the first and how many more there are.
    """
    incomplete = [found for found in streams if found.verdict is Verdict.INCOMPLETE]
    if incomplete:
        first = incomplete[0]
        raise StreamIncomplete(epoch_id, str(first.stream), str(first.gap), more=len(incomplete) - 1)
