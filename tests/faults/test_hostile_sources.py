"""Whatever a source does, each event counts once, as it was told first, and the bytes are the same."""

from __future__ import annotations

from functools import partial

import pytest

from ledger_core.testing import InMemoryLedger
from tests.faults.database_faults import NODE, ledger_at
from tests.faults.database_suites import Place
from tests.faults.hostile_sources import DELAYS, HOSTILE_SOURCES, hostile_source, late_source
from tests.faults.servers import fresh_database


@pytest.mark.xdist_group("faults of the database")
@pytest.mark.parametrize("name", HOSTILE_SOURCES)
def test_a_hostile_source_loses_doubles_and_alters_nothing(place: Place, name: str) -> None:
    """ACTIVITY_IDEMPOTENT, CURSOR_STATE_PERSISTED, PAYOUT_DETERMINISTIC."""
    with fresh_database(place.server) as database, ledger_at(place.server.port, database) as (ledger, _):
        cost = hostile_source(HOSTILE_SOURCES[name], ledger, place.calm)

    assert cost.is_clean, str(cost)
    assert cost.faults >= 7


def test_what_is_told_up_to_two_weeks_late_counts_once() -> None:
    """EVENT_PAID_ONCE: in whatever epoch is open by then."""
    cost = late_source(partial(InMemoryLedger, NODE), DELAYS)

    assert cost.is_clean, str(cost)
    assert cost.faults == 16 * len(DELAYS)
