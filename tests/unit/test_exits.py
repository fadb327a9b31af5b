"""Exit statuses and next steps: what scripts and people rely on, and what is documented."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import click
import pytest

import db_client
import ledger_core
import scheduler_worker
from ledger_core.errors import LedgerError
from scheduler_worker.cli import exits
from scheduler_worker.cli.app import ledger, run
from scheduler_worker.cli.exits import Exit, exit_of
from scheduler_worker.cli.next_steps import NEXT_STEPS, next_step

DOCUMENT = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+) \| [^|]+ \| ([^|]*)\|$", DOCUMENT, re.MULTILINE)


def all_codes() -> set[str]:
    for package in (ledger_core, db_client, scheduler_worker):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__") and ".migrations." not in module.name:
                importlib.import_module(module.name)
    found, waiting = set(), [LedgerError]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        found.add(kind.code)
    return found


CODES = all_codes()


def test_every_status_is_documented_and_no_other() -> None:
    assert [int(status) for status, _ in ROWS] == [status.value for status in Exit]


def test_every_code_s_status_is_the_documented_one() -> None:
    documented = {code: int(status) for status, codes in ROWS for code in re.findall(r"`([a-z-]+)`", codes)}
    said_by_the_program = {"usage", "internal-error"}  # of no refusal's class

    for code in CODES:
        assert exit_of(code) == documented.get(code, Exit.REFUSED), code
    for code, status in documented.items():
        assert code in CODES | exits._UNREACHABLE | said_by_the_program | {"worker-fault"}, code
        if code != "internal-error":
            assert exit_of(code) == status


def test_the_statuses_are_what_they_always_were() -> None:
    """Scripts rely on the numbers."""
    assert {status.name: status.value for status in Exit} == {
        "DONE": 0,
        "REFUSED": 1,
        "USAGE": 2,
        "INCOMPLETE": 3,
        "UNREACHABLE": 4,
        "INTERNAL": 70,
        "INTERRUPTED": 130,
    }


def test_next_steps_are_of_codes_that_there_are_and_of_commands_that_there_are() -> None:
    assert set(NEXT_STEPS) <= CODES
    context = click.Context(ledger)
    for step in NEXT_STEPS.values():
        for words in re.findall(r"ledger ([a-z]+)(?: ([a-z]+)\b)?", step):
            command = ledger.get_command(context, words[0])
            assert command is not None, step
            if isinstance(command, click.Group):
                assert command.get_command(context, words[1]) is not None, step


def test_a_sentence_that_names_a_command_gets_no_other() -> None:
    assert next_step("epoch-not-found", "there is no epoch 9") == "ledger epoch list"
    assert next_step("epoch-not-found", "see `ledger status`") is None
    assert next_step("no-such-code", "no") is None


def test_a_missing_policy_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LEDGER_CONFIG", raising=False)

    assert run(["config", "check"]) == 2
    assert "or let `ledger init` write it" in capsys.readouterr().err
