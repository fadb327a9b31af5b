"""`ledger explain` and `ledger trace` on a real database, on a terminal, and on a bundle without any server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from db_client.postgres_ledger import PostgresLedger
from ledger_core import ActivityEvent
from ledger_core.identifiers import NodeId
from ledger_core.testing import make_event
from scheduler_worker.cli.app import run
from scheduler_worker.cli.output import fold
from tests.command_line import COLUMNS, controls_in, run_on_terminal, run_program, screen_lines
from tests.conftest import TestDatabase
from tests.contract.story import LedgerStory, day
from tests.explained_history import Explained, bundle_of, event_id, live

HOSTILE = "\x1b[31m\u202egit\u0007"


def with_escapes(number: int) -> ActivityEvent:
    """An event whose title nobody prints, and whose account is as odd as an account can be."""
    wide = "\u65e5\u672c\u8a9e" * 30
    return make_event(
        number, at=day(1, week=2), account=f"\u202e{wide}", login="ann", metadata={"t": HOSTILE}
    )


@pytest.fixture
def lived(postgres_ledger: PostgresLedger) -> Explained:
    found = live(postgres_ledger)
    odd = with_escapes(50)
    found.story.store(odd)
    found.story.bind("ann", odd.platform_user_id or "")
    found.story.curate(found.open)
    found.story.propose(found.open)
    return found


@pytest.fixture
def settings(
    lived: Explained, fresh_database: TestDatabase, node_id: NodeId, tmp_path: Path
) -> dict[str, str]:
    """The environment of the story's node, with the reader's rights only."""
    del lived
    (tmp_path / "ledger.toml").write_text(f'node_id = "{node_id}"\n')
    return {
        "LEDGER_CONFIG": str(tmp_path / "ledger.toml"),
        "LEDGER_DATABASE_URL": fresh_database.reader_url,
    }


class Asked:
    """Commands run in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def prints(self, *words: object) -> str:
        assert run([str(word) for word in words]) == 0
        captured = self._capsys.readouterr()
        assert captured.err == ""
        assert controls_in(captured.out) == []
        return captured.out

    def says(self, *words: object) -> Any:
        return json.loads(self.prints(*words, "--json"))

    def refuses(self, *words: object) -> tuple[int, str, str]:
        status = run([str(word) for word in words])
        captured = self._capsys.readouterr()
        assert captured.out == ""
        _, code, sentence = captured.err.rstrip("\n").split(": ", 2)
        return status, code, sentence


@pytest.fixture
def asked(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Asked:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return Asked(capsys)


def test_a_person_s_credits_are_explained_from_the_database(asked: Asked, lived: Explained) -> None:
    printed = asked.prints("explain", lived.first, "bob")
    found = asked.says("explain", lived.first, "bob")

    assert printed.startswith(f"bob gets 6 of 17 credits in epoch {lived.first}\n")
    assert "8000 * 17 // 24001 = 5 credits, remainder 15995" in printed
    assert "1 left over, one each to the largest remainders; rank 1 of 5: 1 more" in printed
    assert "8.000  github:pr_merged:acme/widgets:4" in printed
    assert "https://github.example/acme/widgets/4" in printed
    assert "top_up (1), evidence minutes#4" in printed
    assert found["verified"] is None
    assert found["explanation"]["amount"]["amount_credits"] == 6
    assert found["explanation"]["beyond"]["accounts"] == [{"provider": "github", "external_id": "2002"}]


def test_a_person_who_got_nothing_reads_why_first(asked: Asked, lived: Explained) -> None:
    printed = asked.prints("explain", lived.first, "eve")
    cid = asked.says("explain", lived.first, "cid")

    assert printed.index("why nothing") < printed.index("judged by an admin (1)")
    assert "by admin at 2027-01-18T12:0" in printed
    assert ": agreed in the weekly call" in printed
    assert "bound-after-close" in [reason["code"] for reason in cid["explanation"]["reasons"]]


def test_an_open_epoch_is_said_to_be_a_preview(asked: Asked, lived: Explained) -> None:
    printed = asked.prints("explain", lived.open, "ann", "--limit", 1)

    assert printed.startswith(f"ann would get 0 of 0 credits in epoch {lived.open}\n")
    assert "none yet: the epoch is open, and this a preview" in printed
    assert "events (1 of 2; --limit shows more)" in printed


def test_an_event_is_traced_from_the_database(asked: Asked, lived: Explained) -> None:
    printed = asked.prints("trace", event_id(5))
    found = asked.says("trace", event_id(5))["explanation"]

    assert printed.startswith("github:pr_merged:acme/widgets:5: in-statement\n")
    assert f"epoch {lived.first} (closed)" in printed
    assert f"epoch {lived.second} (closed, late from epoch {lived.first})" in printed
    assert "github 3003 bound to cid by admin at " in printed
    assert [standing["user_id"] for standing in found["standings"]] == [None, "cid"]
    assert found["statement_hash"] in printed


def test_what_there_is_not_is_refused_by_code(asked: Asked, lived: Explained) -> None:
    status, code, sentence = asked.refuses("explain", lived.first, "anna")

    assert (status, code) == (1, "user-not-in-epoch")
    assert sentence.endswith("did you mean ann?")
    assert asked.refuses("explain", 99, "ann")[:2] == (1, "epoch-not-found")
    assert asked.refuses("trace", "github:no:such")[:2] == (1, "event-not-found")
    assert asked.refuses("explain", lived.first, "ann", "--expect", "0" * 64)[:2] == (2, "usage")
    assert asked.refuses("trace", "x", "--expect", "0" * 64)[:2] == (2, "usage")
    assert asked.refuses("explain", lived.first, "ann", "--limit", 10_001)[:2] == (2, "usage")


def test_on_a_terminal_it_fits_and_only_headings_are_bold(settings: dict[str, str], lived: Explained) -> None:
    shown = [
        run_on_terminal("explain", str(lived.first), user, settings=settings)
        for user in ("ann", "gus", "cid")
    ]
    shown.append(run_on_terminal("explain", str(lived.open), "ann", settings=settings))
    shown.append(run_on_terminal("trace", "github:pr_merged:acme/widgets:50", settings=settings))
    plain = run_on_terminal("explain", str(lived.first), "ann", settings=settings | {"NO_COLOR": "1"})

    for each in [*shown, plain]:
        assert each.status == 0, each.output
        assert [line for line in screen_lines(each.output) if cells(line) > COLUMNS] == []
    assert "\x1b[1mamount\x1b[0m" in shown[0].output
    assert "\x1b" not in plain.output
    assert "\u202e" not in shown[-1].output


def cells(line: str) -> int:
    return cell_len(line)


def test_a_bundle_is_explained_without_servers_or_policy(lived: Explained, tmp_path: Path) -> None:
    bundle = tmp_path / "epoch.zip"
    bundle.write_bytes(bundle_of(lived.story.ledger, lived.first))
    with lived.story.ledger.read() as view:
        statement = view.statements.find(lived.first)
    assert statement is not None
    empty = tmp_path / "empty"
    empty.mkdir()

    explained = run_program("explain", "--bundle", bundle, "bob", cwd=empty)
    traced = run_program("trace", event_id(4), f"--bundle={bundle}", "--json", cwd=empty)
    other = run_program("explain", "bob", "--bundle", bundle, "--expect", "0" * 64, cwd=empty)
    missing = run_program("trace", "--bundle", "missing.zip", event_id(4), cwd=empty)

    assert (explained.status, explained.errors) == (0, "")
    assert explained.output.startswith(
        f"verified {statement.statement_hash}\n\nbob gets 6 of 17 credits in epoch {lived.first}\n"
    )
    assert json.loads(traced.output)["verified"] == statement.statement_hash
    assert json.loads(traced.output)["explanation"]["outcome"] == "in-statement"
    assert (other.status, other.output) == (1, "")
    assert other.errors.startswith("ledger: not-verified: the bundle does not verify: expected-hash: ")
    assert (missing.status, missing.errors.split(": ")[1]) == (1, "bundle-unreadable")


def test_other_people_s_text_does_nothing_to_a_terminal(
    asked: Asked, postgres_ledger: PostgresLedger, lived: Explained
) -> None:
    LedgerStory(postgres_ledger).store(
        make_event(60, at=day(2, week=2), login="a\u202e\u2066b", account="77")
    )
    lived.story.curate(lived.open)

    printed = asked.prints("explain", lived.open, "77") + asked.prints(
        "trace", "github:pr_merged:acme/widgets:60"
    )

    assert "\u202e" not in printed
    assert "\u2066" not in printed
    assert "login a\ufffd\ufffdb" in printed


@pytest.mark.parametrize(
    "text",
    ["", "a", "word " * 40, "x" * 300, "a " + "\u65e5" * 200, "  two  spaces  " * 9, "https://x/" + "y" * 75],
    ids=range(7),
)
@pytest.mark.parametrize("width", [20, 80])
def test_a_folded_line_keeps_every_word_and_fits(text: str, width: int) -> None:
    folded = fold(text, width, 4)

    assert all(cells(line) <= width for line in folded)
    assert "".join(folded).replace(" ", "") == text.replace(" ", "")
