"""Statements on PostgreSQL: stored in parts, rebuilt whole, and checked against their hash."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.errors import ProgramLimitExceeded
from sqlalchemy import Cast, ColumnElement, Connection, Row, Text, and_, cast, func, insert, literal, select
from sqlalchemy.exc import DBAPIError

from db_client.stores.epochs import PostgresEpochStore
from db_client.stores.pool import PostgresPoolStore
from db_client.tables.schema import Json
from db_client.tables.statements import payout_statements, statement_signatures
from ledger_core.domain.amendment import parse_amendment
from ledger_core.domain.payout_text import payout_texts
from ledger_core.domain.payouts import PayoutLine
from ledger_core.domain.signature import StatementSignature
from ledger_core.domain.statement import PayoutStatement
from ledger_core.domain.stream_reading import parse_completeness
from ledger_core.errors import LedgerError, StatementCorrupt
from ledger_core.identifiers import EpochId, NodeId
from ledger_core.statement_errors import StatementTooLarge


class PostgresStatementStore:
    """The port StatementStore."""

    def __init__(self, connection: Connection, node_id: NodeId) -> None:
        self._connection = connection
        self._node_id = node_id
        self._epochs = PostgresEpochStore(connection, node_id)
        self._pool = PostgresPoolStore(connection, node_id)

    def find(self, epoch_id: EpochId) -> PayoutStatement | None:
        """Return the epoch's newest statement, rebuilt from its row: the one that none supersedes."""
        successor = payout_statements.alias("successor")
        row = self._connection.execute(
            select(payout_statements)
            .outerjoin(
                successor,
                and_(
                    successor.c.node_id == payout_statements.c.node_id,
                    successor.c.supersedes_statement_id == payout_statements.c.id,
                ),
            )
            .where(
                payout_statements.c.node_id == self._node_id,
                payout_statements.c.epoch_id == epoch_id,
                successor.c.id.is_(None),
            )
        ).one_or_none()
        return None if row is None else self._statement(row)

    def versions(self, epoch_id: EpochId) -> tuple[PayoutStatement, ...]:
        """Return the epoch's statements, each superseded by the next."""
        rows = self._connection.execute(
            select(payout_statements).where(
                payout_statements.c.node_id == self._node_id, payout_statements.c.epoch_id == epoch_id
            )
        ).all()
        following = {row.supersedes_statement_id: row for row in rows}
        row = following.get(None)
        found = []
        while row is not None:
            found.append(self._statement(row))
            row = following.get(row.id)
        return tuple(found)

    def signatures(self, statement_hash: str) -> tuple[StatementSignature, ...]:
        """Return the signatures of a statement, ordered by signer."""
        rows = self._connection.execute(
            select(statement_signatures.c.signer_wallet, statement_signatures.c.signature)
            .join(payout_statements, payout_statements.c.id == statement_signatures.c.statement_id)
            .where(
                payout_statements.c.node_id == self._node_id,
                payout_statements.c.statement_hash == statement_hash,
                statement_signatures.c.node_id == self._node_id,
            )
            .order_by(statement_signatures.c.signer_wallet)
        )
        return tuple(
            StatementSignature(statement_hash=statement_hash, signer=signer, signature=signature)
            for signer, signature in rows
        )

    def head_hash(self) -> str | None:
        """Return the hash that no other statement names as the one before it."""
        successor = payout_statements.alias("successor")
        return self._connection.execute(
            select(payout_statements.c.statement_hash)
            .outerjoin(
                successor,
                and_(
                    successor.c.node_id == payout_statements.c.node_id,
                    successor.c.previous_statement_hash == payout_statements.c.statement_hash,
                ),
            )
            .where(payout_statements.c.node_id == self._node_id, successor.c.id.is_(None))
        ).scalar_one_or_none()

    def lock_head(self) -> str | None:
        """Return the newest statement's hash once nobody else lengthens the node's chain."""
        # Of the transaction, and a node's own: the worker's role may not lock rows that it may not change.
        lock = func.hashtextextended(f"statement chain of {self._node_id}", 0)
        self._connection.execute(select(func.pg_advisory_xact_lock(lock)))
        return self.head_hash()

    def chain(self) -> Iterator[PayoutStatement]:
        """Yield the statements from the first on, one in memory at a time."""
        previous: str | None = None
        while True:
            row = self._connection.execute(
                select(payout_statements).where(
                    payout_statements.c.node_id == self._node_id,
                    _follows(previous),
                )
            ).one_or_none()
            if row is None:
                return
            yield self._statement(row)
            previous = row.statement_hash

    def add(self, statement: PayoutStatement, *, created_at: datetime) -> None:
        """Store the statement; the unique index allows one a closed epoch that supersedes none."""
        amendment = statement.amendment
        row = insert(payout_statements).values(
            node_id=self._node_id,
            epoch_id=statement.epoch_id,
            format=statement.format,
            activity_set_hash=statement.activity_set_hash,
            allocation_set_hash=statement.allocation_set_hash,
            pool_total_credits=statement.pool_total_credits,
            payouts_json=_payouts_json(statement),
            statement_hash=statement.statement_hash,
            previous_statement_hash=statement.previous_statement_hash,
            completeness_json=[found.document() for found in statement.completeness] or None,
            amendment_json=None if amendment is None else amendment.document(),
            supersedes_statement_id=None if amendment is None else self._id_of(amendment.supersedes),
            created_at=created_at,
        )
        try:
            self._connection.execute(row)
        except DBAPIError as error:
            if isinstance(error.orig, ProgramLimitExceeded):
                raise StatementTooLarge(statement.epoch_id, len(statement.payouts)) from error
            raise

    def add_signature(self, signature: StatementSignature, *, signed_at: datetime) -> None:
        """Store a signature; the unique constraint allows one a signer."""
        self._connection.execute(
            insert(statement_signatures).values(
                node_id=self._node_id,
                statement_id=self._id_of(signature.statement_hash),
                signer_wallet=signature.signer,
                signature=signature.signature,
                signed_at=signed_at,
            )
        )

    def _id_of(self, statement_hash: str) -> UUID:
        """Return the id of the statement that is amended or signed; of an unknown one that of none."""
        found = self._connection.execute(
            select(payout_statements.c.id).where(
                payout_statements.c.node_id == self._node_id,
                payout_statements.c.statement_hash == statement_hash,
            )
        ).scalar_one_or_none()
        return UUID(int=0) if found is None else found

    def _statement(self, row: Row[Any]) -> PayoutStatement:
        try:
            statement = self._rebuilt(row)
        except (LedgerError, KeyError, TypeError, ValueError) as error:
            raise StatementCorrupt(row.epoch_id, row.statement_hash, "no statement at all") from error
        if statement.statement_hash != row.statement_hash or row.format != statement.format:
            raise StatementCorrupt(row.epoch_id, row.statement_hash, statement.statement_hash)
        return statement

    def _rebuilt(self, row: Row[Any]) -> PayoutStatement:
        epoch = self._epochs.get(row.epoch_id)
        return PayoutStatement(
            node_id=self._node_id,
            epoch_id=epoch.id,
            window=epoch.window,
            weight_config=epoch.weight_config,
            activity_set_hash=row.activity_set_hash,
            allocation_set_hash=row.allocation_set_hash,
            pool_components=self._pool.list_all(epoch.id),
            pool_total_credits=row.pool_total_credits,
            payouts=tuple(_payout_line(line) for line in row.payouts_json),
            previous_statement_hash=row.previous_statement_hash,
            completeness=() if row.completeness_json is None else parse_completeness(row.completeness_json),
            amendment=None if row.amendment_json is None else parse_amendment(row.amendment_json),
        )


def _payouts_json(statement: PayoutStatement) -> Cast[Any]:
    """Return the payouts as one text: a million dictionaries would take ten times the memory."""
    payouts = b"".join((b"[", *payout_texts(statement.payouts), b"]"))
    return cast(literal(payouts.decode("utf-8"), Text()), Json)


def _follows(previous: str | None) -> ColumnElement[bool]:
    # Not IS NOT DISTINCT FROM, which no index serves.
    column = payout_statements.c.previous_statement_hash
    return column.is_(None) if previous is None else column == previous


def _payout_line(line: dict[str, str]) -> PayoutLine:
    return PayoutLine(
        user_id=line["user_id"],
        total_units=int(line["total_units"]),
        share=line["share"],
        amount_credits=int(line["amount_credits"]),
    )
