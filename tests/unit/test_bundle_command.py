"""`python -m ledger_core.verification`: a verdict, an exit status, and no output that a terminal obeys."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger_core.verification.__main__ import main
from tests.bundle_forging import file_of, lines_of, put_together, take_apart, zip_of
from tests.bundle_histories import bundle_bytes, standard_history

BUNDLE = bundle_bytes(standard_history(), 1)
STATEMENT_HASH = "ce548776e84e0936acba7be59035e5022d8d81d180c2ea6fddcb4900b232732c"


@pytest.fixture
def genuine(tmp_path: Path) -> Path:
    path = tmp_path / "genuine.zip"
    path.write_bytes(BUNDLE)
    return path


@pytest.fixture
def forged(tmp_path: Path) -> Path:
    files = take_apart(BUNDLE)
    events = lines_of(files["events.jsonl"])
    events[0]["curation"]["user_id"] = "eve\u202e\u00e9"
    path = tmp_path / "forged.zip"
    path.write_bytes(put_together({**files, "events.jsonl": file_of(events)}))
    return path


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "ledger_core.verification", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )


def test_a_genuine_bundle_ends_with_its_hash(genuine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(genuine)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "8 events, 3 allocations, 2 pool components, 0 earlier statements"
    assert all(line.startswith("ok    ") for line in lines[1:-1])
    assert lines[-1] == f"verified {STATEMENT_HASH}"


def test_a_forged_bundle_ends_with_its_first_difference(
    forged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(forged)]) == 1

    output = capsys.readouterr().out
    assert output.splitlines()[-1].startswith(
        "NOT VERIFIED: activity-set: statement's activity_set_hash: expected "
    )
    assert "WRONG activity-set" in output
    assert output.replace("\n", "").isprintable()
    assert output.isascii()


def test_quiet_prints_the_verdict_alone(
    genuine: Path, forged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--quiet", str(genuine)]) == 0
    assert capsys.readouterr().out == f"verified {STATEMENT_HASH}\n"
    assert main(["--quiet", str(forged)]) == 1
    assert capsys.readouterr().out.count("\n") == 1


def test_json_is_one_object_for_programs(
    genuine: Path, forged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--json", str(genuine)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["verdict"], report["statement_hash"], report["events"]) == ("verified", STATEMENT_HASH, 8)
    assert all(check["ok"] for check in report["checks"])

    assert main(["--json", str(forged)]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "not-verified"
    failed = [check for check in report["checks"] if not check["ok"]]
    assert failed[0]["name"] == "activity-set"
    assert failed[0].keys() == {"name", "ok", "where", "expected", "found"}


def test_an_expected_hash_is_compared_in_any_case(genuine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--expect", STATEMENT_HASH.upper(), str(genuine)]) == 0
    assert "ok    expected-hash" in capsys.readouterr().out
    assert main(["--expect", "0" * 64, "--quiet", str(genuine)]) == 1
    assert capsys.readouterr().out.startswith("NOT VERIFIED: expected-hash: ")


@pytest.mark.parametrize(
    "arguments", [[], ["a", "b"], ["--expect", "xyz", "a"], ["--json", "--quiet", "a"], ["--unknown", "a"]]
)
def test_wrong_usage_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: ")


def test_refusals_are_status_2_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = {
        "empty": (b"", "not-a-bundle"),
        "noise": (bytes(range(256)) * 40, "not-a-bundle"),
        "cut": (BUNDLE[:-30], "bundle-truncated"),
        "escapes": (zip_of({"\x1b[2J\x07": b"", "manifest.json": b"{}"}), "bundle-record-invalid"),
    }
    for name, (data, code) in cases.items():
        path = tmp_path / name
        path.write_bytes(data)

        assert main([str(path)]) == 2
        line = capsys.readouterr().out
        assert line.startswith("NOT VERIFIED: ")
        assert line.endswith(f" ({code})\n")
        assert main(["--json", str(path)]) == 2
        refused = json.loads(capsys.readouterr().out)
        assert (refused["verdict"], refused["code"]) == ("refused", code)


def test_what_cannot_be_read_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nothing")]) == 2
    assert (
        capsys.readouterr().out
        == "NOT VERIFIED: the file cannot be read: No such file or directory (unreadable)\n"
    )
    assert main([str(tmp_path)]) == 2
    assert "(not-a-bundle)" in capsys.readouterr().out


def test_a_terminal_that_knows_ascii_only_and_odd_file_names_do_no_harm(forged: Path, tmp_path: Path) -> None:
    odd = tmp_path / "b\u00fcndel\udcff \x1b[31m.zip"
    forged.rename(odd)

    done = run(odd, PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0")

    assert (done.returncode, done.stderr) == (1, b"")
    assert done.stdout.isascii()


def test_a_reader_that_leaves_early_does_not_change_the_status(forged: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "ledger_core.verification", forged],
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert (done.returncode, done.stderr) == (1, b"")


def test_the_core_can_be_imported_without_the_command_lines_modules() -> None:
    claim = "import sys, ledger_core.verification; sys.exit(int('argparse' in sys.modules))"
    assert subprocess.run([sys.executable, "-c", claim], check=False).returncode == 0
