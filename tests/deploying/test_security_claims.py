"""SECURITY.md: each claim names tests that are there, and the guides name files, commands and variables that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.command_line import all_commands

ROOT = Path(__file__).parents[2]
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
ROWS = [line for line in SECURITY.splitlines() if line.startswith("| ") and "credential |" not in line]
GUIDES = sorted((ROOT / "docs/guides").glob("*.md"))
CODE = "".join(
    path.read_text(encoding="utf-8") for path in (ROOT / "services/scheduler-worker/src").rglob("*.py")
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_a_claim_names_a_test_that_attacks_it(row: str) -> None:
    proof = row.split("|")[4]
    parts = re.findall(r"\[[^\]]+\]\(([^)]+)\)([^;]*)", proof)

    assert parts
    for file, names in parts:
        text = (ROOT / file).read_text(encoding="utf-8")
        for name in re.findall(r"`(\w+)`", names):
            assert f"def {name}(" in text, f"{file} has no {name}"


def test_every_kind_of_credential_is_there() -> None:
    assert len(ROWS) >= 15
    for name in ("LEDGER_DATABASE_URL", "LEDGER_OWNER_DATABASE_URL"):
        assert name in SECURITY


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_a_guide_s_commands_and_variables_exist(guide: Path) -> None:
    text = guide.read_text(encoding="utf-8")
    known = all_commands()
    groups = {words[0] for words in known if len(words) > 1}
    asked = re.findall(r"(?:^|[`\s])ledger ([a-z]+)(?: ([a-z]+))?", text)
    for first, second in asked:
        if first in groups:
            assert (first, second) in known, f"ledger {first} {second}"

    for script in re.findall(r"(?<!/)\b(deploy/(?!ledger-)[a-z/-]+[a-z])(?=[\s`]|$)", text):
        assert (ROOT / script).exists(), script
    deployed = "".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "deploy").rglob("*")
        if path.is_file() and path.suffix in {".yaml", ""}
    )
    for variable in set(re.findall(r"\bLEDGER_[A-Z_]+[A-Z]\b", text)):
        assert variable in CODE + deployed, variable


def test_there_is_a_guide_for_each_task() -> None:
    assert {path.stem for path in GUIDES} == {
        *("install", "release", "restore", "scale", "secrets", "uninstall", "upgrade")
    }
