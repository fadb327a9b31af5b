"""Completion in a real bash, and by the questions that zsh and fish ask; each shell that is here parses its script."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler_worker.cli.app import run
from scheduler_worker.cli.completion_command import SHELLS, VARIABLE
from tests.command_line import environment, run_program

LEDGER = Path(sys.executable).with_name("ledger")
HEAVY = "sqlalchemy", "temporalio", "db_client", "alembic", "psycopg", "rich"


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert run(["completion", shell]) == 0
    return capsys.readouterr().out


def in_bash(folder: Path, *words: str) -> list[str]:
    """What bash offers for the last of the words, with the program on its PATH."""
    (folder / "completion.bash").write_text(run_program("completion", "bash").output)
    line = " ".join(f"'{word}'" for word in ("ledger", *words))
    program = (
        f"source {folder}/completion.bash; COMP_WORDS=({line}); COMP_CWORD={len(words)};"
        ' complete -p ledger >&2; _ledger_completion ledger; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", program],
        env=environment() | {"PATH": f"{LEDGER.parent}:{environment()['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "_ledger_completion ledger" in done.stderr
    return done.stdout.split()


def test_bash_completes_commands_of_every_level_and_options(tmp_path: Path) -> None:
    assert in_bash(tmp_path, "sta") == ["statement", "status"]
    assert set(in_bash(tmp_path, "epoch", "")) == {"collect", "list", "show", "finalize"}
    assert "--reviewed" in in_bash(tmp_path, "epoch", "finalize", "--")
    assert in_bash(tmp_path, "completion", "z") == ["zsh"]
    assert in_bash(tmp_path, "--conf") == ["--config"]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_that_is_here_parses_its_script(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shell: str
) -> None:
    text = script(shell, capsys)
    (tmp_path / "script").write_text(text)

    assert f"{VARIABLE}={shell}_complete" in text
    assert shutil.which("bash") is not None
    if shutil.which(shell) is not None:  # zsh and fish are in no wheel
        subprocess.run([shell, "-n", str(tmp_path / "script")], check=True, timeout=60)


@pytest.mark.parametrize(
    ("shell", "asked", "told"),
    [
        ("zsh", {"COMP_WORDS": "ledger identity me", "COMP_CWORD": "2"}, "plain\nmerge\nMove every account"),
        ("fish", {"COMP_WORDS": "ledger identity me", "COMP_CWORD": "me"}, "plain,merge\tMove every account"),
    ],
)
def test_other_shells_get_names_with_what_they_do(shell: str, asked: dict[str, str], told: str) -> None:
    ended = run_program(settings=asked | {VARIABLE: f"{shell}_complete"})

    assert (ended.status, ended.errors) == (0, "")
    assert ended.output.replace("\\n", "\n").startswith(told) or told in ended.output


def test_completing_a_command_s_name_loads_neither_database_nor_temporal() -> None:
    program = (
        "import sys; from scheduler_worker.cli.app import ledger\n"
        "try: ledger.main(prog_name='ledger')\n"
        "except SystemExit: pass\n"
        "print('loaded', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment({VARIABLE: "bash_complete", "COMP_WORDS": "ledger ep", "COMP_CWORD": "1"}),
        capture_output=True,
        text=True,
        check=True,
    )

    completed, _, loaded = done.stdout.partition("loaded ")
    assert completed.strip() == "plain,epoch"
    assert set(loaded.split()).isdisjoint(HEAVY)


def test_a_shell_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "tcsh"]) == 2
    assert "is not one of 'bash', 'zsh', 'fish'" in capsys.readouterr().err
