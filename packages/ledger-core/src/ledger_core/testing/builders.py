"""Short ways to write down events, pages, windows and the like; every argument has a plain default."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.canonical_json import JsonValue
from ledger_core.domain.epoch_window import DEFAULT_LENGTH_DAYS, EpochWindow
from ledger_core.domain.identity import IdentityBinding
from ledger_core.domain.ledger_action import ActionContext
from ledger_core.domain.pool import BASE_ISSUANCE, PoolComponent
from ledger_core.identifiers import ComponentId, EventId, UserId
from ledger_core.ports.activity_source import ActivityPage

MONDAY: Final = datetime(2026, 11, 16, tzinfo=UTC)  # the start of a week, as in the specification's examples
RETRIEVED_AT: Final = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


class FixedClock:
    """A clock that shows one instant until it is set to another."""

    def __init__(self, now: datetime = RETRIEVED_AT) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the instant."""
        return self.now

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.now += by


def make_event(
    number: int = 1,
    *,
    at: datetime = MONDAY,
    account: str | None = "1001",
    login: str | None = "ann",
    source: str = "github",
    event_type: str = "pr_merged",
    event_id: str | None = None,
    metadata: Mapping[str, JsonValue] | None = None,
    retrieved_at: datetime = RETRIEVED_AT,
) -> ActivityEvent:
    """Return an event; its id follows from source, event_type and number unless event_id is given."""
    made_id = f"{source}:{event_type}:acme/widgets:{number}" if event_id is None else event_id
    return ActivityEvent(
        id=EventId(made_id),
        source=source,
        event_type=event_type,
        platform_user_id=account,
        platform_login=login,
        artifact_url=f"https://{source}.example/acme/widgets/{number}",
        event_time=at,
        metadata={} if metadata is None else metadata,
        producer=f"{source}-adapter",
        producer_version="1.0.0",
        retrieved_at=retrieved_at,
    )


def make_page(
    *events: ActivityEvent,
    cursor: str,
    retrieved_at: datetime = RETRIEVED_AT,
    skipped: Mapping[str, int] | None = None,
) -> ActivityPage:
    """Return a page of events and the cursor after it."""
    return ActivityPage(
        events=events, cursor=cursor, retrieved_at=retrieved_at, skipped={} if skipped is None else skipped
    )


def make_window(week: int = 0, *, length_days: int = DEFAULT_LENGTH_DAYS) -> EpochWindow:
    """Return the window of length_days that begins `week` weeks after MONDAY."""
    start = MONDAY + timedelta(weeks=week)
    return EpochWindow(period_start=start, period_end=start + timedelta(days=length_days))


def make_binding(
    user_id: str = "ann", external_id: str = "1001", *, provider: str = "github"
) -> IdentityBinding:
    """Return the binding of an account to a user."""
    return IdentityBinding(provider=provider, external_id=external_id, user_id=UserId(user_id))


def make_component(
    amount_credits: int = 1000,
    *,
    component_id: str = BASE_ISSUANCE,
    inputs: Mapping[str, JsonValue] | None = None,
    evidence_ref: str | None = None,
    computed_at: datetime = RETRIEVED_AT,
) -> PoolComponent:
    """Return a pool component: the base issuance unless another is named."""
    return PoolComponent(
        component_id=ComponentId(component_id),
        algorithm_version="1",
        amount_credits=amount_credits,
        inputs={} if inputs is None else inputs,
        evidence_ref=evidence_ref,
        computed_at=computed_at,
    )


def make_context(reason: str | None = "agreed in the weekly call", *, actor: str = "admin") -> ActionContext:
    """Return who writes and why."""
    return ActionContext(actor=actor, reason=reason, workflow_id=None)
