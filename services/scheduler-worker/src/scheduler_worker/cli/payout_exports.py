"""`ledger statement payouts`: a closed epoch's payouts in the formats of others, each checked against the statement."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import click

from ledger_core.domain.statement import PayoutStatement
from ledger_core.errors import LedgerError
from scheduler_worker.addresses import ADDRESS, MISTYPED, checksum_fits, is_almost_address
from scheduler_worker.cli.whole_files import whole_file
from scheduler_worker.exports.journals import Accounts, amounts_in_journal, beancount, hledger
from scheduler_worker.exports.tables import (
    amounts_in_csv,
    amounts_in_json,
    payments_csv,
    payouts_csv,
    payouts_json,
)
from scheduler_worker.exports.workbook import amounts_in_xlsx, payouts_xlsx

MAX_ADDRESS_BYTES: Final = 2**28  # a million people with room
SHOWN: Final = 5  # of those who have no address
AMOUNTS: Final[Mapping[str, Callable[[bytes], list[int]]]] = {
    "csv": amounts_in_csv,
    "json": amounts_in_json,
    "beancount": amounts_in_journal,
    "hledger": amounts_in_journal,
    "payments": amounts_in_csv,
    "xlsx": amounts_in_xlsx,
}
_ACCOUNT: Final = re.compile("(Assets|Liabilities|Equity|Income|Expenses)(:[A-Z0-9][A-Za-z0-9-]*)+", re.ASCII)
_COMMODITY: Final = re.compile("[A-Z]{2,24}", re.ASCII)


class PayoutsDiffer(LedgerError):
    """What was written does not pay what the statement does; nothing was left at its place."""

    code = "payouts-differ"

    def __init__(self, problem: str) -> None:
        super().__init__(f"the file does not pay what the statement does: {problem}; nothing was written")


class AddressesMissing(LedgerError):
    """Users are paid who have no address."""

    code = "addresses-missing"

    def __init__(self, users: list[str]) -> None:
        named = ", ".join(users[:SHOWN]) + (f" and {len(users) - SHOWN} more" if len(users) > SHOWN else "")
        super().__init__(
            f"{len(users)} users are paid and have no address: {named}; add them, or leave them out by --skip-missing"
        )


class AddressesInvalid(LedgerError):
    """The file of addresses can't be read as one."""

    code = "addresses-invalid"

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")


def checked_account(_context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Return the value if Beancount and hledger both take it."""
    pattern = _COMMODITY if parameter.name == "commodity" else _ACCOUNT
    if pattern.fullmatch(value) is None:
        example = "CREDITS" if pattern is _COMMODITY else "Expenses:Contributions"
        raise click.BadParameter(f"must be written like {example}.")
    return value


def rendering(
    kind: str, accounts: Accounts, addresses: Mapping[str, str]
) -> Callable[[PayoutStatement], bytes]:
    """Return what makes the bytes of a format."""
    makers: dict[str, Callable[[PayoutStatement], bytes]] = {
        "csv": payouts_csv,
        "json": payouts_json,
        "beancount": partial(beancount, accounts=accounts),
        "hledger": partial(hledger, accounts=accounts),
        "payments": partial(payments_csv, addresses=addresses),
        "xlsx": payouts_xlsx,
    }
    return makers[kind]


def read_addresses(path: Path) -> dict[str, str]:
    """Return the addresses of a CSV file with the columns user_id and address.

    Raises: AddressesInvalid, by the line.
    """
    found: dict[str, str] = {}
    try:
        if path.stat().st_size > MAX_ADDRESS_BYTES:
            raise AddressesInvalid(path, f"it is larger than {MAX_ADDRESS_BYTES} bytes")
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if not {"user_id", "address"} <= set(reader.fieldnames or ()):
                raise AddressesInvalid(path, "its first line must name the columns user_id and address")
            for row in reader:
                user, address = row["user_id"], row["address"]
                problem = _problem_of(user, address) or (
                    "has a user a second time" if user in found else None
                )
                if problem is not None:
                    raise AddressesInvalid(path, f"line {reader.line_num} {problem}")
                found[user] = address
    except OSError as error:
        raise AddressesInvalid(path, f"it can't be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise AddressesInvalid(path, "it is no CSV file in UTF-8") from error
    return found


def tell_unchecked(addresses: Mapping[str, str]) -> None:
    """Say on stderr how many addresses have a checksum that nothing here computes."""
    unchecked = sum(
        ADDRESS.fullmatch(address) is not None and checksum_fits(address) is None
        for address in addresses.values()
    )
    if unchecked:
        click.echo(
            f"not checked: checksums of {unchecked} addresses; cogni-scheduler-worker[signatures] computes them",
            err=True,
        )


def _problem_of(user: str | None, address: str | None) -> str | None:
    if not user or not address or not address.isprintable():
        return "must have a user_id and an address"
    if address != address.strip():
        return "has an address with a space before or after it"
    if is_almost_address(address):
        return "has an address that is none: 0x and 40 hexadecimal digits"
    if ADDRESS.fullmatch(address) and checksum_fits(address) is False:
        return MISTYPED
    return None


def paid_amounts(statement: PayoutStatement, kind: str, addresses: Mapping[str, str]) -> list[int]:
    """Return what a file of a format has to pay, line by line: each user of the statement, or who is paid anything."""
    if kind in ("csv", "json", "xlsx"):
        return [line.amount_credits for line in statement.payouts]
    return [
        line.amount_credits
        for line in statement.payouts
        if line.amount_credits > 0 and (kind != "payments" or line.user_id in addresses)
    ]


def write_checked(
    data: bytes,
    path: Path,
    *,
    kind: str,
    amounts: list[int],
    read: Callable[[bytes], list[int]] | None = None,
) -> None:
    """Write a file, read it back, and leave it there only if it pays what it should.

    Holds:  addresses of people are their owner's alone to read.
    Raises: PayoutsDiffer, ExportFailed.
    """
    with whole_file(path, mode=0o600 if kind == "payments" else 0o644) as file:
        file.write(data)
        file.flush()
        check_amounts(Path(file.name).read_bytes(), read=read or AMOUNTS[kind], amounts=amounts)


def check_amounts(data: bytes, *, read: Callable[[bytes], list[int]], amounts: list[int]) -> None:
    """Return if the bytes pay exactly these amounts, in this order.

    Raises: PayoutsDiffer.
    """
    try:
        found = read(data)
    except (ValueError, KeyError) as error:
        raise PayoutsDiffer(f"it can't be read back: {error}") from error
    if sum(found) != sum(amounts):
        raise PayoutsDiffer(f"it pays {sum(found)} credits, and not {sum(amounts)}")
    if found != amounts:
        raise PayoutsDiffer(f"it pays {sum(found)} credits in other parts")
