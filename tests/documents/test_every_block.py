"""Every block of the documents says what it is; commands are run or in the closed list, programs print what is said."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.documents.blocks import LIVED_THROUGH
from tests.documents.lives import ORGANISATION, RESTORED
from tests.documents.markdown import (
    COMMANDS,
    CONTENTS,
    OUTPUT,
    PROGRAM,
    ROOT,
    SITE,
    Block,
    blocks_in,
    blocks_of,
    commands_of,
    pages,
)
from tests.documents.shell import Scene
from tests.documents.unrun import UNRUN, Unrun

BLOCKS = [block for page in pages() for block in blocks_of(page)]
# Programs of documents that another test runs: the page, and the test, which reads them from it.
PROGRAMS_ELSEWHERE = {"docs/sources.md": "tests/contract/test_written_source.py"}
# Help is made from the code, which a test holds it to; its examples are commands.
HELP = "docs/reference/cli.md"
TYPED = re.compile(
    r"^(?:\$ |uv |uvx |ledger |python3? |pip |git |docker |podman |kubectl |helm |temporal |psql |pg_\w+ |curl |cp |"
    r"export |systemctl |deploy/|\.ci/|promtool |node |for \w+ in )",
    re.MULTILINE,
)


def run_blocks() -> Counter[tuple[str, str]]:
    """How many times each block of commands is run, by its page and text."""
    run = [(f"docs/{page}", block.code) for page in LIVED_THROUGH for block in commands_of(f"docs/{page}")]
    for scene in (*ORGANISATION, *RESTORED.values()):
        found = commands_of(scene.page)
        run += [(scene.page, found[number - 1].code) for number, _ in scene.blocks()]
    return Counter(run)


def unaccounted(blocks: Iterable[Block]) -> list[str]:
    """The blocks of commands that nobody runs and nobody answers for, and the indented ones, which say nothing."""
    listed = {(each.page, each.code) for each in UNRUN}
    run = run_blocks()
    return [
        f"{block.page}:{block.line}"
        for block in blocks
        if not block.language
        or (block.language == COMMANDS and (block.page, block.code) not in listed | run.keys())
    ]


def test_every_block_of_commands_is_run_or_in_the_closed_list() -> None:
    assert unaccounted(BLOCKS) == []
    assert sum(1 for block in BLOCKS if block.language == COMMANDS) > 60


@pytest.mark.parametrize(
    "text",
    [
        "```bash\nledger epoch list --json\n```\n",
        "- so:\n\n  ```bash\n  ledger epoch list --json\n  ```\n",
        "> ```bash\n> ledger epoch list --json\n> ```\n",
        "Then:\n\n    ledger epoch list\n",
    ],
)
def test_a_new_block_that_nobody_runs_is_found(text: str) -> None:
    """The check can fail."""
    assert unaccounted(blocks_in(text, "docs/why.md")) != []


def test_a_placeholder_that_its_page_does_not_have_is_found() -> None:
    """The check can fail."""
    with pytest.raises(AssertionError, match="has no dbb"):
        Scene(page="README.md", numbers=(5,), fills={"dbb": "127.0.0.1"}).blocks()


def test_a_block_is_run_or_listed_and_never_both() -> None:
    run = run_blocks()

    assert [each.page for each in UNRUN if (each.page, each.code) in run] == []
    for page in pages():
        texts = Counter(block.code for block in commands_of(page))
        assert {code: run[page, code] for code in texts if run[page, code]}.items() <= texts.items(), page


def test_every_block_says_what_it_is() -> None:
    known = {COMMANDS, PROGRAM, OUTPUT, SITE, *CONTENTS}

    assert [f"{block.page}:{block.line}" for block in BLOCKS if block.language not in known] == []


def test_no_command_hides_in_a_block_of_output() -> None:
    hidden = [
        f"{block.page}:{block.line}"
        for block in BLOCKS
        if block.language == OUTPUT and block.page != HELP and TYPED.search(block.code)
    ]

    assert hidden == []
    assert TYPED.search("so\nledger epoch list\n")


@pytest.mark.parametrize("each", UNRUN, ids=lambda each: f"{each.page}-{each.code.split()[0]}")
def test_what_is_not_run_is_in_its_page_and_looked_after(each: Unrun) -> None:
    assert each.code in [block.code for block in commands_of(each.page)]
    assert each.why
    assert each.instead
    for file, words in each.instead:
        assert words in (ROOT / file).read_text(encoding="utf-8"), file


def test_what_is_not_run_names_modules_and_options_that_there_are() -> None:
    seen = 0
    for line in (line for each in UNRUN for line in each.code.splitlines()):
        command = line.partition("  #")[0]
        if (module := re.search(r"python -m ((?:tests|benchmarks)\S*)", command)) is None:
            continue
        seen += 1
        found = importlib.util.find_spec(f"{module[1]}.__main__") if is_package(module[1]) else None
        found = found or importlib.util.find_spec(module[1])
        assert found is not None
        assert found.origin is not None
        program = Path(found.origin).read_text(encoding="utf-8")
        options = re.findall(r" (--[a-z-]+)", command[module.end() :])
        assert [option for option in options if f'"{option}"' not in program] == [], line
    assert seen > 3


def is_package(module: str) -> bool:
    return (ROOT / module.replace(".", "/")).is_dir()


def test_programs_print_what_their_pages_say() -> None:
    """A program of a page is run; the block of output that follows it is what it prints."""
    for page in {block.page for block in BLOCKS if block.language == PROGRAM} - PROGRAMS_ELSEWHERE.keys():
        found = blocks_of(page)
        for block, after in zip(found, (*found[1:], None), strict=True):
            if block.language == PROGRAM:
                printed = io.StringIO()
                with contextlib.redirect_stdout(printed):
                    exec(compile(block.code, page, "exec"), {})
                assert after is not None
                assert (after.language, after.code) == (OUTPUT, printed.getvalue()), page
    for page, test in PROGRAMS_ELSEWHERE.items():
        assert f'"{page}"' in (ROOT / test).read_text(encoding="utf-8")


READERS: dict[str, Callable[[str], object]] = {
    "toml": tomllib.loads,
    "json": json.loads,
    "jsonl": lambda text: [json.loads(line) for line in text.splitlines()],
    "ini": lambda text: [re.fullmatch(r"[A-Z_]+='[^']+'", line)[0] for line in text.splitlines()],  # type: ignore[index]
    "nginx": lambda text: re.fullmatch(r"location = /\S+ \{\n(?: {4}\w+ [^;]+;\n)+\}\n", text)[0],  # type: ignore[index]
}


def test_what_files_hold_is_of_its_kind() -> None:
    assert READERS.keys() == CONTENTS
    for block in BLOCKS:
        if block.language in CONTENTS:
            READERS[block.language](block.code)
