"""The pool's components: recorded once (POOL_IMMUTABLE, POOL_UNIQUE_PER_TYPE)."""

from __future__ import annotations

from typing import Protocol

from ledger_core.domain.pool import PoolComponent
from ledger_core.identifiers import EpochId


class PoolReader(Protocol):
    """Components to read."""

    def list_all(self, epoch_id: EpochId) -> tuple[PoolComponent, ...]:
        """Return the epoch's components, ordered by component id (code point)."""


class PoolStore(PoolReader, Protocol):
    """Components to write."""

    def add(self, epoch_id: EpochId, component: PoolComponent) -> None:
        """Record a component.

        Raises: PoolComponentDiffers when the epoch has one of that id, EpochClosed.
        """
