"""Every fault suite in its long form.

    uv run python -m tests.faults              (--short: as the tests run them; --only PART: suites whose name has it)

Prints what each cost, and the sum; the exit status is 1 if anything was lost, doubled or altered.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial

from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

from ledger_core.testing import InMemoryLedger
from tests.faults.books import Toll
from tests.faults.database_faults import NODE, ledger_at
from tests.faults.database_suites import DATABASE_SUITES, Place, place_to_break
from tests.faults.hostile_sources import DELAYS, HOSTILE_SOURCES, hostile_source, late_source
from tests.faults.servers import fresh_database
from tests.faults.temporal_suites import temporal_killed
from tests.faults.worker_suites import workers_killed


def main() -> int:
    """Run the suites."""
    parser = argparse.ArgumentParser(description="plant faults, and look for what they cost")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore", ResourceWarning)
    quiet = LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR"))
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=quiet)))
    cost = Toll()
    with place_to_break() as place:
        for name, suite in _suites(place, is_long=not given.short).items():
            if given.only in name:
                begun = time.monotonic()
                found = suite()
                print(f"{name:28} {found}, in {time.monotonic() - begun:.0f} s", flush=True)
                cost += found
    print(cost)
    return 0 if cost.is_clean and cost.faults else 1


def _suites(place: Place, *, is_long: bool) -> dict[str, Callable[[], Toll]]:
    suites: dict[str, Callable[[], Toll]] = {
        name: partial(suite, place, is_long=is_long) for name, (suite, _) in DATABASE_SUITES.items()
    }
    suites["workers killed"] = partial(workers_killed, place, is_long=is_long)
    suites["Temporal killed"] = partial(temporal_killed, place, is_long=is_long)
    for name in HOSTILE_SOURCES:
        suites[f"a source {name}"] = partial(_hostile, place, name)
    suites["a source is late"] = partial(late_source, partial(InMemoryLedger, NODE), DELAYS)
    return suites


def _hostile(place: Place, name: str) -> Toll:
    with fresh_database(place.server) as database, ledger_at(place.server.port, database) as (ledger, _):
        return hostile_source(HOSTILE_SOURCES[name], ledger, place.calm)


if __name__ == "__main__":
    sys.exit(main())
