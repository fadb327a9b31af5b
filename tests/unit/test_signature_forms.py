"""Signatures as values and in their file, which need no curve: the text, the forms, the words of refusals."""

from __future__ import annotations

import json
import os
import re
import tracemalloc
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ledger_core.domain.approvals import ApprovalPolicy
from ledger_core.domain.canonical_json import canonical_json
from ledger_core.domain.signature import StatementSignature, check_signature, check_signer, signing_text
from ledger_core.errors import InvalidValue, LedgerError
from ledger_core.signature_errors import SigningUnavailable
from ledger_core.verification.refusals import BundleFormatUnsupported, SignaturesRefused
from ledger_core.verification.report import VerificationReport
from ledger_core.verification.signatures_file import (
    MAX_SIGNATURES_BYTES,
    find_difference,
    parse_signatures,
    read_signatures,
    signatures_file,
)
from tests.unit.test_statement import STATEMENT, STATEMENT_HASH

NODE = "0195f1d2-0000-7000-8000-000000000001"
ANN, BOB = f"0x{'1a' * 20}", f"0x{'2b' * 20}"
SIGNATURE = f"0x{'3c' * 64}1b"
HASH_FORM = "must be 64 lower-case hexadecimal digits"
SIGNER_FORM = "signer must be 0x and 40 lower-case hexadecimal digits"
SIGNATURE_FORM = "signature must be 0x and 65 bytes in lower-case hexadecimal digits"


def signature(signer: str = ANN, **changes: Any) -> StatementSignature:
    return StatementSignature(
        **{"statement_hash": STATEMENT_HASH, "signer": signer, "signature": SIGNATURE} | changes
    )


FILE = signatures_file(STATEMENT, [signature(BOB), signature(ANN)])
DOCUMENT: dict[str, Any] = {
    "epoch_id": "3",
    "format": "ledger-signatures/1",
    "node_id": NODE,
    "pool_total_credits": "1007",
    "signatures": [{"signature": SIGNATURE, "signer": signer} for signer in (ANN, BOB)],
    "statement_hash": STATEMENT_HASH,
}


def test_a_statement_s_file_names_it_and_has_its_signatures_by_signer() -> None:
    made = signatures_file(STATEMENT, [signature(BOB), signature(ANN)])

    assert made.document() == canonical_json(DOCUMENT)


def test_the_text_that_is_signed() -> None:
    assert signing_text(STATEMENT) == (
        "I approve this payout statement.\n"
        f"node: {NODE}\n"
        "epoch: 3\n"
        "pool: 1007 credits\n"
        f"statement: {STATEMENT_HASH}"
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"statement_hash": "A" * 64}, f"signed statement {HASH_FORM}"),
        ({"statement_hash": None}, f"signed statement {HASH_FORM}"),
        ({"signer": ANN.upper()}, SIGNER_FORM),
        ({"signer": None}, SIGNER_FORM),
        ({"signature": SIGNATURE[:-2] + "02"}, SIGNATURE_FORM),
        ({"signature": None}, SIGNATURE_FORM),
    ],
)
def test_what_has_not_the_form_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidValue, match=f"^{re.escape(sentence)}$"):
        signature(**changes)


@pytest.mark.parametrize("last", ["00", "01", "1b", "1c"])
def test_what_has_the_form_is_not(last: str) -> None:
    check_signature(SIGNATURE[:-2] + last)
    check_signer(BOB)


def test_a_policy_asks_for_no_more_approvals_than_it_has_approvers() -> None:
    both = frozenset((ANN, BOB))

    assert ApprovalPolicy(required=2, approvers=both).required == 2
    assert ApprovalPolicy(required=0).required == 0
    for required in (-1, 3):
        with pytest.raises(InvalidValue, match=r"^required approvals must be 0 to 2, one an approver$"):
            ApprovalPolicy(required=required, approvers=both)
    with pytest.raises(InvalidValue, match=f"^{SIGNER_FORM}$"):
        ApprovalPolicy(approvers=frozenset(("ann",)))


def test_a_policy_that_recovers_nobody_says_so() -> None:
    with pytest.raises(SigningUnavailable, match=r"^signatures can't be checked here: install "):
        ApprovalPolicy().recover("text", SIGNATURE)


def test_the_file_is_canonical_json_in_the_order_of_signers(tmp_path: Path) -> None:
    assert FILE.document() == canonical_json(DOCUMENT)
    path = tmp_path / "signatures.json"
    path.write_bytes(FILE.document())
    assert read_signatures(path) == FILE == parse_signatures(FILE.document())


def signed_by(count: int) -> list[dict[str, str]]:
    return [{"signature": SIGNATURE, "signer": f"0x{number:040x}"} for number in range(count)]


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (
            [],
            f"signatures must be an object of exactly {', '.join(DOCUMENT)}",
        ),
        (DOCUMENT | {"statement_hash": "x"}, f"statement_hash {HASH_FORM}"),
        (
            DOCUMENT | {"epoch_id": 3},
            "epoch_id must be a decimal string from 0 to 2^63-1, without leading zeros",
        ),
        (
            DOCUMENT | {"pool_total_credits": "-1"},
            "pool_total_credits must be a decimal string from 0 to 2^63-1, without leading zeros",
        ),
        (DOCUMENT | {"node_id": "x"}, "node_id must be a UUID"),
        (DOCUMENT | {"signatures": {}}, "signatures must be a list of at most 1000"),
        (DOCUMENT | {"signatures": signed_by(1_001)}, "signatures must be a list of at most 1000"),
        (DOCUMENT | {"signatures": [1]}, "signature must be an object of exactly signature, signer"),
        (
            DOCUMENT | {"signatures": DOCUMENT["signatures"][::-1]},
            "signatures must have each signer once, in order",
        ),
        (
            DOCUMENT | {"signatures": [DOCUMENT["signatures"][0]] * 2},
            "signatures must have each signer once, in order",
        ),
    ],
)
def test_what_is_no_file_of_signatures_is_refused(document: Any, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "signatures.json"
    path.write_bytes(canonical_json(document))

    with pytest.raises(InvalidValue, match=f"^{re.escape(sentence)}$"):
        parse_signatures(path.read_bytes())
    with pytest.raises(SignaturesRefused) as refused:
        read_signatures(path)
    assert refused.value.problem == sentence
    assert str(refused.value) == f"the file of signatures is no ledger-signatures/1: {sentence}"


def test_as_many_signatures_as_may_be_are_read() -> None:
    found = parse_signatures(canonical_json(DOCUMENT | {"signatures": signed_by(1_000)}))

    assert len(found.signatures) == 1_000


def test_another_format_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "signatures.json"
    path.write_bytes(canonical_json(DOCUMENT | {"format": "ledger-signatures/2"}))

    with pytest.raises(BundleFormatUnsupported) as refused:
        read_signatures(path)
    assert str(refused.value) == (
        "the format of the signatures is ledger-signatures/2, and only ledger-signatures/1 is supported"
    )


def test_a_file_without_a_format_is_none() -> None:
    with pytest.raises(InvalidValue, match=r"^signatures must be an object of exactly"):
        parse_signatures(canonical_json({name: DOCUMENT[name] for name in DOCUMENT if name != "format"}))


def test_a_file_of_any_size_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "signatures.json"
    path.write_bytes(b" " * 1_048_577)
    with pytest.raises(SignaturesRefused) as refused:
        read_signatures(path)
    assert refused.value.problem == "it is larger than 1048576 bytes"

    path.write_bytes(b" " * 1_048_576)
    with pytest.raises(SignaturesRefused) as refused:
        read_signatures(path)
    assert "larger" not in refused.value.problem


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = Thread(target=lambda: os.close(os.open(pipe, os.O_WRONLY)))
    writer.start()
    try:
        with pytest.raises(SignaturesRefused) as refused:
            read_signatures(pipe)
    finally:  # the writer waits for a reader, as a reader would for a writer
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        writer.join()
        os.close(reader)

    assert refused.value.problem == "it is no regular file"


def test_a_file_is_read_no_further_than_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(64 * MAX_SIGNATURES_BYTES)
    tracemalloc.start()
    try:
        with pytest.raises(SignaturesRefused, match="larger"):
            read_signatures(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 4 * MAX_SIGNATURES_BYTES


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_signatures(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("field", "other", "sentence"),
    [
        (
            "statement_hash",
            "f" * 64,
            f"they are of statement {STATEMENT_HASH}, and the bundle is of {'f' * 64}",
        ),
        ("node_id", "another", f"they are of node {NODE}, and the bundle is of another"),
        ("epoch_id", "4", "they are of epoch 3, and the bundle is of 4"),
        ("pool_total_credits", "1", "they are of pool 1007, and the bundle is of 1"),
    ],
)
def test_signatures_of_another_statement_are_told_apart(field: str, other: str, sentence: str) -> None:
    stated: dict[str, Any] = {
        "statement_hash": STATEMENT_HASH,
        "checks": (),
        "node_id": NODE,
        "epoch_id": "3",
        "pool_total_credits": "1007",
    }

    assert find_difference(FILE, VerificationReport(**stated)) is None
    assert find_difference(FILE, VerificationReport(**stated | {field: other})) == sentence


def test_a_text_that_is_no_json_is_refused_in_the_words_of_json(tmp_path: Path) -> None:
    path = tmp_path / "signatures.json"
    path.write_bytes(json.dumps(DOCUMENT).encode())

    with pytest.raises(LedgerError) as error:
        parse_signatures(path.read_bytes())
    with pytest.raises(SignaturesRefused) as refused:
        read_signatures(path)
    assert refused.value.problem == str(error.value)
