"""Payouts as CSV and JSON, and payments with an address each."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ledger_core.domain.instant import instant_text
from ledger_core.domain.statement import PayoutStatement, payout_document

AMOUNT: Final = "amount_credits"
_FORMULA: Final = tuple("=+-@\t\r'")  # and the apostrophe that stands before one, so that cells stay apart


def payouts_csv(statement: PayoutStatement) -> bytes:
    """Return a line a user, by user id: what a document says of them, and which statement it is.

    Holds: no cell is a formula to a spreadsheet: one that would begin as such, or with an apostrophe, gets one before it.
    """
    header = ["user_id", "total_units", "share", AMOUNT, "epoch_id", "statement_hash"]
    pinned = (str(statement.epoch_id), statement.statement_hash)
    rows = ((*map(harmless, map(str, payout_document(line).values())), *pinned) for line in statement.payouts)
    return csv_bytes(header, rows)


def payouts_json(statement: PayoutStatement) -> bytes:
    """Return one object: the statement's facts and its lines, quantities as decimal strings, as they exceed 2^53."""
    value = {
        "epoch_id": str(statement.epoch_id),
        "period_start": instant_text(statement.window.period_start),
        "period_end": instant_text(statement.window.period_end),
        "statement_hash": statement.statement_hash,
        "pool_total_credits": str(statement.pool_total_credits),
        "undistributed_credits": str(statement.undistributed_credits),
        "payouts": [payout_document(line) for line in statement.payouts],
    }
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"


def payments_csv(statement: PayoutStatement, addresses: Mapping[str, str]) -> bytes:
    """Return a line for each user who is paid anything and has an address, which is written as it was given."""
    rows = (
        (
            harmless(line.user_id),
            addresses[line.user_id],
            str(line.amount_credits),
            statement.statement_hash,
        )
        for line in statement.payouts
        if line.amount_credits > 0 and line.user_id in addresses
    )
    return csv_bytes(["user_id", "address", AMOUNT, "statement_hash"], rows)


def amounts_in_csv(data: bytes) -> list[int]:
    """Return the credits that a CSV file of this module pays, line by line."""
    return [int(row[AMOUNT]) for row in csv.DictReader(io.StringIO(data.decode(), newline=""))]


def amounts_in_json(data: bytes) -> list[int]:
    """Return the credits that a JSON file of this module pays, line by line."""
    value: dict[str, Any] = json.loads(data)
    return [int(line[AMOUNT]) for line in value["payouts"]]


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return a CSV file in UTF-8 with a header."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; `original` undoes it."""
    return "'" + cell if cell.startswith(_FORMULA) else cell


def original(cell: str) -> str:
    """Return what `harmless` was given; a cell that it can't have written stays as it is."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
