"""Which payouts `ledger statement payouts` writes: a statement's, or what it changes of the one that it supersedes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import click

from ledger_core.domain.statement import PayoutStatement
from ledger_core.errors import LedgerError
from ledger_core.ports.ledger import LedgerView
from ledger_core.verification.bundle_writer import find_version
from scheduler_worker.cli.output import printable
from scheduler_worker.cli.payout_exports import (
    AMOUNTS,
    AddressesMissing,
    paid_amounts,
    rendering,
    tell_unchecked,
)
from scheduler_worker.exports.differences import (
    Difference,
    amounts_in_net_journal,
    net_beancount,
    net_csv,
    net_hledger,
    net_json,
    net_payments,
)
from scheduler_worker.exports.journals import Accounts
from scheduler_worker.exports.workbook import amounts_in_net_xlsx, net_xlsx

PAID_OR_BOOKED = frozenset({"payments", "beancount", "hledger"})
SHOWN_BACK = 40  # of those who would pay back; the CSV lists all


class EpochAmended(LedgerError):
    """An amended epoch's payouts would be paid or booked a second time."""

    code = "epoch-amended"

    def __init__(self, statement: PayoutStatement) -> None:
        super().__init__(
            f"the statement of epoch {statement.epoch_id} was amended, and what it supersedes may be paid already: choose"
            f" --net for the differences, or --statement {statement.statement_hash} for all of it"
        )


class NothingSuperseded(LedgerError):
    """A statement that supersedes none has no differences."""

    code = "nothing-superseded"

    def __init__(self, statement: PayoutStatement) -> None:
        super().__init__(f"statement {statement.statement_hash} supersedes none: leave out --net")


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutFile:
    """A file's bytes, what it has to pay line by line, and how that is read back."""

    data: bytes
    amounts: list[int]
    read: Callable[[bytes], list[int]]


def superseded(view: LedgerView, statement: PayoutStatement) -> PayoutStatement:
    """Return the statement that this one supersedes.

    Raises: NothingSuperseded.
    """
    if statement.amendment is None:
        raise NothingSuperseded(statement)
    return find_version(view, statement.epoch_id, statement.amendment.supersedes)


def check_not_paid_again(statement: PayoutStatement, kind: str, *, is_chosen: bool) -> None:
    """Return unless an amended epoch's payouts would be paid or booked a second time, and nobody chose that.

    Raises: EpochAmended.
    """
    if statement.amendment is not None and kind in PAID_OR_BOOKED and not is_chosen:
        raise EpochAmended(statement)


def payout_file(
    statement: PayoutStatement,
    changed: Difference | None,
    kind: str,
    accounts: Accounts,
    addresses: Mapping[str, str],
) -> PayoutFile:
    """Return a file of what a statement changes, or of everything that it pays where changed is None."""
    if changed is None:
        return whole_payouts(statement, kind, accounts, addresses)
    return net_payouts(changed, kind, accounts, addresses)


def paid_people(statement: PayoutStatement, changed: Difference | None) -> list[tuple[str, int]]:
    """Return who is paid how many credits; of a difference they may be negative."""
    if changed is None:
        return [(line.user_id, line.amount_credits) for line in statement.payouts]
    return [(each.user_id, each.credits) for each in changed.moved]


def written_json(
    statement: PayoutStatement, changed: Difference | None, file: PayoutFile
) -> dict[str, object]:
    """Return what was written, for machines: of which statement, how many lines, and the sum of their credits."""
    return {
        "statement_hash": statement.statement_hash,
        "net_of": None if changed is None else changed.before.statement_hash,
        "lines": len(file.amounts),
        "credits": sum(file.amounts),
    }


def whole_payouts(
    statement: PayoutStatement, kind: str, accounts: Accounts, addresses: Mapping[str, str]
) -> PayoutFile:
    """Return a file of everything that a statement pays."""
    return PayoutFile(
        data=rendering(kind, accounts, addresses)(statement),
        amounts=paid_amounts(statement, kind, addresses),
        read=AMOUNTS[kind],
    )


def net_payouts(
    difference: Difference, kind: str, accounts: Accounts, addresses: Mapping[str, str]
) -> PayoutFile:
    """Return a file of what a statement changes.

    Raises: PayoutsTooMany.
    """
    makers: dict[str, Callable[[Difference], bytes]] = {
        "csv": net_csv,
        "json": net_json,
        "beancount": partial(net_beancount, accounts=accounts),
        "hledger": partial(net_hledger, accounts=accounts),
        "payments": partial(net_payments, addresses=addresses),
        "xlsx": net_xlsx,
    }
    lines = difference.people if kind in {"csv", "json", "xlsx"} else difference.moved
    amounts = [
        each.credits
        for each in lines
        if kind != "payments" or (each.credits > 0 and each.user_id in addresses)
    ]
    in_journal = partial(amounts_in_net_journal, accounts=accounts)
    readers: dict[str, Callable[[bytes], list[int]]] = {
        **AMOUNTS,
        "beancount": in_journal,
        "hledger": in_journal,
        "xlsx": amounts_in_net_xlsx,
    }
    return PayoutFile(data=makers[kind](difference), amounts=amounts, read=readers[kind])


def check_addresses(
    paid: Iterable[tuple[str, int]], addresses: Mapping[str, str], *, skip_missing: bool
) -> None:
    """Return if everybody who is paid has an address, or say who is left out; and say what was not checked of them.

    Raises: AddressesMissing.
    """
    missing = [(user, amount) for user, amount in paid if amount > 0 and user not in addresses]
    if missing and not skip_missing:
        raise AddressesMissing([printable(user) for user, _ in missing])
    if missing:
        unpaid = sum(amount for _, amount in missing)
        click.echo(f"left out: {len(missing)} users without an address, {unpaid} credits", err=True)
    tell_unchecked(addresses)


def tell_paid_back(difference: Difference | None) -> None:
    """Say on standard error who was paid too much, which no payment run takes back."""
    moved = () if difference is None else difference.moved
    back = [(each.user_id, -each.credits) for each in moved if each.credits < 0]
    if not back:
        return
    total = sum(amount for _, amount in back)
    click.echo(f"not in the file: {len(back)} people would have to pay back {total} credits:", err=True)
    for user, amount in back[:SHOWN_BACK]:
        click.echo(f"  {printable(user)} {amount}", err=True)
    if len(back) > SHOWN_BACK:
        rest = sum(amount for _, amount in back[SHOWN_BACK:])
        click.echo(
            f"  and {len(back) - SHOWN_BACK} more, {rest} credits: --format csv --net lists them", err=True
        )
