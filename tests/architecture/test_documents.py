"""The documents say what is so: the table of invariants, and every link."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| ([A-Z_]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)#]+)(?:#[^)]*)?\)")
INVARIANTS = (ROOT / "docs/invariants.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/*/README.md")])


def names_in_database() -> set[str]:
    """The names that triggers raise."""
    texts = [path.read_text(encoding="utf-8") for path in ROOT.glob("packages/**/migrations/sql/*.sql")]
    return {name for text in texts for name in re.findall(r"'([A-Z]+(?:_[A-Z]+)+)'", text)}


@pytest.mark.parametrize("row", ROW.findall(INVARIANTS), ids=lambda row: row[0])
def test_an_invariant_is_named_where_it_is_enforced_and_proved(row: tuple[str, str, str, str]) -> None:
    name, _, enforced_by, proved_by = row

    for cell in (enforced_by, proved_by):
        files = LINK.findall(cell)
        assert files
        for file in files:
            text = (ROOT / "docs" / file).read_text(encoding="utf-8")
            assert name.lower() in text.lower(), f"{file} does not name {name}"


def test_no_invariant_of_the_database_is_missing_from_the_table() -> None:
    listed = {row[0] for row in ROW.findall(INVARIANTS)}

    assert len(listed) >= 26
    assert names_in_database() <= listed


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in LINK.findall(document.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (document.parent / target).exists(), target
