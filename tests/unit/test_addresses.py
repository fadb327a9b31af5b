"""Checksums of Ethereum addresses (EIP-55): a mistyped address is refused wherever it is written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from scheduler_worker.addresses import checksum_fits, has_checksum
from scheduler_worker.cli.app import run
from scheduler_worker.cli.payout_exports import AddressesInvalid, read_addresses
from scheduler_worker.cli.payout_files import check_addresses
from scheduler_worker.policy import read_policy
from tests.command_line import environment
from tests.signers import APPROVER

# The examples of EIP-55 itself.
OF_THE_STANDARD = (
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
)
WITHOUT_ONE = ("0x52908400098527886E0F7030069857D2E4169EE7", "0x27b1fdb04752bbc536007a920d24acb045561c26")
MISTYPED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAee"
POLICY = (
    'node_id = "0c0ffee0-1111-4222-8333-444455556666"\n[approvals.approvers]\nbob = "{bob}"\nann = "{ann}"\n'
)


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy whose second approver is mistyped."""
    path = tmp_path / "ledger.toml"
    path.write_text(POLICY.format(bob=APPROVER.address, ann=MISTYPED))
    monkeypatch.setenv("LEDGER_CONFIG", str(path))
    return path


@pytest.mark.parametrize("address", [*OF_THE_STANDARD, *WITHOUT_ONE])
def test_addresses_of_the_standard_fit(address: str) -> None:
    assert checksum_fits(address) is True
    assert has_checksum(address) == (address in OF_THE_STANDARD)


@given(st.binary(min_size=20, max_size=20), st.integers(2, 41))
def test_a_checksum_is_what_wallets_write_and_no_other(raw: bytes, place: int) -> None:
    """Against the Ethereum project's own computation; another case of any one letter does not fit."""
    address = str(to_checksum_address(raw))
    other = address[:place] + address[place].swapcase() + address[place + 1 :]

    assert checksum_fits(address) is True
    if other != address:
        assert checksum_fits(other) == (not has_checksum(other))


def test_a_mistyped_approver_is_refused_with_its_line(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, told = run(["config", "check"]), capsys.readouterr().err

    assert status == 2
    assert told == (
        "ledger: address-checksum-wrong: ledger.toml line 4: approvals.approvers.ann has an address whose checksum"
        " (EIP-55) does not fit: a character is mistyped, or the case of a letter; copy it anew from where it comes from\n"
    )
    # Never the checksum of what was mistyped, as if it were right.
    assert str(to_checksum_address(MISTYPED.lower())) not in told
    assert policy.exists()


def test_a_mistyped_approver_of_the_command_line_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "none.zip")

    status = run(["statement", "verify", file, "--signatures", file, "--approver", MISTYPED])

    assert status == 2
    assert capsys.readouterr().err.startswith(f"ledger: address-checksum-wrong: --approver {MISTYPED} has an")


def test_a_mistyped_address_of_a_payment_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "addresses.csv"
    good = [APPROVER.address, WITHOUT_ONE[1], "DE02 1203 0000 0000 2020 51"]  # whoever is paid otherwise
    lines = [f"user-{number},{address}" for number, address in enumerate(good)]
    path.write_text("\n".join(["user_id,address", *lines]) + "\n")
    assert list(read_addresses(path).values()) == good
    path.write_text("\n".join(["user_id,address", *lines, f"ann,{MISTYPED}"]) + "\n")

    with pytest.raises(AddressesInvalid, match="line 5 has an address whose checksum"):
        read_addresses(path)


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        (f" {MISTYPED}", "has an address with a space before or after it"),
        (f"{MISTYPED} ", "has an address with a space before or after it"),
        (MISTYPED[:-1], "has an address that is none: 0x and 40 hexadecimal digits"),
        (f"{MISTYPED}0", "has an address that is none: 0x and 40 hexadecimal digits"),
        (MISTYPED.replace("0x", "0X"), "has an address that is none: 0x and 40 hexadecimal digits"),
        (MISTYPED.replace("60", "6O"), "has an address that is none: 0x and 40 hexadecimal digits"),
        (MISTYPED.replace("0x", "Ox"), "has an address that is none: 0x and 40 hexadecimal digits"),
    ],
)
def test_what_is_almost_an_address_is_refused(tmp_path: Path, address: str, problem: str) -> None:
    path = tmp_path / "addresses.csv"
    path.write_text(f"user_id,address\nox,oxford.example\nann,{address}\n")

    with pytest.raises(AddressesInvalid, match=f"line 3 {problem}$"):
        read_addresses(path)


def test_how_many_payments_go_to_an_unchecked_address_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {"ann": MISTYPED, "bob": WITHOUT_ONE[1], "cid": "De02 1203"}
    check_addresses([("ann", 7)], known, skip_missing=False)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setitem(sys.modules, "eth_hash.auto", None)

    check_addresses([("ann", 7)], known, skip_missing=False)

    assert capsys.readouterr() == (
        "",
        "not checked: checksums of 1 addresses; cogni-scheduler-worker[signatures] computes them\n",
    )


@pytest.mark.parametrize("named", ["pysha3", "nonsense"])
def test_an_installation_that_computes_nothing_is_told_from_a_wrong_address(named: str) -> None:
    """A hash's implementation is chosen by the environment, and loaded by its first use."""
    asked = (
        "import sys\n"
        "from scheduler_worker.addresses import checksum_fits\n"
        "from scheduler_worker.signing import recover_signer\n"
        "from ledger_core.signature_errors import SigningUnavailable\n"
        f"assert checksum_fits({MISTYPED!r}) is None\n"
        "try:\n"
        "    recover_signer('text', '0x' + '11' * 64 + '1b')\n"
        "except SigningUnavailable:\n"
        "    sys.exit(7)\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", asked], env=environment({"ETH_HASH_BACKEND": named}), check=False
    )

    assert ended.returncode == 7


def test_where_no_checksum_can_be_computed_that_is_said(
    policy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checked_policy = POLICY.format(bob=APPROVER.address, ann=WITHOUT_ONE[1])
    policy.write_text(checked_policy)
    assert run(["config", "check", "--json"]) == 0
    checked = json.loads(capsys.readouterr().out)
    monkeypatch.setitem(sys.modules, "eth_hash.auto", None)

    assert run(["config", "check"]) == 0
    told = capsys.readouterr().out
    run(["config", "check", "--json"])
    unchecked = json.loads(capsys.readouterr().out)

    assert "\nnot checked: the checksums of the addresses of bob; install\n" in told
    assert (checked["unchecked_addresses"], unchecked["unchecked_addresses"]) == ([], ["bob"])
    assert checked["policy_hash"] == unchecked["policy_hash"]
    assert read_policy(policy).approvals.unchecked == ("bob",)
    assert max(map(len, told.splitlines()[-3:-1])) <= 80


def test_computing_a_checksum_leaves_the_recursion_limit() -> None:
    limit = sys.getrecursionlimit()

    assert checksum_fits(OF_THE_STANDARD[0]) is True

    assert sys.getrecursionlimit() == limit
