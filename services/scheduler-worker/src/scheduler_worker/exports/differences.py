"""What an amendment changes, in the formats of others: what is booked, or paid, on top of the superseded statement."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ledger_core.domain.amended_statement import NetDifference, net_differences
from ledger_core.domain.statement import PayoutStatement
from scheduler_worker.exports.journals import Accounts, account_of, percent_encoded, quoted
from scheduler_worker.exports.tables import AMOUNT, csv_bytes, harmless

_POSTING: Final = re.compile(r" {2}(\S+) {2}(-?[0-9]+) [A-Z]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A statement, and the one that it supersedes."""

    before: PayoutStatement
    after: PayoutStatement

    @property
    def people(self) -> tuple[NetDifference, ...]:
        """Whose units or credits differ, by user id."""
        return net_differences(self.before, self.after)

    @property
    def moved(self) -> tuple[NetDifference, ...]:
        """Whose credits differ, by user id."""
        return tuple(each for each in self.people if each.credits)


def net_csv(difference: Difference) -> bytes:
    """Return a line for each user whose units or credits differ; amount_credits is signed: below 0 is too much paid."""
    header = ["user_id", "units_before", "units_after", "credits_before", "credits_after", AMOUNT]
    pinned = (str(difference.after.epoch_id), *_hashes(difference))
    rows = ((harmless(each.user_id), *quantities(each).values(), *pinned) for each in difference.people)
    return csv_bytes([*header, "epoch_id", "statement_hash", "supersedes"], rows)


def net_json(difference: Difference) -> bytes:
    """Return one object: which statement supersedes which, and a line as in the CSV, quantities as decimal strings."""
    statement_hash, supersedes = _hashes(difference)
    value = {
        "epoch_id": str(difference.after.epoch_id),
        "statement_hash": statement_hash,
        "supersedes": supersedes,
        "payouts": [{"user_id": each.user_id} | quantities(each) for each in difference.people],
    }
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"


def net_payments(difference: Difference, addresses: Mapping[str, str]) -> bytes:
    """Return a line for each user who gets more and has an address."""
    hashes = _hashes(difference)
    rows = (
        (harmless(each.user_id), addresses[each.user_id], str(each.credits), *hashes)
        for each in difference.moved
        if each.credits > 0 and each.user_id in addresses
    )
    return csv_bytes(["user_id", "address", AMOUNT, "statement_hash", "supersedes"], rows)


def net_beancount(difference: Difference, accounts: Accounts) -> bytes:
    """Return the difference as one balanced transaction, with what it supersedes as its metadata."""
    after = difference.after
    lines = [f"; differences of epoch {after.epoch_id}"]
    if difference.moved:
        statement_hash, supersedes = _hashes(difference)
        lines += [
            "",
            f'{after.window.period_end.date()} * "Payouts amended" "Epoch {after.epoch_id}, {after.window}"',
        ]
        lines += [f'  statement: "{statement_hash}"', f'  supersedes: "{supersedes}"']
        lines += _spent(difference, accounts)
        for each in difference.moved:
            lines += [_posting(each, accounts), f'    user: "{quoted(each.user_id)}"']
    return ("\n".join(lines) + "\n").encode()


def net_hledger(difference: Difference, accounts: Accounts) -> bytes:
    """Return the same for hledger, with what it supersedes as a tag."""
    after = difference.after
    lines = [f"; differences of epoch {after.epoch_id}"]
    if difference.moved:
        statement_hash, supersedes = _hashes(difference)
        title = f"Payouts amended | Epoch {after.epoch_id}, {after.window}"
        lines += ["", f"{after.window.period_end.date()} * {title}"]
        lines += [f"    ; statement: {statement_hash}", f"    ; supersedes: {supersedes}"]
        lines += _spent(difference, accounts)
        for each in difference.moved:
            lines += [_posting(each, accounts), f"    ; user: {percent_encoded(each.user_id)}"]
    return ("\n".join(lines) + "\n").encode()


def amounts_in_net_journal(data: bytes, accounts: Accounts) -> list[int]:
    """Return what a journal of this module books on people, in its order; below 0 is who gets less.

    Raises: ValueError when it does not balance.
    """
    found = [_POSTING.fullmatch(line) for line in data.decode().split("\n")]
    postings = [(each[1], int(each[2])) for each in found if each]
    if sum(amount for _, amount in postings):
        raise ValueError("its postings do not sum to 0")
    return [-amount for account, amount in postings if account != accounts.spent]


def _hashes(difference: Difference) -> tuple[str, str]:
    return difference.after.statement_hash, difference.before.statement_hash


def quantities(each: NetDifference) -> dict[str, str]:
    """Return what differs of a user, by the columns of the CSV, as decimal text."""
    return {
        "units_before": str(each.units_before),
        "units_after": str(each.units_after),
        "credits_before": str(each.credits_before),
        "credits_after": str(each.credits_after),
        AMOUNT: str(each.credits),
    }


def _posting(each: NetDifference, accounts: Accounts) -> str:
    return f"  {accounts.people}:{account_of(each.user_id)}  {-each.credits} {accounts.commodity}"


def _spent(difference: Difference, accounts: Accounts) -> list[str]:
    # Only where one of the two paid nobody: else what some get more, others get less.
    more = sum(each.credits for each in difference.moved)
    return [f"  {accounts.spent}  {more} {accounts.commodity}"] if more else []
