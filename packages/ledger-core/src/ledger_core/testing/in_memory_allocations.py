"""Allocations and pool components, in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ledger_core.domain.allocation import Allocation, ProposedAllocation, compute_proposed_allocations
from ledger_core.domain.pool import PoolComponent
from ledger_core.errors import PoolComponentDiffers, UnitsOutOfRange, UserNotFound
from ledger_core.identifiers import EpochId, UserId
from ledger_core.ports.allocation_store import SettledRows
from ledger_core.testing.in_memory_curation import InMemoryCurationReader
from ledger_core.testing.in_memory_state import Scope


class InMemoryAllocationReader:
    """Allocations to read."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def list_all(self, epoch_id: EpochId) -> tuple[Allocation, ...]:
        """Return the epoch's allocations, ordered by user id."""
        rows = self._scope.state.allocations
        return tuple(rows[key] for key in sorted(rows) if key[0] == epoch_id)

    def find(self, epoch_id: EpochId, user_id: UserId) -> Allocation | None:
        """Return one user's allocation."""
        return self._scope.state.allocations.get((epoch_id, user_id))

    def find_settled(self, epoch_id: EpochId) -> SettledRows | None:
        """Return the rows themselves as text, unless a row would change."""
        before = {row.user_id: row for row in self.list_all(epoch_id)}
        try:
            is_settled = before == _proposed_rows(self._scope, epoch_id)
        except UnitsOutOfRange:
            return None
        return self._rows(epoch_id) if is_settled else None

    def _rows(self, epoch_id: EpochId) -> SettledRows:
        curated = self._scope.state.curation
        return SettledRows(
            repr((self.list_all(epoch_id), [curated[key] for key in sorted(curated) if key[0] == epoch_id]))
        )


class InMemoryAllocationStore(InMemoryAllocationReader):
    """Allocations to write."""

    def propose(
        self,
        epoch_id: EpochId,
        *,
        anew: bool = False,  # noqa: ARG002 - it is always computed anew
        is_curated: bool = False,  # noqa: ARG002 - and curation is
    ) -> int:
        """Recompute the proposals; return how many rows were inserted, changed or deleted."""
        self._scope.check_writable(epoch_id)
        before = {row.user_id: row for row in self.list_all(epoch_id)}
        after = _proposed_rows(self._scope, epoch_id)
        rows = self._scope.state.allocations
        for user in before:
            del rows[epoch_id, user]
        for user, row in after.items():
            rows[epoch_id, user] = row
        return sum(before.get(user) != after.get(user) for user in before.keys() | after.keys())

    def are_settled(self, epoch_id: EpochId, rows: SettledRows) -> bool:
        """Compare the rows."""
        return rows == self._rows(epoch_id)

    def set_final(
        self,
        epoch_id: EpochId,
        user_id: UserId,
        *,
        final_units: int | None,
        reason: str | None,
        by: str,
        at: datetime,
    ) -> None:
        """Set what an admin decided for a user, or raise UserNotFound or EpochClosed."""
        assert (final_units is None) == (reason is None), "a decision has a reason, and no decision has none"
        self._scope.check_writable(epoch_id)
        state = self._scope.state
        if user_id not in state.users:
            raise UserNotFound(user_id)
        before = self.find(epoch_id, user_id)
        if before is None and final_units is None:
            return  # there is no decision to take back
        row = before or Allocation(user_id=user_id, proposed_units=0)
        is_set = final_units is not None
        state.allocations[epoch_id, user_id] = replace(
            row,
            final_units=final_units,
            override_reason=reason,
            override_by=by if is_set else None,
            override_at=at if is_set else None,
        )


class InMemoryPoolReader:
    """Components to read."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def list_all(self, epoch_id: EpochId) -> tuple[PoolComponent, ...]:
        """Return the epoch's components, ordered by component id."""
        rows = self._scope.state.components
        return tuple(rows[key] for key in sorted(rows) if key[0] == epoch_id)


class InMemoryPoolStore(InMemoryPoolReader):
    """Components to write."""

    def add(self, epoch_id: EpochId, component: PoolComponent) -> None:
        """Record a component, or raise EpochClosed (POOL_IMMUTABLE) or PoolComponentDiffers."""
        self._scope.check_writable(epoch_id)
        key = (epoch_id, component.component_id)
        if key in self._scope.state.components:  # POOL_UNIQUE_PER_TYPE
            raise PoolComponentDiffers(epoch_id, component.component_id)
        self._scope.state.components[key] = component


def _proposed_rows(scope: Scope, epoch_id: EpochId) -> dict[UserId, Allocation]:
    """Return the epoch's rows as they are once the proposals are computed anew."""
    events = InMemoryCurationReader(scope).ordered_events(epoch_id)
    weights = scope.state.epochs[epoch_id].weight_config
    proposals = {proposal.user_id: proposal for proposal in compute_proposed_allocations(events, weights)}
    found: dict[UserId, Allocation] = {}
    for before in InMemoryAllocationReader(scope).list_all(epoch_id):
        after = _proposed(before, proposals.pop(before.user_id, None))
        if after is not None:
            found[before.user_id] = after
    for user, proposal in proposals.items():
        found[user] = Allocation(
            user_id=user, proposed_units=proposal.proposed_units, activity_count=proposal.activity_count
        )
    return found


def _proposed(before: Allocation, proposal: ProposedAllocation | None) -> Allocation | None:
    """Return the row that follows from the proposal; None when nothing keeps it."""
    if proposal is not None:
        return replace(before, proposed_units=proposal.proposed_units, activity_count=proposal.activity_count)
    if before.final_units is None:
        return None
    return replace(before, proposed_units=0, activity_count=0)
