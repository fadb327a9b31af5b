"""What must hold between two states of an in-memory ledger, whatever was done in between.

A breach is a mistake of the ledger itself, never a refusal: every rule here has its refusal elsewhere.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from operator import is_

from ledger_core.identifiers import EpochId
from ledger_core.testing.in_memory_curation import is_paid
from ledger_core.testing.in_memory_state import LedgerState


def check_commit(before: LedgerState, after: LedgerState) -> None:
    """Assert every invariant that a state can show, and those that a step from one to the next can."""
    _check_epochs(after)
    _check_curation(after)
    _check_statements(after)
    _check_nothing_rewritten(before, after)


def _check_epochs(state: LedgerState) -> None:
    assert sum(epoch.is_open for epoch in state.epochs.values()) <= 1, "ONE_OPEN_EPOCH"
    windows = sorted(epoch.window for epoch in state.epochs.values())
    assert not any(one.overlaps(other) for one, other in pairwise(windows)), "EPOCH_WINDOWS_DISJOINT"
    pools: Counter[EpochId] = Counter()
    for (epoch_id, _), part in state.components.items():
        pools[epoch_id] += part.amount_credits
    for epoch in state.epochs.values():
        if epoch.pool_total_credits is not None:
            assert pools[epoch.id] == epoch.pool_total_credits, "POOL_REPRODUCIBLE"


def _check_curation(state: LedgerState) -> None:
    paid = Counter(event_id for (_, event_id), row in state.curation.items() if is_paid(row))
    assert all(times == 1 for times in paid.values()), "EVENT_PAID_ONCE"
    for _, event_id in state.curation:
        assert event_id in state.events, "curation of an event that is not stored"
    for user_id in state.bindings.values():
        assert user_id in state.users, "a binding to a user that does not exist"


def _check_statements(state: LedgerState) -> None:
    for epoch_id, versions in state.statements.items():
        pool_total = state.epochs[epoch_id].pool_total_credits
        assert not state.epochs[epoch_id].is_open, "a statement of an open epoch"
        assert all(version.pool_total_credits == pool_total for version in versions), "POOL_REPRODUCIBLE"
        superseded = [None if each.amendment is None else each.amendment.supersedes for each in versions]
        hashes = [version.statement_hash for version in versions]
        assert superseded == [None, *hashes[:-1]], "AMENDMENT_SUPERSEDES"


def _check_nothing_rewritten(before: LedgerState, after: LedgerState) -> None:
    for event_id, event in before.events.items():
        assert after.events.get(event_id) is event, "ACTIVITY_APPEND_ONLY"
    for component_key, component in before.components.items():
        assert after.components.get(component_key) is component, "POOL_IMMUTABLE"
    for epoch_id, epoch in before.epochs.items():
        if after.epochs[epoch_id] is not epoch:
            assert epoch.is_open, "EPOCH_CLOSED_FOREVER"
            assert after.epochs[epoch_id].weight_config == epoch.weight_config, "WEIGHT_PINNING"
        if not epoch.is_open:
            kept = before.statements.get(epoch_id, ())
            now = after.statements.get(epoch_id, ())
            assert len(now) >= len(kept), "EPOCH_CLOSED_FOREVER"
            assert all(map(is_, kept, now)), "EPOCH_CLOSED_FOREVER"
    closed = {epoch_id for epoch_id, epoch in before.epochs.items() if not epoch.is_open}
    assert _frozen(before, closed) == _frozen(after, closed), "CURATION_FREEZE_ON_CLOSE"
    assert after.actions[: len(before.actions)] == before.actions, "an action was rewritten"
    for signed, signature in before.signatures.items():
        assert after.signatures.get(signed) is signature, "EPOCH_CLOSED_FOREVER"
    assert after.readings[: len(before.readings)] == before.readings, "READINGS_APPEND_ONLY"
    assert after.waivers[: len(before.waivers)] == before.waivers, "READINGS_APPEND_ONLY"
    history = after.identity_events[: len(before.identity_events)]
    assert history == before.identity_events, "an identity event was rewritten"


def _frozen(state: LedgerState, closed: set[EpochId]) -> tuple[object, ...]:
    """Return everything of closed epochs that no write may touch."""
    windows = {state.epochs[epoch_id].window for epoch_id in closed}
    return (
        {key: row for key, row in state.curation.items() if key[0] in closed},
        {key: row for key, row in state.allocations.items() if key[0] in closed},
        {key: row for key, row in state.components.items() if key[0] in closed},
        [waiver for epoch_id, waiver in state.waivers if epoch_id in closed],
        [reading for reading in state.readings if reading.window in windows],
    )
