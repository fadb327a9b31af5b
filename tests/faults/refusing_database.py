"""A database that says no, for real: a full disk, locks that others hold, deadlocks, and errors of every class."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql
from sqlalchemy import Engine, event

from db_client.tables.all_tables import ledger_metadata
from tests.faults.in_process import Attempt
from tests.faults.servers import LOGIN, PATIENCE_SECONDS
from tests.local_owners import eventually

Answer = Callable[[], Any]
Session = psycopg.Connection[tuple[Any, ...]]

FULL: Final = Path("/dev/full")  # the kernel answers every write to it with ENOSPC, as a full disk does
TABLES: Final = tuple(table.name for table in ledger_metadata.sorted_tables)
SHORT_LOCK_TIMEOUT: Final = "100ms"  # of 30 s in production: the same error, sooner
LONG_LOCK_TIMEOUT: Final = "5s"  # for a rival that came too late to be seen
DEADLOCK: Final = "40P01"
# For each activity, a table that it writes first and one that it writes later.
WRITES_IN_ORDER: Final = {
    "bind_identities": ("users", "user_bindings"),
    "unbind_identity": ("user_bindings", "ledger_actions"),
    "collect_stream": ("source_cursors", "activity_events"),
    "curate_epoch": ("activity_curation", "epoch_allocations"),
    "curate_open_epoch": ("activity_curation", "epoch_allocations"),
    "record_base_issuance": ("epoch_pool_components", "ledger_actions"),
    "record_pool_component": ("epoch_pool_components", "ledger_actions"),
    "judge_event": ("activity_curation", "ledger_actions"),
    "adjust_allocation": ("epoch_allocations", "ledger_actions"),
    "finalize_epoch": ("epochs", "payout_statements"),
}
# serialization failure, deadlock, out of memory, too many connections, cancelled, shut down, input/output, a bug
STATES: Final = ("40001", "40P01", "53200", "53300", "57014", "57P01", "58030", "XX000")


class Refusals:
    """Counts how attempts ended, by the SQLSTATE that the database answered with."""

    def __init__(self) -> None:
        self.states: Counter[str] = Counter()

    @contextmanager
    def counted(self, engine: Engine) -> Iterator[None]:
        """Count for the length of the block."""

        def count(context: Any) -> None:
            state = getattr(context.original_exception, "sqlstate", None)
            if state is not None:
                self.states[state] += 1

        event.listen(engine, "handle_error", count)
        try:
            yield
        finally:
            event.remove(engine, "handle_error", count)


class FullDisk:
    """Puts a full disk under all empty tables, so that the first row of each finds no room.

    Where PostgreSQL keeps a table's rows there is then the kernel's own full device. The table whose turn it was has
    room again for the next attempt, which then meets the next full one.
    """

    def __init__(self, admin: Session, engine: Engine) -> None:
        self._admin = admin
        self._engine = engine
        row = admin.execute("SELECT current_setting('data_directory')").fetchone()
        assert row is not None
        self._cluster = Path(row[0])
        self._roomy: set[str] = set()

        @event.listens_for(engine, "handle_error")
        def _(context: Any) -> None:
            said = str(context.original_exception)
            self._roomy |= {table for table in TABLES if f'"{self._path(table)}"' in said}

    def during(self, attempt: Attempt, answer: Answer) -> Any:
        """Give the answer of an attempt while tables are full that have no row yet."""
        if attempt.number == 1:
            self._roomy.clear()
        empty = [table for table in TABLES if self._file(table).stat().st_size == 0]
        with self._filled([table for table in empty if table not in self._roomy]):
            return answer()

    @contextmanager
    def _filled(self, tables: Sequence[str]) -> Iterator[None]:
        files = [self._file(table) for table in tables]
        for file in files:
            file.rename(file.with_suffix(".kept"))
            file.symlink_to(FULL)
        self._engine.dispose()  # a session keeps its files open
        try:
            yield
        finally:
            self._engine.dispose()
            for file in files:
                file.unlink()
                file.with_suffix(".kept").rename(file)

    def _file(self, table: str) -> Path:
        return self._cluster / self._path(table)

    def _path(self, table: str) -> str:
        row = self._admin.execute("SELECT pg_relation_filepath(%s)", [table]).fetchone()
        assert row is not None
        return str(row[0])


class HeldLocks:
    """Holds every table against writers during the first attempt of each activity: it gives way in time."""

    def __init__(self, admin: Session, engine: Engine) -> None:
        self._admin = admin
        _give_way_after(engine, SHORT_LOCK_TIMEOUT)

    def during(self, attempt: Attempt, answer: Answer) -> Any:
        """Give the answer of an attempt; the first finds the tables locked."""
        if attempt.number > 1:
            return answer()
        with self._admin.transaction():
            self._admin.execute(
                sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(
                    sql.SQL(", ").join(map(sql.Identifier, TABLES))
                )
            )
            return answer()


class Deadlocks:
    """Locks two tables against the order of the first activity of each name, until the server has ended one attempt."""

    def __init__(self, admin: Session, rival: Session, engine: Engine, *, met: Counter[str]) -> None:
        self._admin = admin
        self._rival = rival
        self._met = met
        self._done: set[str] = set()
        _give_way_after(engine, LONG_LOCK_TIMEOUT)
        # The server ends whoever looks first, once the other waits too: that is to be the ledger's session.
        admin.execute(f"ALTER ROLE {LOGIN} SET deadlock_timeout = '250ms'")
        rival.execute("SET deadlock_timeout = '10min'")

    def during(self, attempt: Attempt, answer: Answer) -> Any:
        """Give the answer of an attempt, which meets its rival unless one has."""
        if attempt.activity in self._done or attempt.activity not in WRITES_IN_ORDER:
            return answer()
        first, later = WRITES_IN_ORDER[attempt.activity]
        locked, done = threading.Event(), threading.Event()
        rival = threading.Thread(target=self._lock, args=(later, first, locked, done))
        before = self._met[DEADLOCK]
        rival.start()
        assert locked.wait(PATIENCE_SECONDS)
        try:
            return answer()
        finally:
            done.set()
            rival.join()
            if self._met[DEADLOCK] > before:
                self._done.add(attempt.activity)

    def _lock(self, later: str, first: str, locked: threading.Event, done: threading.Event) -> None:
        lock = sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE")
        with self._rival.transaction():
            self._rival.execute(lock.format(sql.Identifier(later)))
            locked.set()
            assert eventually(lambda: done.is_set() or self._somebody_waits(), seconds=PATIENCE_SECONDS)
            if not done.is_set():
                self._rival.execute(lock.format(sql.Identifier(first)))

    def _somebody_waits(self) -> bool:
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'relation'"
        return self._admin.execute(waiting.encode()).fetchone() is not None


class EveryState:
    """Answers a write of each activity with one SQLSTATE after the other, by a trigger on each table."""

    def __init__(self, admin: Session) -> None:
        self._admin = admin
        admin.execute("CREATE TABLE planted (state text)")
        admin.execute(
            "CREATE FUNCTION plant() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$"
            " DECLARE wanted text; BEGIN SELECT state INTO wanted FROM public.planted;"
            " IF wanted IS NOT NULL THEN RAISE EXCEPTION 'planted' USING ERRCODE = wanted; END IF;"
            " RETURN NULL; END $$"
        )
        for table in TABLES:
            trigger = "CREATE TRIGGER planted AFTER INSERT OR UPDATE OR DELETE ON {} EXECUTE FUNCTION plant()"
            admin.execute(sql.SQL(trigger).format(sql.Identifier(table)))

    def during(self, attempt: Attempt, answer: Answer) -> Any:
        """Give the answer of an attempt; the first ones meet an error each."""
        if attempt.number > len(STATES):
            return answer()
        self._admin.execute("INSERT INTO planted VALUES (%s)", [STATES[attempt.number - 1]])
        try:
            return answer()
        finally:
            self._admin.execute("DELETE FROM planted")

    def remove(self) -> None:
        """Take the triggers away."""
        self._admin.execute("DROP FUNCTION plant() CASCADE")
        self._admin.execute("DROP TABLE planted")


def _give_way_after(engine: Engine, lock_timeout: str) -> None:
    @event.listens_for(engine, "connect")
    def _(connection: Any, _record: object) -> None:
        connection.execute(f"SET lock_timeout = '{lock_timeout}'")
        connection.commit()
