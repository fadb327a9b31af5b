"""What a review and `ledger identity who` look up in a large epoch: nobody's accounts, whose they may be, who somebody is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from benchmarks.backend import spending
from benchmarks.figures import Figure, Scale
from benchmarks.many_events import PEOPLE
from benchmarks.measuring import Meter, measured
from benchmarks.servers import fresh_database, ledger_at, served_postgres
from benchmarks.stored_epoch import CLOCK, bind_everybody, open_week, store_events
from ledger_core import UserId

CASE = "review"
NOBODYS = PEOPLE // 10
LISTED = 50  # unresolved accounts on a screen, as in scheduler_worker.cli.review_facts


def review(meter: Meter, *, url: str, events: int) -> dict[str, Any]:  # noqa: ARG001 - the server does the work
    """Return what each question spent, of an epoch in which a tenth of the accounts is nobody's."""
    spent: dict[str, Any] = {}
    with ledger_at(url) as ledger:
        epoch_id = open_week(ledger)
        bind_everybody(ledger, but=NOBODYS)
        store_events(ledger, first=0, events=events)
        with ledger.begin() as transaction:
            transaction.curation.refresh(transaction.epochs.lock(epoch_id), at=CLOCK())
            transaction.allocations.propose(epoch_id, is_curated=True)
        with ledger.begin() as view:
            with spending(view.connection) as taken:
                nobodys = view.identities.list_unresolved(epoch_id, limit=LISTED)
            spent["nobody's accounts"] = asdict(taken)
            names = [name for each in nobodys for name in (each.external_id, each.login) if name is not None]
            with spending(view.connection) as taken:
                view.review.bound_like(names, limit=1_000)
            spent["whose they may be"] = asdict(taken)
            with spending(view.connection) as taken:
                named = view.review.accounts_named("login-7", limit=LISTED)
                view.review.epochs_of_user(UserId("user-00007"), limit=12)
            spent["who somebody is"] = asdict(taken)
            assert (len(nobodys), [each.user_id for each in named]) == (LISTED, ["user-00007"]), named
    return spent


def compare(scale: Scale) -> Iterator[Figure]:
    """Measure at a tenth of the scale and at the whole."""
    with served_postgres() as server:
        for events in (scale.events // 10, scale.events):
            url = fresh_database(server, f"reviewed_{events}")
            for name, taken in measured(review, url=url, events=events).returned.items():
                yield Figure(
                    case=CASE,
                    name=f"{events:,} events, {name}",
                    value=taken["seconds"],
                    unit="s",
                    at_most=15.0,
                    note=f"{taken['cpu_seconds']:.2f} s of CPU, client and server",
                )


CASES = (compare,)
