"""Whatever happens between a ledger and its database: nothing is lost, nothing doubled, and the bytes are the same."""

from __future__ import annotations

import pytest

from tests.faults.database_suites import DATABASE_SUITES, Place


@pytest.mark.xdist_group("faults of the database")
@pytest.mark.parametrize("name", DATABASE_SUITES)
def test_no_fault_of_the_database_loses_doubles_or_alters_anything(place: Place, name: str) -> None:
    """ACTION_APPLIED_ONCE, CURSOR_STATE_PERSISTED, PAYOUT_DETERMINISTIC."""
    suite, least = DATABASE_SUITES[name]
    cost = suite(place, is_long=False)

    assert cost.is_clean, str(cost)
    assert cost.faults >= least
