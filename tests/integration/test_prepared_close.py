"""Writes between the snapshot that a close is computed of and the lock under which it is written: none is lost, or paid wrongly.

Each attack is made by a session of its own, at the very moment between the two, by plain SQL or by a use case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError

from db_client.database_url import parse_database_url
from db_client.postgres_ledger import PostgresLedger, PostgresTransaction
from db_client.stores import settled_rows
from ledger_core import (
    EpochId,
    PayoutStatement,
    StreamRef,
    UserId,
    compute_activity_set_hash,
    compute_allocation_set_hash,
)
from ledger_core.completeness_errors import StreamIncomplete
from ledger_core.domain.canonical_json import canonical_json, parse_canonical_json
from ledger_core.domain.stream_reading import StreamReading
from ledger_core.errors import AllocationsChanged
from ledger_core.ports.allocation_store import SettledRows
from ledger_core.ports.ledger import ProgramOutdated
from ledger_core.testing import FixedClock, make_component, make_window
from ledger_core.use_cases.amend_statement import amend_statement
from ledger_core.use_cases.finalize_epoch import FinalizedEpoch, finalize_epoch
from ledger_core.use_cases.record_reading import record_reading
from tests.conftest import TestDatabase
from tests.contract.story import CONTEXT, WEIGHTS, LedgerStory, annas, bobs, day
from tests.ledger_history import Session, opened_session
from tests.local_owners import eventually

CLOCK = FixedClock(day(0, week=10))
PULLS = StreamRef(source="github", source_ref="acme/widgets", stream="pulls")
CURATE = (
    "INSERT INTO activity_curation (node_id, epoch_id, event_id, user_id, created_at, updated_at)"
    " VALUES (%(node)s, %(epoch)s, %(event)s, 'ann', now(), now())"
)
UNITS = "UPDATE epoch_allocations SET final_units = {units}, override_reason = 'x' WHERE epoch_id = %(epoch)s AND user_id = 'bob'"
EXCLUDE = "UPDATE activity_curation SET included = false WHERE epoch_id = %(epoch)s AND user_id = 'bob'"
UNCURATE = "DELETE FROM activity_curation WHERE epoch_id = %(epoch)s AND user_id = 'bob'"
DISALLOCATE = "DELETE FROM epoch_allocations WHERE epoch_id = %(epoch)s AND user_id = 'bob'"
ALLOCATE = (
    "INSERT INTO epoch_allocations"
    " (node_id, epoch_id, user_id, proposed_units, activity_count, final_units, override_reason)"
    " VALUES (%(node)s, %(epoch)s, 'bob', 8000, 1, 5, 'x')"
)
# What is written, and what everybody is paid by then; before any of it, ann has 8000 milli-units and bob 8000.
ATTACKS: dict[str, tuple[str, dict[str, int]]] = {
    "an event more": (CURATE, {"ann": 16000, "bob": 8000}),
    "an event excluded": (EXCLUDE, {"ann": 8000}),
    "an event less": (UNCURATE, {"ann": 8000}),
    "one event for another": (f"{UNCURATE}; {CURATE}", {"ann": 16000}),
    "an event of another user": (
        "UPDATE activity_curation SET user_id = 'ann' WHERE epoch_id = %(epoch)s AND user_id = 'bob'",
        {"ann": 16000},
    ),
    "an event weighed otherwise": (
        "UPDATE activity_curation SET weight_override_milli = 1 WHERE epoch_id = %(epoch)s AND user_id = 'bob'",
        {"ann": 8000, "bob": 1},
    ),
    "units set": (UNITS.format(units=3), {"ann": 8000, "bob": 3}),
    "units set and set again": (
        f"{UNITS.format(units=3)}; {UNITS.format(units=4)}",
        {"ann": 8000, "bob": 4},
    ),
    "units set in a savepoint": (
        f"SAVEPOINT one; {UNITS.format(units=3)}; RELEASE one",
        {"ann": 8000, "bob": 3},
    ),
    "units set after a savepoint that was undone": (
        f"SAVEPOINT one; {EXCLUDE}; ROLLBACK TO one; SAVEPOINT two; {UNITS.format(units=3)}",
        {"ann": 8000, "bob": 3},
    ),
    "a row put in another's place": (f"{DISALLOCATE}; {ALLOCATE}", {"ann": 8000, "bob": 5}),
    "proposals edited": (
        "UPDATE epoch_allocations SET proposed_units = 1 WHERE epoch_id = %(epoch)s",
        {"ann": 8000, "bob": 8000},
    ),
}


class Between:
    """A session of a ledger in which something happens once, after its first snapshot and before its transaction."""

    def __init__(self, ledger: PostgresLedger, happens: Callable[[], object]) -> None:
        self._ledger = ledger
        self._happens = [happens]

    @property
    def node_id(self) -> Any:
        return self._ledger.node_id

    @contextmanager
    def session(self) -> Iterator[Between]:
        with self._ledger.session() as session:
            yield Between(session, self._happens[0])

    @contextmanager
    def read(self) -> Iterator[PostgresTransaction]:
        with self._ledger.read() as view:
            yield view

    @contextmanager
    def begin(self) -> Iterator[PostgresTransaction]:
        for happens in self._happens:
            happens()
        self._happens.clear()
        with self._ledger.begin() as transaction:
            yield transaction


@pytest.fixture
def story(postgres_ledger: PostgresLedger) -> LedgerStory:
    return LedgerStory(postgres_ledger)


@pytest.fixture
def epoch_id(story: LedgerStory) -> EpochId:
    """An open epoch after a closed one, ready to be closed, and one event more that is curated nowhere."""
    story.bind("ann", "1001")
    story.bind("bob", "2002")
    story.live_through(0, annas(7, at=day(0)))
    epoch_id = story.open(1)
    story.store(annas(1, at=day(0, week=1)), bobs(2, at=day(1, week=1)))
    story.curate(epoch_id)
    story.propose(epoch_id)
    story.record(epoch_id, make_component(1000))
    story.store(annas(3, at=day(2, week=1)))
    return epoch_id


@pytest.fixture
def attacker(fresh_database: TestDatabase) -> Iterator[Session]:
    with opened_session(parse_database_url(fresh_database.owner_url)) as session:
        yield session


@pytest.fixture
def bystander(fresh_database: TestDatabase) -> Iterator[Session]:
    with opened_session(parse_database_url(fresh_database.owner_url)) as session:
        yield session


def write(session: Session, script: str, ledger: PostgresLedger, epoch_id: EpochId) -> None:
    names = {"node": ledger.node_id, "epoch": epoch_id, "event": annas(3, at=day(2, week=1)).id}
    session.execute(script.encode(), names)


def finalize(
    ledger: PostgresLedger, epoch_id: EpochId, happens: Callable[[], object], **reviewed: Any
) -> FinalizedEpoch:
    return finalize_epoch(Between(ledger, happens), epoch_id, CONTEXT, clock=CLOCK, **reviewed)


def check_statement(ledger: PostgresLedger, epoch_id: EpochId, statement: PayoutStatement) -> None:
    """Assert that what is stored of the epoch is what its statement was made from."""
    with ledger.read() as view:
        rows = [row.finalized() for row in view.allocations.list_all(epoch_id)]
        activity = compute_activity_set_hash(view.curation.ordered_events(epoch_id), WEIGHTS)
        assert view.statements.find(epoch_id) == statement
        assert view.pool.list_all(epoch_id) == statement.pool_components
    assert compute_allocation_set_hash(rows) == statement.allocation_set_hash
    assert activity == statement.activity_set_hash


def units_of(statement: PayoutStatement) -> dict[str, int]:
    return {line.user_id: line.total_units for line in statement.payouts}


@pytest.mark.parametrize("begins", ["between", "before the snapshot", "before the snapshot, in a savepoint"])
@pytest.mark.parametrize("what", ATTACKS)
def test_what_commits_between_the_snapshot_and_the_lock_is_in_the_statement(
    postgres_ledger: PostgresLedger,
    epoch_id: EpochId,
    attacker: Session,
    bystander: Session,
    what: str,
    begins: str,
) -> None:
    """CURATION_FREEZE_ON_CLOSE: also of a transaction with a number that is lower than many the snapshot has seen the end of."""
    script, units = ATTACKS[what]
    if begins != "between":
        attacker.execute("SELECT pg_current_xact_id()")
        bystander.execute("SELECT pg_current_xact_id()")  # whose number is higher, and at an end
        bystander.commit()
    if begins.endswith("savepoint"):
        attacker.execute("SAVEPOINT begun")
        attacker.execute(
            "CREATE TEMPORARY TABLE numbered (number int)"
        )  # the savepoint has a number of its own

    def happens() -> None:
        write(attacker, script, postgres_ledger, epoch_id)
        attacker.commit()

    found = finalize(postgres_ledger, epoch_id, happens)

    assert found.closed_now
    assert units_of(found.statement) == units
    check_statement(postgres_ledger, epoch_id, found.statement)


@pytest.mark.parametrize("what", ATTACKS)
def test_what_is_undone_between_the_snapshot_and_the_lock_is_in_no_statement(
    postgres_ledger: PostgresLedger, epoch_id: EpochId, attacker: Session, what: str
) -> None:
    """CURATION_FREEZE_ON_CLOSE: rows that nobody committed are none."""

    def happens() -> None:
        write(attacker, ATTACKS[what][0], postgres_ledger, epoch_id)
        attacker.rollback()

    found = finalize(postgres_ledger, epoch_id, happens)

    assert units_of(found.statement) == {"ann": 8000, "bob": 8000}
    check_statement(postgres_ledger, epoch_id, found.statement)


def test_a_decision_that_is_taken_away_between_is_in_no_statement(
    postgres_ledger: PostgresLedger, story: LedgerStory, epoch_id: EpochId, attacker: Session
) -> None:
    """CURATION_FREEZE_ON_CLOSE: rows that are there no more have no number; they are missed in the count."""
    story.adjust(epoch_id, "bob", 3)

    def happens() -> None:
        write(attacker, DISALLOCATE, postgres_ledger, epoch_id)
        attacker.commit()

    found = finalize(postgres_ledger, epoch_id, happens)

    assert units_of(found.statement) == {"ann": 8000, "bob": 8000}
    check_statement(postgres_ledger, epoch_id, found.statement)


def test_a_row_of_nothing_that_plain_sql_left_is_paid_no_line(
    postgres_ledger: PostgresLedger, epoch_id: EpochId, attacker: Session
) -> None:
    """PAYOUT_DETERMINISTIC: who has neither activity nor a decision has no allocation."""
    nothing = "UPDATE epoch_allocations SET proposed_units = 0, activity_count = 0 WHERE epoch_id = %(epoch)s AND user_id = 'bob'"
    write(attacker, f"{EXCLUDE}; {nothing}", postgres_ledger, epoch_id)
    attacker.commit()

    found = finalize(postgres_ledger, epoch_id, lambda: None)

    assert units_of(found.statement) == {"ann": 8000}
    check_statement(postgres_ledger, epoch_id, found.statement)


@pytest.mark.parametrize("is_before", [True, False], ids=["before the snapshot", "between"])
def test_a_close_beside_a_rewrite_of_the_events_is_made_of_all_of_them(
    postgres_ledger: PostgresLedger,
    story: LedgerStory,
    attacker: Session,
    bystander: Session,
    *,
    is_before: bool,
) -> None:
    """PAYOUT_DETERMINISTIC: to a snapshot of before, a table that was rewritten since is empty."""
    story.bind("ann", "1001")
    story.bind("bob", "2002")
    epoch_id = story.open(1)
    anns, bobs_ = annas(1, at=day(0, week=1)), bobs(2, at=day(1, week=1))
    story.store(anns, bobs_)
    story.curate(epoch_id)
    story.judge(epoch_id, anns, weight=5)
    story.judge(epoch_id, bobs_, weight=0)
    story.propose(epoch_id)
    story.record(epoch_id, make_component(1000))
    # Proposals are behind now, but look settled to whoever sees no events.
    attacker.execute("UPDATE activity_curation SET weight_override_milli = NULL WHERE user_id = 'bob'")
    attacker.commit()
    rewrite = "ALTER TABLE activity_events ADD COLUMN more uuid DEFAULT gen_random_uuid()"
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'relation'"

    def happens() -> None:
        if not is_before:
            attacker.execute(rewrite)
            attacker.commit()

    with ThreadPoolExecutor(1) as threads:
        if is_before:
            attacker.execute(rewrite)
        closing = threads.submit(finalize, postgres_ledger, epoch_id, happens)
        if is_before:
            bystander.autocommit = True
            assert eventually(lambda: bystander.execute(waiting).fetchone() is not None)
            attacker.commit()
        statement = closing.result(60).statement

    assert units_of(statement) == {"ann": 5, "bob": 8000}
    check_statement(postgres_ledger, epoch_id, statement)


def test_a_snapshot_that_waited_for_a_migration_is_refused(
    postgres_ledger: PostgresLedger, attacker: Session, bystander: Session
) -> None:
    """A program that is too old by then reads nothing of the new schema."""
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'relation'"
    bystander.autocommit = True

    def read() -> None:
        with postgres_ledger.read():
            pass

    attacker.execute("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
    attacker.execute("UPDATE alembic_version SET version_num = '9999'")
    attacker.execute("COMMENT ON TABLE alembic_version IS 'oldest program: 9999'")
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(read)
        assert eventually(lambda: bystander.execute(waiting).fetchone() is not None)
        attacker.commit()

        with pytest.raises(ProgramOutdated):
            reading.result(60)


def test_a_close_of_what_was_reviewed_is_refused_after_a_write_between(
    postgres_ledger: PostgresLedger, story: LedgerStory, epoch_id: EpochId
) -> None:
    """What is closed is what was seen: the snapshot had it, and the lock does not."""
    with postgres_ledger.read() as view:
        reviewed = compute_allocation_set_hash(row.finalized() for row in view.allocations.list_all(epoch_id))

    with pytest.raises(AllocationsChanged):
        finalize(postgres_ledger, epoch_id, lambda: story.adjust(epoch_id, "bob", 3), reviewed_hash=reviewed)

    assert story.epoch(epoch_id).is_open
    assert story.units(epoch_id) == {"ann": 8000, "bob": 3}


def test_a_pool_that_grew_between_is_paid_out(
    postgres_ledger: PostgresLedger, story: LedgerStory, epoch_id: EpochId
) -> None:
    """POOL_REPRODUCIBLE."""
    top_up = make_component(7, component_id="top_up")

    statement = finalize(postgres_ledger, epoch_id, lambda: story.record(epoch_id, top_up)).statement

    assert statement.pool_total_credits == sum(line.amount_credits for line in statement.payouts) == 1007
    check_statement(postgres_ledger, epoch_id, statement)


def test_a_gap_that_was_found_between_blocks_the_close(
    postgres_ledger: PostgresLedger, story: LedgerStory, epoch_id: EpochId
) -> None:
    """GAP_BLOCKS_CLOSE."""
    reading = StreamReading(
        stream=PULLS, window=make_window(1), retrieved_at=CLOCK(), certificate=None, problem="gone"
    )

    with pytest.raises(StreamIncomplete):
        finalize(postgres_ledger, epoch_id, lambda: record_reading(postgres_ledger, reading))

    assert story.epoch(epoch_id).is_open


def test_a_statement_follows_one_that_was_written_between(
    postgres_ledger: PostgresLedger, epoch_id: EpochId
) -> None:
    """STATEMENT_CHAIN_LINEAR: an amendment of the week before is the newest statement then."""
    with postgres_ledger.read() as view:
        (first,) = view.statements.chain()

    def amend() -> str:
        return amend_statement(
            postgres_ledger,
            first.epoch_id,
            set_units={UserId("bob"): 5},
            cleared=(),
            reviewed_statement_hash=first.statement_hash,
            context=CONTEXT,
            clock=CLOCK,
        ).statement.statement_hash

    amended: list[str] = []
    statement = finalize(postgres_ledger, epoch_id, lambda: amended.append(amend())).statement

    assert [statement.previous_statement_hash] == amended


def test_a_close_that_came_between_is_returned(postgres_ledger: PostgresLedger, epoch_id: EpochId) -> None:
    """EPOCH_CLOSE_IDEMPOTENT."""
    between: list[FinalizedEpoch] = []
    found = finalize(
        postgres_ledger,
        epoch_id,
        lambda: between.append(finalize_epoch(postgres_ledger, epoch_id, CONTEXT, clock=CLOCK)),
    )

    assert (found.closed_now, [found.statement]) == (False, [each.statement for each in between])


@pytest.mark.parametrize("comes_between", [False, True])
def test_only_a_close_that_something_came_between_reads_events_and_allocations_under_the_lock(
    postgres_ledger: PostgresLedger,
    worker_engine: Engine,
    story: LedgerStory,
    epoch_id: EpochId,
    *,
    comes_between: bool,
) -> None:
    """What a million events or users take is taken before anybody waits."""
    under_lock: list[str] = []
    locked = False

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        nonlocal locked
        if locked:
            under_lock.append(statement)
        locked = locked or "FOR UPDATE" in statement

    def happens() -> None:
        if comes_between:
            story.adjust(epoch_id, "bob", 3)
        event.listen(worker_engine, "before_cursor_execute", note)

    try:
        finalize(postgres_ledger, epoch_id, happens)
    finally:
        event.remove(worker_engine, "before_cursor_execute", note)
    reading = [
        what
        for what in ("activity_events", "epoch_allocations.user_id")
        if any(f"{what}" in statement for statement in under_lock)
    ]

    assert reading == (["activity_events", "epoch_allocations.user_id"] if comes_between else [])


def test_rows_that_another_session_found_are_not_believed(
    postgres_ledger: PostgresLedger, epoch_id: EpochId
) -> None:
    """A server that failed, and one in its place, may number other writes alike: the session ended with the first."""
    with postgres_ledger.session() as one, postgres_ledger.session() as other:
        with one.read() as view:
            rows = view.allocations.find_settled(epoch_id)
        assert rows is not None
        found = []
        for session in (other, one):
            with session.begin() as transaction:
                transaction.epochs.lock(epoch_id)
                found.append(transaction.allocations.are_settled(epoch_id, rows))

    assert found == [False, True]


@pytest.mark.parametrize("name", ["pid", "started"])
def test_rows_of_another_server_process_are_not_believed(
    postgres_ledger: PostgresLedger, epoch_id: EpochId, name: str
) -> None:
    """Its number comes again, and another may begin at the same moment: both are compared."""
    with postgres_ledger.session() as session:
        with session.read() as view:
            rows = view.allocations.find_settled(epoch_id)
        assert rows is not None
        shown: dict[str, Any] = parse_canonical_json(rows.encode())
        shown[name] = f"1{shown[name]}" if name == "pid" else "2026-01-01 00:00:00+00"
        others = SettledRows(canonical_json(shown).decode())
        with session.begin() as transaction:
            transaction.epochs.lock(epoch_id)
            assert not transaction.allocations.are_settled(epoch_id, others)


def test_rows_are_not_believed_for_ever(
    postgres_ledger: PostgresLedger,
    attacker: Session,
    epoch_id: EpochId,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A number of 32 bits comes again: long before, nobody is told that nothing was written."""
    monkeypatch.setattr(settled_rows, "MOST_TRANSACTIONS", 20)
    found = []
    with postgres_ledger.session() as session:
        with session.read() as view:
            rows = view.allocations.find_settled(epoch_id)
        assert rows is not None
        for _ in range(2):
            with session.begin() as transaction:
                transaction.epochs.lock(epoch_id)
                found.append(transaction.allocations.are_settled(epoch_id, rows))
            for _ in range(20):
                attacker.execute("SELECT pg_current_xact_id()")
                attacker.commit()

    assert found == [True, False]


def test_a_session_writes_after_it_has_read_and_cannot_write_while_it_reads(
    postgres_ledger: PostgresLedger, story: LedgerStory, epoch_id: EpochId
) -> None:
    """WRITES_VIA_TEMPORAL: a snapshot is read-only in a session as well."""
    with postgres_ledger.session() as session:
        with pytest.raises(DBAPIError, match="read-only transaction"), session.read() as view:
            view.connection.exec_driver_sql("UPDATE epochs SET status = status")
        with session.begin() as transaction:
            transaction.pool.add(epoch_id, make_component(7, component_id="top_up"))

    assert len(story_components(story, epoch_id)) == 2


def story_components(story: LedgerStory, epoch_id: EpochId) -> tuple[Any, ...]:
    with story.ledger.read() as view:
        return view.pool.list_all(epoch_id)
