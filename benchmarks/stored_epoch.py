"""An open epoch with any number of events or users, made by SQL: what is measured is what comes after."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from benchmarks.many_events import PEOPLE, bindings
from benchmarks.servers import NODE
from db_client.postgres_ledger import PostgresLedger
from ledger_core import EpochId, WeightConfig
from ledger_core.testing import FixedClock, make_component, make_context, make_window
from ledger_core.use_cases.bind_identity import MAX_BINDINGS, bind_identities
from ledger_core.use_cases.open_epoch import open_epoch

WINDOW = make_window()
CLOCK = FixedClock(WINDOW.period_end + timedelta(days=1))
# As long as benchmarks.many_events makes them; their hashes are of nothing, which nothing here looks at.
_EVENTS = text("""
    INSERT INTO activity_events (node_id, id, source, event_type, platform_user_id, platform_login, artifact_url,
        metadata, payload_hash, producer, producer_version, event_time, retrieved_at)
    SELECT :node, 'github:pr:acme/widgets-' || lpad(CAST(n % 200 AS text), 3, '0') || ':' || lpad(CAST(n AS text), 8, '0'),
        'github', 'pr_merged', CAST(1000000 + n * 7919 % :people AS text), 'login-' || n * 7919 % :people,
        'https://github.example/acme/widgets/1',
        jsonb_build_object('additions', n % 977, 'deletions', n % 89, 'labels', jsonb_build_array('bug', 'good first issue'),
            'title', 'Mend what was wrong with widget ' || n || ' of acme/widgets'),
        encode(sha256(convert_to(CAST(n AS text), 'UTF8')), 'hex'), 'github-adapter', '1.0.0',
        CAST(:start AS timestamptz) + n * 31 % 604800 * interval '1 second', CAST(:start AS timestamptz) + interval '8 days'
    FROM generate_series(CAST(:first AS bigint), :last) AS n
""")
_USERS = text("""
    INSERT INTO users (node_id, user_id) SELECT :node, 'user-' || lpad(CAST(n AS text), 8, '0') FROM generate_series(1, :users) AS n
""")
_UNITS = text("""
    INSERT INTO epoch_allocations (node_id, epoch_id, user_id, proposed_units, final_units, override_reason, activity_count)
    SELECT :node, :epoch, 'user-' || lpad(CAST(n AS text), 8, '0'), 0, (n * 48271 + 11) % 1000003, 'made up', 0
    FROM generate_series(CAST(1 AS bigint), :users) AS n
""")


def open_week(ledger: PostgresLedger) -> EpochId:
    """Open the epoch that everything happens in."""
    opened = open_epoch(ledger, WINDOW, WeightConfig({"github:pr_merged": 8000}), clock=CLOCK)
    assert opened.epoch is not None
    return opened.epoch.id


def bind_everybody(ledger: PostgresLedger, *, but: int = 0) -> None:
    """Bind the accounts of the 10,000 people, but for so many of the last."""
    everybody = bindings()[: PEOPLE - but]
    for start in range(0, len(everybody), MAX_BINDINGS):
        bind_identities(ledger, everybody[start : start + MAX_BINDINGS], make_context(), clock=CLOCK)


def store_events(ledger: PostgresLedger, *, first: int, events: int) -> None:
    """Store so many events of the week, from a number on."""
    with ledger.begin() as transaction:
        values = {"node": NODE, "people": PEOPLE, "start": WINDOW.period_start}
        transaction.connection.execute(_EVENTS, values | {"first": first, "last": first + events - 1})


def set_units(ledger: PostgresLedger, epoch_id: EpochId, users: int) -> None:
    """Give so many users units that an admin set, and the epoch a pool."""
    with ledger.begin() as transaction:
        transaction.connection.execute(_USERS, {"node": NODE, "users": users})
        transaction.connection.execute(_UNITS, {"node": NODE, "users": users, "epoch": epoch_id})
        transaction.pool.add(epoch_id, make_component(1_000_000_007))
