"""What writes of identities say of the open epoch."""

from __future__ import annotations

from scheduler_worker.cli.output import counted
from scheduler_worker.identity_messages import MovedReport
from scheduler_worker.messages import (
    CuratedReport,
)


def resolved_text(curated: CuratedReport | None) -> str:
    """Return what bindings changed in the open epoch, to stand at a sentence's end."""
    if curated is None:
        return ""
    return f"; {counted(curated.counts.resolved, 'event')} of epoch {curated.epoch_id} changed hands"


def moved_text(report: MovedReport) -> str:
    """Return what a merge or a split changed in the open epoch, to stand at a sentence's end."""
    if report.epoch_id is None or report.counts is None:
        return ""
    return f"; {counted(report.counts.resolved, 'event')} of epoch {report.epoch_id} changed hands"
