"""Payouts as an Excel workbook: no formula, no link, every quantity also as text, and the same bytes each time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from ledger_core.domain.instant import instant_text
from ledger_core.domain.statement import PayoutStatement, payout_document
from ledger_core.errors import LedgerError

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

MAX_PAYOUTS: Final = 1_048_575  # the rows of a sheet, but for the heading
MAX_EXACT: Final = 10**15 - 1  # spreadsheets show 15 digits of a number, and drop the others
_CREDITS: Final = 4  # the column of the number
_AMOUNT: Final = 3  # the column of the text
_HEADINGS: Final = ("user_id", "total_units", "share", "amount_credits", "credits")
_WIDTHS: Final = (36, 22, 11, 22, 18)
_ZIP_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3


class PayoutsTooMany(LedgerError):
    """A sheet has fewer rows than the statement has payouts."""

    code = "payouts-too-many"

    def __init__(self, payouts: int) -> None:
        super().__init__(
            f"the statement has {payouts} payouts, and a sheet holds {MAX_PAYOUTS}; csv and json hold them all"
        )


def payouts_xlsx(statement: PayoutStatement) -> bytes:
    """Return a workbook: a row a user by user id, and a second sheet that says which statement it is.

    Shape:  the columns of the CSV, all as text, and `credits`: the amount as a number where spreadsheets keep it
            exactly, else empty.
    Holds:  no cell is a formula or a link; the bytes follow from the statement, whatever compresses elsewhere.
    Raises: PayoutsTooMany.
    """
    from xlsxwriter import Workbook  # noqa: PLC0415 - a tenth of a second that other formats don't need

    if len(statement.payouts) > MAX_PAYOUTS:
        raise PayoutsTooMany(len(statement.payouts))
    packed = io.BytesIO()
    book = Workbook(packed, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    made = statement.window.period_end.astimezone(UTC).replace(tzinfo=None)
    book.set_properties({"title": f"Payouts of epoch {statement.epoch_id}", "created": made})
    bold, right = book.add_format({"bold": True}), book.add_format({"align": "right"})
    head_right = book.add_format({"bold": True, "align": "right"})
    whole = book.add_format({"num_format": "0"})
    sheet = book.add_worksheet("Payouts")
    for column, (heading, width) in enumerate(zip(_HEADINGS, _WIDTHS, strict=True)):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, heading, head_right if column else bold)
    sheet.freeze_panes(1, 1)
    sheet.repeat_rows(0)
    for row, line in enumerate(statement.payouts, start=1):
        for column, text in enumerate(map(str, payout_document(line).values())):
            sheet.write_string(row, column, text, right if column else None)
        if line.amount_credits <= MAX_EXACT:
            sheet.write_number(row, _CREDITS, line.amount_credits, whole)
    _write_facts(book.add_worksheet("Statement"), statement, bold)
    book.close()
    return _unpressed(packed.getvalue())


def amounts_in_xlsx(data: bytes) -> list[int]:
    """Return the credits that a workbook of this module pays, row by row.

    Raises: ValueError for what is no such workbook, and where the number of a row is another than its text.
    """
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415 - as above

    try:
        heading, *rows = (
            CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_name("Payouts").to_python()
        )
    except (CalamineError, ValueError) as error:
        raise ValueError(f"it is no workbook of payouts: {error}") from error
    if tuple(heading) != _HEADINGS:
        raise ValueError("its columns are others")
    return [_amount(row) for row in rows]


def _amount(row: Sequence[Any]) -> int:
    amount = int(row[_AMOUNT])
    number = row[_CREDITS]
    expected = amount if amount <= MAX_EXACT else ""
    if number != expected:
        raise ValueError(f"a row says {amount} and {number}")
    return amount


def _write_facts(sheet: Worksheet, statement: PayoutStatement, bold: Any) -> None:
    facts: Iterable[tuple[str, object]] = (
        ("epoch", statement.epoch_id),
        ("from", instant_text(statement.window.period_start)),
        ("to, exclusive", instant_text(statement.window.period_end)),
        ("pool in credits", statement.pool_total_credits),
        ("undistributed credits", statement.undistributed_credits),
        ("payouts", len(statement.payouts)),
        ("statement hash", statement.statement_hash),
    )
    sheet.set_column(0, 0, 22)
    sheet.set_column(1, 1, 68)
    for row, (name, value) in enumerate(facts):
        sheet.write_string(row, 0, name, bold)
        sheet.write_string(row, 1, str(value))


def _unpressed(packed: bytes) -> bytes:
    """Return the archive with its parts stored as they are: how zlib presses differs between its builds."""
    written = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(packed)) as given,
        zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as stored,
    ):
        for name in given.namelist():
            part = zipfile.ZipInfo(name, _ZIP_EPOCH)
            part.create_system = _UNIX
            part.external_attr = 0o644 << 16
            stored.writestr(part, given.read(name))
    return written.getvalue()
