"""Payouts written as text, many at a time, are what canonical JSON makes of their documents."""

from __future__ import annotations

import itertools
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_core.domain.canonical_json import canonical_json
from ledger_core.domain.payout_text import payout_texts
from ledger_core.domain.payouts import PayoutLine
from ledger_core.domain.statement import payout_document
from ledger_core.errors import NotCanonical
from tests.property.test_canonical_json import TEXTS

LINES = st.lists(
    st.builds(PayoutLine, TEXTS, st.integers(0, 2**63), TEXTS, st.integers(0, 2**63)), max_size=5
)


def written(lines: list[PayoutLine]) -> bytes | None:
    try:
        return b"".join((b"[", *payout_texts(lines), b"]"))
    except NotCanonical:
        return None


def by_documents(lines: list[PayoutLine]) -> bytes | None:
    try:
        return canonical_json([payout_document(line) for line in lines])
    except NotCanonical:
        return None


@given(lines=LINES)
def test_payouts_are_written_as_canonical_json_writes_them(lines: list[PayoutLine]) -> None:
    assert written(lines) == by_documents(lines)


@pytest.mark.parametrize("count", [0, 1, 4_095, 4_096, 4_097, 8_192, 8_193])
def test_however_many_there_are(count: int) -> None:
    lines = [PayoutLine(f"user-{number:05d}", number, "0.000001", number * 2) for number in range(count)]
    ours, theirs = written(lines), by_documents(lines)
    assert ours is not None
    assert theirs is not None

    assert sha256(ours).digest() == sha256(theirs).digest()


def test_no_more_than_one_part_s_lines_are_held() -> None:
    taken = itertools.count()
    lines = (PayoutLine("ann", 1, "1.000000", 1) for _ in zip(taken, range(10_000), strict=False))

    next(payout_texts(lines))

    assert next(taken) == 4_096


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(NotCanonical, match=r"^a string holds a lone surrogate, which UTF-8 cannot carry$"):
        list(payout_texts([PayoutLine("\ud800", 1, "1.000000", 1)]))
