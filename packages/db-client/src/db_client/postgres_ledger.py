"""The ledger's ports on PostgreSQL: one transaction, one snapshot, one node."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from sqlalchemy import Connection, Engine, text

from db_client.constraint_refusals import refusals_by_constraint
from db_client.copying import let_copy
from db_client.schema_revision import check_program
from db_client.stores.actions import PostgresActionLog
from db_client.stores.activity import PostgresActivityStore
from db_client.stores.allocations import PostgresAllocationStore
from db_client.stores.coherence import PostgresCoherenceReader
from db_client.stores.completeness import PostgresCompletenessStore
from db_client.stores.curation import PostgresCurationStore
from db_client.stores.cursors import PostgresCursorStore
from db_client.stores.epochs import PostgresEpochStore
from db_client.stores.evidence import PostgresEvidenceReader
from db_client.stores.identities import PostgresIdentityStore
from db_client.stores.pool import PostgresPoolStore
from db_client.stores.review import PostgresReviewReader
from db_client.stores.statements import PostgresStatementStore
from db_client.stores.stream_health import PostgresStreamHealthStore
from ledger_core.identifiers import NodeId


@dataclass(frozen=True)
class PostgresTransaction:
    """The stores of one node on one connection; whether it may write is the connection's affair."""

    connection: Connection
    node_id: NodeId

    @cached_property
    def epochs(self) -> PostgresEpochStore:
        """Epochs."""
        return PostgresEpochStore(self.connection, self.node_id)

    @cached_property
    def activity(self) -> PostgresActivityStore:
        """Activity events."""
        return PostgresActivityStore(self.connection, self.node_id)

    @cached_property
    def cursors(self) -> PostgresCursorStore:
        """Cursors of streams."""
        return PostgresCursorStore(self.connection, self.node_id)

    @cached_property
    def curation(self) -> PostgresCurationStore:
        """Curation."""
        return PostgresCurationStore(self.connection, self.node_id)

    @cached_property
    def allocations(self) -> PostgresAllocationStore:
        """Allocations."""
        return PostgresAllocationStore(self.connection, self.node_id)

    @cached_property
    def pool(self) -> PostgresPoolStore:
        """Pool components."""
        return PostgresPoolStore(self.connection, self.node_id)

    @cached_property
    def statements(self) -> PostgresStatementStore:
        """Statements."""
        return PostgresStatementStore(self.connection, self.node_id)

    @cached_property
    def identities(self) -> PostgresIdentityStore:
        """Users and bindings."""
        return PostgresIdentityStore(self.connection, self.node_id)

    @cached_property
    def actions(self) -> PostgresActionLog:
        """Admin actions."""
        return PostgresActionLog(self.connection, self.node_id)

    @cached_property
    def stream_health(self) -> PostgresStreamHealthStore:
        """How streams fare."""
        return PostgresStreamHealthStore(self.connection, self.node_id)

    @cached_property
    def completeness(self) -> PostgresCompletenessStore:
        """Readings of streams, and waivers of their gaps."""
        return PostgresCompletenessStore(self.connection, self.node_id)

    @cached_property
    def coherence(self) -> PostgresCoherenceReader:
        """Everything as it is stored."""
        return PostgresCoherenceReader(self.connection, self.node_id)

    @cached_property
    def evidence(self) -> PostgresEvidenceReader:
        """What explanations are made of."""
        return PostgresEvidenceReader(self.connection, self.node_id)

    @cached_property
    def review(self) -> PostgresReviewReader:
        """What a review shows."""
        return PostgresReviewReader(self.connection, self.node_id)


# What a statement is made of, and the revision of the schema first, as a migration has it.
_KEEP_TABLES: Final = text("""
    LOCK TABLE alembic_version, epochs, epoch_pool_components, activity_events, activity_curation, epoch_allocations,
        users, user_bindings, stream_readings, gap_waivers, payout_statements, statement_signatures IN ACCESS SHARE MODE
""")


class PostgresLedger:
    """One node's ledger in a PostgreSQL database (NODE_SCOPED)."""

    def __init__(self, engine: Engine, node_id: NodeId, *, session: Connection | None = None) -> None:
        """Take a connection of the engine for each transaction and snapshot, or the one of a session for all."""
        let_copy(engine)
        self._engine = engine
        self._node_id = node_id
        self._session = session

    @property
    def node_id(self) -> NodeId:
        """The node whose rows these are."""
        return self._node_id

    @contextmanager
    def begin(self) -> Iterator[PostgresTransaction]:
        """Return a transaction: a clean exit commits, an exception undoes all.

        Holds: read committed, so that each statement sees what committed before it; what must not
               move meanwhile is locked by row.
        Raises: ProgramOutdated.
        """
        with refusals_by_constraint(), self._connected() as connection:
            connection.execution_options(
                isolation_level="READ COMMITTED",
                preserve_rowcount=True,
                postgresql_readonly=None,  # as the engine has it, also after a snapshot of the same session
            )
            with connection.begin():
                check_program(connection)
                yield PostgresTransaction(connection, self._node_id)

    @contextmanager
    def read(self) -> Iterator[PostgresTransaction]:
        """Return one snapshot, in a transaction that the database itself keeps from writing.

        Holds:  it is taken once no table is being rewritten, and none is until it ends: to an older snapshot a table that
                was would be empty.
        Raises: ProgramOutdated.
        """
        with self._connected() as connection:
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                connection.execute(_KEEP_TABLES)  # takes no snapshot: what comes next does
                check_program(connection)
                yield PostgresTransaction(connection, self._node_id)

    @contextmanager
    def session(self) -> Iterator[PostgresLedger]:
        """Return this ledger on one connection; see `Ledger.session`."""
        with self._connected() as connection:
            yield PostgresLedger(self._engine, self._node_id, session=connection)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        if self._session is not None:
            yield self._session
            return
        with self._engine.connect() as connection:
            yield connection
