"""The verifier: a bundle as the ledger wrote it is verified; every forgery is found, by the check it breaks."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest

from ledger_core.domain.canonical_json import canonical_json
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import EpochId
from ledger_core.testing import InMemoryLedger
from ledger_core.verification.bundle_format import FILES, MANIFEST, STATEMENT
from ledger_core.verification.report import CHECK_NAMES, VerificationReport, printable
from ledger_core.verification.verifier import verify_open_bundle
from tests.bundle_forging import Parts, lines_of, manifest_of, put_together, take_apart, zip_of
from tests.bundle_histories import bundle_bytes, finalize, open_week, standard_history

LEDGER = standard_history()
BUNDLES = {epoch: bundle_bytes(LEDGER, epoch) for epoch in (1, 2, 3)}


def verify(bundle: bytes, expected_hash: str | None = None) -> VerificationReport:
    return verify_open_bundle(io.BytesIO(bundle), expected_hash=expected_hash)


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_bundle_of_the_ledger_is_verified(epoch: int) -> None:
    report = verify(BUNDLES[epoch])

    with LEDGER.read() as view:
        statement = view.statements.find(EpochId(epoch))
    assert statement is not None
    assert report.is_verified
    assert statement.statement_hash == report.statement_hash
    assert [name for name in CHECK_NAMES if name != "expected-hash"] == [
        check.name for check in report.checks
    ]


def test_the_report_counts_what_it_checked() -> None:
    report = verify(BUNDLES[2])

    assert (
        report.events,
        report.allocations,
        report.pool_components,
        report.earlier_statements,
    ) == (5, 4, 1, 1)


class Told:
    """A watcher that keeps what it was told."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.counts: list[tuple[int, int | None, str]] = []

    def tell(self, step: str) -> None:
        self.steps.append(step)

    def count(self, done: int, *, total: int | None, what: str) -> None:
        self.counts.append((done, total, what))


def test_a_watcher_is_told_how_much_is_checked_and_of_how_much() -> None:
    told = Told()

    verify_open_bundle(io.BytesIO(BUNDLES[2]), watcher=told)

    assert told.steps == ["the files' checksums"]
    assert told.counts == [(0, 1, "earlier statements"), *((number, 5, "events") for number in range(5))]


def test_putting_a_bundle_together_again_gives_its_bytes() -> None:
    assert BUNDLES[1] == Parts(BUNDLES[1]).bundle()


def test_an_epoch_without_events_and_without_payouts_is_verified() -> None:
    ledger = InMemoryLedger(LEDGER.node_id)
    finalize(ledger, open_week(ledger, 0), 0)
    finalize(ledger, open_week(ledger, 1), 500)

    assert verify(bundle_bytes(ledger, 1)).is_verified
    assert verify(bundle_bytes(ledger, 2)).is_verified


def test_the_expected_hash_tells_a_wholly_rewritten_history() -> None:
    genuine = verify(BUNDLES[1]).statement_hash
    ledger = InMemoryLedger(LEDGER.node_id)
    finalize(ledger, open_week(ledger, 0), 2**55 + 250)
    rewritten = bundle_bytes(ledger, 1)

    assert verify(BUNDLES[1], genuine).is_verified
    assert verify(rewritten).is_verified
    report = verify(rewritten, genuine)
    assert report.first_difference is not None
    assert ("expected-hash", genuine) == (report.first_difference.name, report.first_difference.expected)


@pytest.mark.parametrize("hash_text", ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64, "0" * 64 + "\n"])
def test_an_expected_hash_that_is_none_is_refused(tmp_path: Any, hash_text: str) -> None:
    from ledger_core.verification import verify_bundle  # noqa: PLC0415 - the public name, once

    path = tmp_path / "bundle.zip"
    path.write_bytes(BUNDLES[1])

    with pytest.raises(InvalidValue):
        verify_bundle(path, expected_hash=hash_text)


def test_the_rebuilt_document_shows_where_a_forged_one_leaves_it() -> None:
    parts = Parts(BUNDLES[3])
    parts.statement["undistributed_credits"] = "1"

    failed = {check.name: check for check in verify(parts.bundle()).checks if not check.is_ok}

    assert {"undistributed", "document"} == failed.keys()
    where = failed["document"].where
    assert where is not None
    at = int(where.removeprefix("statement.json byte "))
    assert canonical_json(parts.statement)[at - 1 : at + 1] == b'"1'


def test_a_manifest_that_names_another_statement_is_found() -> None:
    bundle = put_together(take_apart(BUNDLES[3]), statement_hash="0" * 64)

    report = verify(bundle)

    assert report.first_difference is not None
    assert report.first_difference.name == "statement-hash"
    assert verify(BUNDLES[3]).statement_hash == report.statement_hash


@pytest.mark.parametrize(
    "name", ["statement.json", "chain.jsonl", "pool.jsonl", "allocations.jsonl", "events.jsonl"]
)
def test_a_file_taken_from_another_bundle_is_found(name: str) -> None:
    mine, others = take_apart(BUNDLES[3]), take_apart(BUNDLES[2])
    mine[name] = others[name]

    assert not verify(put_together(mine)).is_verified


@pytest.mark.parametrize(
    ("name", "what", "other"),
    [
        (name, what, other)
        for name in FILES
        for what, other in (("bytes", 1), ("records", 77), ("sha256", "0" * 64))
        if (name, what) != (STATEMENT, "records")  # one, or the manifest is refused
    ],
)
def test_a_manifest_that_describes_another_file_is_found(name: str, what: str, other: object) -> None:
    """Also where no other check would: notes and provenance are pinned by nothing else."""
    manifest = lines_of(manifest_of(BUNDLES[3]))[0]
    manifest["files"][name][what] = other
    bundle = zip_of({**take_apart(BUNDLES[3]), MANIFEST: canonical_json(manifest)})

    found = verify(bundle).first_difference

    assert found is not None
    assert (found.name, found.where, found.expected) == ("files", f"{name} {what}", str(other))


def test_what_no_statement_pins_may_differ_without_changing_the_verdict() -> None:
    """The limit of any verifier: notes and provenance are evidence, and no hash of a statement covers them."""
    parts = Parts(BUNDLES[3])
    parts.events[0]["curation"]["note"] = "another note"
    parts.events[0]["curation"]["judged_by"] = "another admin"
    parts.events[0]["curation"]["judged_at"] = "2027-01-01T00:00:00Z"
    parts.allocations[0]["override_by"] = "another admin"
    parts.allocations[0]["override_at"] = "2027-01-01T00:00:00Z"
    parts.events[0]["retrieved_at"] = "2027-01-01T00:00:00Z"
    parts.pool[0]["computed_at"] = "2027-01-01T00:00:00Z"

    report = verify(parts.bundle())

    assert report.is_verified
    assert verify(BUNDLES[3]).statement_hash == report.statement_hash


def test_a_difference_is_printable_and_short_whatever_the_bundle_says() -> None:
    parts = Parts(BUNDLES[3])
    parts.pool[0]["evidence_ref"] = "\x1b[2J\u202e" + "x" * 100_000
    report = verify(parts.bundle())

    assert report.first_difference is not None
    text = str(report.first_difference)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) < 1_000


def test_printing_keeps_plain_text_and_escapes_the_rest() -> None:
    assert printable("ann:10") == "ann:10"
    assert printable(None) == "null"
    assert printable(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01 00:00:00+00:00"
    assert printable("\x1b\n\x7f\u00e9\U0001f600\ud800") == "\\x1b\\n\\x7f\\xe9\\U0001f600\\ud800"
    assert printable("a" * 201) == "a" * 200 + "..."
