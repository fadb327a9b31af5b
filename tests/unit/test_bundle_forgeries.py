"""Forgeries whose manifest and hashes are right: each is found, by the check that it breaks."""

from __future__ import annotations

import io

import pytest

from ledger_core.verification.report import CHECK_NAMES, printable
from ledger_core.verification.verifier import verify_open_bundle
from tests.bundle_forgeries import FORGERIES, Forgery
from tests.bundle_forging import Parts
from tests.bundle_histories import bundle_bytes, standard_history

BUNDLE = bundle_bytes(standard_history(), 3)


@pytest.mark.parametrize(("forge", "check"), FORGERIES, ids=[forge.__name__ for forge, _ in FORGERIES])
def test_a_forgery_with_a_right_manifest_is_found_by_its_check(forge: Forgery, check: str) -> None:
    parts = Parts(BUNDLE)
    forge(parts)

    report = verify_open_bundle(io.BytesIO(parts.bundle()))

    assert report.first_difference is not None
    assert check == report.first_difference.name
    assert printable(report.first_difference.where) == report.first_difference.where


def test_every_check_is_failed_by_some_forgery() -> None:
    # `document` cannot fail alone: it is the net under the others, and fails with each that changes it.
    elsewhere = {"files", "statement-hash", "expected-hash", "document"}

    assert set(CHECK_NAMES) == {check for _, check in FORGERIES} | elsewhere
