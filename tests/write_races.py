"""Every write of the ledger, the two histories that they race on, and one writer stopped at a statement of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from psycopg.errors import DeadlockDetected
from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError

from ledger_core import EpochId, EventId, Ledger, LedgerError, StreamRef, UserId
from ledger_core.domain.completeness import CompletenessCertificate
from ledger_core.domain.signature import signing_text
from ledger_core.domain.stream_reading import StreamReading
from ledger_core.testing import (
    FixedClock,
    make_binding,
    make_component,
    make_context,
    make_event,
    make_page,
    make_window,
)
from ledger_core.use_cases.adjust_allocation import adjust_allocation
from ledger_core.use_cases.amend_statement import amend_statement
from ledger_core.use_cases.approve_statement import sign_statement
from ledger_core.use_cases.bind_identity import bind_identities, unbind_identity
from ledger_core.use_cases.curate_epoch import curate_epoch
from ledger_core.use_cases.curate_event import curate_event
from ledger_core.use_cases.finalize_epoch import finalize_epoch
from ledger_core.use_cases.import_bindings import import_bindings
from ledger_core.use_cases.move_identities import MovedIdentities, merge_users, split_user
from ledger_core.use_cases.open_epoch import open_epoch
from ledger_core.use_cases.propose_allocations import propose_allocations
from ledger_core.use_cases.record_pool_component import record_pool_component
from ledger_core.use_cases.record_reading import record_reading
from ledger_core.use_cases.record_stream_health import (
    record_stream_collected,
    record_stream_problem,
    record_streams_listed,
)
from ledger_core.use_cases.refresh_epoch import refresh_epoch
from ledger_core.use_cases.store_events import store_events
from ledger_core.use_cases.store_page import store_page
from ledger_core.use_cases.waive_gap import waive_gap
from tests.contract.story import WEIGHTS, LedgerStory, annas, bobs, day
from tests.ledger_states import NOWHERE
from tests.signers import APPROVER, approval_policy, signature_of

WAIT_SECONDS: Final = 30.0
PULLS: Final = StreamRef(source="github", source_ref="acme/widgets", stream="pulls")
ISSUES: Final = StreamRef(source="github", source_ref="acme/widgets", stream="issues")
DIRECTORY: Final = StreamRef(source="github", source_ref="acme/*", stream="repositories")
STREAMS: Final = (PULLS, ISSUES)
CONTEXT: Final = make_context()
CLOCK: Final = FixedClock(day(0, week=10))

Write = Callable[[Ledger], object]


def find_epoch(ledger: Ledger, week: int) -> EpochId:
    """Return the week's epoch, or an id that no epoch has."""
    with ledger.read() as view:
        found = view.epochs.find_by_window(make_window(week))
    return NOWHERE if found is None else found.id


def _open(week: int) -> Write:
    def write(ledger: Ledger) -> object:
        found = open_epoch(ledger, make_window(week), WEIGHTS, clock=CLOCK)
        return found.epoch and found.epoch.window, found.blocking and found.blocking.window

    return write


def _page(stream: StreamRef, *numbers: int) -> Write:
    # Even numbers are late work: what is curated of a page is all of it or nothing.
    events = [annas(number, at=day(3, week=number % 2)) for number in numbers]
    return lambda ledger: store_page(
        ledger, stream, make_page(*events, cursor=f"{numbers}"), expected_cursor=None
    )


def _judge(*, included: bool, weight: int | None = None) -> Write:
    return lambda ledger: curate_event(
        ledger,
        find_epoch(ledger, 1),
        EventId(annas(11, at=day(0, week=1)).id),
        included=included,
        weight_override_milli=weight,
        context=CONTEXT,
        clock=CLOCK,
    )


def _adjust(user: str, units: int | None) -> Write:
    return lambda ledger: adjust_allocation(
        ledger, find_epoch(ledger, 1), UserId(user), final_units=units, context=CONTEXT, clock=CLOCK
    )


def _bind(user: str, *accounts: str) -> Write:
    bindings = [make_binding(user, account) for account in accounts]
    return lambda ledger: bind_identities(ledger, bindings, CONTEXT, clock=CLOCK)


def _record(credits_: int) -> Write:
    component = make_component(credits_, component_id="top_up")
    return lambda ledger: record_pool_component(
        ledger, find_epoch(ledger, 1), component, CONTEXT, clock=CLOCK
    )


def _finalize(ledger: Ledger) -> object:
    found = finalize_epoch(ledger, find_epoch(ledger, 1), CONTEXT, clock=CLOCK)
    statement = found.statement
    return found.closed_now, statement.payouts, statement.pool_total_credits, statement.activity_set_hash


def _amend(**units: int) -> Write:
    """Amend the week that is closed, as whoever saw the statement of its close would."""

    def write(ledger: Ledger) -> object:
        epoch_id = find_epoch(ledger, 0)
        with ledger.read() as view:
            closed = view.statements.versions(epoch_id)[0]
        amended = amend_statement(
            ledger,
            epoch_id,
            set_units={UserId(user): milli_units for user, milli_units in units.items()},
            cleared=(),
            reviewed_statement_hash=closed.statement_hash,
            context=CONTEXT,
            clock=CLOCK,
        )
        return amended.statement.payouts

    return write


def _moved(found: MovedIdentities) -> object:
    return found.moved, found.counts, found.allocations_changed


def _sign(ledger: Ledger) -> object:
    """Sign the statement of the week that is closed, as it closed."""
    epoch_id = find_epoch(ledger, 0)
    with ledger.read() as view:
        closed = view.statements.versions(epoch_id)[0]
    signed = sign_statement(
        ledger,
        epoch_id,
        statement_hash=closed.statement_hash,
        signature=signature_of(APPROVER, signing_text(closed)),
        policy=approval_policy(),
        context=CONTEXT,
        clock=CLOCK,
    )
    return signed.signer, signed.is_new


def _reading(stream: StreamRef, problem: str | None = None) -> StreamReading:
    certificate = CompletenessCertificate(begins=None, ends=None, pages=1, counts=())
    return StreamReading(
        stream=stream,
        window=make_window(1),
        retrieved_at=day(0, week=2),
        certificate=None if problem else certificate,
        problem=problem,
    )


def _count_page(ledger: Ledger) -> object:
    page = make_page(annas(17, at=day(3, week=1)), cursor="counted", retrieved_at=day(0, week=2))
    counted = replace(page, certificate=_reading(PULLS).certificate)
    return store_page(ledger, PULLS, counted, expected_cursor=None, window=make_window(1))


WRITES: Final[dict[str, Write]] = {
    "store a page that ends a counted reading": _count_page,
    "lose a reading": lambda ledger: record_reading(ledger, _reading(PULLS, "lost")),
    "read it again": lambda ledger: record_reading(ledger, _reading(PULLS)),
    "waive what was lost": lambda ledger: waive_gap(
        ledger, find_epoch(ledger, 1), PULLS, context=CONTEXT, clock=CLOCK
    ),
    "open its window": _open(1),
    "open the next window": _open(2),
    "store a page": _page(PULLS, 13, 14),
    "store another page of the stream": _page(PULLS, 14, 15),
    "store a page of another stream": _page(ISSUES, 15, 14, 13),
    "store events one by one": lambda ledger: store_events(
        ledger, [annas(number, at=day(3, week=number % 2)) for number in (15, 13, 16)]
    ),
    "curate": lambda ledger: curate_epoch(ledger, find_epoch(ledger, 1), clock=CLOCK),
    "refresh": lambda ledger: refresh_epoch(ledger, find_epoch(ledger, 1), clock=CLOCK),
    "propose": lambda ledger: propose_allocations(ledger, find_epoch(ledger, 1)),
    "exclude an event": _judge(included=False),
    "re-weigh the event": _judge(included=True, weight=5),
    "set units": _adjust("bob", 3),
    "clear units": _adjust("bob", None),
    "bind a new account": _bind("cid", "3003", "4004"),
    "bind it to another": _bind("dora", "4004", "3003"),
    "import what others bind": lambda ledger: import_bindings(
        ledger, [make_binding("cid", "3003"), make_binding("eve", "5005")], CONTEXT, clock=CLOCK
    ),
    "merge two users": lambda ledger: _moved(
        merge_users(ledger, UserId("fay"), UserId("ann"), CONTEXT, clock=CLOCK)
    ),
    "merge them the other way": lambda ledger: _moved(
        merge_users(ledger, UserId("ann"), UserId("fay"), CONTEXT, clock=CLOCK)
    ),
    "split a user": lambda ledger: _moved(
        split_user(ledger, UserId("ann"), UserId("dora"), [("github", "1002")], CONTEXT, clock=CLOCK)
    ),
    "unbind": lambda ledger: unbind_identity(ledger, "github", "1001", CONTEXT, clock=CLOCK),
    "top up": _record(7),
    "top up otherwise": _record(9),
    "finalize": _finalize,
    "sign the week before": _sign,
    "amend the week before": _amend(ann=5, bob=6),
    "amend it otherwise": _amend(bob=7),
    "note that a stream was collected": lambda ledger: record_stream_collected(
        ledger, PULLS, period_end=day(0, week=2), clock=CLOCK
    ),
    "note that a stream failed": lambda ledger: record_stream_problem(ledger, PULLS, "gone", clock=CLOCK),
    "note what a directory lists": lambda ledger: record_streams_listed(
        ledger, DIRECTORY, [PULLS, ISSUES], clock=CLOCK
    ),
}


def tell_open_epoch(ledger: Ledger) -> None:
    """A closed week, late work from it, and an open week with everything that a write can touch."""
    story = LedgerStory(ledger)
    story.bind("ann", "1001", "1002")
    story.bind("bob", "2002")
    story.bind("fay", "6006")
    story.live_through(0, annas(1, at=day(1)))
    epoch_id = story.open(1)
    unbound = make_event(13, at=day(1, week=1), account="3003", login="cid")
    fays = make_event(20, at=day(1, week=1), account="6006", login="fay")
    story.store(annas(11, at=day(0, week=1)), bobs(12, at=day(1, week=1)), unbound, fays)
    story.curate(epoch_id)
    story.propose(epoch_id)
    story.adjust(epoch_id, "bob", 4000)
    story.record(epoch_id, make_component(1000))
    story.store(annas(2, at=day(2)), annas(19, at=day(4, week=1)))  # late work, and news


def tell_no_epoch(ledger: Ledger) -> None:
    """A ledger where no epoch is open, with events of the week to come."""
    story = LedgerStory(ledger)
    story.bind("ann", "1001")
    story.live_through(0, annas(1, at=day(1)))
    story.store(annas(11, at=day(0, week=1)))


def answer(write: Write, ledger: Ledger) -> tuple[str, object]:
    """Return what a write returned, or the code of its refusal."""
    try:
        return "done", write(ledger)
    except LedgerError as error:
        return "refused", error.code
    except DBAPIError as error:
        if isinstance(error.orig, DeadlockDetected):
            return "deadlock", None
        raise


@dataclass
class Stopper:
    """Stops an engine's one running writer before its n-th statement; 0 is never, COMMIT is the last."""

    engine: Engine
    at: int = 0
    statements: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count, and stop, while the block runs."""

        def statement(*_arguments: Any) -> None:
            self._count()

        event.listen(self.engine, "before_cursor_execute", statement)
        event.listen(self.engine, "commit", statement)
        try:
            yield
        finally:
            event.remove(self.engine, "before_cursor_execute", statement)
            event.remove(self.engine, "commit", statement)

    def _count(self) -> None:
        self.statements += 1
        if self.statements == self.at:
            self.reached.set()
            assert self.go.wait(WAIT_SECONDS)


def race(
    first: Write,
    second: Write,
    *,
    stopped: tuple[Engine, Ledger],
    running: tuple[Ledger, Callable[[], bool]],
    at: int,
    threads: ThreadPoolExecutor,
) -> tuple[tuple[str, object], tuple[str, object], bool] | None:
    """Stop the first before its statement number `at`, run the second until it ends or waits, let both end.

    Returns: both answers, and whether the second waited; None if the first has no such statement.
    """
    stopper = Stopper(stopped[0], at=at)
    ledger, waits = running
    with stopper.watching():
        one: Future[tuple[str, object]] = threads.submit(answer, first, stopped[1])
        while not stopper.reached.wait(0.001):
            if one.done():
                one.result()
                return None
        other = threads.submit(answer, second, ledger)
        waited = _ends_or_waits(other, waits)
        stopper.go.set()
        return one.result(WAIT_SECONDS), other.result(WAIT_SECONDS), waited


def _ends_or_waits(racer: Future[Any], waits: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if racer.done():
            return False
        if waits():
            return True
        time.sleep(0.001)
    message = "the second writer neither ends nor waits for a lock"
    raise AssertionError(message)
