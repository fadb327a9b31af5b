"""Payouts as an Excel workbook: no formula, no link, every quantity also as text, and the same bytes each time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from ledger_core.domain.instant import instant_text
from ledger_core.domain.statement import PayoutStatement, payout_document
from ledger_core.errors import LedgerError
from scheduler_worker.exports.differences import Difference, quantities
from scheduler_worker.exports.tables import AMOUNT

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

MAX_PAYOUTS: Final = 1_048_575  # the rows of a sheet, but for the heading
MAX_EXACT: Final = 10**15 - 1  # spreadsheets show 15 digits of a number, and drop the others
_ZIP_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    """A sheet's columns and their widths; the last two are the amount as text, and as a number where it is exact."""

    sheet: str
    widths: Mapping[str, int]

    @property
    def headings(self) -> tuple[str, ...]:
        return tuple(self.widths)


_PAYOUTS: Final = _Columns(
    sheet="Payouts",
    widths={"user_id": 36, "total_units": 22, "share": 11, AMOUNT: 22, "credits": 18},
)
_DIFFERENCES: Final = _Columns(
    sheet="Differences",
    widths={
        "user_id": 36,
        "units_before": 22,
        "units_after": 22,
        "credits_before": 22,
        "credits_after": 22,
        AMOUNT: 22,
        "credits": 18,
    },
)


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
    rows = ((map(str, payout_document(line).values()), line.amount_credits) for line in statement.payouts)
    return _workbook(statement, _PAYOUTS, rows, len(statement.payouts), title="Payouts")


def net_xlsx(difference: Difference) -> bytes:
    """Return a workbook of what a statement changes: a row as in the CSV, below 0 where too much was paid.

    Shape:  the columns of the CSV, all as text, and `credits`; a second sheet says what supersedes what.
    Holds:  as payouts_xlsx does.
    Raises: PayoutsTooMany.
    """
    people = difference.people
    rows = (((each.user_id, *quantities(each).values()), each.credits) for each in people)
    return _workbook(
        difference.after,
        _DIFFERENCES,
        rows,
        len(people),
        title="Differences",
        supersedes=difference.before.statement_hash,
    )


def _workbook(
    statement: PayoutStatement,
    columns: _Columns,
    rows: Iterable[tuple[Iterable[str], int]],
    count: int,
    *,
    title: str,
    supersedes: str | None = None,
) -> bytes:
    from xlsxwriter import Workbook  # noqa: PLC0415 - a tenth of a second that other formats don't need

    if count > MAX_PAYOUTS:
        raise PayoutsTooMany(count)
    packed = io.BytesIO()
    book = Workbook(packed, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    made = statement.window.period_end.astimezone(UTC).replace(tzinfo=None)
    book.set_properties({"title": f"{title} of epoch {statement.epoch_id}", "created": made})
    bold, right = book.add_format({"bold": True}), book.add_format({"align": "right"})
    head_right = book.add_format({"bold": True, "align": "right"})
    whole = book.add_format({"num_format": "0"})
    sheet = book.add_worksheet(columns.sheet)
    for column, (heading, width) in enumerate(columns.widths.items()):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, heading, head_right if column else bold)
    sheet.freeze_panes(1, 1)
    sheet.repeat_rows(0)
    for row, (texts, amount) in enumerate(rows, start=1):
        for column, text in enumerate(texts):
            sheet.write_string(row, column, text, right if column else None)
        if abs(amount) <= MAX_EXACT:
            sheet.write_number(row, len(columns.headings) - 1, amount, whole)
    _write_facts(book.add_worksheet("Statement"), _facts(statement, count, supersedes), bold)
    book.close()
    return _unpressed(packed.getvalue())


def amounts_in_xlsx(data: bytes) -> list[int]:
    """Return the credits that a workbook of this module pays, row by row.

    Raises: ValueError for what is no such workbook, and where the number of a row is another than its text.
    """
    return _amounts(data, _PAYOUTS)


def amounts_in_net_xlsx(data: bytes) -> list[int]:
    """Return the credits that a workbook of differences has, row by row; below 0 is who gets less.

    Raises: ValueError as amounts_in_xlsx does.
    """
    return _amounts(data, _DIFFERENCES)


def _amounts(data: bytes, columns: _Columns) -> list[int]:
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415 - as above

    try:
        heading, *rows = (
            CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_name(columns.sheet).to_python()
        )
    except (CalamineError, ValueError) as error:
        raise ValueError(f"it is no workbook of {columns.sheet.lower()}: {error}") from error
    if tuple(heading) != columns.headings:
        raise ValueError("its columns are others")
    return [_amount(row) for row in rows]


def _amount(row: Sequence[Any]) -> int:
    *_, text, number = row
    amount = int(text)
    expected = amount if abs(amount) <= MAX_EXACT else ""
    if number != expected:
        raise ValueError(f"a row says {amount} and {number}")
    return amount


def _facts(statement: PayoutStatement, rows: int, supersedes: str | None) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [
        ("epoch", statement.epoch_id),
        ("from", instant_text(statement.window.period_start)),
        ("to, exclusive", instant_text(statement.window.period_end)),
        ("pool in credits", statement.pool_total_credits),
        ("undistributed credits", statement.undistributed_credits),
        ("payouts" if supersedes is None else "differences", rows),
        ("statement hash", statement.statement_hash),
    ]
    return facts if supersedes is None else [*facts, ("supersedes", supersedes)]


def _write_facts(sheet: Worksheet, facts: Iterable[tuple[str, object]], bold: Any) -> None:
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
