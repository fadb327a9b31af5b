"""What to ask Temporal for, given a policy: shared by the command line, the schedule and the demo."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.errors import LedgerError
from ledger_core.identifiers import StreamRef
from ledger_core.ports.ledger import LedgerReader
from ledger_core.use_cases.plan_windows import find_window, plan_windows
from scheduler_worker.messages import MAX_STREAMS, CollectRequest, PlanRequest
from scheduler_worker.policy import Policy


class TooManyStreams(LedgerError):
    """The policy has more streams than one collection can report on."""

    code = "too-many-streams"

    def __init__(self, count: int) -> None:
        super().__init__(
            f"the policy has {count} streams, and one node collects at most {MAX_STREAMS}; give some to another node"
        )
        self.count = count


def window_to_collect(
    reader: LedgerReader, policy: Policy, *, at: datetime | None, now: datetime
) -> EpochWindow:
    """Return the window that contains `at`; without one the oldest that is due, as a schedule would.

    Raises: TooManyWindows, InvalidValue.
    """
    if at is not None:
        return find_window(reader, at=at, anchor=policy.anchor, length_days=policy.length_days)
    due = plan_windows(reader, at=now, anchor=policy.anchor, length_days=policy.length_days)
    return due[0] if due else policy.window_of(now)


def collect_request(
    policy: Policy,
    window: EpochWindow,
    streams: Iterable[StreamRef],
    directories: Iterable[StreamRef] = (),
) -> CollectRequest:
    """Return the request that collects a window by the policy.

    Raises: TooManyStreams.
    """
    return CollectRequest(
        window=window,
        weight_config=dict(policy.weights),
        base_issuance_credits=policy.base_issuance_credits,
        streams=_checked(streams),
        directories=tuple(sorted(directories)),
    )


def plan_request(
    policy: Policy, streams: Iterable[StreamRef], directories: Iterable[StreamRef] = ()
) -> PlanRequest:
    """Return the request that a schedule starts with.

    Raises: TooManyStreams.
    """
    return PlanRequest(
        anchor=policy.anchor.isoformat(),
        length_days=policy.length_days,
        weight_config=dict(policy.weights),
        base_issuance_credits=policy.base_issuance_credits,
        streams=_checked(streams),
        directories=tuple(sorted(directories)),
    )


def _checked(streams: Iterable[StreamRef]) -> tuple[StreamRef, ...]:
    found = tuple(sorted(streams))
    if len(found) > MAX_STREAMS:
        raise TooManyStreams(len(found))
    return found
