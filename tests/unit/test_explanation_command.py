"""`python -m ledger_core.explanation`: explained from a file alone, and never from a wrong one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from ledger_core.explanation.__main__ import main
from ledger_core.explanation.bundle_facts import verified_bundle
from ledger_core.explanation.explain_user import explain_user
from ledger_core.explanation.trace_event import trace_event
from ledger_core.testing import MONDAY, InMemoryLedger, make_event
from tests.bundle_forging import file_of, lines_of, put_together, take_apart
from tests.bundle_histories import (
    NODE,
    bind,
    bundle_bytes,
    finalize,
    open_week,
    standard_history,
    store_events,
)

BUNDLE = bundle_bytes(standard_history(), 1)
STATEMENT_HASH = "ce548776e84e0936acba7be59035e5022d8d81d180c2ea6fddcb4900b232732c"
EXCLUDED = "github:pr_merged:acme/widgets:2"


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    path = tmp_path / "bundle.zip"
    path.write_bytes(BUNDLE)
    return str(path)


@pytest.fixture
def forged(tmp_path: Path) -> str:
    files = take_apart(BUNDLE)
    events = lines_of(files["events.jsonl"])
    events[0]["curation"]["user_id"] = "eve\u202e"
    path = tmp_path / "forged.zip"
    path.write_bytes(put_together({**files, "events.jsonl": file_of(events)}))
    return str(path)


def test_a_user_is_explained_after_the_bundle_is_verified(
    bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["user", bundle, "carol"]) == 0

    output = capsys.readouterr().out
    lines = output.splitlines()
    assert lines[0] == f"verified {STATEMENT_HASH}"
    assert lines[2] == "carol gets 375 of 36028797018964218 credits in epoch 1"
    assert "  amount     375 credits" in lines
    assert any(line.startswith("  12.000 set by admin at 2026-11-23T06:00:00Z: agreed") for line in lines)
    assert output.isascii()


def test_an_event_is_traced_after_the_bundle_is_verified(
    bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["event", bundle, EXCLUDED]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"verified {STATEMENT_HASH}"
    assert lines[2] == f"{EXCLUDED}: excluded"
    assert lines[3] == "  it was excluded in epoch 1 by admin at 2026-11-23T06:00:00Z: seen by hand"
    assert f"  pinned by  {STATEMENT_HASH}" in lines


def test_json_is_one_object_with_the_hash_that_verified(
    bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["user", bundle, "ann", "--json", "--limit", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["verified"], found["explanation"]["user_id"]) == (STATEMENT_HASH, "ann")
    assert found["explanation"]["events"]["not_shown"] == 1
    assert found["explanation"]["beyond"] is None
    assert main(["event", bundle, EXCLUDED, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["explanation"]["outcome"] == "excluded"


@pytest.mark.parametrize("arguments", [("user", "ann"), ("event", EXCLUDED)])
def test_a_wrong_bundle_is_not_explained_but_flagged_by_its_first_difference(
    forged: str, bundle: str, capsys: pytest.CaptureFixture[str], arguments: tuple[str, str]
) -> None:
    what, whom = arguments
    assert main([what, forged, whom]) == 1
    output = capsys.readouterr().out
    assert output.startswith("NOT EXPLAINED: the bundle does not verify: activity-set: ")
    assert output.isascii()
    assert output.count("\n") == 1
    assert main([what, bundle, whom, "--expect", "0" * 64, "--json"]) == 1
    refused = json.loads(capsys.readouterr().out)
    assert (refused["verified"], refused["code"]) == (None, "not-verified")
    assert main([what, bundle, whom, "--expect", STATEMENT_HASH.upper()]) == 0


def test_what_is_not_there_or_cannot_be_read_has_its_code(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "noise").write_bytes(b"noise" * 100)
    for arguments, status, code in (
        (["user", bundle, "carola"], 1, "user-not-in-epoch"),
        (["user", bundle, "\x1b[31m\n"], 1, "invalid-value"),
        (["event", bundle, "github:no:such"], 1, "event-not-found"),
        (["user", str(tmp_path / "noise"), "ann"], 2, "not-a-bundle"),
        (["user", str(tmp_path), "ann"], 2, "not-a-bundle"),
        (["user", str(tmp_path / "nothing"), "ann"], 2, "unreadable"),
    ):
        assert main(arguments) == status
        line = capsys.readouterr().out
        assert line.startswith("NOT EXPLAINED: ")
        assert line.endswith(f" ({code})\n")
        assert main([*arguments, "--json"]) == status
        assert json.loads(capsys.readouterr().out)["code"] == code


@pytest.mark.parametrize(
    "arguments",
    [[], ["user"], ["user", "a"], ["user", "a", "b", "--limit", "-1"], ["user", "a", "b", "--limit", "10001"],
     ["event", "a", "b", "--expect", "xyz"], ["what", "a", "b"]],
)  # fmt: skip
def test_wrong_usage_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: ")


def test_it_needs_the_core_alone(bundle: str, tmp_path: Path) -> None:
    """Neither the service nor the database adapter nor anything installed is looked at."""
    core = Path(sys.modules["ledger_core"].__file__ or "").parents[1]
    done = subprocess.run(
        [sys.executable, "-S", "-m", "ledger_core.explanation", "user", bundle, "ann"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(core)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"verified {STATEMENT_HASH}\n")


@pytest.mark.parametrize("user", ['"\\', "\u00e9\ufb33\U0001f600", "a" * 255, "null", "ann\u202e", "\u0131I"])
def test_users_and_events_are_found_however_their_names_are_written(tmp_path: Path, user: str) -> None:
    """A line is looked at only if it holds the name as canonical JSON writes it, which is in one way."""
    ledger = InMemoryLedger(NODE)
    bind(ledger, **{user: "1001", "another": "1002"})
    epoch_id = open_week(ledger, 0)
    mine = make_event(1, at=MONDAY, event_id=f"github:pr:{user[:99]}", metadata={"user_id": None, "id": user})
    store_events(ledger, mine, make_event(2, at=MONDAY, account="1002", metadata={"user_id": user}))
    finalize(ledger, epoch_id, 3)
    path = tmp_path / "odd.zip"
    path.write_bytes(bundle_bytes(ledger, epoch_id))

    with verified_bundle(path) as facts:
        explained = explain_user(facts, user, limit=9)
        traced = trace_event(facts.trace_facts(mine.id))

    assert [line.event_id for line in explained.events.lines] == [mine.id]
    assert traced.standings[0].user_id == user


def test_memory_does_not_grow_with_the_events(tmp_path: Path) -> None:
    peaks = []
    for count in (200, 4_000):
        path = tmp_path / f"{count}.zip"
        path.write_bytes(bundle_bytes(busy_ledger(count), 1))
        tracemalloc.start()
        with verified_bundle(path) as facts:
            found = explain_user(facts, "ann", limit=20)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (found.events.total, len(found.events.lines)) == (count, 20)
        assert found.units is not None
        assert found.units.units == 8000 * count
    print("peaks in bytes of 200 and 4,000 events:", peaks)
    assert peaks[1] < peaks[0] + 400_000  # both read in chunks; 3,800 events more are 2 MB of lines


def busy_ledger(events: int) -> InMemoryLedger:
    ledger = InMemoryLedger(NODE)
    bind(ledger, ann="1001")
    epoch_id = open_week(ledger, 0)
    store_events(ledger, *(make_event(number, at=MONDAY) for number in range(events)))
    finalize(ledger, epoch_id, 1000)
    return ledger
