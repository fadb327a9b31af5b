"""Refusals: what is no well-formed bundle is refused by name, before any of it is believed."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Any

import pytest

from ledger_core.domain.canonical_json import canonical_json
from ledger_core.errors import LedgerError
from ledger_core.verification import bundle_format, bundle_reader, refusals, verify_bundle
from ledger_core.verification.bundle_format import ENTRIES, MANIFEST
from ledger_core.verification.refusals import BundleRefused
from ledger_core.verification.verifier import verify_open_bundle
from tests.bundle_forging import file_of, lines_of, manifest_of, put_together, take_apart, zip_of
from tests.bundle_histories import bundle_bytes, standard_history

BUNDLE = bundle_bytes(standard_history(), 3)
FILES = take_apart(BUNDLE)
ALL = {**FILES, MANIFEST: manifest_of(BUNDLE)}
CENTRAL_AT = BUNDLE.index(b"PK\x01\x02")


def refusal_of(bundle: bytes) -> str:
    with pytest.raises(BundleRefused) as caught:
        verify_open_bundle(io.BytesIO(bundle))
    sentence = str(caught.value)
    assert sentence.isascii()
    assert sentence.isprintable()
    assert len(sentence) < 600
    return caught.value.code


def with_bytes(position: int, data: bytes) -> bytes:
    return BUNDLE[:position] + data + BUNDLE[position + len(data) :]


def ordinary_zip(method: int = zipfile.ZIP_STORED, comment: bytes = b"") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in ALL.items():
            archive.writestr(name, data)
        archive.comment = comment
    return file.getvalue()


@pytest.mark.parametrize("data", [b"", b"x", b"{}" * 500, b"\x1f\x8b" + b"\0" * 500, b"\0" * 100_000])
def test_what_is_no_zip_is_no_bundle(data: bytes) -> None:
    assert refusal_of(data) == "not-a-bundle"


def test_a_bundle_without_its_end_is_truncated() -> None:
    assert refusal_of(BUNDLE[:-1]) == "bundle-truncated"
    assert refusal_of(BUNDLE[:CENTRAL_AT]) == "bundle-truncated"
    assert refusal_of(BUNDLE[:4]) == "bundle-truncated"


def test_a_zip_without_entries_is_no_bundle() -> None:
    assert refusal_of(zip_of({})) == "not-a-bundle"


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_that_is_missing_is_refused(name: str) -> None:
    assert refusal_of(zip_of({key: ALL[key] for key in ALL if key != name})) == "bundle-entry-missing"


@pytest.mark.parametrize(
    "name",
    [
        "../events.jsonl",
        "/etc/passwd",
        "C:\\x",
        "./events.jsonl",
        "events.jsonl/",
        "EVENTS.JSONL",
        "a\x1b[2Jb",
        "x" * 60_000,
        "\n",
        "nul\0",
    ],
)
def test_an_entry_of_another_name_is_refused(name: str) -> None:
    assert refusal_of(zip_of({**ALL, name: b""})) == "bundle-entry-unknown"


def test_a_name_that_is_not_ascii_is_refused() -> None:
    at = BUNDLE.index(b"events.jsonl", CENTRAL_AT)
    assert refusal_of(with_bytes(at, b"\xffvents")) == "bundle-entry-unknown"


def test_an_entry_that_occurs_twice_is_refused() -> None:
    longer = {"pool2.jsonl": b"", **ALL}
    bundle = zip_of(longer)
    central_at = bundle.index(b"PK\x01\x02")
    at = bundle.index(b"pool2.jsonl", central_at)
    assert refusal_of(bundle[:at] + b"chain.jsonl" + bundle[at + 11 :]) == "bundle-entry-repeated"


def test_entries_in_another_order_are_refused() -> None:
    assert refusal_of(zip_of({name: ALL[name] for name in sorted(ALL)})) == "bundle-layout-differs"


def test_compressed_entries_are_refused() -> None:
    assert refusal_of(ordinary_zip(zipfile.ZIP_DEFLATED)) == "bundle-entry-compressed"


def test_encrypted_entries_are_refused() -> None:
    for flags in (1, 1 << 6, 1 << 13):
        assert refusal_of(with_bytes(CENTRAL_AT + 8, struct.pack("<H", flags))) == "bundle-entry-encrypted"


def test_an_ordinary_zip_of_the_same_files_is_refused() -> None:
    assert refusal_of(ordinary_zip()) == "bundle-layout-differs"
    assert refusal_of(ordinary_zip(comment=b"hello")) == "bundle-layout-differs"


def test_sizes_that_contradict_each_other_or_the_file_are_refused() -> None:
    extra_at = CENTRAL_AT + 46 + len("statement.json") + 4
    size = len(FILES["statement.json"])
    for stated in ((size, size + 1), (2**63, 2**63), (2**64 - 1, 2**64 - 1), (len(BUNDLE), len(BUNDLE))):
        assert refusal_of(with_bytes(extra_at, struct.pack("<2Q", *stated))) == "bundle-entry-size"
    for offset in (1, 2**64 - 1):
        assert refusal_of(with_bytes(extra_at + 16, struct.pack("<Q", offset))) == "bundle-entry-size"


def test_a_directory_outside_the_file_is_refused() -> None:
    end64_at = BUNDLE.index(b"PK\x06\x06")
    for size, offset in ((2**63, 0), (0, 2**64 - 1), (2**17, 0)):
        assert (
            refusal_of(with_bytes(end64_at + 40, struct.pack("<2Q", size, offset))) == "bundle-layout-differs"
        )


def test_content_between_the_entries_is_refused() -> None:
    data_at = BUNDLE.index(b"PK\x03\x04", 4)
    assert refusal_of(BUNDLE[:data_at] + b"hidden" + BUNDLE[data_at:]).startswith("bundle-")


def test_large_manifests_are_refused_before_they_are_read() -> None:
    assert refusal_of(zip_of({**ALL, MANIFEST: b" " * 65_537})) == "bundle-entry-size"


def test_large_statements_are_refused_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_reader, "MAX_DOCUMENT_BYTES", 100)
    assert refusal_of(BUNDLE) == "bundle-entry-size"


@pytest.mark.parametrize(
    "found", ["ledger-bundle/2", "", None, 1, ["ledger-bundle/1"], "\x1b[2J" + "x" * 10_000]
)
def test_another_format_is_named_before_its_other_entries(found: Any) -> None:
    manifest = canonical_json({"format": found, "news": True})
    assert refusal_of(zip_of({"parts": b"", MANIFEST: manifest})) == "bundle-format-unsupported"


@pytest.mark.parametrize("name", ["format", "allocation_algorithm", "payout_algorithm"])
@pytest.mark.parametrize("file", ["statement.json", "chain.jsonl"])
def test_a_statement_of_another_format_or_algorithm_is_refused(file: str, name: str) -> None:
    documents = lines_of(FILES[file])
    documents[0][name] = "another/2"
    data = canonical_json(documents[0]) if file == "statement.json" else file_of(documents)
    assert refusal_of(put_together({**FILES, file: data})) == "bundle-format-unsupported"


@pytest.mark.parametrize("limit_bytes", [10, 500])
def test_a_line_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch, limit_bytes: int) -> None:
    monkeypatch.setattr(
        bundle_reader, "MAX_LINE_BYTES", {**bundle_format.MAX_LINE_BYTES, "events.jsonl": limit_bytes}
    )
    assert refusal_of(BUNDLE) == "bundle-line-too-long"


def test_a_line_as_long_as_the_limit_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = max(map(len, FILES["events.jsonl"].splitlines()))
    limits = {**bundle_format.MAX_LINE_BYTES, "events.jsonl": longest}
    monkeypatch.setattr(bundle_reader, "MAX_LINE_BYTES", limits)
    assert verify_open_bundle(io.BytesIO(BUNDLE)).is_verified

    limits["events.jsonl"] = longest - 1
    assert refusal_of(BUNDLE) == "bundle-line-too-long"


def test_a_folder_and_a_pipe_are_no_bundles(tmp_path: Any) -> None:
    import os  # noqa: PLC0415 - here alone

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe):
        with pytest.raises(refusals.NotABundle):
            verify_bundle(path)


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path: Any) -> None:
    with pytest.raises(FileNotFoundError):
        verify_bundle(tmp_path / "nothing.zip")


def test_refusals_are_ledger_errors_with_codes_of_their_own() -> None:
    classes = [
        value
        for value in vars(refusals).values()
        if isinstance(value, type) and issubclass(value, BundleRefused)
    ]

    assert all(issubclass(found, LedgerError) for found in classes)
    assert len(classes) == len({found.code for found in classes}) == 15
