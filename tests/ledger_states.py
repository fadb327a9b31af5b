"""All that can be read of a ledger, so that two ledgers, or two moments, can be compared."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from ledger_core import EpochId, LedgerReader, LedgerView, StreamRef

NOWHERE = EpochId(999_999_999)


def state_of(ledger: LedgerReader, streams: Iterable[StreamRef]) -> dict[str, Any]:
    """Return what a ledger holds, with epochs named by their windows, as ids differ between ledgers."""
    with ledger.read() as view:
        return _state(view, streams)


def _state(view: LedgerView, streams: Iterable[StreamRef]) -> dict[str, Any]:
    epochs = view.epochs.list_latest(limit=100)
    names = {epoch.id: str(epoch.window) for epoch in epochs}
    state: dict[str, Any] = {
        "waiting": view.activity.count_waiting(),
        "cursors": {str(stream): view.cursors.find(stream) for stream in streams},
        "streams": view.stream_health.list_all(),
        "unresolved": view.identities.list_unresolved(None, limit=100),
        "chain": [
            (
                names[found.epoch_id],
                found.payouts,
                found.activity_set_hash,
                found.allocation_set_hash,
                found.completeness,
                found.amendment and (found.amendment.reason, found.amendment.corrections),
            )
            for found in view.statements.chain()
        ],
        "actions": [
            (found.action, re.sub(r"epoch \d+", "epoch", found.subject), found.context, found.at)
            for found in view.actions.list_latest(limit=1000)
        ],
    }
    for epoch in epochs:
        state[names[epoch.id]] = (
            epoch.status,
            epoch.pool_total_credits,
            epoch.opened_at,
            epoch.closed_at,
            view.allocations.list_all(epoch.id),
            view.pool.list_all(epoch.id),
            view.curation.summary(epoch.id),
            view.completeness.newest_readings(epoch.window),
            view.completeness.waivers(epoch.id),
            view.completeness.skipped(epoch.window),
            [
                asdict(row) | {"late_from_epoch_id": names.get(row.late_from_epoch_id or NOWHERE)}
                for row in view.curation.ordered_events(epoch.id)
            ],
        )
    return state
