"""What to ask Temporal for, given a policy: shared by the command line, the schedule and the demo."""

from __future__ import annotations

from collections.abc import Iterable

from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.identifiers import StreamRef
from scheduler_worker.messages import CollectRequest, PlanRequest
from scheduler_worker.policy import Policy


def collect_request(policy: Policy, window: EpochWindow, streams: Iterable[StreamRef]) -> CollectRequest:
    """Return the request that collects a window by the policy."""
    return CollectRequest(
        window=window,
        weight_config=dict(policy.weights),
        base_issuance_credits=policy.base_issuance_credits,
        streams=tuple(sorted(streams)),
    )


def plan_request(policy: Policy, streams: Iterable[StreamRef]) -> PlanRequest:
    """Return the request that a schedule starts with."""
    return PlanRequest(
        anchor=policy.anchor.isoformat(),
        length_days=policy.length_days,
        weight_config=dict(policy.weights),
        base_issuance_credits=policy.base_issuance_credits,
        streams=tuple(sorted(streams)),
    )
