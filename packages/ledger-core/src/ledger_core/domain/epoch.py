"""An epoch: a window with a pinned weight policy, open until it is closed for ever."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.weight_config import WeightConfig
from ledger_core.identifiers import EpochId


class EpochStatus(StrEnum):
    """The two states of an epoch; there is no way back from `closed`."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One epoch of a node.

    Holds: pool_total_credits and closed_at are set exactly when the epoch is closed.
    """

    id: EpochId
    status: EpochStatus
    window: EpochWindow
    weight_config: WeightConfig
    pool_total_credits: int | None
    opened_at: datetime
    closed_at: datetime | None

    def __post_init__(self) -> None:
        is_closed = self.status is EpochStatus.CLOSED
        assert is_closed == (self.pool_total_credits is not None) == (self.closed_at is not None)

    @property
    def is_open(self) -> bool:
        """Say whether the epoch still takes writes."""
        return self.status is EpochStatus.OPEN
