"""What a review shows, in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.amended_statement import by_user
from ledger_core.domain.epoch import Epoch
from ledger_core.domain.identity import IdentityBinding, like_names
from ledger_core.domain.identity_suggestion import BoundAccount, alike_names
from ledger_core.identifiers import EpochId, UserId
from ledger_core.ports.review_reader import JudgedEvents, LateWork, NamedAccount, UserInEpoch
from ledger_core.testing.in_memory_curation import InMemoryCurationReader
from ledger_core.testing.in_memory_evidence import curated_fact
from ledger_core.testing.in_memory_state import Scope

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class InMemoryReviewReader:
    """Review to read."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def judged(self, epoch_id: EpochId, *, limit: int) -> JudgedEvents:
        """Count what is excluded or weighed, and return the newest judgements."""
        held = list(InMemoryCurationReader(self._scope).ordered_activity(epoch_id))
        decided = [
            found
            for found in held
            if not found.curation.included or found.curation.weight_override_milli is not None
        ]
        decided.sort(key=lambda found: found.event.id)
        decided.sort(key=lambda found: found.judged_at or _NEVER, reverse=True)
        return JudgedEvents(
            excluded=sum(not found.curation.included for found in held),
            weighed=sum(
                found.curation.included and found.curation.weight_override_milli is not None for found in held
            ),
            newest=tuple(curated_fact(found) for found in decided[:limit]),
        )

    def count_due(self, epoch_id: EpochId) -> int:
        """Count the events of its window or of a closed epoch's that are curated nowhere."""
        state = self._scope.state
        windows = [each.window for each in state.epochs.values() if each.id == epoch_id or not each.is_open]
        curated = {event_id for _, event_id in state.curation}
        return sum(
            event.id not in curated and any(window.contains(event.event_time) for window in windows)
            for event in state.events.values()
        )

    def late_work(self, epoch_id: EpochId) -> tuple[LateWork, ...]:
        """Return the epoch's late work, a row for each epoch it is from."""
        by_home: dict[EpochId, list[UserId | None]] = defaultdict(list)
        for event in InMemoryCurationReader(self._scope).ordered_events(epoch_id):
            if event.late_from_epoch_id is not None and event.included:
                by_home[event.late_from_epoch_id].append(event.user_id)
        return tuple(
            LateWork(from_epoch_id=home, events=len(users), people=len({*users} - {None}))
            for home, users in sorted(by_home.items(), reverse=True)
        )

    def bound_like(self, names: Sequence[str], *, limit: int) -> tuple[BoundAccount, ...]:
        """Return bound accounts that are like a name, in order."""
        wanted = frozenset[str]().union(*map(alike_names, names))
        found = []
        for (provider, external_id), user_id in sorted(self._scope.state.bindings.items()):
            events = self._events_of(provider, external_id)
            login = _newest_login(events)
            theirs = frozenset[str]().union(*map(alike_names, (external_id, login, user_id)))
            if wanted & theirs:
                found.append(
                    BoundAccount(provider=provider, external_id=external_id, login=login, user_id=user_id)
                )
        return tuple(found[:limit])

    def accounts_named(self, name: str, *, limit: int) -> tuple[NamedAccount, ...]:
        """Return accounts that are called so, or have a login that is, in order."""
        state = self._scope.state
        wanted = _folded(name)
        called = {key for key in state.bindings if _folded(key[1]) == wanted}
        called |= {
            (event.source, event.platform_user_id)
            for event in state.events.values()
            if event.platform_user_id is not None
            and wanted in {_folded(event.platform_user_id), _folded(event.platform_login)}
        }
        return tuple(
            NamedAccount(
                provider=provider,
                external_id=external_id,
                login=_newest_login(self._events_of(provider, external_id)),
                user_id=state.bindings.get((provider, external_id)),
                events=len(self._events_of(provider, external_id)),
            )
            for provider, external_id in sorted(called)[:limit]
        )

    def epochs_of_user(self, user_id: UserId, *, limit: int) -> tuple[UserInEpoch, ...]:
        """Return how the user stands in the newest epochs that know them, the newest window first."""
        newest = sorted(
            self._scope.state.epochs.values(), key=lambda each: each.window.period_start, reverse=True
        )
        found = (self._in_epoch(epoch, user_id) for epoch in newest)
        return tuple(islice((each for each in found if each is not None), limit))

    def all_bindings(self) -> Iterator[IdentityBinding]:
        """Yield every binding, in order."""
        for (provider, external_id), user_id in sorted(self._scope.state.bindings.items()):
            yield IdentityBinding(provider=provider, external_id=external_id, user_id=user_id)

    def _in_epoch(self, epoch: Epoch, user_id: UserId) -> UserInEpoch | None:
        state = self._scope.state
        allocation = state.allocations.get((epoch.id, user_id))
        statement = next(reversed(state.statements.get(epoch.id, ())), None)
        amendment = None if statement is None else statement.amendment
        correction = None if amendment is None else by_user(amendment).get(user_id)
        if allocation is None and correction is None:
            return None
        paid = (
            None
            if statement is None
            else sum(line.amount_credits for line in statement.payouts if line.user_id == user_id)
        )
        return UserInEpoch(epoch=epoch, allocation=allocation, correction=correction, amount_credits=paid)

    def _events_of(self, provider: str, external_id: str) -> list[ActivityEvent]:
        return [
            event
            for event in self._scope.state.events.values()
            if (event.source, event.platform_user_id) == (provider, external_id)
        ]


def _newest_login(events: list[ActivityEvent]) -> str | None:
    newest = max(events, key=lambda event: (event.event_time, event.id), default=None)
    return None if newest is None else newest.platform_login


def _folded(text: str | None) -> str | None:
    return max(like_names(text), key=len, default=None)
