"""Users, identity bindings and their history, in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.identity import IdentityBinding, IdentityChange, IdentityEvent, UnresolvedIdentity
from ledger_core.domain.ledger_action import ActionContext
from ledger_core.errors import IdentityAlreadyBound, IdentityNotBound
from ledger_core.identifiers import EpochId, UserId
from ledger_core.identity_errors import AccountNotOfUser
from ledger_core.testing.in_memory_state import LedgerState, Scope


class InMemoryIdentityReader:
    """Identities to read."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def find_user(self, user_id: UserId) -> UserId | None:
        """Return the user id if there is such a user."""
        return user_id if user_id in self._scope.state.users else None

    def find_bindings(self, identities: Sequence[tuple[str, str]]) -> tuple[IdentityBinding, ...]:
        """Return the bindings of those that are bound, each once, ordered by provider and external id."""
        bindings = self._scope.state.bindings
        return tuple(
            IdentityBinding(
                provider=provider, external_id=external_id, user_id=bindings[provider, external_id]
            )
            for provider, external_id in sorted(set(identities))
            if (provider, external_id) in bindings
        )

    def list_unresolved(self, epoch_id: EpochId | None, *, limit: int) -> tuple[UnresolvedIdentity, ...]:
        """Return identities with events but no user, the most events first; of one epoch, or of all."""
        state = self._scope.state
        events = _unbound_events(state) if epoch_id is None else unresolved_events(state, epoch_id)
        return unresolved_identities(events, limit=limit)


class InMemoryIdentityStore(InMemoryIdentityReader):
    """Identities to write."""

    def bind(self, bindings: Sequence[IdentityBinding], context: ActionContext, *, at: datetime) -> int:
        """Bind identities, all or none; return how many were new, or raise IdentityAlreadyBound."""
        state = self._scope.state
        bound = dict(state.bindings)
        fresh: list[IdentityBinding] = []
        for binding in bindings:
            owner = bound.setdefault((binding.provider, binding.external_id), binding.user_id)
            if owner != binding.user_id:
                raise IdentityAlreadyBound(binding.provider, binding.external_id, owner)
            if len(bound) > len(state.bindings) + len(fresh):
                fresh.append(binding)
        state.bindings = bound
        state.users.update(binding.user_id for binding in fresh)
        state.identity_events.extend(
            IdentityEvent(change=IdentityChange.BOUND, binding=binding, context=context, at=at)
            for binding in fresh
        )
        return len(fresh)

    def unbind(self, provider: str, external_id: str, context: ActionContext, *, at: datetime) -> UserId:
        """Take a binding back and return whose it was, or raise IdentityNotBound; the user stays."""
        state = self._scope.state
        owner = state.bindings.pop((provider, external_id), None)
        if owner is None:
            raise IdentityNotBound(provider, external_id)
        binding = IdentityBinding(provider=provider, external_id=external_id, user_id=owner)
        state.identity_events.append(
            IdentityEvent(change=IdentityChange.UNBOUND, binding=binding, context=context, at=at)
        )
        return owner

    def take_turns(self) -> None:
        """Do nothing: transactions come one after another here."""

    def list_of(self, user_id: UserId, *, limit: int) -> tuple[IdentityBinding, ...]:
        """Return up to limit identities that are bound to the user now, in order."""
        found = sorted(key for key, user in self._scope.state.bindings.items() if user == user_id)
        return tuple(
            IdentityBinding(provider=provider, external_id=external_id, user_id=user_id)
            for provider, external_id in found[:limit]
        )

    def move(
        self, bindings: Sequence[IdentityBinding], to: UserId, context: ActionContext, *, at: datetime
    ) -> None:
        """Bind identities to another user, all or none, or raise AccountNotOfUser."""
        state = self._scope.state
        for binding in bindings:
            owner = state.bindings.get((binding.provider, binding.external_id))
            if owner != binding.user_id:
                raise AccountNotOfUser(binding.provider, binding.external_id, binding.user_id, owner)
        moved = [
            IdentityBinding(provider=each.provider, external_id=each.external_id, user_id=to)
            for each in bindings
        ]
        state.users.add(to)
        state.bindings.update({(each.provider, each.external_id): to for each in moved})
        for change, changed in ((IdentityChange.UNBOUND, bindings), (IdentityChange.BOUND, moved)):
            state.identity_events.extend(
                IdentityEvent(change=change, binding=each, context=context, at=at) for each in changed
            )


def _unbound_events(state: LedgerState) -> Iterable[ActivityEvent]:
    return (event for event in state.events.values() if state.user_of(event) is None)


def unresolved_events(state: LedgerState, epoch_id: EpochId) -> Iterable[ActivityEvent]:
    """Return the epoch's included events that have no user."""
    return (
        state.events[event_id]
        for (epoch, event_id), row in state.curation.items()
        if epoch == epoch_id and row.curation.included and row.curation.user_id is None
    )


def unresolved_identities(events: Iterable[ActivityEvent], *, limit: int) -> tuple[UnresolvedIdentity, ...]:
    """Return the identities of events, the most events first."""
    by_identity: dict[tuple[str, str | None], list[ActivityEvent]] = defaultdict(list)
    for event in events:
        by_identity[event.source, event.platform_user_id].append(event)
    found = [_unresolved_identity(of_one) for of_one in by_identity.values()]
    return tuple(sorted(found, key=_most_events_first)[:limit])


def _unresolved_identity(events: list[ActivityEvent]) -> UnresolvedIdentity:
    latest = max(events, key=lambda event: (event.event_time, event.id))
    return UnresolvedIdentity(
        provider=latest.source,
        external_id=latest.platform_user_id,
        login=latest.platform_login,
        events=len(events),
        first_event_time=min(event.event_time for event in events),
        last_event_time=latest.event_time,
    )


def _most_events_first(identity: UnresolvedIdentity) -> tuple[int, str, bool, str]:
    external_id = identity.external_id
    return -identity.events, identity.provider, external_id is None, external_id or ""
