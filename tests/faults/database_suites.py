"""The suites of faults between a ledger and its database, each in a short form and in a long one.

In the long form the doctor looks at the database after every single fault, in the short one at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Final, Protocol

from ledger_core.ports.ledger import LedgerReader
from tests.faults.books import Books, Toll, found_after_fault, read_books, toll
from tests.faults.database_faults import Cutter, every_turn, ledger_at, play, undisturbed_books, worst_turns
from tests.faults.network import Cut, Wire, wire_to
from tests.faults.refusing_database import DEADLOCK, Deadlocks, EveryState, FullDisk, HeldLocks, Refusals
from tests.faults.servers import KillableServer, admin_session, fresh_database, killable_server


@dataclass(frozen=True)
class Place:
    """A server to break, and a wire to it to cut."""

    server: KillableServer
    wire: Wire

    @cached_property
    def calm(self) -> Books:
        """The books of the story told without any fault."""
        with fresh_database(self.server) as name:
            return undisturbed_books(self.server.port, name)


@contextmanager
def place_to_break() -> Iterator[Place]:
    """Run the server and the wire."""
    with killable_server() as server, wire_to(lambda: server.port) as wire:
        yield Place(server, wire)


class Suite(Protocol):
    """Plants faults in the story, and says what they cost."""

    def __call__(self, place: Place, *, is_long: bool) -> Toll: ...


def connections_dropped(place: Place, *, is_long: bool) -> Toll:
    """The connection is lost before every request, and after every reply: a COMMIT is done and nobody hears of it."""
    return _cut(place, every_turn, is_long=is_long)


def server_killed(place: Place, *, is_long: bool) -> Toll:
    """All of PostgreSQL is killed and started again in the middle of a write, and after its COMMIT."""
    kill = place.server.kill
    cuts = partial(every_turn, kill) if is_long else partial(worst_turns, kill)
    return _cut(place, cuts, is_long=is_long)


def session_killed(place: Place, *, is_long: bool) -> Toll:
    """One session's process is killed, as by a machine out of memory: PostgreSQL ends all, and recovers."""
    kill = place.server.kill_backend
    cuts = partial(every_turn, kill) if is_long else partial(worst_turns, kill)
    return _cut(place, cuts, is_long=is_long)


def _cut(place: Place, cuts: Callable[[], Iterator[Cut]], *, is_long: bool) -> Toll:
    cutter = Cutter(place.wire, cuts, once_each=not is_long)
    with fresh_database(place.server) as name:

        def recovered(error: BaseException) -> None:
            place.server.await_up(error)
            if is_long:
                with ledger_at(place.server.port, name) as (witness, _):
                    check_after_fault(witness)

        with ledger_at(place.wire.port, name) as (ledger, _):
            play(ledger, during=cutter.during, before_retry=recovered)
        with ledger_at(place.server.port, name) as (ledger, _):
            return toll(place.calm, read_books(ledger), faults=cutter.faults.total())


def check_after_fault(ledger: LedgerReader) -> None:
    """Fail where the doctor finds something in what a fault left."""
    wrong = found_after_fault(ledger)
    assert not wrong, f"after a fault: {wrong[0]}"


def disk_full(place: Place, *, is_long: bool) -> Toll:
    """Each table's first row finds the disk full: SQLSTATE 53100."""
    return _refuse(place, "disk", wanted="53100", is_long=is_long)


def locks_held(place: Place, *, is_long: bool) -> Toll:
    """Somebody holds every table for longer than a writer waits: SQLSTATE 55P03."""
    return _refuse(place, "locks", wanted="55P03", is_long=is_long)


def deadlocks(place: Place, *, is_long: bool) -> Toll:
    """Somebody locks two tables in another order than each write does: SQLSTATE 40P01."""
    return _refuse(place, "deadlocks", wanted=DEADLOCK, is_long=is_long)


def every_error(place: Place, *, is_long: bool) -> Toll:
    """Each write is answered with an error of every class that a server can give."""
    return _refuse(place, "states", wanted=None, is_long=is_long)


def _refuse(place: Place, kind: str, *, wanted: str | None, is_long: bool) -> Toll:
    refusals = Refusals()
    with fresh_database(place.server) as name, ExitStack() as opened:
        ledger, engine = opened.enter_context(ledger_at(place.server.port, name))
        admin = opened.enter_context(admin_session(place.server, name))
        if kind == "disk":
            during = FullDisk(admin, engine).during
        elif kind == "locks":
            during = HeldLocks(admin, engine).during
        elif kind == "deadlocks":
            rival = opened.enter_context(admin_session(place.server, name))
            during = Deadlocks(admin, rival, engine, met=refusals.states).during
        else:
            states = EveryState(admin)
            opened.callback(states.remove)
            during = states.during
        with refusals.counted(engine):
            play(ledger, during=during, before_retry=lambda _: check_after_fault(ledger) if is_long else None)
        faults = refusals.states.total() if wanted is None else refusals.states[wanted]
        return toll(place.calm, read_books(ledger), faults=faults)


# Each with the faults that its short form plants at least.
DATABASE_SUITES: Final[dict[str, tuple[Suite, int]]] = {
    "connections dropped": (connections_dropped, 200),
    "PostgreSQL killed": (server_killed, 25),
    "a session killed": (session_killed, 25),
    "the disk full": (disk_full, 11),
    "locks held": (locks_held, 20),
    "deadlocks": (deadlocks, 10),
    "every other error": (every_error, 170),
}
