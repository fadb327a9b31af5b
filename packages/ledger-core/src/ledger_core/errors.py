"""Every refusal of the ledger: a named error with its data, one sentence, and a stable code.

A refusal means that the world said no; it is never retried. What is our own fault is an assertion.
"""

from __future__ import annotations

from typing import ClassVar


class LedgerError(Exception):
    """The root of all refusals; `code` is stable and `str()` is one sentence for a person."""

    code: ClassVar[str] = "refused"


class InvalidValue(LedgerError):
    """A value breaks the rule of its type; nothing was done with it."""

    code = "invalid-value"

    def __init__(self, what: str, problem: str) -> None:
        """Name the thing and what is wrong with it; `problem` must not repeat unbounded input."""
        super().__init__(f"{what} {problem}")
        self.what = what
        self.problem = problem


class SourceUnavailable(Exception):
    """A source can't answer now; trying again later may help, so this is no refusal."""

    def __init__(self, source: str, reason: str, *, retry_after_seconds: int | None = None) -> None:
        """Name the source and the reason; retry_after_seconds is what the source asked for, if it did."""
        super().__init__(f"{source} is unavailable: {reason}")
        self.source = source
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds


class NotCanonical(LedgerError):
    """A value, or a text, has no canonical JSON form."""

    code = "not-canonical-json"


class EpochNotFound(LedgerError):
    """No epoch of this node has that id."""

    code = "epoch-not-found"

    def __init__(self, epoch_id: int) -> None:
        super().__init__(f"there is no epoch {epoch_id}")
        self.epoch_id = epoch_id


class AnotherEpochOpen(LedgerError):
    """ONE_OPEN_EPOCH: an epoch of another window is still open."""

    code = "another-epoch-open"

    def __init__(self, open_epoch_id: int | None = None) -> None:
        which = f"epoch {open_epoch_id}" if open_epoch_id is not None else "another epoch"
        super().__init__(f"{which} is still open; finalize it first")
        self.open_epoch_id = open_epoch_id


class EpochWindowsOverlap(LedgerError):
    """EPOCH_WINDOWS_DISJOINT: the window shares time with another epoch's."""

    code = "epoch-windows-overlap"

    def __init__(self) -> None:
        super().__init__("the window overlaps that of another epoch")


class WindowNotBegun(LedgerError):
    """The window begins more than a day from now; its epoch would keep every earlier one from opening."""

    code = "window-not-begun"

    def __init__(self, window: str) -> None:
        super().__init__(f"the window {window} has not begun")
        self.window = window


class EpochClosed(LedgerError):
    """CURATION_FREEZE_ON_CLOSE, POOL_IMMUTABLE: a closed epoch takes no more writes."""

    code = "epoch-closed"

    def __init__(self, epoch_id: int | None = None) -> None:
        which = f"epoch {epoch_id}" if epoch_id is not None else "the epoch"
        super().__init__(f"{which} is closed, for ever")
        self.epoch_id = epoch_id


class TooManyWindows(LedgerError):
    """More windows are due than one plan may hold."""

    code = "too-many-windows"

    def __init__(self, limit: int) -> None:
        super().__init__(f"more windows are due than the {limit} that one plan may hold")
        self.limit = limit


class CursorMoved(LedgerError):
    """CURSOR_STATE_PERSISTED: another collection moved the cursor; start again from where it stands."""

    code = "cursor-moved"

    def __init__(self, stream: str) -> None:
        super().__init__(f"another collection of {stream} moved its cursor")
        self.stream = stream


class EventNotCurated(LedgerError):
    """The epoch holds no such event."""

    code = "event-not-curated"

    def __init__(self, epoch_id: int, event_id: str) -> None:
        super().__init__(f"epoch {epoch_id} holds no event {event_id}")
        self.epoch_id = epoch_id
        self.event_id = event_id


class EventPaidTwice(LedgerError):
    """EVENT_PAID_ONCE: the event counts for a user in another epoch already."""

    code = "event-paid-twice"

    def __init__(self) -> None:
        super().__init__("the event counts in another epoch already")


class EventCorrupt(LedgerError):
    """A stored event no longer gives its own payload_hash."""

    code = "event-corrupt"

    def __init__(self, event_id: str, stored_hash: str, computed_hash: str) -> None:
        super().__init__(f"event {event_id} is stored with hash {stored_hash} but gives {computed_hash}")
        self.event_id = event_id
        self.stored_hash = stored_hash
        self.computed_hash = computed_hash


class UserNotFound(LedgerError):
    """No user of this node has that id."""

    code = "user-not-found"

    def __init__(self, user_id: str) -> None:
        super().__init__(f"there is no user {user_id}; bind an identity to create one")
        self.user_id = user_id


class IdentityAlreadyBound(LedgerError):
    """An identity belongs to another user; nobody is merged by accident."""

    code = "identity-already-bound"

    def __init__(self, provider: str, external_id: str, user_id: str) -> None:
        super().__init__(f"{provider} identity {external_id} is bound to {user_id}; unbind it first")
        self.provider = provider
        self.external_id = external_id
        self.user_id = user_id


class IdentityNotBound(LedgerError):
    """An identity that was to be unbound belongs to nobody."""

    code = "identity-not-bound"

    def __init__(self, provider: str, external_id: str) -> None:
        super().__init__(f"{provider} identity {external_id} is bound to nobody")
        self.provider = provider
        self.external_id = external_id


class UnitsOutOfRange(LedgerError):
    """ALL_MATH_BIGINT: a user's units exceed 2^63-1."""

    code = "units-out-of-range"

    def __init__(self, user_id: str | None = None) -> None:
        whose = f"the units of {user_id}" if user_id is not None else "the units of a user"
        super().__init__(f"{whose} exceed 2^63-1")
        self.user_id = user_id


class UserTwice(LedgerError):
    """A set that has one entry a user holds one twice."""

    code = "user-twice"

    def __init__(self, user_id: str) -> None:
        super().__init__(f"user {user_id} occurs twice")
        self.user_id = user_id


class NothingToApportion(LedgerError):
    """All units are zero, so no share is defined."""

    code = "nothing-to-apportion"

    def __init__(self) -> None:
        super().__init__("all units are zero, so there is nothing to split by")


class AllocationsChanged(LedgerError):
    """The allocations are not those that the caller reviewed."""

    code = "allocations-changed"

    def __init__(self, reviewed_hash: str, current_hash: str) -> None:
        super().__init__(
            f"the allocations changed since they were reviewed: reviewed {reviewed_hash}, now {current_hash}"
        )
        self.reviewed_hash = reviewed_hash
        self.current_hash = current_hash


class PoolChanged(LedgerError):
    """The pool is not the one that the caller reviewed."""

    code = "pool-changed"

    def __init__(self, reviewed_credits: int, current_credits: int) -> None:
        super().__init__(
            f"the pool changed since it was reviewed: reviewed {reviewed_credits}, now {current_credits} credits"
        )
        self.reviewed_credits = reviewed_credits
        self.current_credits = current_credits


class PoolBaseMissing(LedgerError):
    """POOL_REQUIRES_BASE: the epoch's pool has no base_issuance component."""

    code = "pool-base-missing"

    def __init__(self, epoch_id: int | None = None) -> None:
        which = f"epoch {epoch_id}" if epoch_id is not None else "the epoch"
        super().__init__(f"{which} has no base_issuance component in its pool; add it first")
        self.epoch_id = epoch_id


class PoolComponentDiffers(LedgerError):
    """POOL_UNIQUE_PER_TYPE: the component is recorded already, with other content."""

    code = "pool-component-differs"

    def __init__(self, epoch_id: int | None, component_id: str | None) -> None:
        super().__init__(f"epoch {epoch_id} has another {component_id} component already; it is immutable")
        self.epoch_id = epoch_id
        self.component_id = component_id


class PoolTooLarge(LedgerError):
    """POOL_REPRODUCIBLE: the components sum to more than 2^63-1 credits."""

    code = "pool-too-large"

    def __init__(self) -> None:
        super().__init__("the pool's components sum to more than 2^63-1 credits")


class StatementNotFound(LedgerError):
    """The epoch has no statement, as it is not closed."""

    code = "statement-not-found"

    def __init__(self, epoch_id: int) -> None:
        super().__init__(f"epoch {epoch_id} has no statement yet; finalize it first")
        self.epoch_id = epoch_id


class StatementCorrupt(LedgerError):
    """A stored statement no longer gives its own hash."""

    code = "statement-corrupt"

    def __init__(self, epoch_id: int, stored_hash: str, computed_hash: str) -> None:
        super().__init__(
            f"the statement of epoch {epoch_id} is stored with hash {stored_hash} but gives {computed_hash}"
        )
        self.epoch_id = epoch_id
        self.stored_hash = stored_hash
        self.computed_hash = computed_hash


class LedgerRuleBroken(LedgerError):
    """The store refused a write that breaks a named invariant."""

    code = "ledger-rule-broken"

    def __init__(self, invariant: str) -> None:
        super().__init__(f"the store refused a write that breaks {invariant}")
        self.invariant = invariant
