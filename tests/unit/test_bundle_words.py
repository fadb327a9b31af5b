"""What a person reads of a bundle: each refusal names the field, the line, the limit; each difference its place."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import zipfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from ledger_core import EpochId, InvalidValue, StatementNotFound
from ledger_core.domain.canonical_json import MAX_SAFE_INTEGER, canonical_json
from ledger_core.identifiers import MAX_BIGINT
from ledger_core.verification import __main__ as command
from ledger_core.verification import bundle_reader, bundle_writer, zip_layout
from ledger_core.verification.bundle_format import FILES as NAMES
from ledger_core.verification.bundle_format import MANIFEST, MAX_LINE_BYTES, parse_manifest
from ledger_core.verification.bundle_reader import open_bundle
from ledger_core.verification.bundle_writer import write_bundle
from ledger_core.verification.canonical_lines import parse_canonical_line
from ledger_core.verification.payout_checks import check_pool
from ledger_core.verification.records import parse_allocation, parse_component
from ledger_core.verification.refusals import (
    BundleEntryMissing,
    BundleEntrySize,
    BundleFormatUnsupported,
    BundleLineTooLong,
    BundleRecordInvalid,
    BundleRefused,
    NotABundle,
)
from ledger_core.verification.report import Findings, printable
from ledger_core.verification.statement_document import parse_statement
from ledger_core.verification.verifier import excerpt, verify_bundle, verify_open_bundle
from ledger_core.verification.zip_writer import ZipWriter
from tests.bundle_forging import lines_of, manifest_of, put_together, take_apart, zip_of
from tests.bundle_histories import bundle_bytes, standard_history

BUNDLE = bundle_bytes(standard_history(), 3)
FILES = take_apart(BUNDLE)
DIGITS = "must be 64 lower-case hexadecimal digits"
AMOUNT = "must be an integer that is not negative"


def changed(document: bytes, *path: str, to: object) -> bytes:
    value = json.loads(document)
    place = value
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return canonical_json(value)


@pytest.mark.parametrize(
    ("path", "to", "sentence"),
    [
        (("extra",), 1, "manifest must be an object of exactly files, format, statement_hash"),
        (("files",), {}, f"files must be an object of exactly {', '.join(sorted(NAMES))}"),
        (("statement_hash",), "0", f"statement_hash {DIGITS}"),
        (("files", "pool.jsonl"), 1, "pool.jsonl must be an object of exactly bytes, records, sha256"),
        (("files", "pool.jsonl", "bytes"), -1, f"bytes {AMOUNT}"),
        (("files", "pool.jsonl", "records"), "1", f"records {AMOUNT}"),
        (("files", "pool.jsonl", "sha256"), None, f"sha256 {DIGITS}"),
        (("files", "statement.json", "records"), 2, "statement.json must be one record"),
    ],
)
def test_a_manifest_is_refused_by_the_name_of_its_field(
    path: tuple[str, ...], to: object, sentence: str
) -> None:
    with pytest.raises(InvalidValue, match=f"^{re.escape(sentence)}$"):
        parse_manifest(changed(manifest_of(BUNDLE), *path, to=to))


@pytest.mark.parametrize(
    ("name", "to", "sentence"),
    [
        ("period_start", 1, "period_start must be text, not int"),
        ("period_end", 1, "period_end must be text, not int"),
        ("activity_set_hash", "x", f"activity_set_hash {DIGITS}"),
        ("allocation_set_hash", "x", f"allocation_set_hash {DIGITS}"),
        ("previous_statement_hash", "x", f"previous_statement_hash {DIGITS}"),
        ("pool_total_credits", 1, "pool_total_credits must be text, not int"),
        ("undistributed_credits", 1, "undistributed_credits must be text, not int"),
        ("node_id", 1, "node_id must be text, not int"),
    ],
)
def test_a_statement_is_refused_by_the_name_of_its_field(name: str, to: object, sentence: str) -> None:
    with pytest.raises(InvalidValue, match=f"^{re.escape(sentence)}$"):
        parse_statement(changed(FILES["statement.json"], name, to=to))


@pytest.mark.parametrize(
    ("name", "supported"),
    [
        ("format", "ledger-statement/1 or ledger-statement/2 or ledger-statement/3"),
        ("allocation_algorithm", "weight-sum-v0"),
        ("payout_algorithm", "largest-remainder-v0"),
    ],
)
def test_a_statement_of_another_kind_says_which_there_is(name: str, supported: str) -> None:
    with pytest.raises(BundleFormatUnsupported) as caught:
        parse_statement(changed(FILES["statement.json"], name, to="other/9"))

    assert str(caught.value) == f"the statement's {name} is other/9, and only {supported} is supported"
    assert (caught.value.what, caught.value.supported, caught.value.found) == (
        f"statement's {name}",
        supported,
        "other/9",
    )


@pytest.mark.parametrize(
    ("parse", "name"), [(parse_allocation, "allocation"), (parse_component, "pool component")]
)
def test_a_record_of_other_fields_is_named(parse: Callable[[bytes], object], name: str) -> None:
    with pytest.raises(InvalidValue, match=f"^{name} must be an object of exactly "):
        parse(b"{}")


def test_a_format_that_is_no_text_is_named_by_its_type() -> None:
    refused = BundleFormatUnsupported("bundle's format", "ledger-bundle/1", 7)

    assert (refused.found, refused.what, refused.supported) == ("int", "bundle's format", "ledger-bundle/1")


def test_refusals_keep_what_they_say_for_programs() -> None:
    too_long = BundleLineTooLong("events.jsonl", 7, 99)
    invalid = BundleRecordInvalid("events.jsonl", 8, "it is odd")

    assert (too_long.name, too_long.line, too_long.limit_bytes) == ("events.jsonl", 7, 99)
    assert (invalid.name, invalid.line, invalid.problem) == ("events.jsonl", 8, "it is odd")
    assert NotABundle("it is odd").problem == "it is odd"


def test_what_is_no_regular_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotABundle, match=r"^the file is no ledger bundle: it is no regular file$"):
        verify_bundle(tmp_path)


def test_an_expected_hash_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match=f"^expected hash {DIGITS}$"):
        verify_bundle(tmp_path / "whatever", expected_hash="0")


def test_a_line_that_is_too_long_is_named_with_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = max(len(line) for line in FILES["events.jsonl"].splitlines())
    monkeypatch.setattr(bundle_reader, "MAX_LINE_BYTES", {**MAX_LINE_BYTES, "events.jsonl": longest - 1})
    with pytest.raises(BundleRefused) as caught:
        verify_open_bundle(io.BytesIO(BUNDLE))

    assert re.fullmatch(rf"line \d+ of events.jsonl is longer than {longest - 1} bytes", str(caught.value))
    assert isinstance(caught.value, BundleLineTooLong)
    assert caught.value.limit_bytes == longest - 1


def test_a_line_without_end_as_long_as_the_limit_is_no_line_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    last = FILES["pool.jsonl"].splitlines()[-1]
    forged = put_together({**FILES, "pool.jsonl": FILES["pool.jsonl"][:-1]})
    monkeypatch.setattr(bundle_reader, "MAX_LINE_BYTES", {**MAX_LINE_BYTES, "pool.jsonl": len(last)})
    with pytest.raises(BundleRefused, match="the line has no end"):
        list(open_bundle(io.BytesIO(forged)).records("pool.jsonl", parse_component))


def test_a_statement_that_cannot_be_read_is_line_1_of_its_file() -> None:
    with pytest.raises(BundleRecordInvalid, match=r"^line 1 of statement\.json is invalid: "):
        verify_open_bundle(io.BytesIO(put_together({**FILES, "statement.json": b"{}"})))


@pytest.mark.parametrize(
    ("limit", "name"), [("MAX_MANIFEST_BYTES", MANIFEST), ("MAX_DOCUMENT_BYTES", "statement.json")]
)
def test_a_file_as_large_as_its_limit_is_read_and_a_larger_one_is_named(
    monkeypatch: pytest.MonkeyPatch, limit: str, name: str
) -> None:
    size = len({**FILES, MANIFEST: manifest_of(BUNDLE)}[name])
    monkeypatch.setattr(bundle_reader, limit, size)
    assert verify_open_bundle(io.BytesIO(BUNDLE)).is_verified
    monkeypatch.setattr(bundle_reader, limit, size - 1)
    with pytest.raises(BundleEntrySize, match=f"^the entry {re.escape(name)} has sizes"):
        verify_open_bundle(io.BytesIO(BUNDLE))


def test_a_damaged_file_is_named_by_its_checksum_and_the_report_ends_there() -> None:
    at = BUNDLE.index(FILES["pool.jsonl"])
    damaged = bytearray(BUNDLE)
    damaged[at + 5] ^= 1
    report = verify_open_bundle(io.BytesIO(bytes(damaged)))

    assert report.first_difference is not None
    assert report.first_difference.where == "pool.jsonl CRC-32"
    assert [check.name for check in report.checks] == ["files"]
    assert report.statement_hash == verify_open_bundle(io.BytesIO(BUNDLE)).statement_hash


def test_the_manifest_is_read_to_its_end_too() -> None:
    """Damage of the last file shows as well, and is the manifest's own."""
    at = BUNDLE.rindex(b"ledger-bundle/1")
    damaged = BUNDLE[:at] + b"ledger-bundle/1"[::-1] + BUNDLE[at + 15 :]
    with pytest.raises(BundleRefused):
        verify_open_bundle(io.BytesIO(damaged))


def test_another_statement_than_was_expected_or_stated_is_named_with_its_place() -> None:
    other = "0" * 64
    stated = verify_open_bundle(io.BytesIO(put_together(FILES, statement_hash=other)))
    expected = verify_open_bundle(io.BytesIO(BUNDLE), expected_hash=other)

    assert str(stated.first_difference).startswith("statement-hash: manifest's statement_hash: expected ")
    assert str(expected.first_difference).startswith(
        f"expected-hash: statement.json: expected {other}, found "
    )


def test_a_chain_without_earlier_statements_is_checked_too() -> None:
    report = verify_open_bundle(io.BytesIO(bundle_bytes(standard_history(), 1)))

    assert {"chain-links", "chain-node", "chain-epochs", "chain-windows"} <= {
        check.name for check in report.checks
    }


SIGNED = ("node_id", "epoch_id", "pool_total_credits")  # what signatures are held against


def test_the_report_for_programs_has_every_count() -> None:
    report = verify_open_bundle(io.BytesIO(BUNDLE))
    found = report.as_json()

    assert {name: value for name, value in found.items() if name != "checks"} == {
        "verdict": "verified",
        **{name: value for name, value in asdict(report).items() if name not in {"checks", *SIGNED}},
    }


def test_a_failed_check_is_false_and_has_a_difference() -> None:
    findings = Findings()
    findings.differs("files", "here", expected=1, found=2)
    findings.passed("document")

    assert findings.checks()[0].is_ok is False
    assert findings.has_difference("files")
    assert not findings.has_difference("document")
    assert not findings.has_difference("payouts")


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("a" * 200, "a" * 200),
        ("a" * 201, "a" * 200 + "..."),
        ("\n" * 100, "\\n" * 100),
        ("\n" * 101, "\\n" * 100 + "..."),
    ],
)
def test_what_is_printed_is_cut_at_200_characters_and_not_before(text: str, printed: str) -> None:
    assert printable(text) == printed


def test_the_largest_integer_of_a_line_is_read() -> None:
    assert parse_canonical_line(b'{"a":%d}' % MAX_SAFE_INTEGER) == {"a": MAX_SAFE_INTEGER}


def test_a_writer_without_a_file_to_seek_says_so() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    with pytest.raises(InvalidValue, match=r"^bundle file must be one that can seek$"):
        ZipWriter(Pipe())


def test_a_file_that_takes_less_says_so() -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            return super().write(data[:-1])

    container = ZipWriter(Full())
    with pytest.raises(OSError, match=r"^the file took less than it was given$"):
        container.begin("a")


def test_a_bundle_of_no_statement_names_the_epoch() -> None:
    with standard_history().read() as view, pytest.raises(StatementNotFound, match=r"\b4\b"):
        write_bundle(view, EpochId(4), io.BytesIO())


def test_a_pool_beyond_the_largest_number_is_a_difference_and_the_largest_is_none() -> None:
    (base,) = lines_of(FILES["pool.jsonl"])
    statement = parse_statement(FILES["statement.json"])
    for amount, is_found in ((MAX_BIGINT, False), (MAX_BIGINT + 1, True)):
        findings = Findings()
        parts = (amount - 1, 1)
        records = [
            parse_component(canonical_json({**base, "component_id": name, "amount_credits": str(part)}))
            for name, part in zip(("base_issuance", "more"), parts, strict=True)
        ]
        check_pool(enumerate(records), replace(statement, pool_total_credits=str(amount)), findings)
        assert findings.has_difference("pool-total") is is_found


def test_an_excerpt_may_begin_and_end_within_a_character() -> None:
    assert excerpt(b"." + "\u00e9".encode() * 21, 2) == "\ufffd" + "\u00e9" * 19 + "\ufffd"
    assert excerpt(b"0123456789" * 5, 5) == ("0123456789" * 5)[5:45]


def test_files_of_many_pieces_are_counted_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_reader, "_CHUNK_BYTES", 100)

    assert verify_open_bundle(io.BytesIO(BUNDLE)).is_verified


def test_a_file_that_shrinks_while_it_is_read_has_other_bytes() -> None:
    class Gone(io.BytesIO):
        is_gone = False

        def read(self, size: int | None = -1, /) -> bytes:
            return b"" if self.is_gone else super().read(size)

    file = Gone(BUNDLE)
    bundle = open_bundle(file)
    file.is_gone = True
    findings = Findings()
    bundle.check_files(findings)

    (found,) = findings.checks()
    assert found.where == "statement.json CRC-32"
    crc, summary = bundle._summarize(bundle.entries["pool.jsonl"])
    assert (crc, summary.size_bytes, summary.records) == (0, 0, 0)


def test_an_empty_container_is_what_other_zip_readers_take_for_one() -> None:
    file = io.BytesIO()
    assert ZipWriter(file).finish() == len(file.getvalue())
    assert zipfile.ZipFile(file).namelist() == []
    *_, offset = zip_layout.END64.unpack(zip_layout.directory(())[: zip_layout.END64.size])
    assert offset == 0


def test_an_end_record_is_looked_for_from_the_end() -> None:
    with pytest.raises(BundleEntryMissing):
        open_bundle(io.BytesIO(zip_of({"statement.json": b"PK\x05\x06 is how an end record begins"})))


def test_comments_of_entries_are_passed_over_before_the_container_is_found_to_differ() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("statement.json", MANIFEST):
            entry = zipfile.ZipInfo(name)
            entry.comment = b"a comment"
            archive.writestr(entry, b"{}")
    with pytest.raises(BundleRefused, match=r"the header of statement\.json differs from the directory"):
        open_bundle(file)


def test_an_entry_that_is_larger_than_the_file_is_named() -> None:
    genuine = zip_of({"a": b"123"})
    sizes = (3).to_bytes(8, "little") * 2
    at = genuine.rindex(sizes)  # of the directory: the entry's header has them before
    forged = genuine[:at] + (10**6).to_bytes(8, "little") * 2 + genuine[at + len(sizes) :]
    with pytest.raises(BundleEntrySize, match=r"^the entry a has sizes"):
        open_bundle(io.BytesIO(forged))


def test_a_record_that_is_too_long_to_write_is_named_with_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = max(len(line) for line in FILES["events.jsonl"].splitlines())
    place = next(
        number
        for number, line in enumerate(FILES["events.jsonl"].splitlines(), start=1)
        if len(line) == longest
    )
    for limit, is_refused in ((longest, False), (longest - 1, True)):
        monkeypatch.setattr(bundle_writer, "MAX_LINE_BYTES", {**MAX_LINE_BYTES, "events.jsonl": limit})
        if not is_refused:
            assert bundle_bytes(standard_history(), 3) == BUNDLE
            continue
        with pytest.raises(
            BundleLineTooLong, match=rf"^line {place} of events\.jsonl is longer than {limit} bytes$"
        ):
            bundle_bytes(standard_history(), 3)


def test_the_summary_of_what_was_written_has_the_statements_hash() -> None:
    with standard_history().read() as view:
        summary = write_bundle(view, EpochId(3), io.BytesIO())

    assert summary.statement_hash == verify_open_bundle(io.BytesIO(BUNDLE)).statement_hash


# --- the command -----------------------------------------------------------------------------------------


HELP = """\
usage: python -m ledger_core.verification [-h] [--expect HASH]
                                          [--signatures FILE]
                                          [--json | --quiet]
                                          FILE

Recompute a payout statement from its bundle, offline.

positional arguments:
  FILE               a bundle in the format ledger-bundle/1

options:
  -h, --help         show this help message and exit
  --expect HASH      the statement hash as published elsewhere
  --signatures FILE  signatures of it: whether they are of this statement; who
                     made them takes `ledger statement verify`
  --json             print the report as one JSON object
  --quiet            print the verdict alone

Exit status: 0 verified, 1 not verified, 2 refused, unreadable or wrong usage.
"""


def test_help_says_what_there_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        command.main(["--help"])

    usage, rest = capsys.readouterr().out.split("\n\n", 1)
    expected_usage, expected_rest = HELP.split("\n\n", 1)
    assert usage.split() == expected_usage.split()  # Python 3.14 breaks its lines elsewhere
    assert rest == expected_rest


def test_a_hash_that_is_none_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("xyz", "g" * 64, "\N{FULLWIDTH DIGIT ONE}" * 64):
        with pytest.raises(SystemExit):
            command.main(["--expect", text, "file"])
        assert capsys.readouterr().err.endswith("argument --expect: must be 64 hexadecimal digits\n")


def test_a_hash_may_be_written_in_capitals_or_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(BUNDLE)
    statement_hash = verify_bundle(path).statement_hash

    for written in (statement_hash, statement_hash.upper()):
        assert command.main(["--quiet", "--expect", written, str(path)]) == 0
        assert capsys.readouterr().out == f"verified {statement_hash}\n"


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (NotABundle("it is odd"), "not-a-bundle", "the file is no ledger bundle: it is odd"),
        (MemoryError(), "out-of-memory", "the bundle does not fit into memory"),
        (
            OSError(errno.EIO, "Input/output error"),
            "unreadable",
            "the file cannot be read: Input/output error",
        ),
        (OSError("odd"), "unreadable", "the file cannot be read: OSError"),
    ],
)
def test_what_ends_a_verification_is_said_to_people_and_to_programs(
    error: Exception,
    code: str,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(command, "verify_bundle", refuse)

    assert command.main(["a.zip"]) == 2
    assert capsys.readouterr().out == f"NOT VERIFIED: {sentence} ({code})\n"
    assert command.main(["--json", "a.zip"]) == 2
    expected = {"verdict": "refused", "code": code, "problem": sentence}
    assert capsys.readouterr().out == json.dumps(expected, indent=2) + "\n"


def test_a_reader_that_left_is_no_error_and_nothing_more_is_written_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Left(io.StringIO):
        def fileno(self) -> int:
            return 77

        def flush(self) -> None:
            raise BrokenPipeError

    opened: list[tuple[object, int]] = []
    put: list[tuple[int, int]] = []

    def open_file(path: str, flags: int) -> int:
        opened.append((path, flags))
        return 55

    path = tmp_path / "bundle.zip"
    path.write_bytes(BUNDLE)
    monkeypatch.setattr("sys.stdout", Left())
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", open_file)
        patch.setattr(os, "dup2", lambda one, other: put.append((one, other)))
        patch.setattr(command, "verify_bundle", lambda *_, **__: verify_open_bundle(io.BytesIO(BUNDLE)))
        status = command.main([str(path)])

    assert status == 0
    assert opened == [(os.devnull, os.O_WRONLY)]
    assert put == [(55, 77)]
