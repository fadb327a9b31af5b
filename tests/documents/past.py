"""`python -m tests.documents.past`: what the organisation's ledger has lived through before its seventh epoch is due.

Six closed epochs, by the use cases that the worker calls, and a stream of the seventh that was counted a second time
and differs. The ledger is the one that LEDGER_DATABASE_URL and ledger.toml name.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Final

from db_client.engine import create_ledger_engine
from db_client.postgres_ledger import PostgresLedger
from ledger_core import Ledger, StreamRef, WeightConfig
from ledger_core.domain.completeness import CompletenessCertificate, CompletenessCount
from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.stream_reading import StreamReading
from ledger_core.testing import FixedClock, make_binding, make_component, make_context, make_event
from ledger_core.use_cases.bind_identity import bind_identities
from ledger_core.use_cases.curate_epoch import curate_epoch
from ledger_core.use_cases.finalize_epoch import finalize_epoch
from ledger_core.use_cases.open_epoch import open_epoch
from ledger_core.use_cases.propose_allocations import propose_allocations
from ledger_core.use_cases.record_pool_component import record_pool_component
from ledger_core.use_cases.record_reading import record_reading
from scheduler_worker.policy import read_policy
from tests.documents.organisation import WEEKS, last_week

PEOPLE: Final = ("grace", "bob")
# Two of them are to be merged and split.
ACCOUNTS: Final = (
    ("grace", "grace@example.org"),
    ("bob", "bob@example.org"),
    ("ada-old", "ada@old.example.org"),
    ("ada", "ben@example.org"),
)
CONTEXT: Final = make_context()
ISSUES: Final = StreamRef(source="github", source_ref="acme/web", stream="issues")


def live_through(ledger: Ledger, weights: WeightConfig, number: int) -> None:
    """Open, curate and close an epoch in which grace merged more than bob."""
    monday = last_week() - timedelta(weeks=WEEKS - number)
    window = EpochWindow(period_start=monday, period_end=monday + timedelta(days=7))
    clock = FixedClock(window.period_end + timedelta(hours=1))
    opened = open_epoch(ledger, window, weights, clock=clock)
    assert opened.epoch is not None
    work = [
        make_event(10 * number + place, at=monday + timedelta(hours=1), account=login, login=login)
        for place, login in enumerate(("grace", "grace", "bob")[: 1 + number % 3])
    ]
    with ledger.begin() as transaction:
        transaction.activity.store(work)
    curate_epoch(ledger, opened.epoch.id, clock=clock)
    propose_allocations(ledger, opened.epoch.id)
    record_pool_component(ledger, opened.epoch.id, make_component(10_000), CONTEXT, clock=clock)
    finalize_epoch(ledger, opened.epoch.id, CONTEXT, clock=clock)


def count_again(ledger: Ledger) -> None:
    """Keep that the seventh window's issues were counted by search, which does not know of one yet."""
    count = CompletenessCount(what="closed issues", route="search", seen=1, independent=0)
    certificate = CompletenessCertificate(
        begins=None, ends=None, pages=1, counts=(count,), skipped={}, skipped_actors={}
    )
    window = EpochWindow(period_start=last_week(), period_end=last_week() + timedelta(days=7))
    reading = StreamReading(
        stream=ISSUES, window=window, retrieved_at=window.period_end, certificate=certificate
    )
    record_reading(ledger, reading)


def main() -> None:
    """Write it."""
    policy = read_policy(Path("ledger.toml"))
    engine = create_ledger_engine(os.environ["LEDGER_DATABASE_URL"], application_name="ledger-past")
    ledger = PostgresLedger(engine, policy.node_id)
    bindings = [make_binding(user, user) for user in PEOPLE]
    bindings += [make_binding(user, account, provider="git") for user, account in ACCOUNTS]
    bind_identities(ledger, bindings, CONTEXT, clock=FixedClock(last_week()))
    for number in range(1, WEEKS):
        live_through(ledger, policy.weights, number)
    count_again(ledger)
    engine.dispose()


if __name__ == "__main__":
    main()
