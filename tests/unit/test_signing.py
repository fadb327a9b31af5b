"""Recovering signers, files of signatures, and what both verifiers say of them."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger_core.domain.canonical_json import canonical_json
from ledger_core.domain.signature import StatementSignature, signing_text
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import EpochId
from ledger_core.signature_errors import SignatureInvalid, SigningUnavailable
from ledger_core.verification.__main__ import main
from ledger_core.verification.refusals import BundleRefused
from ledger_core.verification.signatures_file import (
    SignaturesFile,
    parse_signatures,
    read_signatures,
    signatures_file,
)
from scheduler_worker.cli import progress
from scheduler_worker.cli.app import run
from scheduler_worker.cli.signature_commands import _state
from scheduler_worker.signing import recover_signer
from scheduler_worker.statement_signatures import SignaturesNotVerified, verify_signatures
from tests.bundle_histories import bundle_bytes, standard_history
from tests.signers import APPROVER, SECOND, STRANGER, address_of, signature_of

LEDGER = standard_history()
with LEDGER.read() as _view:
    STATEMENT = _view.statements.versions(EpochId(1))[-1]
    OTHER = _view.statements.versions(EpochId(2))[-1]
TEXT = signing_text(STATEMENT)
# Made by a wallet's library of another language would be the same: EIP-191 and secp256k1 leave no choice (RFC 6979).
KNOWN = (
    "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a",
    "0x1563915e194d8cfba1943570603f7606a3115508",
)


def signed(*keys: Any) -> SignaturesFile:
    found = [
        StatementSignature(
            statement_hash=STATEMENT.statement_hash,
            signer=address_of(key),
            signature=signature_of(key, TEXT),
        )
        for key in keys
    ]
    return signatures_file(STATEMENT, found)


def test_the_signer_is_recovered_and_an_address_is_that_of_its_key() -> None:
    assert (address_of(APPROVER), address_of(SECOND)) == KNOWN
    assert recover_signer(TEXT, signature_of(APPROVER, TEXT)) == KNOWN[0]


def test_another_text_or_other_bytes_are_somebody_elses() -> None:
    signature = signature_of(APPROVER, TEXT)
    changed = signature[:10] + ("0" if signature[10] != "0" else "1") + signature[11:]

    assert recover_signer(TEXT + "\n", signature) != KNOWN[0]
    try:
        found = recover_signer(TEXT, changed)
    except SignatureInvalid:
        found = "nobody"
    assert found != KNOWN[0]


@pytest.mark.parametrize("odd", ["00" * 64 + "1b", "ff" * 64 + "1c", "00" * 65])
def test_what_no_key_can_have_signed_is_refused(odd: str) -> None:
    with pytest.raises(SignatureInvalid):
        recover_signer(TEXT, f"0x{odd}")


def test_what_has_not_the_form_is_refused() -> None:
    for odd in ("", "0x", "x" * 132, f"0x{'11' * 64}1d", f"0x{'AA' * 64}1b"):
        with pytest.raises(InvalidValue):
            recover_signer(TEXT, odd)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "eth_account", None)

    with pytest.raises(SigningUnavailable, match=r"cogni-scheduler-worker\[signatures\]"):
        recover_signer(TEXT, signature_of_known())


def test_to_load_it_leaves_deep_json_a_refusal_and_no_crash() -> None:
    """A package below raises the interpreter's recursion limit a hundredfold."""
    program = (
        "import sys\nfrom scheduler_worker.signing import load_recovery\n"
        "from ledger_core.domain.canonical_json import parse_canonical_json\n"
        "before = sys.getrecursionlimit()\nload_recovery()\nassert sys.getrecursionlimit() == before\n"
        "try:\n    parse_canonical_json(b'[' * 1_000_000)\nexcept Exception as error:\n    print(error.code)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout) == (0, "not-canonical-json\n"), ended.stderr


def signature_of_known() -> str:
    return f"0x{'11' * 64}1b"


def test_a_file_of_signatures_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = signed(SECOND, APPROVER)
    path = tmp_path / "signatures.json"
    path.write_bytes(found.document())

    assert [each.signer for each in found.signatures] == sorted(KNOWN)
    assert read_signatures(path) == found
    assert verify_signatures(found, recover=recover_signer, required=2).signers == tuple(sorted(KNOWN))


def edited(change: Callable[[dict[str, Any]], None]) -> bytes:
    document = json.loads(signed(APPROVER, SECOND).document())
    change(document)
    return canonical_json(document)


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it.pop("format"),
        lambda it: it.update(format="ledger-signatures/2"),
        lambda it: it.update(more=1),
        lambda it: it.update(node_id="x"),
        lambda it: it.update(epoch_id=1),
        lambda it: it.update(pool_total_credits="-1"),
        lambda it: it.update(statement_hash="x"),
        lambda it: it.update(signatures={}),
        lambda it: it["signatures"].reverse(),
        lambda it: it["signatures"].append(it["signatures"][-1]),
        lambda it: it["signatures"].append(1),
        lambda it: it["signatures"][0].pop("signer"),
        lambda it: it["signatures"][0].update(signer="0xA"),
        lambda it: it["signatures"][0].update(signature=None),
        lambda it: it.update(signatures=it["signatures"] * 501),
    ],
)
def test_a_file_of_another_form_is_refused(change: Callable[[dict[str, Any]], None], tmp_path: Path) -> None:
    path = tmp_path / "signatures.json"
    path.write_bytes(edited(change))

    with pytest.raises(BundleRefused):
        read_signatures(path)


def test_what_is_no_file_of_signatures_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "signatures.json"
    for odd in (b"", b"{}", b"\xff", b" " + signed(APPROVER).document(), b"1" * 1_048_577):
        path.write_bytes(odd)
        with pytest.raises(BundleRefused):
            read_signatures(path)
    with pytest.raises(BundleRefused):
        read_signatures(tmp_path)
    with pytest.raises(OSError, match="No such file"):
        read_signatures(tmp_path / "none")


def test_a_signature_under_another_name_is_found() -> None:
    document = json.loads(signed(APPROVER).document())
    document["signatures"][0]["signer"] = address_of(STRANGER)
    found = parse_signatures(canonical_json(document))

    with pytest.raises(SignaturesNotVerified, match="did not make"):
        verify_signatures(found, recover=recover_signer)


def test_approvers_that_did_not_sign_are_missed() -> None:
    found = signed(APPROVER, STRANGER)

    with pytest.raises(SignaturesNotVerified, match="2 are asked for, and 1 is there"):
        verify_signatures(found, recover=recover_signer, approvers=KNOWN, required=2)
    assert verify_signatures(found, recover=recover_signer, approvers=KNOWN, required=1)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    bundle, signatures = tmp_path / "1.zip", tmp_path / "1.json"
    bundle.write_bytes(bundle_bytes(LEDGER, 1))
    signatures.write_bytes(signed(APPROVER, SECOND).document())
    return bundle, signatures


def test_the_core_verifier_says_what_it_did_not_check(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, signatures = files

    assert main([str(bundle), "--signatures", str(signatures)]) == 0
    assert "2 signatures of this statement, NOT CHECKED here" in capsys.readouterr().out
    assert main([str(bundle), "--signatures", str(signatures), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["signatures"]
    assert told == {"stated": 2, "checked": False, "problem": None}


@pytest.mark.parametrize("field", ["node_id", "epoch_id", "pool_total_credits", "statement_hash"])
def test_signatures_of_another_statement_verify_nothing(
    files: tuple[Path, Path], field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, signatures = files
    other = {
        "node_id": "00000000-0000-4000-8000-000000000000",
        "epoch_id": "2",
        "pool_total_credits": "1",
        "statement_hash": OTHER.statement_hash,
    }
    document = json.loads(signatures.read_bytes()) | {field: other[field]}
    signatures.write_bytes(canonical_json(document))

    assert main([str(bundle), "--signatures", str(signatures)]) == 1
    assert "WRONG SIGNATURES" in capsys.readouterr().out
    assert run(["statement", "verify", str(bundle), "--signatures", str(signatures)]) == 1
    assert "signatures-not-verified" in capsys.readouterr().err


def test_the_command_recovers_who_signed(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, signatures = files
    command = ["statement", "verify", str(bundle), "--signatures", str(signatures)]

    assert run(command) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-3:] == [
        *(f"signed by {signer}" for signer in sorted(KNOWN)),
        f"verified {STATEMENT.statement_hash}",
    ]
    assert run([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["signers"] == sorted(KNOWN)
    assert (
        run([*command, "--approver", KNOWN[0].upper().replace("0X", "0x"), "--require-approvals", "1"]) == 0
    )
    assert run([*command, "--approver", address_of(STRANGER)]) == 1
    assert "1 are asked for, and 0 are there" in capsys.readouterr().err
    assert run(["statement", "verify", str(bundle), "--approver", KNOWN[0]]) == 2
    assert run([*command, "--require-approvals", "1"]) == 2
    assert run([*command, "--approver", "ann"]) == 2
    capsys.readouterr()
    assert run([*command, "--approver", KNOWN[0]]) == 0
    assert f"signed by {KNOWN[1]}, who is none of --approver" in capsys.readouterr().out


def test_recovering_says_at_a_terminal_how_far_it_is_and_nothing_elsewhere(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, signatures = files
    command = ["statement", "verify", str(bundle), "--signatures", str(signatures)]
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(progress, "TOLD_EVERY_SECONDS", 0.0)

    assert run(command) == 0
    into_a_pipe = capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert run(command) == 0
    at_a_terminal = capsys.readouterr().err
    assert run([*command, "--json"]) == 0
    beside_json = capsys.readouterr().err

    assert re.search(
        r"\.\.\. recovering signers of 1 of 2 signatures, \d+(/s| a minute), \d+s left", at_a_terminal
    )
    assert (into_a_pipe, beside_json) == ("", "")


def test_a_refused_file_of_signatures_has_its_code(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, signatures = files
    signatures.write_bytes(b"{}")

    assert main([str(bundle), "--signatures", str(signatures)]) == 2
    assert "(signatures-refused)" in capsys.readouterr().out
    assert run(["statement", "verify", str(bundle), "--signatures", str(signatures)]) == 1
    assert "signatures-refused" in capsys.readouterr().err
    assert run(["statement", "verify", str(bundle), "--signatures", f"{signatures}.none"]) == 1
    assert "bundle-unreadable" in capsys.readouterr().err


def test_a_file_of_signatures_is_no_part_of_a_bundle() -> None:
    """However many sign, a bundle has the same bytes."""
    assert bundle_bytes(LEDGER, 1) == bundle_bytes(standard_history(), 1)
    assert io.BytesIO(bundle_bytes(LEDGER, 1)).read(2) == b"PK"


def test_a_stored_signature_is_listed_as_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may insert rows can name any signer; the list does not repeat it."""
    (genuine,) = signed(APPROVER).signatures
    under_another_name = replace(genuine, signer=address_of(SECOND))
    of_another_statement = replace(genuine, signature=signature_of(APPROVER, signing_text(OTHER)))
    of_no_key = replace(genuine, signature=f"0x{'00' * 64}1b")

    assert _state(STATEMENT, genuine) == "valid"
    for forged in (under_another_name, of_another_statement, of_no_key):
        assert _state(STATEMENT, forged) == "FORGED"
    monkeypatch.setitem(sys.modules, "eth_account", None)
    assert _state(STATEMENT, genuine) == "not checked"
