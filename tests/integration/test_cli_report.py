"""`ledger report` on a real database: pages for a browser, written whole or not at all, by a login that only reads."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db_client.postgres_ledger import PostgresLedger
from ledger_core.identifiers import NodeId
from ledger_core.testing import InMemoryLedger
from scheduler_worker.cli import progress
from scheduler_worker.cli.app import run
from tests.conftest import TestDatabase
from tests.contract.story import LedgerStory
from tests.database_contents import contents_of
from tests.json_shapes import refusal_in
from tests.report_pages import Page, history_of, page_of, problems
from tests.report_world import ReportWorld, live

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def world(postgres_ledger: PostgresLedger) -> ReportWorld:
    return live(postgres_ledger)


@pytest.fixture
def ask(
    fresh_database: TestDatabase,
    node_id: NodeId,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Ask:
    (tmp_path / "ledger.toml").write_text(f'node_id = "{node_id}"\n')
    monkeypatch.setenv("LEDGER_CONFIG", str(tmp_path / "ledger.toml"))
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_database.reader_url)

    def asked(*words: object) -> tuple[int, str, str]:
        status = run(["report", *map(str, words)])
        captured = capsys.readouterr()
        told = [
            line for line in captured.err.splitlines(keepends=True) if not line.startswith("... reading ")
        ]
        return status, captured.out, "".join(told)

    return asked


def test_a_page_is_the_same_from_postgresql_as_from_memory_and_nothing_is_written(
    ask: Ask, world: ReportWorld, owner_engine: Engine, node_id: NodeId, tmp_path: Path
) -> None:
    memory = InMemoryLedger(node_id)
    told = live(memory)
    before = contents_of(owner_engine)
    path = tmp_path / "epoch.html"

    assert ask(world.closed[-1], "-o", path) == (0, f"{path} written\n", "")

    assert path.read_bytes() == page_of(memory, told.closed[-1])
    assert (path.stat().st_mode & 0o777) == 0o644
    assert ask(world.closed[-1], "-o", "-") == (0, path.read_text(), "")
    assert contents_of(owner_engine) == before


def test_an_open_epoch_is_said_to_be_a_preview(ask: Ask, world: ReportWorld, tmp_path: Path) -> None:
    path = tmp_path / "open.html"

    assert ask(world.open, "-o", path) == (0, f"{path} written (a preview: the epoch is open)\n", "")
    status, printed, _ = ask(world.open, "-o", path, "--json")

    assert (status, json.loads(printed)) == (
        0,
        {"pages": [{"file": str(path), "epoch_id": world.open, "is_final": False, "statement_hash": None}]},
    )


def test_all_epochs_are_a_folder_of_pages_that_lead_to_each_other(
    ask: Ask, world: ReportWorld, node_id: NodeId, tmp_path: Path
) -> None:
    folder = tmp_path / "pages"
    status, printed, errors = ask("--all", "-o", folder, "--json")
    written = json.loads(printed)["pages"]
    names = ["index.html", *(f"epoch-{epoch_id}.html" for epoch_id in (*world.closed, world.open))]

    assert (status, errors) == (0, "")
    assert [Path(page["file"]).name for page in written] == names
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    for name in names:
        page = Page((folder / name).read_bytes())
        assert list(problems(page)) == []
        links = {link.get("href", "") for link in page.all("a")}
        assert {link for link in links if link.endswith(".html")} <= set(names)
    memory = InMemoryLedger(node_id)
    live(memory)
    assert (folder / "index.html").read_bytes() == history_of(memory, linked=True)
    again = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert ask("--all", "-o", folder)[0] == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == again


def test_all_epochs_are_one_page_where_a_page_is_named(ask: Ask, world: ReportWorld, tmp_path: Path) -> None:
    path = tmp_path / "history.html"

    assert ask("--all", "-o", path) == (0, f"{path} written\n", "")
    assert "epoch-1.html" not in path.read_text()
    del world


def test_a_ledger_without_epochs_has_a_page_that_says_so(ask: Ask, tmp_path: Path) -> None:
    assert ask("--all", "-o", tmp_path / "pages")[0] == 0
    assert "No epoch of this node is closed" in (tmp_path / "pages" / "index.html").read_text()


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        ((), 2, "usage"),
        (("1",), 2, "usage"),
        (("1", "--all", "-o", "x"), 2, "usage"),
        (("--all", "-o", "-"), 2, "usage"),
        (("1", "-o", "-", "--json"), 2, "usage"),
        (("99", "-o", "x.html"), 1, "epoch-not-found"),
        (("1", "-o", "no/such/folder/x.html"), 1, "export-failed"),
        (("1", "-o", "."), 1, "export-failed"),
        (("--all", "-o", "ledger.toml"), 1, "export-failed"),
    ],
)
def test_what_can_not_be_written_is_refused_and_leaves_nothing(
    ask: Ask,
    postgres_ledger: PostgresLedger,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    status: int,
    code: str,
) -> None:
    LedgerStory(postgres_ledger).open(0)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())

    found, printed, errors = ask(*words)

    assert (found, printed) == (status, "")
    assert code == (refusal_in(errors)["code"] if "--json" in words else errors.split(": ")[1])
    assert sorted(tmp_path.iterdir()) == before


def test_long_pages_say_at_a_terminal_how_far_they_are(
    ask: Ask, world: ReportWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(progress, "TOLD_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    _, _, of_one = ask(world.closed[-1], "-o", tmp_path / "one.html")
    _, _, of_all = ask("--all", "-o", tmp_path / "pages")
    _, _, of_json = ask("--all", "-o", tmp_path / "pages", "--json")

    assert re.search(r"reading 1 of \d+ people, \d+/s, \d+s left", of_one)
    assert re.search(rf"reading 1 of {len(world.closed) + 1} pages, .* left", of_all)
    assert of_json == ""
