"""Evidence: facts of one event as somebody looks at them, to explain; nothing is decided or paid by these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ledger_core.domain.activity_event import ActivityEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who decided, when and why; None where it was not kept."""

    by: str | None
    at: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFact:
    """What a source reported, without its metadata, and where it came from.

    Holds: texts are as they are stored; that they give payload_hash is checked by whoever verifies.
    """

    event_id: str
    source: str
    event_type: str
    event_time: datetime
    artifact_url: str | None
    login: str | None
    account: str | None
    payload_hash: str
    producer: str
    producer_version: str
    retrieved_at: datetime

    @property
    def rule(self) -> str:
        """The key of a weight policy that the event is weighed by."""
        return f"{self.source}:{self.event_type}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CuratedFact:
    """An event as it stands in an epoch, and who judged it, if anybody did."""

    fact: EventFact
    user_id: str | None
    included: bool
    weight_override_milli: int | None
    late_from_epoch_id: int | None
    decision: Decision | None

    def weight_milli(self, weights: Mapping[str, int]) -> int:
        """Return what the event weighs: its override, else the policy's weight, else 0."""
        if self.weight_override_milli is not None:
            return self.weight_override_milli
        return weights.get(self.fact.rule, 0)


def decision_of(*, by: str | None, at: datetime | None, reason: str | None) -> Decision | None:
    """Return the decision, or None where nothing of any was kept."""
    return None if by is None and at is None and reason is None else Decision(by=by, at=at, reason=reason)


def fact_of_event(event: ActivityEvent) -> EventFact:
    """Return an event as it is looked at."""
    return EventFact(
        event_id=event.id,
        source=event.source,
        event_type=event.event_type,
        event_time=event.event_time,
        artifact_url=event.artifact_url,
        login=event.platform_login,
        account=event.platform_user_id,
        payload_hash=event.payload_hash,
        producer=event.producer,
        producer_version=event.producer_version,
        retrieved_at=event.retrieved_at,
    )
