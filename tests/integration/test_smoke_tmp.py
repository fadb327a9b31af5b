import time
from datetime import UTC, datetime
from db_client.postgres_ledger import PostgresLedger
from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.epoch_window import compute_epoch_window
from ledger_core.domain.identity import IdentityBinding
from ledger_core.domain.ledger_action import ActionContext
from ledger_core.domain.pool import PoolComponent
from ledger_core.domain.weight_config import WeightConfig
from ledger_core.identifiers import *
from ledger_core.ports.activity_source import ActivityPage
from ledger_core.use_cases.open_epoch import open_epoch
from ledger_core.use_cases.store_page import store_page
from ledger_core.use_cases.curate_epoch import curate_epoch
from ledger_core.use_cases.propose_allocations import propose_allocations
from ledger_core.use_cases.bind_identity import bind_identities
from ledger_core.use_cases.record_pool_component import record_pool_component
from ledger_core.use_cases.finalize_epoch import finalize_epoch
from ledger_core.use_cases.adjust_allocation import adjust_allocation

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
def clock(): return NOW

def test_smoke(postgres_ledger: PostgresLedger):
    l = postgres_ledger
    w = compute_epoch_window(NOW)
    ev = [ActivityEvent(id=EventId(f"git:commit:r:{i}"), source="git", event_type="commit_authored", platform_user_id=f"u{i%3}@x", platform_login="U", artifact_url=None, event_time=NOW, metadata={"n": i}, producer="git", producer_version="1", retrieved_at=NOW) for i in range(100)]
    o = open_epoch(l, w, WeightConfig({"git:commit_authored": 1000}), clock=clock)
    assert o.epoch
    s = StreamRef(source="git", source_ref="r", stream="commits")
    p = ActivityPage(events=tuple(ev), cursor="c1", retrieved_at=NOW)
    print(store_page(l, s, p, expected_cursor=None))
    print(store_page(l, s, ActivityPage(events=tuple(ev), cursor="c2", retrieved_at=NOW), expected_cursor="c1"))
    print(curate_epoch(l, o.epoch.id, clock=clock))
    print(curate_epoch(l, o.epoch.id, clock=clock))
    ctx = ActionContext(actor="me", reason="because")
    print(bind_identities(l, [IdentityBinding(provider="git", external_id=f"u{i}@x", user_id=UserId(f"u{i}")) for i in range(2)], ctx, clock=clock))
    print(curate_epoch(l, o.epoch.id, clock=clock))
    print(propose_allocations(l, o.epoch.id), propose_allocations(l, o.epoch.id))
    adjust_allocation(l, o.epoch.id, UserId("u1"), final_units=7, context=ctx, clock=clock)
    record_pool_component(l, o.epoch.id, PoolComponent(component_id=ComponentId("base_issuance"), algorithm_version="v0", amount_credits=1000, inputs={}, evidence_ref=None, computed_at=NOW), ctx, clock=clock)
    f = finalize_epoch(l, o.epoch.id, ctx, clock=clock)
    print(f.statement.document())
    f2 = finalize_epoch(l, o.epoch.id, ctx, clock=clock)
    assert f2.statement == f.statement and not f2.closed_now
    with l.read() as v:
        print(v.curation.summary(o.epoch.id), v.identities.list_unresolved(None, limit=5), v.actions.list_latest(limit=2))
        print(next(v.curation.ordered_activity(o.epoch.id)))
        assert [x.statement_hash for x in v.statements.chain()] == [f.statement.statement_hash]
    t=time.time()
    for i in range(20):
        with l.begin() as tx: tx.epochs.find_open()
    print((time.time()-t)/20)
