"""What the pages tell to type is typed, in one shell, from nothing; and the reference is what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import environment
from tests.documents.blocks import DOCS, LIVED_THROUGH, blocks, inline_commands, parsed_commands, script
from tests.documents.reference import FOLDER, pages
from tests.local_owners import folder_for_all

PATIENCE_SECONDS = 560  # a minute and a half, on a machine that does nothing else


@pytest.mark.xdist_group("documents")
@pytest.mark.timeout(PATIENCE_SECONDS + 40)
def test_every_block_of_the_pages_does_what_it_says_in_one_shell() -> None:
    programs = str(Path(sys.executable).parent)
    with folder_for_all() as folder:
        folder.mkdir()
        settings = environment({"HOME": str(folder), "LEDGER_ACTOR": "a reader"})
        settings["PATH"] = f"{programs}:{settings['PATH']}"
        ended = subprocess.run(
            ["bash", "-c", script()],
            cwd=folder,
            env=settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert ended.returncode == 0, f"{ended.stdout[-3_000:]}\n{ended.stderr[-3_000:]}"
        said = re.findall(r"^=== (.+) block", ended.stderr, re.MULTILINE)
        assert said == [page for page in LIVED_THROUGH for _ in blocks(page)]
        for told in (
            "late from epoch 2",
            "her translation was missed",
            "everything stored is coherent",
            "work.jsonl: 1 lines, 1 records, 0 bad lines",
        ):
            assert told in ended.stdout
        for file in ("epoch-2.html", "epoch-3.csv", "reports/index.html"):
            assert (folder / file).stat().st_size > 0


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_reference_is_what_the_code_says(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == pages()[name], (
        "run uv run python -m tests.documents.reference"
    )


def test_every_refusal_has_a_meaning() -> None:
    page = pages()["errors.md"]

    assert len(re.findall(r"^\| `[a-z0-9-]+` \| \S", page, re.MULTILINE)) > 150
    assert "|  |" not in page


def test_every_command_line_in_a_document_is_one_that_there_is() -> None:
    documents = [*DOCS.rglob("*.md"), DOCS.parent / "README.md"]
    count = sum(len(parsed_commands(path.read_text(encoding="utf-8"))) for path in documents)

    assert count > 150


def test_every_command_within_a_sentence_is_one_that_there_is() -> None:
    documents = [*DOCS.rglob("*.md"), *DOCS.parent.glob("*.md")]
    count = sum(len(inline_commands(path.read_text(encoding="utf-8"))) for path in documents)

    assert count > 150


@pytest.mark.parametrize(
    "wrong",
    [
        "`ledger epoch shew`",
        "`ledger\nepok`",
        "`ledger epoch show EPOCH --jsn`",
        "`ledger identity --provider git`",
        "`ledger schedule shew --json`",
    ],
)
def test_a_command_within_a_sentence_that_there_is_not_is_found(wrong: str) -> None:
    """The check can fail."""
    with pytest.raises(AssertionError):
        inline_commands(f"Say {wrong} then.")


def test_a_command_within_a_sentence_may_leave_out_what_it_takes() -> None:
    told = "`ledger`, `ledger epoch`, `ledger epoch\nshow`, `ledger epoch finalize EPOCH --reviewed HASH`, `ledger identity who ada`"

    assert len(inline_commands(told)) == 4


def test_a_command_line_that_there_is_not_is_found() -> None:
    """The check can fail."""
    for wrong in ("    ledger epoch shew 7\n", "    ledger epoch show 7 --jsn\n"):
        with pytest.raises(AssertionError):
            parsed_commands(wrong)
