"""A ledger with a past, and attacks on it by plain SQL: what the database says, and that nothing changed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

import psycopg
from psycopg import ClientCursor, sql
from psycopg.errors import NotNullViolation
from sqlalchemy import URL, Engine, text

from db_client.database_url import parse_database_url
from db_client.engine import create_ledger_engine
from db_client.postgres_ledger import PostgresLedger
from db_client.tables.all_tables import ledger_metadata
from ledger_core import EpochId, Ledger, NodeId, StreamRef
from ledger_core.domain.completeness import CompletenessCertificate, CompletenessCount
from ledger_core.domain.signature import signing_text
from ledger_core.domain.stream_reading import StreamReading
from ledger_core.testing import FixedClock, make_component, make_context, make_event
from ledger_core.use_cases.record_reading import record_reading
from ledger_core.use_cases.waive_gap import waive_gap
from tests.contract.story import LedgerStory, annas, bobs, day
from tests.signers import APPROVER, address_of, signature_of

NODE: Final = NodeId(uuid.UUID("0195f1d2-0000-7000-8000-00000000000a"))
NEIGHBOUR: Final = NodeId(uuid.UUID("0195f1d2-0000-7000-8000-00000000000b"))
QUIET: Final = NodeId(uuid.UUID("0195f1d2-0000-7000-8000-00000000000c"))  # has no open epoch
TABLES: Final = tuple(table.name for table in ledger_metadata.sorted_tables)
PASSWORD: Final = "only for tests on loopback"
SOME_HASH: Final = "repeat('a', 64)"
SIGNER: Final = address_of(APPROVER)
DECIDED: Final = "'reason', 'why', 'amended_by', 'ann', 'corrections', '[]'::jsonb"
LOCK_TIMEOUT_SECONDS: Final = 20  # a test that blocks itself is to fail, not to hang

Names = dict[str, Any]
Session = psycopg.Connection[tuple[Any, ...]]


def live(engine: Engine) -> Names:
    """Live through two closed epochs and an open one, beside a neighbour; return the names for SQL.

    closed, latest, open: epochs of `node`, in order; quiet_closed: of `quiet`; foreign_closed,
    foreign_open: of `neighbour`. In `closed`, event_paid counts for ann and event_bob for bob,
    event_unresolved for nobody, and event_excluded not at all. In `open`, event_open counts for ann and
    event_waiting for nobody; event_new is curated nowhere.
    """
    story = LedgerStory(PostgresLedger(engine, NODE))
    story.bind("ann", "1001")
    story.bind("bob", "2002")
    first = [
        annas(1, at=day(0)),
        bobs(2, at=day(1)),
        make_event(3, at=day(2), account="3003", login="cid"),
        annas(4, at=day(3)),
    ]
    closed = story.open(0)
    story.store(*first)
    story.curate(closed)
    story.judge(closed, first[3], included=False)
    story.propose(closed)
    story.adjust(closed, "bob", 5000)
    story.record(closed, make_component(50, component_id="top_up"))
    _count_again(story.ledger, closed)
    story.close(closed, 1000)
    latest = story.live_through(1, annas(11, at=day(0, week=1)))
    open_ = story.open(2)
    second = [
        annas(21, at=day(0, week=2)),
        make_event(22, at=day(1, week=2), account="3003", login="cid"),
    ]
    story.store(*second)
    story.curate(open_)
    story.propose(open_)
    story.adjust(open_, "ann", 7000)
    story.record(open_, make_component(500))
    new = annas(23, at=day(2, week=2))
    story.store(new)

    neighbour = LedgerStory(PostgresLedger(engine, NEIGHBOUR))
    neighbour.bind("zoe", "9009")
    zoes = make_event(1, at=day(0), account="9009", login="zoe", event_type="issue_closed")
    foreign_closed = neighbour.live_through(0, zoes)
    foreign_open = neighbour.open(1)
    quiet_closed = LedgerStory(PostgresLedger(engine, QUIET)).live_through(0)

    names: Names = {"node": NODE, "neighbour": NEIGHBOUR, "quiet": QUIET}
    names |= {"closed": closed, "latest": latest, "open": open_}
    names |= {"foreign_closed": foreign_closed, "foreign_open": foreign_open, "quiet_closed": quiet_closed}
    names |= {"event_paid": first[0].id, "event_bob": first[1].id, "event_unresolved": first[2].id}
    names |= {"event_excluded": first[3].id, "event_open": second[0].id, "event_waiting": second[1].id}
    names |= {"event_new": new.id, "event_foreign": zoes.id}
    for name, epoch_id in (("closed", closed), ("latest", latest), ("foreign", foreign_closed)):
        names |= _names_of_statement(engine, name, epoch_id)
    _sign(story.ledger, closed, engine, names)
    with engine.begin() as connection:  # rows written by hand take the table's own numbers
        connection.execute(text("SELECT setval('epochs_id_seq', (SELECT max(id) FROM epochs))"))
    return names


def _count_again(ledger: Ledger, epoch_id: EpochId) -> None:
    """Read two streams of the epoch's window: one is complete, and one has a gap that is waived."""
    window = LedgerStory(ledger).epoch(epoch_id).window
    counts = {"pulls": (7, 7), "issues": (2, 3)}
    for stream, (seen, independent) in counts.items():
        count = CompletenessCount(what=stream, route="search", seen=seen, independent=independent)
        certificate = CompletenessCertificate(begins=None, ends=None, pages=1, counts=(count,))
        reading = StreamReading(
            stream=StreamRef(source="github", source_ref="acme/widgets", stream=stream),
            window=window,
            retrieved_at=window.period_end,
            certificate=certificate,
        )
        record_reading(ledger, reading)
    issues = StreamRef(source="github", source_ref="acme/widgets", stream="issues")
    waive_gap(ledger, epoch_id, issues, context=make_context(), clock=FixedClock(window.period_end))


def _names_of_statement(engine: Engine, name: str, epoch_id: EpochId) -> Names:
    query = text("SELECT id, statement_hash FROM payout_statements WHERE epoch_id = :epoch_id")
    with engine.connect() as connection:
        row = connection.execute(query, {"epoch_id": epoch_id}).one()
    return {f"{name}_statement": row.id, f"{name}_hash": row.statement_hash}


def _sign(ledger: Ledger, epoch_id: EpochId, engine: Engine, names: Names) -> None:
    with ledger.read() as view:
        signed = view.statements.versions(epoch_id)[0]
    signature = text(
        "INSERT INTO statement_signatures (node_id, statement_id, signer_wallet, signature, signed_at)"
        " VALUES (:node, :closed_statement, :signer, :signature, now())"
    )
    with engine.begin() as connection:
        connection.execute(
            signature,
            {name: names[name] for name in ("node", "closed_statement")}
            | {"signer": SIGNER, "signature": signature_of(APPROVER, signing_text(signed))},
        )


class Attacked:
    """A database with a past, a session of its attacker, and one of an observer."""

    def __init__(self, attacker: Session, observer: Session, names: Names) -> None:
        self._attacker = attacker
        self._observer = observer
        self._names = names
        self._contents = contents(observer)

    def refusal(self, script: str, **more: object) -> str:
        """Run the script and commit; return the name of the rule that refuses it, after which nothing changed."""
        with self._refused() as rules:
            self._attacker.execute(script.encode(), self._names | more)
            self._attacker.commit()
        return rules[0]

    def refusal_of_copy(self, columns: str, *rows: tuple[object, ...]) -> str:
        """As refusal, for rows that come by COPY; columns are written `table (column, ...)`."""
        with self._refused() as rules:
            with (
                self._attacker.cursor() as cursor,
                cursor.copy(f"COPY {columns} FROM STDIN".encode()) as copy,
            ):
                for row in rows:
                    copy.write_row([self._names.get(str(value), value) for value in row])
            self._attacker.commit()
        return rules[0]

    def refusal_at_commit(self, script: str) -> str:
        """As refusal, where every statement goes through and the commit does not."""
        self._attacker.execute(script.encode(), self._names)
        with self._refused() as rules:
            self._attacker.commit()
        return rules[0]

    def rows_allowed(self, script: str, **more: object) -> int:
        """Run the script with its deferred checks, and undo it; return how many rows its last statement wrote."""
        try:
            cursor = self._attacker.execute(script.encode(), self._names | more)
            while cursor.nextset():
                pass
            rows = cursor.rowcount
            self._attacker.execute("SET CONSTRAINTS ALL IMMEDIATE")
        finally:
            self._attacker.rollback()
        return rows

    def changed_by(self, script: str) -> tuple[str, ...]:
        """Run the script and commit; return the tables whose contents are others now."""
        self._attacker.execute(script.encode(), self._names)
        self._attacker.commit()
        before, self._contents = self._contents, contents(self._observer)
        return tuple(table for table in TABLES if before[table] != self._contents[table])

    @contextmanager
    def _refused(self) -> Iterator[list[str]]:
        """Yield a list that holds the name of the rule when the block is done."""
        rules: list[str] = []
        try:
            yield rules
        except psycopg.Error as error:
            self._attacker.rollback()
            rules.append(name_of_rule(error))
        before, self._contents = self._contents, contents(self._observer)
        assert rules, "the database let it happen"
        assert self._contents == before, "refused, and yet something changed"
        self._attacker.execute("DEALLOCATE ALL")
        self._attacker.commit()


@contextmanager
def attacked_database(
    postgres_url: str, admin: Engine, template: str, *, attacker: str
) -> Iterator[Attacked]:
    """Make a database with a past, to be attacked by a `superuser` or by a `plain owner` of its tables."""
    name = f"ledger_attacked_{uuid.uuid4().hex[:12]}"
    owner = f"{name}_owner"
    url = parse_database_url(postgres_url).set(database=name)
    with run_alone(admin) as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY'))
    try:
        engine = create_ledger_engine(url.render_as_string(hide_password=False), application_name="tests")
        names = live(engine)
        engine.dispose()
        with opened_session(url) as observer:
            observer.autocommit = True
            if attacker == "plain owner":
                _give_to_owner(observer, name, owner)
                url = url.set(username=owner, password=PASSWORD)
            with opened_session(url) as session:
                yield Attacked(session, observer, names)
    finally:
        with run_alone(admin) as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
            connection.execute(text(f'DROP ROLE IF EXISTS "{owner}"'))


@contextmanager
def opened_session(url: URL) -> Iterator[Session]:
    """Open a session whose scripts may be many statements, with parameters, as the client puts them in."""
    session = psycopg.connect(
        host=url.host,
        port=url.port,
        user=url.username,
        password=url.password,
        dbname=url.database,
        cursor_factory=ClientCursor,
        options=f"-c TimeZone=UTC -c lock_timeout={LOCK_TIMEOUT_SECONDS}s",
    )
    with closing(session):
        yield session


@contextmanager
def run_alone(engine: Engine) -> Iterator[Any]:
    """Open a connection on which each statement commits by itself."""
    with engine.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


def _give_to_owner(session: Session, database: str, owner: str) -> None:
    role = sql.Identifier(owner)
    create = sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER PASSWORD {}")
    session.execute(create.format(role, sql.Literal(PASSWORD)))
    session.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(database), role))
    for table in (*TABLES, "alembic_version"):
        session.execute(sql.SQL("ALTER TABLE {} OWNER TO {}").format(sql.Identifier(table), role))


def name_of_rule(error: psycopg.Error) -> str:
    """Return the constraint that an error names, else the column that must not be null, else its kind."""
    if error.diag.constraint_name is not None:
        return error.diag.constraint_name
    if isinstance(error, NotNullViolation):
        return f"NOT NULL {error.diag.column_name}"
    return type(error).__name__


def contents(session: Session) -> dict[str, str]:
    """Return a hash of all rows of each table."""
    query = " UNION ALL ".join(
        f"SELECT '{table}', md5(coalesce(string_agg(line::text, ',' ORDER BY line::text), ''))"
        f" FROM public.{table} AS line"
        for table in TABLES
    )
    return dict(session.execute(query.encode()).fetchall())


# --- scripts: how the open epoch would be closed, but for what an attack changes ------------------


def close(*, total: str = "500", epoch: str = "%(open)s") -> str:
    """Close the open epoch with its pool."""
    return (
        f"UPDATE epochs SET status = 'closed', pool_total_credits = {total}, closed_at = now()"
        f" WHERE id = {epoch};"
    )


def component(
    amount: str, *, component: str = "top_up", node: str = "%(node)s", epoch: str = "%(open)s"
) -> str:
    """Add to the open epoch's pool."""
    return (
        "INSERT INTO epoch_pool_components"
        " (node_id, epoch_id, component_id, algorithm_version, inputs_json, amount_credits, computed_at)"
        f" VALUES ({node}, {epoch}, '{component}', '1', '{{}}', {amount}, now());"
    )


def statement(
    *,
    id_: str = "gen_random_uuid()",
    node: str = "%(node)s",
    epoch: str = "%(open)s",
    total: str = "500",
    hash_: str = SOME_HASH,
    previous: str = "%(latest_hash)s",
    supersedes: str = "NULL",
    amendment: str | None = None,
    activity: str | None = None,
    completeness: str | None = None,
    format_: str | None = None,
) -> str:
    """Write the statement of the open epoch, closed; or one that supersedes another, as an amendment would be."""
    is_amendment = supersedes != "NULL"

    def of_superseded(column: str) -> str:
        return f"(SELECT {column} FROM payout_statements WHERE id = {supersedes})" if is_amendment else "NULL"

    written = f"jsonb_build_object('supersedes', {of_superseded('statement_hash')}, {DECIDED})"
    activity = activity or f"coalesce({of_superseded('activity_set_hash')}, '')"
    return (
        "INSERT INTO payout_statements (id, node_id, epoch_id, format, activity_set_hash, allocation_set_hash,"
        " pool_total_credits, payouts_json, statement_hash, previous_statement_hash, supersedes_statement_id,"
        " completeness_json, amendment_json, created_at)"
        f" VALUES ({id_}, {node}, {epoch}, 'ledger-statement/{format_ or (3 if is_amendment else 1)}', {activity},"
        f" '', {total}, '[]', {hash_}, {previous}, {supersedes},"
        f" {completeness or of_superseded('completeness_json')},"
        f" {amendment or (written if is_amendment else 'NULL')}, now());"
    )
