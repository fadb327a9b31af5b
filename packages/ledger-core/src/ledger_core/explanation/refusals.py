"""Why there is nothing to explain."""

from __future__ import annotations

from collections.abc import Sequence

from ledger_core.errors import LedgerError


class UserNotInEpoch(LedgerError):
    """The epoch has no trace of that user; `near` are users of it that are written almost so."""

    code = "user-not-in-epoch"

    def __init__(self, epoch_id: int, user_id: str, near: Sequence[str] = ()) -> None:
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        super().__init__(f"epoch {epoch_id} has no user {user_id}, nor an account like it{hint}")
        self.epoch_id = epoch_id
        self.user_id = user_id
        self.near = tuple(near)


class EventNotFound(LedgerError):
    """There is no such event."""

    code = "event-not-found"

    def __init__(self, event_id: str, where: str) -> None:
        super().__init__(f"{where} has no event {event_id}")
        self.event_id = event_id


class BundleNotVerified(LedgerError):
    """The bundle is wrong, so that nothing in it is worth explaining."""

    code = "not-verified"

    def __init__(self, difference: str) -> None:
        super().__init__(f"the bundle does not verify: {difference}")
        self.difference = difference
