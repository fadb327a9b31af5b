"""Refusals about amendments of statements."""

from __future__ import annotations

from ledger_core.errors import LedgerError


class StatementSuperseded(LedgerError):
    """The statement that the caller reviewed is not the epoch's newest any more."""

    code = "statement-superseded"

    def __init__(self, epoch_id: int, reviewed: str, current: str) -> None:
        super().__init__(
            f"the statement of epoch {epoch_id} changed since it was reviewed: reviewed {reviewed}, now {current}"
        )
        self.epoch_id = epoch_id
        self.reviewed = reviewed
        self.current = current


class AmendmentChangesNothing(LedgerError):
    """With the corrections everybody's units are what they are already."""

    code = "amendment-changes-nothing"

    def __init__(self, epoch_id: int) -> None:
        super().__init__(
            f"the statement of epoch {epoch_id} has those units already, so there is nothing to amend"
        )
        self.epoch_id = epoch_id


class NothingToClear(LedgerError):
    """A correction is to be taken back that does not stand, or that is set at the same time."""

    code = "nothing-to-clear"

    def __init__(self, epoch_id: int, user_id: str) -> None:
        super().__init__(f"the statement of epoch {epoch_id} has no correction of {user_id} to take back")
        self.epoch_id = epoch_id
        self.user_id = user_id


class TooManyCorrections(LedgerError):
    """More people are corrected than one statement names."""

    code = "too-many-corrections"

    def __init__(self, count: int, most: int) -> None:
        super().__init__(f"an amendment corrects at most {most} people, and this one {count}")
        self.count = count
        self.most = most


class StatementUnknown(LedgerError):
    """The epoch has no statement of that hash."""

    code = "statement-unknown"

    def __init__(self, epoch_id: int, statement_hash: str) -> None:
        super().__init__(
            f"epoch {epoch_id} has no statement {statement_hash}; `ledger statement list` has them all"
        )
        self.epoch_id = epoch_id
        self.statement_hash = statement_hash
