"""Tries weights on the past for a command line, which may read and not write."""

from __future__ import annotations

from ledger_core.domain.weight_config import WeightConfig
from ledger_core.ports.ledger import LedgerReader
from ledger_core.ports.watcher import Watcher
from ledger_core.use_cases.try_policy import PolicyTrial, TriedEpoch, TriedPerson, try_policy
from scheduler_worker.bootstrap import database_errors

__all__ = ["PolicyTrial", "TriedEpoch", "TriedPerson", "try_weights"]


def try_weights(reader: LedgerReader, weights: WeightConfig, *, epochs: int, watcher: Watcher) -> PolicyTrial:
    """Return what the latest closed epochs would have paid under other weights, from one snapshot.

    Raises: StatementCorrupt, UnitsOutOfRange, DatabaseUnreachable.
    """
    with database_errors(), reader.read() as view:
        return try_policy(view, weights, epochs=epochs, watcher=watcher)
