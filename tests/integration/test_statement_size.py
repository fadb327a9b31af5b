"""A statement that a field of PostgreSQL cannot hold is refused by name, and nothing of the close stays."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine, text

from db_client.postgres_ledger import PostgresLedger
from ledger_core import PayoutLine
from ledger_core.statement_errors import StatementTooLarge
from tests.contract.story import LedgerStory, annas, day

FIELD_BYTES = 2**28  # of a jsonb array's elements
LONG = 2**20


def test_a_statement_that_no_field_holds_is_refused_by_name(
    postgres_ledger: PostgresLedger, owner_engine: Engine
) -> None:
    """Few lines of a megabyte each: as large as two million of ordinary ones, and made sooner."""
    story = LedgerStory(postgres_ledger)
    story.bind("ann", "1001")
    story.live_through(0, annas(1, at=day(0)))
    with postgres_ledger.read() as view:
        (stored,) = view.statements.chain()
    lines = tuple(
        PayoutLine(f"user-{number:03d}" + "x" * LONG, 0, "0.000000", 0)
        for number in range(FIELD_BYTES // LONG)
    )
    first = replace(lines[0], amount_credits=stored.pool_total_credits)
    large = replace(stored, payouts=(first, *lines[1:]), previous_statement_hash=stored.statement_hash)

    with (
        pytest.raises(
            StatementTooLarge, match=r"^the statement of epoch \d+ has 256 payout lines, more than the"
        ),
        postgres_ledger.begin() as transaction,
    ):
        transaction.statements.add(large, created_at=story.clock())
    with owner_engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM payout_statements")).scalar_one() == 1
