"""Payouts as one balanced transaction of plain-text accounting, for Beancount and for hledger."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from typing import Final
from urllib.parse import quote

from attrs import frozen

from ledger_core.domain.payouts import PayoutLine
from ledger_core.domain.statement import PayoutStatement

_OPENED: Final = 'accounts are opened by: plugin "beancount.plugins.auto_accounts"'
_PLAIN: Final = re.compile("[A-Z0-9][A-Za-z0-9-]*", re.ASCII)
_MARK_DIGITS: Final = 32  # no two people share one, also if somebody tries
_MARKED: Final = re.compile(rf".*-[0-9a-f]{{{_MARK_DIGITS}}}", re.ASCII)
_OTHER: Final = re.compile("[^A-Za-z0-9]+", re.ASCII)
_PAID: Final = re.compile(r" {2}\S+ {2}-([0-9]+) [A-Z]+", re.ASCII)
_SPENT: Final = re.compile(r" {2}\S+ {2}([0-9]+) [A-Z]+", re.ASCII)


@frozen(kw_only=True)
class Accounts:
    """Where payouts are booked: one account for what was spent, one below another for each user."""

    spent: str = "Expenses:Contributions"
    people: str = "Liabilities:Contributors"
    commodity: str = "CREDITS"


def beancount(statement: PayoutStatement, accounts: Accounts) -> bytes:
    """Return the payouts as a Beancount transaction on the day on which the window ends.

    Holds: it balances; a user has the same account in every statement, and two users never the same one.
    """
    lines = [f"; payouts of epoch {statement.epoch_id}; {_OPENED}"]
    if _paid(statement):
        title = f"Epoch {statement.epoch_id}, {statement.window}"
        lines += ["", f'{statement.window.period_end.date()} * "Payouts" "{title}"']
        lines += [f'  statement: "{statement.statement_hash}"']
        lines += _postings(statement, accounts, '    user: "{}"', escape=quoted)
    return ("\n".join(lines) + "\n").encode()


def hledger(statement: PayoutStatement, accounts: Accounts) -> bytes:
    """Return the payouts as an hledger transaction; what Beancount's holds is held here."""
    lines = [f"; payouts of epoch {statement.epoch_id}, statement {statement.statement_hash}"]
    if _paid(statement):
        title = f"Payouts | Epoch {statement.epoch_id}, {statement.window}"
        lines += ["", f"{statement.window.period_end.date()} * {title}"]
        lines += _postings(statement, accounts, "    ; user: {}", escape=percent_encoded)
    return ("\n".join(lines) + "\n").encode()


def amounts_in_journal(data: bytes) -> list[int]:
    """Return the credits that a journal of this module books on people, in its order.

    Raises: ValueError when it does not balance.
    """
    lines = data.decode().split("\n")  # not splitlines, which ends lines where an id may go on
    paid = [int(found[1]) for line in lines if (found := _PAID.fullmatch(line))]
    spent = sum(int(found[1]) for line in lines if (found := _SPENT.fullmatch(line)))
    if sum(paid) != spent:
        raise ValueError(f"{sum(paid)} credits are booked on people, and {spent} are spent")
    return paid


def account_of(user_id: str) -> str:
    """Return the last part of a user's account: the id if that may be one, else its letters and a mark of its own."""
    if _PLAIN.fullmatch(user_id) and not _MARKED.fullmatch(user_id):
        return user_id
    letters = _OTHER.sub("-", user_id).strip("-")[:40]
    mark = sha256(user_id.encode()).hexdigest()[:_MARK_DIGITS]
    return f"{letters[:1].upper()}{letters[1:]}-{mark}" if letters else f"User-{mark}"


def _postings(
    statement: PayoutStatement, accounts: Accounts, note: str, *, escape: Callable[[str], str]
) -> list[str]:
    paid = _paid(statement)
    total = sum(line.amount_credits for line in paid)
    lines = [f"  {accounts.spent}  {total} {accounts.commodity}"]
    for line in paid:
        account = f"{accounts.people}:{account_of(line.user_id)}"
        lines.append(f"  {account}  -{line.amount_credits} {accounts.commodity}")
        lines.append(note.replace("{}", escape(line.user_id)))
    return lines


def _paid(statement: PayoutStatement) -> list[PayoutLine]:
    return [line for line in statement.payouts if line.amount_credits > 0]


def percent_encoded(text: str) -> str:
    """Return a user id for a comment of hledger."""
    # Of a comment hledger reads tags, and dates in brackets: an id must not move its posting to another day.
    return quote(text, safe=" @._-")


def quoted(text: str) -> str:
    """Return a user id for a string of Beancount."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
