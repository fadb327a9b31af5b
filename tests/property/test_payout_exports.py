"""Payouts in the formats of others: whatever users are called, each file pays what the statement does."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from beancount.core.data import Transaction
from beancount.loader import load_string
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from ledger_core import EpochId, FinalizedAllocation, NodeId, PayoutStatement, WeightConfig, compute_payouts
from ledger_core.identifiers import is_identifier
from ledger_core.testing import make_component, make_window
from scheduler_worker.cli.payout_exports import PayoutsDiffer, paid_amounts, rendering, write_checked
from scheduler_worker.cli.payout_files import SHOWN_BACK, net_payouts, tell_paid_back
from scheduler_worker.exports.differences import Difference, net_csv
from scheduler_worker.exports.journals import Accounts, account_of, amounts_in_journal, beancount, hledger
from scheduler_worker.exports.tables import (
    amounts_in_csv,
    amounts_in_json,
    payments_csv,
    payouts_csv,
    payouts_json,
)
from scheduler_worker.exports.workbook import PayoutsTooMany, amounts_in_xlsx, payouts_xlsx

LETTERS = st.sampled_from("aA0-=+@\"'[]/19\\;,|:{}%\u00e9\u202e\U0001f600 ")
USERS = st.text(LETTERS, min_size=1, max_size=12).filter(is_identifier)
UNITS = st.dictionaries(USERS, st.integers(0, 10**6), max_size=8)
POOLS = st.one_of(st.integers(0, 100), st.integers(0, 2**63 - 1))
ACCOUNT = re.compile("[A-Z0-9][A-Za-z0-9-]*", re.ASCII)


def statement(pool: int, units: dict[str, int]) -> PayoutStatement:
    return PayoutStatement(
        node_id=NodeId(UUID(int=1)),
        epoch_id=EpochId(7),
        window=make_window(),
        weight_config=WeightConfig({}),
        activity_set_hash="0" * 64,
        allocation_set_hash="0" * 64,
        pool_components=(make_component(pool),),
        pool_total_credits=pool,
        payouts=compute_payouts([FinalizedAllocation(user, each) for user, each in units.items()], pool),
        previous_statement_hash=None,
    )


@given(pool=POOLS, units=UNITS, others=UNITS)
def test_the_differences_sum_to_what_the_newer_statement_pays_more(
    pool: int, units: dict[str, int], others: dict[str, int]
) -> None:
    before, after = statement(pool, units), replace(statement(pool, others), allocation_set_hash="1" * 64)
    changed, accounts = Difference(before=before, after=after), Accounts()
    addresses = dict.fromkeys(units.keys() | others.keys(), "there")
    more = sum(line.amount_credits for line in after.payouts) - sum(
        line.amount_credits for line in before.payouts
    )
    was = {line.user_id: line.amount_credits for line in before.payouts}
    owed = sum(max(0, line.amount_credits - was.get(line.user_id, 0)) for line in after.payouts)

    for kind in ("csv", "json", "beancount", "hledger", "payments", "xlsx"):
        file = net_payouts(changed, kind, accounts, addresses)
        assert file.read(file.data) == file.amounts
        assert sum(file.amounts) == (owed if kind == "payments" else more)
        if file.amounts and kind != "xlsx":
            assert before.statement_hash in file.data.decode()
    entries, errors, _ = load_string(
        'plugin "beancount.plugins.auto_accounts"\n'
        + net_payouts(changed, "beancount", accounts, addresses).data.decode()
    )
    assert errors == []
    booked = [posting for each in entries if isinstance(each, Transaction) for posting in each.postings]
    assert len(booked) == len(changed.moved) + bool(more)


@given(pool=POOLS, units=UNITS, others=UNITS)
@settings(deadline=None)
def test_another_reader_of_workbooks_finds_the_differences_and_no_formula(
    pool: int, units: dict[str, int], others: dict[str, int]
) -> None:
    before, after = statement(pool, units), replace(statement(pool, others), allocation_set_hash="1" * 64)
    changed = Difference(before=before, after=after)
    data = net_payouts(changed, "xlsx", Accounts(), {}).data
    book = load_workbook(io.BytesIO(data))
    heading, *rows = book["Differences"].iter_rows()
    facts = {str(name.value): str(value.value) for name, value in book["Statement"].iter_rows()}
    table = list(csv.DictReader(io.StringIO(net_csv(changed).decode(), newline="")))

    assert [cell.value for cell in heading] == [*list(table[0])[:6], "credits"] if table else not rows
    assert [[cell.value for cell in row[1:6]] for row in rows] == [list(line.values())[1:6] for line in table]
    assert [row[0].value for row in rows] == [each.user_id for each in changed.people]
    assert {cell.data_type for row in rows for cell in row[:6]} <= {"s", "inlineStr"}
    for row, each in zip(rows, changed.people, strict=True):
        assert row[6].value == (each.credits if abs(each.credits) < 10**15 else None)
    assert all(cell.hyperlink is None for row in rows for cell in row)
    assert (facts["statement hash"], facts["supersedes"]) == (after.statement_hash, before.statement_hash)
    assert facts["differences"] == str(len(rows))
    assert net_payouts(changed, "xlsx", Accounts(), {}).data == data


def test_a_workbook_of_differences_that_pays_otherwise_is_not_left_behind(tmp_path: Path) -> None:
    changed = Difference(before=statement(100, {"=a": 1}), after=statement(100, {"b": 1}))
    file = net_payouts(changed, "xlsx", Accounts(), {})
    assert file.amounts == [-100, 100]

    for amounts in ([100, -100], [-100, 100, 1]):
        with pytest.raises(PayoutsDiffer):
            write_checked(file.data, tmp_path / "net", kind="xlsx", amounts=amounts, read=file.read)
    with pytest.raises(PayoutsDiffer, match="it is no workbook of differences"):
        write_checked(payouts_xlsx(changed.after), tmp_path / "net", kind="xlsx", amounts=[0], read=file.read)
    assert list(tmp_path.iterdir()) == []


def test_who_would_have_to_pay_back_is_told_beside_the_payments(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A payment run takes nothing back, so that a person has to; what a login holds can't act on the terminal."""
    back = {"bob": 3, "c\u202eid": 1}
    changed = Difference(before=statement(100, {"ann": 1, **back}), after=statement(100, {"ann": 1}))

    tell_paid_back(changed)

    assert capsys.readouterr() == (
        "",
        "not in the file: 2 people would have to pay back 80 credits:\n  bob 60\n  c\ufffdid 20\n",
    )


def test_nobody_pays_back_where_nobody_got_too_much(capsys: pytest.CaptureFixture[str]) -> None:
    tell_paid_back(None)
    tell_paid_back(Difference(before=statement(0, {"ann": 1}), after=statement(100, {"ann": 1})))

    assert capsys.readouterr() == ("", "")


def test_of_many_who_pay_back_the_first_are_told_and_the_others_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    users = {f"user-{number:02}": 1 for number in range(SHOWN_BACK + 2)}

    tell_paid_back(Difference(before=statement(420, users), after=statement(0, users)))

    head, *lines, last = capsys.readouterr().err.splitlines()
    assert head == "not in the file: 42 people would have to pay back 420 credits:"
    assert lines == [f"  user-{number:02} 10" for number in range(SHOWN_BACK)]
    assert last == "  and 2 more, 20 credits: --format csv --net lists them"


def test_a_journal_of_differences_that_does_not_balance_is_refused(tmp_path: Path) -> None:
    changed = Difference(before=statement(100, {"a": 1}), after=statement(100, {"b": 1}))
    file = net_payouts(changed, "hledger", Accounts(), {})
    assert file.amounts == [-100, 100]

    for wrong in (b"-100 CREDITS", b"99 CREDITS"):
        data = file.data.replace(b"  100 CREDITS", b"  " + wrong)
        with pytest.raises(PayoutsDiffer, match="do not sum to 0"):
            write_checked(data, tmp_path / "net", kind="hledger", amounts=file.amounts, read=file.read)
    assert list(tmp_path.iterdir()) == []


@given(pool=POOLS, units=UNITS)
def test_every_format_pays_what_the_statement_does_and_has_the_same_bytes_each_time(
    pool: int, units: dict[str, int]
) -> None:
    found = statement(pool, units)
    amounts = [line.amount_credits for line in found.payouts]
    paid = [amount for amount in amounts if amount]
    addresses = {user: f"address of {user}" for user in units}

    assert sum(amounts) == pool - found.undistributed_credits
    assert amounts_in_csv(payouts_csv(found)) == amounts_in_json(payouts_json(found)) == amounts
    assert amounts_in_xlsx(payouts_xlsx(found)) == amounts
    assert payouts_xlsx(found) == payouts_xlsx(statement(pool, dict(reversed(units.items()))))
    assert amounts_in_csv(payments_csv(found, addresses)) == paid
    for journal in (beancount, hledger):
        assert amounts_in_journal(journal(found, Accounts())) == paid
        assert journal(found, Accounts()) == journal(
            statement(pool, dict(reversed(units.items()))), Accounts()
        )


@given(units=UNITS)
def test_no_cell_of_a_spreadsheet_is_a_formula_and_users_stay_apart(units: dict[str, int]) -> None:
    found = statement(1000, units)
    rows = list(csv.reader(io.StringIO(payouts_csv(found).decode(), newline="")))

    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row)
    assert len({row[0] for row in rows}) == len(rows)


def test_an_address_is_written_as_it_was_given() -> None:
    data = payments_csv(statement(10, {"=ann": 1}), {"=ann": "@ann"})

    assert data.decode().splitlines()[1].startswith("'=ann,@ann,10,")


@given(users=st.sets(USERS, max_size=30))
def test_each_user_has_an_account_of_their_own_and_one_that_journals_take(users: set[str]) -> None:
    accounts = {account_of(user) for user in users}

    assert len(accounts) == len(users)
    assert all(ACCOUNT.fullmatch(account) for account in accounts)


@pytest.mark.parametrize(
    ("user", "account"),
    [
        ("Ann", "Ann"),
        ("ann", "Ann-49915e0d7d4b402e3017d010bc1c0e83"),
        ("Ann-49915e0d7d4b402e3017d010bc1c0e83", "Ann-49915e0d7d4b402e3017d010bc1c0e83-"),
        ("\u00e9\u00e9", "User-"),
        ("bob@work", "Bob-work-"),
    ],
)
def test_a_plain_id_is_its_account_and_another_is_marked(user: str, account: str) -> None:
    assert account_of(user).startswith(account)
    assert (account_of(user) == account) is (user in ("Ann", "ann"))


@given(users=st.sets(USERS, min_size=1, max_size=8))
def test_an_hledger_comment_holds_no_tag_and_no_date(users: set[str]) -> None:
    comments = [
        line.removeprefix("    ; user: ")
        for line in hledger(statement(1000, dict.fromkeys(users, 1)), Accounts()).decode().split("\n")
        if line.startswith("    ;")
    ]

    assert len(comments) == len(users)
    assert not any(sign in comment for comment in comments for sign in ",:[]")


def test_two_ids_that_look_alike_have_two_accounts() -> None:
    """Eight digits of a hash were too few: these two shared them."""
    assert account_of("bob_.&!&@x") != account_of("bob_+%@%_x")


def test_a_journal_that_does_not_balance_is_refused() -> None:
    good = beancount(statement(10, {"Ann": 1}), Accounts())

    with pytest.raises(ValueError, match="9 credits are booked on people, and 10 are spent"):
        amounts_in_journal(good.replace(b"-10 CREDITS", b"-9 CREDITS"))


def test_a_journal_reads_as_it_is_documented() -> None:
    found = statement(10, {"Ann": 1, 'b"b': 1, "nobody": 0})
    mark = account_of('b"b')

    assert beancount(found, Accounts()).decode() == (
        '; payouts of epoch 7; accounts are opened by: plugin "beancount.plugins.auto_accounts"\n'
        "\n"
        f'2026-11-23 * "Payouts" "Epoch 7, {found.window}"\n'
        f'  statement: "{found.statement_hash}"\n'
        "  Expenses:Contributions  10 CREDITS\n"
        "  Liabilities:Contributors:Ann  -5 CREDITS\n"
        '    user: "Ann"\n'
        f"  Liabilities:Contributors:{mark}  -5 CREDITS\n"
        '    user: "b\\"b"\n'
    )
    assert hledger(found, Accounts()).decode() == (
        f"; payouts of epoch 7, statement {found.statement_hash}\n"
        "\n"
        f"2026-11-23 * Payouts | Epoch 7, {found.window}\n"
        "  Expenses:Contributions  10 CREDITS\n"
        "  Liabilities:Contributors:Ann  -5 CREDITS\n"
        "    ; user: Ann\n"
        f"  Liabilities:Contributors:{mark}  -5 CREDITS\n"
        "    ; user: b%22b\n"
    )


@pytest.mark.parametrize("kind", ["csv", "json", "beancount", "hledger", "payments", "xlsx"])
def test_a_file_that_pays_otherwise_is_not_left_behind(kind: str, tmp_path: Path) -> None:
    found = statement(10, {"Ann": 1, "Bob": 2})
    addresses = {"Ann": "there", "Bob": "here"}
    data = rendering(kind, Accounts(), addresses)(found)
    amounts = paid_amounts(found, kind, addresses)
    path = tmp_path / "payouts"
    wrong = [
        (data, [*reversed(amounts)], "in other parts"),
        (data, [*amounts, 1], "10 credits, and not 11"),
        (
            b"user_id\nAnn\n" if kind in ("csv", "payments") else b"{",
            amounts,
            "read back|0 credits, and not 10",
        ),
    ]
    for written, expected, problem in wrong:
        with pytest.raises(PayoutsDiffer, match=problem):
            write_checked(written, path, kind=kind, amounts=expected)
        assert list(tmp_path.iterdir()) == []

    write_checked(data, path, kind=kind, amounts=amounts)
    assert path.read_bytes() == data


def test_json_has_quantities_as_text() -> None:
    value = json.loads(payouts_json(statement(2**63 - 1, {"ann": 1})))

    assert value["pool_total_credits"] == value["payouts"][0]["amount_credits"] == str(2**63 - 1)


@given(pool=POOLS, units=UNITS)
@settings(deadline=None)
def test_beancount_itself_reads_the_journal_and_finds_the_same_sum(pool: int, units: dict[str, int]) -> None:
    found = statement(pool, units)
    text = 'plugin "beancount.plugins.auto_accounts"\n' + beancount(found, Accounts()).decode()
    entries, errors, _ = load_string(text)
    transactions = [entry for entry in entries if isinstance(entry, Transaction)]
    people = [
        posting
        for entry in transactions
        for posting in entry.postings
        if posting.account.startswith("Liabilities:Contributors:")
    ]

    assert not errors
    paid = -sum(int(str(posting.units.number)) for posting in people if posting.units is not None)
    assert paid == pool - found.undistributed_credits
    assert {posting.meta["user"] for posting in people if posting.meta is not None} == {
        line.user_id for line in found.payouts if line.amount_credits
    }


@given(pool=POOLS, units=UNITS)
@settings(deadline=None)
def test_another_reader_of_workbooks_finds_text_and_numbers_and_no_formula(
    pool: int, units: dict[str, int]
) -> None:
    found = statement(pool, units)
    book = load_workbook(io.BytesIO(payouts_xlsx(found)))
    heading, *rows = book["Payouts"].iter_rows()
    facts = {str(name.value): str(value.value) for name, value in book["Statement"].iter_rows()}

    assert [cell.value for cell in heading] == [
        "user_id",
        "total_units",
        "share",
        "amount_credits",
        "credits",
    ]
    assert [[cell.value for cell in row[:4]] for row in rows] == [
        [line.user_id, str(line.total_units), line.share, str(line.amount_credits)] for line in found.payouts
    ]
    assert {cell.data_type for row in rows for cell in row[:4]} <= {"s", "inlineStr"}
    for row, line in zip(rows, found.payouts, strict=True):
        assert row[4].value == (line.amount_credits if line.amount_credits < 10**15 else None)
        assert row[4].data_type == "n"
    assert all(cell.hyperlink is None for row in rows for cell in row)
    assert facts["statement hash"] == found.statement_hash
    assert facts["pool in credits"] == str(pool)


@pytest.mark.parametrize("pool", [2**53 - 1, 2**53 + 1, 10**15 - 1, 10**15, 2**63 - 1])
def test_a_number_stands_in_a_workbook_only_where_spreadsheets_keep_it(pool: int) -> None:
    data = payouts_xlsx(statement(pool, {"ann": 1}))
    row = [cell.value for cell in list(load_workbook(io.BytesIO(data))["Payouts"].iter_rows())[1]]

    assert row[3] == str(pool)
    assert row[4] == (pool if pool < 10**15 else None)
    assert amounts_in_xlsx(data) == [pool]


def test_a_workbook_whose_number_differs_from_its_text_is_no_workbook_of_ours() -> None:
    good = payouts_xlsx(statement(1234, {"ann": 1}))

    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
    sheet = "xl/worksheets/sheet1.xml"
    assert b"<v>1234</v>" in parts[sheet]
    for part, forged, problem in (
        (b"<v>1234</v>", b"<v>1235</v>", "a row says 1234 and 1235"),
        (b"amount_credits", b"amount_crudits", "its columns are others"),
    ):
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, content.replace(part, forged))
        with pytest.raises(ValueError, match=problem):
            amounts_in_xlsx(written.getvalue())
    with pytest.raises(ValueError, match="it is no workbook of payouts"):
        amounts_in_xlsx(b"PK")


def test_more_payouts_than_a_sheet_has_rows_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler_worker.exports.workbook.MAX_PAYOUTS", 2)

    with pytest.raises(PayoutsTooMany, match="the statement has 3 payouts, and a sheet holds 2"):
        payouts_xlsx(statement(10, {"ann": 1, "bob": 1, "cid": 1}))
