"""Whatever ends a worker or Temporal, work goes on where it stopped: nothing lost, nothing doubled, the same bytes."""

from __future__ import annotations

import pytest

from tests.faults.database_suites import Place
from tests.faults.temporal_suites import temporal_killed
from tests.faults.worker_suites import workers_killed


@pytest.mark.xdist_group("faults of workers")
def test_workers_killed_at_every_boundary_and_in_mid_page_leave_no_trace(place: Place) -> None:
    """CURSOR_STATE_PERSISTED, ACTION_APPLIED_ONCE: a real worker, a real SIGKILL, a real Temporal."""
    cost = workers_killed(place, is_long=False)

    assert cost.is_clean, str(cost)
    assert cost.faults >= 30


@pytest.mark.xdist_group("faults of workers")
def test_a_temporal_killed_in_mid_collection_and_in_mid_finalize_leaves_no_trace(place: Place) -> None:
    """Its file is all that is left of it, and all that is needed."""
    cost = temporal_killed(place, is_long=False)

    assert cost.is_clean, str(cost)
    assert cost.faults >= 6
