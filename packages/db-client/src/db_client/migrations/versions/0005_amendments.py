"""Amended statements name what they supersede and correct; signatures have one form."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

FUNCTIONS: Final = ("ledger_amendment_supersedes",)
COMPLETENESS_OF_FORMAT: Final = (
    "CASE format WHEN 'ledger-statement/2' THEN completeness_json IS NOT NULL"
    " WHEN 'ledger-statement/3' THEN true ELSE completeness_json IS NULL END"
)
AMENDMENT_OF_FORMAT: Final = (
    "(amendment_json IS NOT NULL) = (format = 'ledger-statement/3')"
    " AND (amendment_json IS NOT NULL) = (supersedes_statement_id IS NOT NULL)"
)


def upgrade() -> None:
    op.add_column("payout_statements", sa.Column("amendment_json", postgresql.JSONB(), nullable=True))
    op.drop_constraint(op.f("ck_payout_statements_completeness"), "payout_statements", type_="check")
    for name, rule in (("completeness", COMPLETENESS_OF_FORMAT), ("amendment", AMENDMENT_OF_FORMAT)):
        op.create_check_constraint(op.f(f"ck_payout_statements_{name}"), "payout_statements", rule)
    for column, form in (
        ("signer_wallet", "^0x[0-9a-f]{40}$"),
        ("signature", "^0x[0-9a-f]{128}(00|01|1b|1c)$"),
    ):
        op.create_check_constraint(
            op.f(f"ck_statement_signatures_{column}"), "statement_signatures", f"{column} ~ '{form}'"
        )
    create_triggers()


def create_triggers() -> None:
    connection = op.get_bind()
    driver_connection = connection.connection.driver_connection
    assert driver_connection is not None
    script = files("db_client") / "migrations" / "sql" / "amendment_supersedes.sql"
    driver_connection.execute(script.read_text(encoding="utf-8"))  # many statements, and '%' as itself
    for function in FUNCTIONS:
        connection.execute(
            sa.text(
                f"DO $$ BEGIN EXECUTE format('ALTER FUNCTION {function}() SET search_path = %I, pg_temp',"
                " current_schema()); END $$"
            )
        )


def downgrade() -> None:
    raise NotImplementedError("what was amended and signed is never thrown away; restore a backup instead")
