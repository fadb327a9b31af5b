"""What is said of certificates, gaps, waivers and verdicts: whole sentences, and exact forms in both directions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ledger_core import EpochId, InvalidValue, StreamRef
from ledger_core.completeness_errors import (
    GapChanged,
    NothingToWaive,
    StreamIncomplete,
    StreamNotRead,
    check_complete,
)
from ledger_core.domain.completeness import (
    CompletenessCertificate,
    CompletenessCount,
    Gap,
    parse_gap,
)
from ledger_core.domain.statement import PayoutStatement
from ledger_core.domain.stream_reading import (
    GapWaiver,
    StreamCompleteness,
    StreamReading,
    Verdict,
    compute_completeness,
    parse_completeness,
)
from ledger_core.testing import make_window
from tests.unit.test_statement import STATEMENT

WINDOW = make_window()
PULLS = StreamRef(source="github", source_ref="acme/web", stream="pulls")
ISSUES = replace(PULLS, stream="issues")
SHORT = CompletenessCount(what="issues", route="search", seen=41, independent=42)
FULL = replace(SHORT, seen=42)
GAP = Gap(begins="2026-11-16T00:00:00Z", counts=(SHORT,), problem="lost")
CERTIFICATE = CompletenessCertificate(begins="a", ends="b", pages=1, counts=(SHORT, FULL))
READING = StreamReading(stream=PULLS, window=WINDOW, retrieved_at=WINDOW.period_end, certificate=CERTIFICATE)
WAIVER = GapWaiver(stream=PULLS, gap=GAP, reason="why", waived_by="ann", waived_at=WINDOW.period_end)
COMPLETE = StreamCompleteness(stream=PULLS, verdict=Verdict.COMPLETE)
WAIVED = StreamCompleteness(stream=PULLS, verdict=Verdict.WAIVED, gap=GAP, reason="why", waived_by="ann")
COUNT_DOCUMENT = {"what": "issues", "route": "search", "seen": "41", "independent": "42"}
GAP_DOCUMENT = {"begins": "2026-11-16T00:00:00Z", "counts": [COUNT_DOCUMENT], "problem": "lost"}
DOCUMENT = {
    "source": "github",
    "source_ref": "acme/web",
    "stream": "pulls",
    "verdict": "waived",
    "gap": GAP_DOCUMENT,
    "reason": "why",
    "waived_by": "ann",
}
LINE = "must be one line of 1 to {} characters"
NAME = "must be 1 to 63 of a-z, 0-9, '_', '-', '.', and begin with a letter"
BIGINT = "must lie between 0 and 2^63-1"
UTC = "must be a time in UTC"


def of(value: Any, **changes: Any) -> Callable[[], object]:
    return lambda: replace(value, **changes)


def gap(**changes: Any) -> Callable[[], object]:
    return lambda: parse_gap(GAP_DOCUMENT | changes)


def count(**changes: Any) -> Callable[[], object]:
    return lambda: parse_gap(GAP_DOCUMENT | {"counts": [COUNT_DOCUMENT | changes]})


def stream(**changes: Any) -> Callable[[], object]:
    return lambda: parse_completeness([DOCUMENT | changes])


def without(document: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != name}


REFUSED: list[tuple[Callable[[], object], str]] = [
    (of(SHORT, what=""), "what is counted " + LINE.format(100)),
    (of(SHORT, what="x" * 101), "what is counted " + LINE.format(100)),
    (of(SHORT, route="a\nb"), "route of a count " + LINE.format(100)),
    (of(SHORT, seen=-1), "count " + BIGINT),
    (of(SHORT, independent=2**63), "independent count " + BIGINT),
    (of(CERTIFICATE, begins=""), "bound of a reading " + LINE.format(100)),
    (of(CERTIFICATE, ends="x" * 101), "bound of a reading " + LINE.format(100)),
    (of(CERTIFICATE, pages=-1), "pages " + BIGINT),
    (of(GAP, begins="x" * 101), "begin of a gap " + LINE.format(100)),
    (of(GAP, problem="No Name"), "problem of a gap " + NAME),
    (Gap, "gap must have counts that differ, or a problem"),
    (of(GAP, counts=(SHORT, FULL)), "gap must have no counts that agree"),
    (gap(counts={}), "counts of a gap must be a list"),
    (gap(begins=1), "begin of a gap must be text, or nothing"),
    (gap(problem=1), "problem of a gap must be text, or nothing"),
    (gap(more=1), "gap must have exactly the fields begins, counts, problem"),
    (lambda: parse_gap([]), "gap must have exactly the fields begins, counts, problem"),
    (count(more=1), "count must have exactly the fields independent, route, seen, what"),
    (count(seen=41), "count must be a decimal string"),
    (count(seen="041"), "count must be a decimal string"),
    (count(seen="-1"), "count must be a decimal string"),
    (count(seen="1" * 20), "count must be a decimal string"),
    (count(independent="\u0661"), "count must be a decimal string"),
    (count(seen="9223372036854775808"), "count " + BIGINT),
    (of(READING, certificate=None), "reading must have a certificate or a problem"),
    (of(READING, problem="lost"), "reading must have a certificate or a problem"),
    (of(READING, certificate=None, problem="No Name"), "problem of a reading " + NAME),
    (of(READING, retrieved_at=WINDOW.period_end.replace(tzinfo=None)), "retrieved at " + UTC),
    (of(WAIVER, reason=""), "reason " + LINE.format(2000)),
    (of(WAIVER, waived_by="x" * 256), "actor " + LINE.format(255)),
    (of(WAIVER, waived_at=WINDOW.period_end.replace(tzinfo=None)), "waived at " + UTC),
    (of(COMPLETE, gap=GAP), "completeness must have a gap exactly where it is incomplete or waived"),
    (of(WAIVED, gap=None), "completeness must have a gap exactly where it is incomplete or waived"),
    (of(WAIVED, reason=None), "reason must be text, not NoneType"),
    (of(WAIVED, waived_by=None), "actor must be text, not NoneType"),
    (of(COMPLETE, reason="why"), "completeness must have a reason and an admin only where it is waived"),
    (of(COMPLETE, waived_by="ann"), "completeness must have a reason and an admin only where it is waived"),
    (lambda: parse_completeness({}), "completeness must be a list of streams"),
    (lambda: parse_completeness([]), "completeness must be a list of streams"),
    (lambda: parse_completeness([DOCUMENT, DOCUMENT]), "completeness must have each stream once, in order"),
    (
        lambda: parse_completeness([DOCUMENT, DOCUMENT | {"stream": "issues"}]),
        "completeness must have each stream once, in order",
    ),
    (
        stream(verdict="incomplete", reason=None, waived_by=None),
        "completeness must have no stream whose gap nobody waived",
    ),
    (stream(verdict="fine"), "verdict must be one of complete, early, incomplete, waived"),
    (stream(verdict=[]), "verdict must be one of complete, early, incomplete, waived"),
    (
        stream(more=1),
        "stream must have exactly the fields gap, reason, source, source_ref, stream, verdict, waived_by",
    ),
    (
        lambda: parse_completeness([1]),
        "stream must have exactly the fields gap, reason, source, source_ref, stream, verdict, waived_by",
    ),
    (
        of(STATEMENT, completeness=(replace(WAIVED, verdict=Verdict.INCOMPLETE, reason=None, waived_by=None),)),
        "completeness must have no stream whose gap nobody waived",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("make", "sentence"), REFUSED, ids=range(len(REFUSED)))
def test_a_refusal_says_what_is_wrong(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(InvalidValue, match=f"^{re.escape(sentence)}$"):
        make()


@pytest.mark.parametrize("name", DOCUMENT)
def test_a_stream_of_a_document_has_all_its_fields(name: str) -> None:
    with pytest.raises(InvalidValue, match="must have exactly the fields"):
        parse_completeness([without(DOCUMENT, name)])


def test_a_document_says_what_was_found_and_is_read_back() -> None:
    assert WAIVED.document() == DOCUMENT
    assert COMPLETE.document() == DOCUMENT | dict.fromkeys(("gap", "reason", "waived_by")) | {
        "verdict": "complete"
    }
    both = (replace(COMPLETE, stream=ISSUES), WAIVED)
    assert parse_completeness([found.document() for found in both]) == both
    assert parse_gap(GAP_DOCUMENT) == GAP
    bare = Gap(problem="lost")
    assert parse_gap(bare.document()) == bare
    most = Gap(counts=(replace(SHORT, seen=0, independent=2**63 - 1),))
    assert parse_gap(most.document()) == most


def test_lengths_at_the_limit_are_taken() -> None:
    replace(SHORT, what="x" * 100, route="x" * 100)
    replace(CERTIFICATE, begins="x" * 100, ends="x" * 100, pages=0)
    replace(GAP, begins="x" * 100)
    replace(WAIVER, reason="x" * 2000, waived_by="x" * 255)


def test_other_people_s_text_in_a_certificate_is_made_storable() -> None:
    told = replace(CERTIFICATE, skipped={"bot\0": 1}, skipped_actors={"a\x1b" + "b" * 300: 2, "\ud800": 1})

    assert told.skipped == {"bot\N{REPLACEMENT CHARACTER}": 1}
    assert told.skipped_actors == {
        "a\N{REPLACEMENT CHARACTER}" + "b" * 253: 2,
        "\N{REPLACEMENT CHARACTER}": 1,
    }


def test_a_gap_is_told_in_a_sentence() -> None:
    assert str(SHORT) == "41 issues were read, and 42 are counted by search"
    assert str(Gap(counts=(SHORT, replace(SHORT, what="pulls")))) == (
        "41 issues were read, and 42 are counted by search; 41 pulls were read, and 42 are counted by search"
    )
    assert str(GAP) == (
        "41 issues were read, and 42 are counted by search; it was not read to its end (lost), from"
        " 2026-11-16T00:00:00Z on"
    )
    assert str(Gap(problem="lost")) == "it was not read to its end (lost)"


def test_refusals_of_gaps_name_stream_and_figures() -> None:
    one = StreamIncomplete(7, str(PULLS), "it was not read")
    assert str(one) == (
        "epoch 7 can't close, as github:acme/web:pulls is incomplete: it was not read; collect the window again, and"
        " what a source will not count otherwise, an admin can waive: ledger gap waive 7 github:acme/web:pulls"
        " --reason WHY"
    )
    assert ", and 2 more streams are incomplete; collect" in str(
        StreamIncomplete(7, str(PULLS), "it was not read", more=2)
    )
    assert (one.epoch_id, one.stream, one.figures, one.more) == (7, str(PULLS), "it was not read", 0)
    assert str(StreamNotRead(7, "a")) == "no reading of a is recorded for the window of epoch 7"
    assert str(NothingToWaive(7, "a")) == "a is complete in epoch 7, so there is nothing to waive"
    assert str(GapChanged("a", "b", "c")) == "the gap of a changed since it was reviewed: reviewed b; now c"


def test_a_reading_lacks_what_its_certificate_does() -> None:
    assert READING.gap == Gap(begins="a", counts=(SHORT,)) == READING.gap_when_over
    lost = replace(READING, certificate=None, problem="lost")
    assert lost.gap == Gap(problem="lost")
    early = replace(lost, retrieved_at=WINDOW.period_start)
    assert early.gap_when_over == Gap(problem="read-before-window-end")
    short = replace(READING, retrieved_at=WINDOW.period_start)
    assert short.gap_when_over == Gap(begins="a", counts=(SHORT,), problem="read-before-window-end")
    full = replace(READING, certificate=replace(CERTIFICATE, counts=(FULL,)))
    assert (full.gap, full.gap_when_over, full.is_early) == (None, None, False)
    begun = replace(full, retrieved_at=WINDOW.period_start)
    assert (begun.gap, begun.is_early) == (None, True)
    assert begun.gap_when_over == Gap(problem="read-before-window-end")
    assert begun.gap_at(WINDOW.period_end) == begun.gap_when_over
    assert begun.gap_at(WINDOW.period_start) is None


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"retrieved_at": make_window(3).period_end}, True),
        ({"retrieved_at": WINDOW.period_start}, False),
        ({"certificate": replace(CERTIFICATE, ends="c")}, False),
        ({"certificate": None, "problem": "lost"}, False),
    ],
)
def test_a_reading_says_what_another_says_by_its_figures_and_its_time(
    change: dict[str, Any], *, same: bool
) -> None:
    assert READING.says_what(replace(READING, **change)) is same


def test_streams_are_ordered_and_each_has_its_own_waiver() -> None:
    issues = replace(READING, stream=ISSUES)
    gap_of_both = READING.gap
    assert gap_of_both is not None
    waivers = [replace(WAIVER, gap=gap_of_both), replace(WAIVER, stream=ISSUES, gap=GAP)]

    found = compute_completeness([READING, issues], waivers, at=WINDOW.period_end)

    assert [(stream.stream.stream, stream.verdict) for stream in found] == [
        ("issues", Verdict.INCOMPLETE),
        ("pulls", Verdict.WAIVED),
    ]
    assert found[0].gap == found[1].gap == gap_of_both
    assert (found[1].reason, found[1].waived_by) == ("why", "ann")


def test_a_stream_without_a_gap_is_complete_or_early() -> None:
    full = replace(READING, certificate=replace(CERTIFICATE, counts=(FULL,)))
    early = replace(full, stream=ISSUES, retrieved_at=WINDOW.period_start)

    found = compute_completeness([full, early], [], at=WINDOW.period_start)

    assert found == (
        StreamCompleteness(stream=ISSUES, verdict=Verdict.EARLY),
        StreamCompleteness(stream=PULLS, verdict=Verdict.COMPLETE),
    )


def test_the_first_gap_that_nobody_waived_is_refused_by_name_and_the_others_are_counted() -> None:
    lost = StreamCompleteness(stream=ISSUES, verdict=Verdict.INCOMPLETE, gap=Gap(problem="lost"))
    early = StreamCompleteness(stream=PULLS, verdict=Verdict.EARLY)

    check_complete(EpochId(7), [COMPLETE, WAIVED, early])
    with pytest.raises(StreamIncomplete) as refusal:
        check_complete(EpochId(7), [COMPLETE, lost, replace(lost, stream=PULLS), replace(lost, stream=PULLS)])

    told = refusal.value
    assert (told.epoch_id, told.stream, told.figures, told.more) == (
        7,
        "github:acme/web:issues",
        "it was not read to its end (lost)",
        2,
    )


def test_a_statement_holds_its_streams() -> None:
    counted: PayoutStatement = replace(STATEMENT, completeness=(COMPLETE,))

    assert (STATEMENT.format, counted.format) == ("ledger-statement/1", "ledger-statement/2")
    assert b"completeness" not in STATEMENT.document()
    document = json.loads(counted.document())
    assert document["completeness"] == [COMPLETE.document()]
    assert set(document) == {*json.loads(STATEMENT.document()), "completeness"}
