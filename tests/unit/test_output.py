from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from unicodedata import category

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from ledger_core.identifiers import MAX_BIGINT
from scheduler_worker.cli.output import (
    PLAIN_WIDTH,
    print_facts,
    print_json,
    print_table,
    printable,
    say,
    seconds_text,
    time_text,
    units_text,
)
from scheduler_worker.cli.progress import Progress

HASH = "0123456789abcdef" * 4

Printed = Callable[[], list[str]]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    def lines() -> list[str]:
        return capsys.readouterr().out.splitlines()

    return lines


@pytest.mark.parametrize(
    "character",
    ["\x00", "\x1b", "\n", "\r", "\x7f", "\x9b", "\u202e", "\u2028", "\u200b", "\ufeff", "\udcff"],
)
def test_a_character_that_acts_on_a_terminal_is_replaced(character: str) -> None:
    assert printable(f"a{character}b") == "a\N{REPLACEMENT CHARACTER}b"


@given(st.text())
def test_what_is_printable_stays_and_nothing_else_does(text: str) -> None:
    shown = printable(text)

    assert len(shown) == len(text)
    assert not {category(character) for character in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert printable(shown) == shown


def test_a_table_is_as_wide_as_its_cells_and_numbers_stand_to_the_right(printed: Printed) -> None:
    print_table(["user", "units"], [("ada", 10), ("li", 5)], numbers=["units"])

    assert printed() == ["user  units", "ada      10", "li        5"]


def test_a_cell_never_acts_on_the_terminal(printed: Printed) -> None:
    print_table(["user"], [("\x1b[2Jada\n",)])

    assert printed() == ["user", "\N{REPLACEMENT CHARACTER}[2Jada\N{REPLACEMENT CHARACTER}"]


def test_a_table_without_rows_is_its_headers(printed: Printed) -> None:
    print_table(["epoch", "state"], [], numbers=["epoch"])

    assert printed() == ["epoch  state"]


def test_a_hash_beside_a_usual_amount_stays_whole_in_80_columns(printed: Printed) -> None:
    print_table(
        ["epoch", "credits", "statement"],
        [(99_999, 9_999_999, HASH)],
        numbers=["epoch", "credits"],
        whole=["statement"],
    )

    assert printed() == [f"epoch  credits  {'statement'}", f"99999  9999999  {HASH}"]


def test_a_row_that_can_not_fit_is_printed_as_lines(printed: Printed) -> None:
    print_table(
        ["epoch", "credits", "statement"],
        [(1, MAX_BIGINT, HASH), (2, 5, HASH)],
        numbers=["epoch", "credits"],
        whole=["statement"],
    )

    assert printed() == [
        "epoch      1",
        f"credits    {MAX_BIGINT}",
        f"statement  {HASH}",
        "",
        "epoch      2",
        "credits    5",
        f"statement  {HASH}",
    ]


@example([("", 0, "\U0001f3fb"), ("\u0301" * 9, 1, "\u0301" * 300)])
@given(
    st.lists(st.tuples(st.text(max_size=300), st.integers(0, MAX_BIGINT), st.text(max_size=90)), max_size=4)
)
def test_no_table_is_wider_than_the_terminal_and_no_number_is_broken(
    rows: list[tuple[str, int, str]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr("click.echo", lambda text="": lines.append(text))

        print_table(["user", "units", "reason"], rows, numbers=["units"])

    assert all(cell_len(line) <= PLAIN_WIDTH for line in lines)
    for _, units, _ in rows:
        assert any(str(units) in line.split() for line in lines)


def test_wide_letters_take_two_columns(printed: Printed) -> None:
    print_table(["user", "units"], [("\u65e5\u672c", 1), ("ada", 2)], numbers=["units"])

    assert printed() == ["user  units", "\u65e5\u672c      1", "ada       2"]


def test_an_accent_that_stands_on_nothing_is_seen(printed: Printed) -> None:
    print_table(["user", "units"], [("\u0301", 1)], numbers=["units"])

    assert printed() == ["user  units", "\N{DOTTED CIRCLE}\u0301         1"]


def test_text_that_is_too_long_goes_on_below(printed: Printed) -> None:
    print_table(["user", "units"], [("x" * 150, 7)], numbers=["units"])

    assert printed() == [f"user{' ' * 71}units"[:80], "x" * 73 + "      7", "x" * 73, "x" * 4]


def test_facts_stand_in_one_column_and_never_act(printed: Printed) -> None:
    print_facts([("epoch", 1), ("allocations", "a\x1b[31m")])

    assert printed() == ["epoch        1", "allocations  a\N{REPLACEMENT CHARACTER}[31m"]


def test_a_sentence_is_one_line_where_nobody_looks(printed: Printed) -> None:
    say("word " * 50 + "\n")

    assert printed() == ["word " * 50 + "\N{REPLACEMENT CHARACTER}"]


def test_a_sentence_is_wrapped_between_words_on_a_terminal(
    printed: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler_worker.cli.output.is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "20")

    say(f"this is more than {HASH} fits")

    assert printed() == ["this is more than", HASH, "fits"]


def test_json_is_ascii_and_keeps_whole_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"pool": MAX_BIGINT, "user": "\u65e5\x1b"})
    text = capsys.readouterr().out

    assert json.loads(text) == {"pool": MAX_BIGINT, "user": "\u65e5\x1b"}
    assert text.isascii()
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("milli_units", "text"),
    [(0, "0.000"), (1, "0.001"), (8000, "8.000"), (MAX_BIGINT, "9223372036854775.807")],
)
def test_units_have_three_digits(milli_units: int, text: str) -> None:
    assert units_text(milli_units) == text


def test_a_time_that_is_not_there_stays_so() -> None:
    assert time_text(None) is None
    assert time_text(datetime(2026, 11, 16, tzinfo=UTC)) == "2026-11-16T00:00:00Z"


def test_steps_are_plain_lines_on_stderr_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        progress.tell("one")
        progress.clear()
        progress.tell("two\x1b")
    captured = capsys.readouterr()

    assert (captured.out, captured.err) == ("", "... one\n... two\N{REPLACEMENT CHARACTER}\n")


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("2026-11-16T00:00:07.000001Z", "2026-11-16T00:00:07Z"),
        ("2026-11-16T00:00:07.999999Z", "2026-11-16T00:00:07Z"),
        ("2026-11-16T00:00:07Z", "2026-11-16T00:00:07Z"),
    ],
)
def test_a_time_for_people_ends_with_its_second(told: str, seconds: str) -> None:
    assert seconds_text(told) == seconds
