"""Every command explains itself in 80 columns, with an example, and without waiting for what it won't use."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import click
import pytest

from scheduler_worker.cli.app import ledger, run
from tests.command_line import COLUMNS, all_commands, environment, run_on_terminal, run_program

COMMANDS = all_commands()
GROUPS = sorted({words[:1] for words in COMMANDS if len(words) > 1})
LOADED = "import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
SLOW = {"sqlalchemy", "temporalio", "rich", "alembic", "psycopg", "db_client"}


def printed_help(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run([*words, "--help"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_s_help_has_an_example_and_fits(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    text = printed_help(capsys, *words)

    assert re.search(r"^  Examples?:$", text, re.MULTILINE)
    assert [line for line in text.splitlines() if len(line) > COLUMNS] == []
    assert f"Usage: ledger {' '.join(words)} " in text


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_s_examples_are_commands_that_it_takes(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    examples = re.findall(r"^    (?:\w+=\S+ )?ledger (.*)$", printed_help(capsys, *words), re.MULTILINE)

    assert examples
    for example in examples:
        filled = (
            re.split(r" [|>] ", example)[0]
            .replace('"$HASH"', "0" * 64)
            .replace('"$SIGNATURE"', "11" * 65)
            .replace('"$ADDRESS"', f"0x{'a' * 40}")
        )
        given = shlex.split(filled, comments=True)
        given = [word for word in given if word not in {"--config", "/etc/ledger.toml"}]
        assert tuple(given[: len(words)]) == words
        COMMANDS[words].make_context("ledger", given[len(words) :], resilient_parsing=False).close()


@pytest.mark.parametrize("words", GROUPS, ids=" ".join)
def test_a_group_s_help_lists_its_commands(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    text = printed_help(capsys, *words)

    assert [line for line in text.splitlines() if len(line) > COLUMNS] == []
    examples = text.partition("\nExamples:\n")[2]
    for command in COMMANDS:
        if command[:1] == words:
            assert re.search(rf"^  (?:\w+=\S+ )?ledger {' '.join(command)}\b", examples, re.MULTILINE)
            assert re.search(rf"^  {command[1]}  +\S", text, re.MULTILINE)


def test_every_command_has_an_option_for_machines_or_a_reason_not_to() -> None:
    without = {
        words
        for words, command in COMMANDS.items()
        if all(parameter.name != "as_json" for parameter in command.params)
    }

    assert without == {
        ("demo",),
        ("worker",),
        ("webhook", "serve"),
        ("config", "schema"),  # it is JSON
        ("completion",),
    }


def test_the_program_s_help_says_one_line_a_command_that_is_the_command_s_own() -> None:
    context = click.Context(ledger)
    text = ledger.get_help(context)

    for name in ledger.list_commands(context):
        assert re.search(rf"^  {name}  +\S", text, re.MULTILINE)
    for status in ("0 done", "1 refused", "2 wrong usage", "3 incomplete", "4 a server"):
        assert status in text


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("--version",)])
def test_help_answers_at_once(arguments: tuple[str, ...]) -> None:
    ended = run_program(*arguments)

    assert (ended.status, ended.errors) == (0, "")
    assert ended.output.startswith(("Usage: ledger [OPTIONS]", "ledger, version "))


def test_help_loads_neither_database_nor_temporal_nor_terminal() -> None:
    program = LOADED.format(module="scheduler_worker.cli.app as app") + "; sys.argv = []"
    done = subprocess.run(
        [sys.executable, "-c", "import scheduler_worker.cli.app as app; app.run(['--help']);" + program],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert set(done.stdout.splitlines()[-1].split()) & SLOW == set()


def test_the_demo_begins_before_database_and_temporal_are_loaded() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(module="scheduler_worker.cli.demo_command")],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert set(done.stdout.split()) & SLOW <= {"rich"}


def test_without_a_command_the_help_is_shown_and_the_status_says_so() -> None:
    ended = run_on_terminal()

    assert ended.status == 2
    assert "Usage: ledger [OPTIONS] COMMAND" in ended.output
    assert max(map(len, ended.output.splitlines())) <= COLUMNS
