"""Evidence, in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.curation import CuratedEvent
from ledger_core.domain.epoch import Epoch
from ledger_core.domain.evidence import CuratedFact, decision_of, fact_of_event
from ledger_core.domain.identity import IdentityBinding, IdentityEvent, UnresolvedIdentity, like_names
from ledger_core.identifiers import EpochId, EventId, UserId
from ledger_core.ports.curation_store import CuratedActivity
from ledger_core.ports.evidence_reader import ActivityElsewhere, DailyActivity, EventInEpoch
from ledger_core.testing.in_memory_curation import InMemoryCurationReader
from ledger_core.testing.in_memory_identities import unresolved_events, unresolved_identities
from ledger_core.testing.in_memory_state import Scope

_Standing = tuple[EpochId | None, bool, UserId | None, bool | None]


class InMemoryEvidenceReader:
    """Evidence to read."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def activity_of_user(self, epoch_id: EpochId, user_id: UserId) -> Iterator[CuratedFact]:
        """Yield the epoch's events that belong to the user, by id."""
        for activity in InMemoryCurationReader(self._scope).ordered_activity(epoch_id):
            if activity.curation.user_id == user_id:
                yield curated_fact(activity)

    def unresolved_like(
        self, epoch_id: EpochId, names: Sequence[str], *, limit: int
    ) -> tuple[UnresolvedIdentity, ...]:
        """Return the epoch's unresolved identities that are like a name, the most events first."""
        wanted = frozenset().union(*map(like_names, names))
        found = (
            event
            for event in unresolved_events(self._scope.state, epoch_id)
            if not wanted.isdisjoint(like_names(event.platform_login) | like_names(event.platform_user_id))
        )
        return unresolved_identities(found, limit=limit)

    def bindings_of(self, user_id: UserId, *, limit: int) -> tuple[IdentityBinding, ...]:
        """Return the identities that are bound to the user now, in order."""
        found = sorted(key for key, user in self._scope.state.bindings.items() if user == user_id)
        return tuple(
            IdentityBinding(provider=provider, external_id=external_id, user_id=user_id)
            for provider, external_id in found[:limit]
        )

    def history_of_user(self, user_id: UserId, *, limit: int) -> tuple[IdentityEvent, ...]:
        """Return the newest binds and unbinds of the user's identities, the oldest of them first."""
        events = self._scope.state.identity_events
        return tuple([event for event in events if event.binding.user_id == user_id][-limit:])

    def history_of_identity(
        self, provider: str, external_id: str, *, limit: int
    ) -> tuple[IdentityEvent, ...]:
        """Return the newest binds and unbinds of an identity, the oldest of them first."""
        found = [
            event
            for event in self._scope.state.identity_events
            if (event.binding.provider, event.binding.external_id) == (provider, external_id)
        ]
        return tuple(found[-limit:])

    def users_ever_bound(self, identities: Sequence[tuple[str, str]]) -> frozenset[UserId]:
        """Return everybody to whom one of the identities was ever bound."""
        bindings = [event.binding for event in self._scope.state.identity_events]
        return frozenset(
            binding.user_id for binding in bindings if (binding.provider, binding.external_id) in identities
        )

    def activity_elsewhere(
        self, epoch: Epoch, user_id: UserId, *, limit: int
    ) -> tuple[ActivityElsewhere, ...]:
        """Count the events of identities that are, or ever were, the user's, and stand otherwise."""
        state = self._scope.state
        mine = {
            (event.binding.provider, event.binding.external_id)
            for event in state.identity_events
            if event.binding.user_id == user_id
        }
        held: dict[EventId, list[_Standing]] = defaultdict(list)
        for (epoch_id, event_id), row in state.curation.items():
            held[event_id].append((epoch_id, False, row.curation.user_id, row.curation.included))
        groups: dict[_Standing, list[ActivityEvent]] = defaultdict(list)
        for event in state.events.values():
            if (event.source, event.platform_user_id) not in mine:
                continue
            in_window = epoch.window.contains(event.event_time)
            standings = held.get(event.id, [(None, False, None, None)])
            if any((holder, user) == (epoch.id, user_id) for holder, _, user, _ in standings):
                continue
            for holder, _, user, included in standings:
                groups[holder, in_window, user, included].append(event)
        found = [_elsewhere(standing, groups[standing]) for standing in sorted(groups, key=_order)]
        return tuple(found[:limit])

    def standings(self, event_id: EventId) -> tuple[EventInEpoch, ...]:
        """Return how the event stands in each epoch that holds it."""
        reader = InMemoryCurationReader(self._scope)
        epoch_ids = sorted(epoch for epoch, found in self._scope.state.curation if found == event_id)
        return tuple(
            EventInEpoch(epoch_id=epoch_id, curated=curated_fact(activity))
            for epoch_id in epoch_ids
            for activity in reader.ordered_activity(epoch_id)
            if activity.event.id == event_id
        )

    def daily_activity(self, epoch: Epoch) -> tuple[DailyActivity, ...]:
        """Count the epoch's events by day and source."""
        groups: dict[tuple[date | None, str], list[CuratedEvent]] = defaultdict(list)
        for activity in InMemoryCurationReader(self._scope).ordered_activity(epoch.id):
            at = activity.event.event_time
            day = at.astimezone(UTC).date() if epoch.window.contains(at) else None
            groups[day, activity.event.source].append(activity.curation)
        return tuple(
            DailyActivity(
                day=day,
                source=source,
                events=len(found),
                included=sum(event.included for event in found),
                unresolved=sum(event.included and event.user_id is None for event in found),
                reweighted=sum(event.included and event.weight_override_milli is not None for event in found),
            )
            for (day, source), found in sorted(
                groups.items(), key=lambda group: (group[0][0] or date.max, group[0][1])
            )
        )

    def judged_activity(self, epoch_id: EpochId, *, limit: int) -> tuple[CuratedFact, ...]:
        """Return the first events that are excluded or have a weight of their own."""
        return self._first(
            epoch_id,
            lambda event: not event.included or event.weight_override_milli is not None,
            limit=limit,
        )

    def late_activity(self, epoch_id: EpochId, *, limit: int) -> tuple[CuratedFact, ...]:
        """Return the first events that came late."""
        return self._first(epoch_id, lambda event: event.late_from_epoch_id is not None, limit=limit)

    def _first(
        self, epoch_id: EpochId, wanted: Callable[[CuratedEvent], bool], *, limit: int
    ) -> tuple[CuratedFact, ...]:
        held = InMemoryCurationReader(self._scope).ordered_activity(epoch_id)
        return tuple([curated_fact(activity) for activity in held if wanted(activity.curation)][:limit])


def curated_fact(activity: CuratedActivity) -> CuratedFact:
    """Return a curated event as evidence shows it."""
    curation = activity.curation
    return CuratedFact(
        fact=fact_of_event(activity.event),
        user_id=curation.user_id,
        included=curation.included,
        weight_override_milli=curation.weight_override_milli,
        late_from_epoch_id=curation.late_from_epoch_id,
        decision=decision_of(by=activity.judged_by, at=activity.judged_at, reason=activity.note),
    )


def _elsewhere(standing: _Standing, events: list[ActivityEvent]) -> ActivityElsewhere:
    epoch_id, in_window, user_id, included = standing
    return ActivityElsewhere(
        epoch_id=epoch_id,
        in_window=in_window,
        user_id=user_id,
        included=included,
        events=len(events),
        first_event_time=min(event.event_time for event in events),
        last_event_time=max(event.event_time for event in events),
    )


def _order(standing: _Standing) -> tuple[bool, bool, int, bool, str, bool]:
    epoch_id, in_window, user_id, included = standing
    return not in_window, epoch_id is not None, -(epoch_id or 0), user_id is None, user_id or "", not included
