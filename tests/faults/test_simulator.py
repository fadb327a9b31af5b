"""The simulator in its short form, and that its oracles can fail: a planted wrong is seen."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from ledger_core import Ledger
from tests.faults.database_faults import ledger_at
from tests.faults.database_suites import Place
from tests.faults.planted import (
    Plant,
    PlantedLedger,
    decisions_applied_again,
    excluded_events_paid,
    last_event_of_a_page_dropped,
    late_events_dropped,
    resolved_events_dropped,
    units_doubled,
    users_not_followed,
)
from tests.faults.servers import fresh_database
from tests.faults.simulate import NODE, simulate

WEEKS_ON_POSTGRES = 8  # a session on a server is a hundred times slower than memory


@pytest.mark.parametrize("seeds", [range(first, first + 5) for first in range(0, 50, 5)], ids=str)
def test_years_with_faults_pay_what_the_oracle_says_and_lose_nothing(seeds: range) -> None:
    """EVENT_PAID_ONCE, ACTION_APPLIED_ONCE, EPOCH_CLOSE_IDEMPOTENT, PAYOUT_DETERMINISTIC."""
    years = [simulate(seed) for seed in seeds]

    assert min(year.faults for year in years) > 20
    assert min(year.closes for year in years) > 30


@pytest.mark.xdist_group("faults of the database")
@pytest.mark.parametrize("seed", range(1000, 1003))
def test_weeks_on_postgresql_end_with_the_bytes_of_quiet_weeks_in_memory(place: Place, seed: int) -> None:
    """The same faults, at calls that are statements now; and the bytes are those of the other implementation."""
    with (
        fresh_database(place.server) as name,
        ledger_at(place.server.port, name, node_id=NODE) as (ledger, _),
    ):
        year = simulate(seed, weeks=WEEKS_ON_POSTGRES, open_ledger=lambda: ledger)

    assert year.faults > 0
    assert year.statements


WRONGLY_PAID = "ought to have paid"
PLANTS: dict[Plant, str] = {
    late_events_dropped: WRONGLY_PAID,
    resolved_events_dropped: WRONGLY_PAID,
    last_event_of_a_page_dropped: f"{WRONGLY_PAID}|lost:",
    decisions_applied_again: WRONGLY_PAID,
    users_not_followed: WRONGLY_PAID,
    excluded_events_paid: WRONGLY_PAID,
    units_doubled: WRONGLY_PAID,
}


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: getattr(plant, "__name__", ""))
def test_a_ledger_that_does_one_thing_wrong_is_found_out_and_the_seed_is_named(plant: Plant) -> None:
    """The oracles can fail: what is dropped, paid twice, or paid to another is seen within a few years."""
    open_ledger: Callable[[], Ledger] = partial(PlantedLedger, plant)

    with pytest.raises(AssertionError, match=rf"^seed \d+: AssertionError: .*({PLANTS[plant]})"):
        live_until_it_shows(open_ledger)


def live_until_it_shows(open_ledger: Callable[[], Ledger]) -> None:
    for seed in range(40):
        simulate(seed, open_ledger=open_ledger)
