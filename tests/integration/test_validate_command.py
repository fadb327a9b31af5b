"""`ledger source validate`: every bad line by number, code and sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command_line import Ended, controls_in, run_program

GOOD = '{"id": "%s", "event_type": "talk", "event_time": "2026-11-18T15:00:00Z", "platform_user_id": "ada"}\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "work.jsonl"


def validate(path: Path, *arguments: str) -> Ended:
    return run_program("source", "validate", path.name, *arguments, cwd=path.parent)


def test_a_good_file_ends_well(path: Path) -> None:
    path.write_text(GOOD % "a" + "\n" + GOOD % "b")

    told, plain = validate(path, "--json"), validate(path)

    assert (told.status, plain.status, told.errors, plain.errors) == (0, 0, "", "")
    assert plain.output == "work.jsonl: 3 lines, 2 records, 0 bad lines\n"
    assert json.loads(told.output) == {
        "file": "work.jsonl", "valid": True, "lines": 3, "records": 2, "bad": 0, "limit": 100, "bad_lines": [],
    }  # fmt: skip


def test_every_bad_line_is_told_with_its_number_up_to_a_limit_that_is_named(path: Path) -> None:
    path.write_text(
        GOOD % "a" + "nonsense\n" + GOOD % "a" + '{"id": "b", "\x1b[2J": 1}\n' + GOOD % "c" + "{}\n"
    )

    all_told, told = validate(path), validate(path, "--limit", "2")
    machine = json.loads(validate(path, "--limit", "2", "--json").output)

    assert (all_told.status, told.status) == (1, 1)
    assert all_told.output.splitlines() == [
        "line 2: jsonl-line-not-json: it is not JSON",
        "line 3: jsonl-id-repeated: its id is that of line 1; the second would never count",
        "line 4: jsonl-line-not-json: it is not JSON",
        "line 6: jsonl-field-missing: id is missing",
        "work.jsonl: 6 lines, 2 records, 4 bad lines",
    ]
    assert told.output.splitlines()[2:] == [
        "told the first 2 of 4 bad lines; --limit tells more",
        "work.jsonl: 6 lines, 2 records, 4 bad lines",
    ]
    assert controls_in(all_told.output) == []
    assert (machine["bad"], machine["limit"], machine["valid"]) == (4, 2, False)
    assert machine["bad_lines"][1] == {
        "line": 3,
        "code": "jsonl-id-repeated",
        "problem": "its id is that of line 1; the second would never count",
    }


def test_a_file_that_is_not_there_is_one_sentence(path: Path) -> None:
    ended = validate(path)

    assert (ended.status, ended.output) == (1, "")
    assert "work.jsonl can't be read: No such file or directory" in ended.errors
    assert "jsonl-file-unreadable" in ended.errors
