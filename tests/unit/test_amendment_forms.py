"""Amendments as values and documents: what is refused and in which words, who is corrected, what differs."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from ledger_core.amendment_errors import AmendmentChangesNothing, TooManyCorrections
from ledger_core.domain.allocation import FinalizedAllocation, compute_allocation_set_hash
from ledger_core.domain.amended_statement import NetDifference, amend, net_differences
from ledger_core.domain.amendment import MAX_CORRECTIONS, Amendment, Correction, parse_amendment
from ledger_core.domain.ledger_action import MAX_REASON_CHARACTERS
from ledger_core.domain.payouts import PayoutLine, compute_payouts
from ledger_core.errors import InvalidValue
from tests.unit.test_statement import STATEMENT

IDENTIFIER = "must be 1 to 255 characters without control characters, line separators or outer white space"
REASON = f"reason must be one line of 1 to {MAX_REASON_CHARACTERS} characters"
QUANTITY = "units must be a decimal string from 0 to 2^63-1, without leading zeros"
CORRECTION: dict[str, Any] = {"user_id": "ann", "units": "5", "reason": "a slip", "amended_by": "grace"}
DOCUMENT: dict[str, Any] = {
    "supersedes": "a" * 64,
    "reason": "twice counted",
    "amended_by": "ada",
    "corrections": [CORRECTION, CORRECTION | {"user_id": "bob", "units": "0"}],
}
UNITS = {"ann": 9000, "bob": 8000}
ALLOCATIONS = tuple(FinalizedAllocation(user, units) for user, units in UNITS.items())
CLOSED = replace(
    STATEMENT,
    allocation_set_hash=compute_allocation_set_hash(ALLOCATIONS),
    payouts=compute_payouts(ALLOCATIONS, STATEMENT.pool_total_credits),
)


def numbered(count: int) -> list[dict[str, Any]]:
    return [CORRECTION | {"user_id": f"{number:04}"} for number in range(count)]


def test_a_document_is_read_and_written_back() -> None:
    amendment = parse_amendment(DOCUMENT)

    assert amendment == Amendment(
        supersedes="a" * 64,
        reason="twice counted",
        amended_by="ada",
        corrections=(
            Correction(user_id="ann", units=5, reason="a slip", amended_by="grace"),
            Correction(user_id="bob", units=0, reason="a slip", amended_by="grace"),
        ),
    )
    assert amendment.document() == DOCUMENT


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ([], "amendment must have exactly the fields amended_by, corrections, reason, supersedes"),
        (
            DOCUMENT | {"more": 1},
            "amendment must have exactly the fields amended_by, corrections, reason, supersedes",
        ),
        (DOCUMENT | {"corrections": {}}, "corrections must be a list"),
        (
            DOCUMENT | {"supersedes": "A" * 64},
            "superseded statement must be 64 lower-case hexadecimal digits",
        ),
        (DOCUMENT | {"supersedes": None}, "superseded statement must be 64 lower-case hexadecimal digits"),
        (DOCUMENT | {"reason": 1}, "reason must be text, not int"),
        (DOCUMENT | {"reason": "x" * (MAX_REASON_CHARACTERS + 1)}, REASON),
        (DOCUMENT | {"amended_by": None}, "actor must be text, not NoneType"),
        (DOCUMENT | {"amended_by": "x" * 256}, "actor must be one line of 1 to 255 characters"),
        (
            DOCUMENT | {"corrections": numbered(MAX_CORRECTIONS + 1)},
            "amendment must have at most 1000 corrections",
        ),
        (
            DOCUMENT | {"corrections": [CORRECTION, CORRECTION]},
            "amendment must correct each user once, in order",
        ),
    ],
)
def test_what_is_no_amendment_is_refused(document: object, sentence: str) -> None:
    with pytest.raises(InvalidValue, match=f"^{re.escape(sentence)}$"):
        parse_amendment(document)


def test_as_many_corrections_as_may_be_are_read() -> None:
    assert len(parse_amendment(DOCUMENT | {"corrections": numbered(1_000)}).corrections) == MAX_CORRECTIONS


@pytest.mark.parametrize(
    ("correction", "sentence"),
    [
        (1, "correction must have exactly the fields amended_by, reason, units, user_id"),
        (
            CORRECTION | {"more": 1},
            "correction must have exactly the fields amended_by, reason, units, user_id",
        ),
        (CORRECTION | {"units": 5}, QUANTITY),
        (CORRECTION | {"units": "05"}, QUANTITY),
        (CORRECTION | {"units": str(2**63)}, QUANTITY),
        (CORRECTION | {"user_id": ""}, f"user id {IDENTIFIER}"),
        (CORRECTION | {"reason": None}, "reason must be text, not NoneType"),
        (CORRECTION | {"amended_by": 1}, "actor must be text, not int"),
    ],
)
def test_what_is_no_correction_is_refused(correction: object, sentence: str) -> None:
    with pytest.raises(InvalidValue, match=f"^{re.escape(sentence)}$"):
        parse_amendment(DOCUMENT | {"corrections": [correction]})


def test_the_largest_units_are_read_and_larger_ones_cannot_be_made() -> None:
    largest = parse_amendment(DOCUMENT | {"corrections": [CORRECTION | {"units": str(2**63 - 1)}]})

    assert largest.corrections[0].units == 2**63 - 1
    with pytest.raises(InvalidValue, match=r"^units must lie between 0 and 2\^63-1$"):
        Correction(user_id="ann", units=2**63, reason="a slip", amended_by="grace")


def amended(
    superseded: Any = CLOSED, cleared: tuple[str, ...] = (), by: str = "ada", **set_units: int
) -> Any:
    return amend(
        superseded,
        ALLOCATIONS,
        set_units=set_units,
        cleared=cleared,
        reason="twice counted",
        amended_by=by,
        previous_statement_hash="f" * 64,
    )


def test_an_amendment_pays_by_the_corrected_units_and_leaves_the_rest() -> None:
    found = amended(bob=1000, zoe=10_000)
    paid_by = [FinalizedAllocation(*each) for each in (("ann", 9000), ("bob", 1000), ("zoe", 10_000))]

    assert found == replace(
        CLOSED,
        allocation_set_hash=compute_allocation_set_hash(paid_by),
        payouts=compute_payouts(paid_by, CLOSED.pool_total_credits),
        previous_statement_hash="f" * 64,
        amendment=Amendment(
            supersedes=CLOSED.statement_hash,
            reason="twice counted",
            amended_by="ada",
            corrections=tuple(
                Correction(user_id=user, units=units, reason="twice counted", amended_by="ada")
                for user, units in (("bob", 1000), ("zoe", 10_000))
            ),
        ),
    )


def test_a_correction_that_is_made_again_keeps_who_made_it_first() -> None:
    first = amended(bob=1000, zoe=1)
    second = amended(first, bob=1000, zoe=2, by="grace")

    assert [(each.user_id, each.units, each.amended_by) for each in second.amendment.corrections] == [
        ("bob", 1000, "ada"),
        ("zoe", 2, "grace"),
    ]
    assert second.amendment.supersedes == first.statement_hash


def test_a_correction_that_is_cleared_counts_as_the_epoch_closed() -> None:
    found = amended(amended(bob=1000, zoe=1), cleared=("bob",))

    assert [each.user_id for each in found.amendment.corrections] == ["zoe"]
    assert [(line.user_id, line.total_units) for line in found.payouts] == [
        ("ann", 9000),
        ("bob", 8000),
        ("zoe", 1),
    ]


def test_what_changes_nothing_is_refused_by_its_epoch() -> None:
    with pytest.raises(AmendmentChangesNothing, match=r"^the statement of epoch 3 has those units already"):
        amended(bob=8000)


def test_more_people_than_a_statement_names_are_refused() -> None:
    users = {f"u{number:04}": 1 for number in range(1_001)}
    with pytest.raises(
        TooManyCorrections, match=r"^an amendment corrects at most 1000 people, and this one 1001$"
    ):
        amended(CLOSED, (), "ada", **users)
    del users["u0000"]

    assert len(amended(CLOSED, (), "ada", **users).amendment.corrections) == MAX_CORRECTIONS


def test_who_gets_more_or_less_is_told_in_order() -> None:
    before = replace(
        CLOSED,
        payouts=(
            PayoutLine("ann", 9, "0.5", 500),
            PayoutLine("bob", 8, "0.3", 300),
            PayoutLine("cy", 5, "0.2", 206),
            PayoutLine("dan", 1, "0.0", 1),
        ),
    )
    after = replace(
        CLOSED,
        payouts=(
            PayoutLine("zoe", 4, "0.2", 205),
            PayoutLine("bob", 8, "0.3", 301),
            PayoutLine("cy", 4, "0.2", 206),
            PayoutLine("dan", 1, "0.0", 1),
            PayoutLine("abe", 6, "0.3", 294),
        ),
    )
    found = net_differences(before, after)

    assert found == (
        difference("abe", (0, 6), (0, 294)),
        difference("ann", (9, 0), (500, 0)),
        difference("bob", (8, 8), (300, 301)),
        difference("cy", (5, 4), (206, 206)),
        difference("zoe", (0, 4), (0, 205)),
    )
    assert [each.credits for each in found] == [294, -500, 1, 0, 205]


def difference(user: str, units: tuple[int, int], paid: tuple[int, int]) -> NetDifference:
    return NetDifference(
        user_id=user,
        units_before=units[0],
        units_after=units[1],
        credits_before=paid[0],
        credits_after=paid[1],
    )
