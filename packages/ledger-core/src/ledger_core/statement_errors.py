"""Refusals of statements for what the store can hold."""

from __future__ import annotations

from ledger_core.errors import LedgerError


class StatementTooLarge(LedgerError):
    """A statement has more lines than the store can hold in one; nothing was written."""

    code = "statement-too-large"

    def __init__(self, epoch_id: int, lines: int) -> None:
        super().__init__(
            f"the statement of epoch {epoch_id} has {lines} payout lines, more than the database can hold in one"
            " statement; nothing was written"
        )
        self.epoch_id = epoch_id
        self.lines = lines
