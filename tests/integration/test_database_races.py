"""Two at once on a real PostgreSQL: what one does while the other is half done.

Nothing sleeps for luck: a racer is known to wait when the server says that its session waits for a lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from threading import Barrier, Event
from typing import TypeVar

import psycopg
import pytest

from db_client.database_url import parse_database_url
from db_client.postgres_ledger import PostgresLedger
from db_client.stores.epochs import PostgresEpochStore
from ledger_core import (
    ActivityPage,
    AnotherEpochOpen,
    CursorMoved,
    Epoch,
    EpochId,
    EpochWindow,
    EpochWindowsOverlap,
    IdentityAlreadyBound,
    IdentityBinding,
    PayoutStatement,
    PoolComponentDiffers,
    StreamRef,
    UserId,
    compute_activity_set_hash,
    compute_allocation_set_hash,
)
from ledger_core.ports.activity_store import StoredEvents
from ledger_core.testing import (
    RETRIEVED_AT,
    FixedClock,
    make_binding,
    make_component,
    make_event,
    make_page,
    make_window,
)
from ledger_core.use_cases.adjust_allocation import adjust_allocation
from ledger_core.use_cases.bind_identity import bind_identities
from ledger_core.use_cases.finalize_epoch import FinalizedEpoch, finalize_epoch
from ledger_core.use_cases.open_epoch import OpenedEpoch, open_epoch
from ledger_core.use_cases.record_pool_component import record_pool_component
from ledger_core.use_cases.store_page import store_page
from tests.conftest import TestDatabase
from tests.contract.story import CONTEXT, WEIGHTS, LedgerStory, annas, bobs, day
from tests.ledger_history import Session, name_of_rule, opened_session
from tests.local_owners import eventually

Result = TypeVar("Result")
WAIT_SECONDS = 30  # far more than anything here takes; a test that hangs is to fail
PULLS = StreamRef(source="github", source_ref="acme/widgets", stream="pulls")
ISSUES = StreamRef(source="github", source_ref="acme/widgets", stream="issues")
CLOCK = FixedClock()
ISOLATIONS = [psycopg.IsolationLevel.READ_COMMITTED, psycopg.IsolationLevel.REPEATABLE_READ]
ONE_EXCLUDED = "UPDATE activity_curation SET included = NOT included WHERE user_id = 'bob'"
WRITES = {
    "curation": (
        "INSERT INTO activity_curation (node_id, epoch_id, event_id, user_id, created_at, updated_at)"
        " VALUES (%(node)s, %(epoch)s, %(event)s, 'ann', now(), now())"
    ),
    "exclusion": "UPDATE activity_curation SET included = false WHERE epoch_id = %(epoch)s",
    "uncuration": "DELETE FROM activity_curation WHERE epoch_id = %(epoch)s AND user_id = 'bob'",
    "allocation": (
        "UPDATE epoch_allocations SET final_units = 3, override_reason = 'x'"
        " WHERE epoch_id = %(epoch)s AND user_id = 'bob'"
    ),
    "pool": (
        "INSERT INTO epoch_pool_components"
        " (node_id, epoch_id, component_id, algorithm_version, inputs_json, amount_credits, computed_at)"
        " VALUES (%(node)s, %(epoch)s, 'top_up', '1', '{}', 7, now())"
    ),
}


class Interrupted(Exception):
    """The closer gives up at the last moment."""


class HeldClock:
    """Stops whoever reads it, in the middle of a use case, until it is let go, to an end or to a failure."""

    def __init__(self) -> None:
        self.read = Event()
        self.go = Event()
        self.fails = False

    def __call__(self) -> datetime:
        self.read.set()
        assert self.go.wait(WAIT_SECONDS)
        if self.fails:
            raise Interrupted
        return RETRIEVED_AT


def binder(ledger: PostgresLedger, *bindings: IdentityBinding) -> Callable[[], int]:
    return lambda: bind_identities(ledger, bindings, CONTEXT, clock=CLOCK)


def collector(
    ledger: PostgresLedger, stream: StreamRef, page: ActivityPage, *, expected: str | None = None
) -> Callable[[], StoredEvents]:
    return lambda: store_page(ledger, stream, page, expected_cursor=expected)


class Race:
    """Racers in threads of their own, and a session that watches who waits for whom."""

    def __init__(self, pool: ThreadPoolExecutor, observer: Session) -> None:
        self._pool = pool
        self._observer = observer

    def start(self, racer: Callable[[], Result]) -> Future[Result]:
        """Let a racer run beside."""
        return self._pool.submit(racer)

    def await_waiting(self, sessions: int = 1) -> None:
        """Return when that many sessions of this database wait for a lock."""
        assert eventually(lambda: self._waiting() == sessions), f"{self._waiting()} sessions wait"

    def all_at_once(self, *racers: Callable[[], Result]) -> list[Result | Exception]:
        """Run all from one start; return what each returned or raised."""
        barrier = Barrier(len(racers), timeout=WAIT_SECONDS)

        def run(racer: Callable[[], Result]) -> Result | Exception:
            barrier.wait()
            try:
                return racer()
            except Exception as error:  # noqa: BLE001 - a racer's refusal is its result
                return error

        return list(self._pool.map(run, racers, timeout=WAIT_SECONDS))

    def _waiting(self) -> int:
        query = (
            b"SELECT count(*) FROM pg_stat_activity"
            b" WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        row = self._observer.execute(query).fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
def race(fresh_database: TestDatabase) -> Iterator[Race]:
    with opened_session(parse_database_url(fresh_database.owner_url)) as observer:
        observer.autocommit = True
        with ThreadPoolExecutor(max_workers=24) as pool:
            yield Race(pool, observer)


@pytest.fixture
def connect(fresh_database: TestDatabase) -> Iterator[Callable[[], Session]]:
    with ExitStack() as sessions:
        url = parse_database_url(fresh_database.owner_url)
        yield lambda: sessions.enter_context(opened_session(url))


@pytest.fixture
def story(postgres_ledger: PostgresLedger) -> LedgerStory:
    return LedgerStory(postgres_ledger)


@pytest.fixture
def epoch_id(story: LedgerStory) -> EpochId:
    """An open epoch, ready to be closed, and one event more that is curated nowhere."""
    epoch_id = story.open()
    story.bind("ann", "1001")
    story.bind("bob", "2002")
    story.store(annas(1, at=day(0)), bobs(2, at=day(1)))
    story.curate(epoch_id)
    story.propose(epoch_id)
    story.record(epoch_id, make_component(1000))
    story.store(annas(3, at=day(2)))
    return epoch_id


def write(session: Session, what: str, ledger: PostgresLedger, epoch_id: EpochId) -> None:
    names = {"node": ledger.node_id, "epoch": epoch_id, "event": annas(3, at=day(2)).id}
    session.execute(WRITES.get(what, ONE_EXCLUDED).encode(), names)


def attempt(session: Session, what: str, ledger: PostgresLedger, epoch_id: EpochId) -> str:
    """Write and commit; return "written", or the rule that refuses it."""
    try:
        write(session, what, ledger, epoch_id)
        session.commit()
    except psycopg.Error as error:
        session.rollback()
        return name_of_rule(error)
    return "written"


def finalizer(
    ledger: PostgresLedger, epoch_id: EpochId, clock: Callable[[], datetime] = CLOCK
) -> Callable[[], FinalizedEpoch]:
    return lambda: finalize_epoch(ledger, epoch_id, CONTEXT, clock=clock)


def check_statement(ledger: PostgresLedger, epoch_id: EpochId, statement: PayoutStatement) -> None:
    """Assert that what is stored of the epoch is what its statement was made from."""
    with ledger.read() as view:
        rows = [row.finalized() for row in view.allocations.list_all(epoch_id)]
        activity = compute_activity_set_hash(view.curation.ordered_events(epoch_id), WEIGHTS)
        assert view.statements.find(epoch_id) == statement
        assert view.epochs.get(epoch_id).pool_total_credits == statement.pool_total_credits
        assert view.pool.list_all(epoch_id) == statement.pool_components
    assert compute_allocation_set_hash(rows) == statement.allocation_set_hash
    assert activity == statement.activity_set_hash


# --- writers beside a close -----------------------------------------------------------------------


@pytest.mark.parametrize("isolation", ISOLATIONS, ids=lambda level: level.name)
@pytest.mark.parametrize("what", WRITES)
def test_what_was_written_before_a_close_is_in_its_statement(
    race: Race,
    connect: Callable[[], Session],
    postgres_ledger: PostgresLedger,
    epoch_id: EpochId,
    what: str,
    isolation: psycopg.IsolationLevel,
) -> None:
    """CURATION_FREEZE_ON_CLOSE, POOL_REPRODUCIBLE: the closer waits for a writer that has yet to commit."""
    writer = connect()
    writer.isolation_level = isolation
    write(writer, what, postgres_ledger, epoch_id)
    closer = race.start(finalizer(postgres_ledger, epoch_id))
    race.await_waiting()
    writer.commit()
    statement = closer.result(WAIT_SECONDS).statement

    check_statement(postgres_ledger, epoch_id, statement)
    assert statement.pool_total_credits == (1007 if what == "pool" else 1000)
    assert {line.user_id: line.total_units for line in statement.payouts} == {
        "curation": {"ann": 16000, "bob": 8000},
        "exclusion": {},
        "uncuration": {"ann": 8000},
        "allocation": {"ann": 8000, "bob": 3},
        "pool": {"ann": 8000, "bob": 8000},
    }[what]


@pytest.mark.parametrize("isolation", ISOLATIONS, ids=lambda level: level.name)
@pytest.mark.parametrize("closes", [True, False], ids=["closed", "undone"])
@pytest.mark.parametrize("what", WRITES)
def test_a_writer_beside_a_close_waits_for_how_it_ends(
    race: Race,
    connect: Callable[[], Session],
    postgres_ledger: PostgresLedger,
    epoch_id: EpochId,
    what: str,
    isolation: psycopg.IsolationLevel,
    *,
    closes: bool,
) -> None:
    """CURATION_FREEZE_ON_CLOSE, POOL_IMMUTABLE: refused when the epoch closed, taken when it did not."""
    clock = HeldClock()
    closer = race.start(finalizer(postgres_ledger, epoch_id, clock))
    assert clock.read.wait(WAIT_SECONDS)
    session = connect()
    session.isolation_level = isolation
    writer = race.start(lambda: attempt(session, what, postgres_ledger, epoch_id))
    race.await_waiting()
    clock.fails = not closes
    clock.go.set()

    if closes:
        check_statement(postgres_ledger, epoch_id, closer.result(WAIT_SECONDS).statement)
        expected = {"SerializationFailure"}
        if isolation is psycopg.IsolationLevel.READ_COMMITTED:
            expected = {"POOL_IMMUTABLE" if what == "pool" else "CURATION_FREEZE_ON_CLOSE"}
        assert writer.result(WAIT_SECONDS) in expected
    else:
        with pytest.raises(Interrupted):
            closer.result(WAIT_SECONDS)
        assert writer.result(WAIT_SECONDS) == "written"


def test_a_writer_with_an_old_snapshot_does_not_write_to_an_epoch_closed_since(
    connect: Callable[[], Session], postgres_ledger: PostgresLedger, story: LedgerStory, epoch_id: EpochId
) -> None:
    """CURATION_FREEZE_ON_CLOSE: seeing the epoch open does not make it so."""
    for what in WRITES:
        writer = connect()
        writer.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        writer.execute("SELECT count(*) FROM epochs WHERE status = 'open'").fetchall()
        if what == "curation":
            statement = story.finalize(epoch_id)

        assert attempt(writer, what, postgres_ledger, epoch_id) in (
            {"SerializationFailure"} if what == "curation" else {"CURATION_FREEZE_ON_CLOSE", "POOL_IMMUTABLE"}
        )
    check_statement(postgres_ledger, epoch_id, statement)


def test_a_plain_update_that_closes_waits_for_writers_and_counts_what_they_wrote(
    race: Race, connect: Callable[[], Session], postgres_ledger: PostgresLedger, epoch_id: EpochId
) -> None:
    """POOL_REPRODUCIBLE: also a closer that takes no lock first sums the pool after it has the row."""
    writer, closer = connect(), connect()
    write(writer, "pool", postgres_ledger, epoch_id)

    def close() -> str:
        try:
            closer.execute(
                "UPDATE epochs SET status = 'closed', pool_total_credits = 1000, closed_at = now() WHERE id = %s",
                [epoch_id],
            )
        except psycopg.Error as error:
            closer.rollback()
            return name_of_rule(error)
        return "closed"

    closing = race.start(close)
    race.await_waiting()
    writer.commit()

    assert closing.result(WAIT_SECONDS) == "POOL_REPRODUCIBLE"


def test_writers_in_a_crowd_neither_deadlock_nor_slip_past_the_close(
    race: Race, connect: Callable[[], Session], postgres_ledger: PostgresLedger, epoch_id: EpochId
) -> None:
    """CURATION_FREEZE_ON_CLOSE: each write is in the statement, or refused; no third way."""
    sessions = [connect() for _ in range(8)]
    under_way = Event()

    def writer(session: Session) -> Callable[[], set[str]]:
        def run() -> set[str]:
            outcomes = set()
            for _ in range(500):
                outcomes.add(attempt(session, "exclusion of one", postgres_ledger, epoch_id))
                under_way.set()
                if outcomes != {"written"}:
                    break
            return outcomes

        return run

    writers = [race.start(writer(session)) for session in sessions]
    assert under_way.wait(WAIT_SECONDS)
    statement = finalizer(postgres_ledger, epoch_id)().statement
    outcomes = [future.result(WAIT_SECONDS) for future in writers]

    check_statement(postgres_ledger, epoch_id, statement)
    assert set().union(*outcomes) == {"written", "CURATION_FREEZE_ON_CLOSE"}


# --- the same thing twice -------------------------------------------------------------------------


def test_of_20_finalizers_one_closes_and_all_return_its_statement(
    race: Race, connect: Callable[[], Session], postgres_ledger: PostgresLedger, epoch_id: EpochId
) -> None:
    """EPOCH_CLOSE_IDEMPOTENT: one statement, 20 equal answers, each on a connection of its own."""
    outcomes = race.all_at_once(*[finalizer(postgres_ledger, epoch_id)] * 20)

    finalized = [outcome for outcome in outcomes if isinstance(outcome, FinalizedEpoch)]
    assert len(finalized) == 20, outcomes
    assert sum(outcome.closed_now for outcome in finalized) == 1
    assert {outcome.statement.statement_hash for outcome in finalized} == {
        finalized[0].statement.statement_hash
    }
    check_statement(postgres_ledger, epoch_id, finalized[0].statement)
    rows = connect().execute(
        "SELECT (SELECT count(*) FROM payout_statements),"
        " (SELECT count(*) FROM ledger_actions WHERE action = 'epoch-closed')"
    )
    assert rows.fetchall() == [(1, 1)]


@contextmanager
def half_opened(ledger: PostgresLedger, week: int) -> Iterator[EpochId]:
    with ledger.begin() as transaction:
        yield transaction.epochs.open(make_window(week), WEIGHTS, opened_at=RETRIEVED_AT).id


def opener(ledger: PostgresLedger, week: int) -> Callable[[], OpenedEpoch]:
    return lambda: open_epoch(ledger, make_window(week), WEIGHTS, clock=FixedClock(make_window(9).period_end))


@pytest.mark.parametrize("week", [0, 1], ids=["of the same window", "of another window"])
def test_an_opener_waits_for_the_one_before_it(
    race: Race, postgres_ledger: PostgresLedger, week: int
) -> None:
    """EPOCH_WINDOW_UNIQUE, ONE_OPEN_EPOCH: it gets the same epoch, or is told which one blocks."""
    with half_opened(postgres_ledger, 0) as first_id:
        second = race.start(opener(postgres_ledger, week))
        race.await_waiting()
    opened = second.result(WAIT_SECONDS)

    found = opened.epoch if week == 0 else opened.blocking
    assert found is not None
    assert found.id == first_id
    assert (opened.epoch is None) == (week == 1)


@pytest.mark.parametrize("week", [0, 1])
def test_an_opener_opens_when_the_one_before_it_gives_up(
    race: Race, postgres_ledger: PostgresLedger, week: int
) -> None:
    """ONE_OPEN_EPOCH: an epoch that never came to be blocks nobody."""

    def give_up() -> Future[OpenedEpoch]:
        with half_opened(postgres_ledger, 0):
            second = race.start(opener(postgres_ledger, week))
            race.await_waiting()
            seconds.append(second)
            raise Interrupted

    seconds: list[Future[OpenedEpoch]] = []
    with pytest.raises(Interrupted):
        give_up()
    opened = seconds[0].result(WAIT_SECONDS)

    assert opened.epoch is not None
    assert opened.epoch.window == make_window(week)


def test_openers_in_a_crowd_agree_on_one_epoch(race: Race, postgres_ledger: PostgresLedger) -> None:
    """ONE_OPEN_EPOCH, EPOCH_WINDOW_UNIQUE: whatever window each of them asks for."""
    outcomes = race.all_at_once(*[opener(postgres_ledger, number % 4) for number in range(16)])

    opened = [outcome for outcome in outcomes if isinstance(outcome, OpenedEpoch)]
    assert len(opened) == 16, outcomes
    assert len({(each.epoch or each.blocking) for each in opened}) == 1
    assert any(each.epoch is not None for each in opened)


def test_an_opener_that_is_overtaken_between_two_looks_gets_its_epoch(
    postgres_ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EPOCH_WINDOW_UNIQUE: the epoch of the same window blocks nobody, whenever it appears."""
    look = PostgresEpochStore.find_by_window
    overtaken: list[EpochId] = []

    def look_and_be_overtaken(store: PostgresEpochStore, window: EpochWindow) -> Epoch | None:
        found = look(store, window)
        if not overtaken:
            with half_opened(postgres_ledger, 0) as epoch_id:
                overtaken.append(epoch_id)
        return found

    monkeypatch.setattr(PostgresEpochStore, "find_by_window", look_and_be_overtaken)
    opened = opener(postgres_ledger, 0)()

    assert opened.epoch is not None
    assert opened.blocking is None


def test_a_closed_window_is_told_from_an_open_epoch(
    story: LedgerStory, postgres_ledger: PostgresLedger
) -> None:
    """EPOCH_WINDOWS_DISJOINT, ONE_OPEN_EPOCH: whichever index speaks first, the refusal is the right one."""
    story.close(story.open(0))
    with pytest.raises(EpochWindowsOverlap), half_opened(postgres_ledger, 0):
        pass
    blocking = story.open(1)
    with pytest.raises(AnotherEpochOpen) as refused, half_opened(postgres_ledger, 1):
        pass

    assert refused.value.open_epoch_id == blocking


# --- collectors -----------------------------------------------------------------------------------


@pytest.mark.parametrize("expected", [None, "zero"], ids=["the first page", "a later page"])
@pytest.mark.parametrize("gives_up", [False, True], ids=["", "unless the first gives up"])
def test_of_two_collectors_of_a_stream_one_goes_on(
    race: Race, postgres_ledger: PostgresLedger, expected: str | None, *, gives_up: bool
) -> None:
    """CURSOR_STATE_PERSISTED: the other is told to start again, and nothing of its page is kept."""
    if expected is not None:
        store_page(postgres_ledger, PULLS, make_page(cursor=expected), expected_cursor=None)
    mine, theirs = make_event(1), make_event(2)
    others: list[Future[StoredEvents]] = []

    def collect() -> None:
        with postgres_ledger.begin() as transaction:
            transaction.cursors.advance(PULLS, expected=expected, cursor="mine", retrieved_at=RETRIEVED_AT)
            transaction.activity.store([mine])
            page = make_page(theirs, cursor="theirs")
            others.append(race.start(collector(postgres_ledger, PULLS, page, expected=expected)))
            race.await_waiting()
            if gives_up:
                raise Interrupted

    if gives_up:
        with pytest.raises(Interrupted):
            collect()
        assert others[0].result(WAIT_SECONDS).inserted == 1
    else:
        collect()
        with pytest.raises(CursorMoved):
            others[0].result(WAIT_SECONDS)

    with postgres_ledger.read() as view:
        assert view.cursors.find(PULLS) == ("theirs" if gives_up else "mine")
        assert view.activity.find(mine.id) == (None if gives_up else mine)
        assert view.activity.find(theirs.id) == (theirs if gives_up else None)


def test_pages_with_the_same_events_in_opposite_orders_do_not_deadlock(
    race: Race, postgres_ledger: PostgresLedger
) -> None:
    """ACTIVITY_IDEMPOTENT: both wait at the same event, having taken the same ones before it."""
    events = [make_event(number) for number in range(100, 200)]
    with postgres_ledger.begin() as transaction:
        transaction.activity.store([events[50]])
        pages = [
            race.start(collector(postgres_ledger, PULLS, make_page(*events, cursor="up"))),
            race.start(collector(postgres_ledger, ISSUES, make_page(*reversed(events), cursor="down"))),
        ]
        race.await_waiting(2)
    stored = [page.result(WAIT_SECONDS) for page in pages]

    assert sum(each.inserted for each in stored) == 99
    assert [each.inserted + each.duplicates for each in stored] == [100, 100]


@pytest.mark.parametrize("repeats_itself", [False, True], ids=["copied", "one copied, one inserted"])
@pytest.mark.parametrize("is_reversed", [False, True], ids=["", "reversed"])
def test_pages_that_are_all_new_do_not_deadlock_however_they_go_in(
    race: Race, postgres_ledger: PostgresLedger, *, repeats_itself: bool, is_reversed: bool
) -> None:
    """ACTIVITY_IDEMPOTENT: who holds an event of both gives it up, and they go on in one order; a page that repeats itself is inserted."""
    events = [make_event(number) for number in range(100, 200)]
    other = [*reversed(events)] if is_reversed else [*events]
    pages: list[Future[StoredEvents]] = []

    def hold() -> None:
        with postgres_ledger.begin() as transaction:
            transaction.activity.store([events[50]])
            for stream, page in (
                (PULLS, events),
                (ISSUES, [*other, *other[:1]] if repeats_itself else other),
            ):
                pages.append(race.start(collector(postgres_ledger, stream, make_page(*page, cursor="one"))))
                race.await_waiting(len(pages))
            raise Interrupted

    with pytest.raises(Interrupted):
        hold()
    stored = [page.result(WAIT_SECONDS) for page in pages]

    assert sum(each.inserted for each in stored) == 100
    assert sum(each.duplicates for each in stored) == 100 + repeats_itself


def test_an_event_that_two_collectors_saw_differently_is_a_conflict_for_the_later(
    race: Race, postgres_ledger: PostgresLedger
) -> None:
    """ACTIVITY_IDEMPOTENT: kept as first seen, and counted, also when both saw it at once."""
    first = make_event(1, metadata={"title": "old"})
    other = make_event(1, metadata={"title": "new"})
    with postgres_ledger.begin() as transaction:
        transaction.activity.store([first])
        page = make_page(other, cursor="one")
        later = race.start(collector(postgres_ledger, PULLS, page))
        race.await_waiting()

    assert later.result(WAIT_SECONDS) == StoredEvents(inserted=0, duplicates=0, conflicts=1)


# --- identities and pool --------------------------------------------------------------------------


def test_of_two_users_bound_to_one_identity_at_once_one_is_refused_whole(
    race: Race, connect: Callable[[], Session], postgres_ledger: PostgresLedger
) -> None:
    """IDENTITY_BEST_EFFORT: nobody is merged by accident, and nothing of the refused call is kept."""
    with postgres_ledger.begin() as transaction:
        transaction.identities.bind([make_binding("ann", "1001")], CONTEXT, at=RETRIEVED_AT)
        bindings = [make_binding("eve", "5005"), make_binding("eve", "1001"), make_binding("eve", "0000")]
        other = race.start(binder(postgres_ledger, *bindings))
        race.await_waiting()
    with pytest.raises(IdentityAlreadyBound) as refused:
        other.result(WAIT_SECONDS)

    assert (refused.value.external_id, refused.value.user_id) == ("1001", "ann")
    kept = connect().execute(
        "SELECT (SELECT array_agg(user_id) FROM users), (SELECT array_agg(external_id) FROM user_bindings),"
        " (SELECT array_agg(user_id) FROM identity_events), (SELECT count(*) FROM ledger_actions)"
    )
    assert kept.fetchall() == [(["ann"], ["1001"], ["ann"], 0)]


def test_one_identity_bound_twice_to_the_same_user_is_bound_once(
    race: Race, postgres_ledger: PostgresLedger
) -> None:
    """IDENTITY_BEST_EFFORT: both callers are content, and one of them did it."""
    outcomes = race.all_at_once(*[binder(postgres_ledger, make_binding())] * 8)

    assert sorted(map(repr, outcomes)) == ["0"] * 7 + ["1"]


def test_bindings_in_opposite_orders_do_not_deadlock(race: Race, postgres_ledger: PostgresLedger) -> None:
    """IDENTITY_BEST_EFFORT: both wait at the same identity, having taken the same ones before it."""
    # Of one user that is there, so that it is the identities that they meet at.
    binder(postgres_ledger, make_binding("ann", "99"))()
    bindings = [make_binding("ann", str(number)) for number in range(100, 140)]
    with postgres_ledger.begin() as transaction:
        transaction.identities.bind([bindings[20]], CONTEXT, at=RETRIEVED_AT)
        callers = [race.start(binder(postgres_ledger, *order)) for order in (bindings, reversed(bindings))]
        race.await_waiting(2)

    assert sum(caller.result(WAIT_SECONDS) for caller in callers) == 39


def test_binding_beside_curation_blocks_neither_and_loses_nobody(
    story: LedgerStory, postgres_ledger: PostgresLedger
) -> None:
    """IDENTITY_BEST_EFFORT: curated before the binding commits, an event is resolved at the next curation."""
    epoch_id = story.open()
    story.store(annas(1, at=day(0)))
    with postgres_ledger.begin() as transaction:
        transaction.identities.bind([make_binding()], CONTEXT, at=RETRIEVED_AT)
        story.curate(epoch_id)
        story.propose(epoch_id)
        unresolved = story.users(epoch_id)
    story.curate(epoch_id)
    story.propose(epoch_id)

    assert unresolved == [None]
    assert story.units(epoch_id) == {"ann": 8000}


def test_binding_curating_and_proposing_in_a_crowd_come_to_the_same_end(
    race: Race, story: LedgerStory, postgres_ledger: PostgresLedger
) -> None:
    """IDENTITY_BEST_EFFORT: no deadlock, no error, and after one more curation everybody is resolved."""
    epoch_id = story.open()
    events = [make_event(number, at=day(0), account=str(number)) for number in range(30)]
    story.store(*events)

    bindings = [make_binding(f"user {number % 5}", str(number)) for number in range(30)]

    outcomes = race.all_at_once(
        *[binder(postgres_ledger, *bindings[first::6]) for first in range(6)],
        *[lambda: story.curate(epoch_id)] * 3,
        *[lambda: story.propose(epoch_id)] * 3,
    )
    story.curate(epoch_id)
    story.propose(epoch_id)

    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    assert story.units(epoch_id) == {f"user {number}": 6 * 8000 for number in range(5)}


@pytest.mark.parametrize("amounts", [(5, 5), (5, 6)], ids=["the same", "another"])
def test_of_two_recorders_of_a_component_one_records_it(
    race: Race, story: LedgerStory, postgres_ledger: PostgresLedger, amounts: tuple[int, int]
) -> None:
    """POOL_UNIQUE_PER_TYPE: the same again is a no-op, other content is refused."""
    epoch_id = story.open()

    def recorder(amount: int) -> Callable[[], bool]:
        component = make_component(amount)
        return lambda: record_pool_component(postgres_ledger, epoch_id, component, CONTEXT, clock=CLOCK)

    with postgres_ledger.begin() as transaction:
        transaction.epochs.lock(epoch_id)
        recorders = [race.start(recorder(amount)) for amount in amounts]
        race.await_waiting(2)
    errors = [recording.exception(WAIT_SECONDS) for recording in recorders]
    results = [each.result() for each, error in zip(recorders, errors, strict=True) if error is None]

    if amounts[0] == amounts[1]:
        assert (sorted(results), errors) == ([False, True], [None, None])
    else:
        assert results == [True]
        assert [type(error) for error in errors if error is not None] == [PoolComponentDiffers]
    with postgres_ledger.read() as view:
        assert len(view.pool.list_all(epoch_id)) == 1


# --- attempts of one write ------------------------------------------------------------------------


@pytest.mark.parametrize("gives_up", [False, True], ids=["", "unless the first gives up"])
def test_a_second_attempt_waits_for_the_first_and_answers_as_it_does(
    race: Race, postgres_ledger: PostgresLedger, epoch_id: EpochId, *, gives_up: bool
) -> None:
    """ACTION_APPLIED_ONCE: an attempt that was given up may still be at it; both say that they set the units."""
    context = replace(CONTEXT, idempotency_key="run/1")
    held = HeldClock()
    held.fails = gives_up

    def adjuster(clock: Callable[[], datetime]) -> Callable[[], bool]:
        return lambda: adjust_allocation(
            postgres_ledger, epoch_id, UserId("ann"), final_units=5, context=context, clock=clock
        )

    first = race.start(adjuster(held))
    assert held.read.wait(WAIT_SECONDS)
    second = race.start(adjuster(CLOCK))
    race.await_waiting()
    held.go.set()

    assert isinstance(first.exception(WAIT_SECONDS), Interrupted) == gives_up
    assert second.result(WAIT_SECONDS)
    with postgres_ledger.read() as view:
        actions = [found for found in view.actions.list_latest(limit=10) if found.context == context]
        assert [found.action for found in actions] == ["allocation-set"]
        found = view.allocations.find(epoch_id, UserId("ann"))
    assert found is not None
    assert found.final_units == 5
