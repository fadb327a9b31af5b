"""Curation and proposals of a large epoch: everything new, nothing new, and a page new among many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from benchmarks.backend import spending
from benchmarks.figures import Figure, Scale
from benchmarks.measuring import Meter, measured
from benchmarks.servers import fresh_database, ledger_at, served_postgres
from benchmarks.stored_epoch import CLOCK, bind_everybody, open_week, store_events
from db_client.postgres_ledger import PostgresLedger
from ledger_core import EpochId

CASE = "curation"
PAGE = 5_000


def curation(meter: Meter, *, url: str, events: int) -> dict[str, Any]:  # noqa: ARG001 - the server does the work
    """Return what each refresh spent and found."""
    with ledger_at(url) as ledger:
        epoch_id = open_week(ledger)
        bind_everybody(ledger)
        store_events(ledger, first=0, events=events)
        found = {"all": refreshed(ledger, epoch_id), "nothing": refreshed(ledger, epoch_id)}
        store_events(ledger, first=events, events=PAGE)
        found["page"] = refreshed(ledger, epoch_id)
    return found


def refreshed(ledger: PostgresLedger, epoch_id: EpochId) -> dict[str, float]:
    """Refresh the epoch as a collection does, and return what that took."""
    with ledger.begin() as transaction, spending(transaction.connection) as spent:
        counts = transaction.curation.refresh(transaction.epochs.lock(epoch_id), at=CLOCK())
        transaction.allocations.propose(epoch_id, is_curated=True)
    return asdict(spent) | {"added": counts.added}


def compare(scale: Scale) -> Iterator[Figure]:
    """Measure at a tenth of the scale and at the whole."""
    with served_postgres() as server:
        for events in (scale.events // 10, scale.events):
            url = fresh_database(server, f"curated_{events}")
            found = measured(curation, url=url, events=events).returned
            assert (found["all"]["added"], found["nothing"]["added"]) == (events, 0), found
            for name, bound in (("all", 30.0), ("nothing", 3.0), ("page", None)):
                new = {"all": "all new", "nothing": "nothing new", "page": f"{PAGE:,} new"}[name]
                yield Figure(
                    case=CASE,
                    name=f"{events:,} events, {new}",
                    value=found[name]["seconds"],
                    unit="s",
                    at_most=bound,
                    note=f"{found[name]['cpu_seconds']:.2f} s of CPU, client and server",
                )


CASES = (compare,)
