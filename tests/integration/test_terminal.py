"""Every read on a terminal of 80 columns, whatever people and things are called: nothing is wider, and nothing acts."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Final

import pytest
from wcwidth import wcswidth

from db_client.postgres_ledger import PostgresLedger
from ledger_core import ActivityEvent
from ledger_core.identifiers import NodeId
from ledger_core.testing import make_event
from tests.command_line import COLUMNS, INTERRUPT, Ended, run_on_terminal, run_program
from tests.conftest import TestDatabase
from tests.contract.story import LedgerStory, day
from tests.json_shapes import reads
from tests.reviewed_history import Lived

LONG: Final = "l" * 250
WIDE: Final = "\u65e5\u672c\u8a9e" * 80
EMOJI: Final = "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f \U0001f1e9\U0001f1ea " * 12 + "x"
RIGHT_TO_LEFT: Final = "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 " * 12 + "x"
MARKS: Final = "\u202e\u2066abc\u2069" * 9 + "\ufeffx"
COMBINING: Final = "e\u0301\u0323" * 80
NAMES: Final = (LONG, WIDE, EMOJI, RIGHT_TO_LEFT, MARKS, COMBINING)
ACTS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
ESCAPES: Final = re.compile(r"\x1b\[[0-9;]*m|\x1b\[2K")


def event_of(number: int, name: str) -> ActivityEvent:
    """An event of an account, a login and a link that are all called so."""
    return make_event(number, at=day(4, week=1), account=name[:255], login=name[:255])


@pytest.fixture
def settings(
    postgres_ledger: PostgresLedger, fresh_database: TestDatabase, node_id: NodeId, tmp_path: Path
) -> dict[str, str]:
    """A ledger in which everybody is called something odd, bound or not."""
    lived = Lived(LedgerStory(postgres_ledger))
    story = lived.story
    for number, name in enumerate(NAMES):
        story.bind(name, f"account{number}")
        story.store(make_event(200 + number, at=day(4, week=1), account=f"account{number}", login=name))
        story.store(event_of(300 + number, name))
    story.curate(lived.open)
    story.propose(lived.open)
    for name in NAMES[:3]:
        story.adjust(lived.open, name, 5000)
    (tmp_path / "ledger.toml").write_text(
        f'node_id = "{node_id}"\n[weights]\n"git:commit_authored" = 1\n'
        f'[[sources.git]]\nname = "{WIDE[:100]}"\npath = "{LONG}"\n'
    )
    (tmp_path / "people.csv").write_text(f"provider,account,user_id\ngit,{WIDE},{LONG}\n")
    (tmp_path / ".mailmap").write_text(
        f"Z <{LONG}@a.org> <{WIDE}@b.org>\nZ <{LONG}@a.org> n <{WIDE}@c.org>\n"
    )
    (tmp_path / "c.jsonl").write_text('{"id": "\\u001b[31m' + WIDE + '"}\n')
    return {
        "LEDGER_CONFIG": str(tmp_path / "ledger.toml"),
        "LEDGER_DATABASE_URL": fresh_database.worker_url,
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "LEDGER_NOW": str(lived.open),
        "LEDGER_BEFORE": str(lived.closed),
    }


def command_lines(settings: dict[str, str]) -> dict[str, list[str]]:
    """Each read with what it reads here; those of other servers are left to their own tests."""
    folder = Path(settings["LEDGER_CONFIG"]).parent
    now, before = settings["LEDGER_NOW"], settings["LEDGER_BEFORE"]
    bundle = str(folder / "a.zip")
    return {
        **{command: [now] for command in ("allocation list", "epoch show", "gap list", "pool list", "review")},
        **{
            command: []
            for command in (
                "config check", "db current", "doctor", "epoch list", "identity export", "identity unresolved",
                "statement list", "status",
            )
        },
        "explain": [now, NAMES[1]],
        "identity import": [str(folder / "people.csv"), "--dry-run", "--reason", "x"],
        "identity mailmap": [str(folder / ".mailmap")],
        "identity who": [WIDE],
        "report": [now, "-o", str(folder / "page.html")],
        "source validate": [str(folder / "c.jsonl")],
        "statement show": [before],
        "statement export": [before, "-o", bundle],
        "statement payouts": [before, "--format", "csv", "-o", str(folder / "payouts.csv")],
        "statement verify": [bundle],
        "statement sign-data": [before],
        "statement signatures": [before],
        "policy try": [settings["LEDGER_CONFIG"]],
        "trace": [event_of(301, WIDE).id],
    }  # fmt: skip


def problems(command: str, ended: Ended) -> list[str]:
    """What is wider than the terminal, or would act on it."""
    found = []
    if ended.status not in {0, 1, 3, 4} or "Traceback" in ended.output:
        found.append(f"{command}: status {ended.status}: {ended.output[-300:]!r}")
    for line in ESCAPES.sub("", ended.output.replace("\r\n", "\n")).split("\n"):
        shown = line.rsplit("\r", 1)[-1]
        if ACTS.search(shown):
            found.append(f"{command}: acts: {shown!r}")
        elif (
            "  ledger statement verify " not in shown
            and not 0 <= wcswidth(unicodedata.normalize("NFC", shown)) <= COLUMNS
        ):
            # A command to copy may be longer than a line; nothing else is.
            found.append(f"{command}: {wcswidth(shown)} wide: {shown!r}")
    return found


def test_every_read_fits_a_terminal_and_nothing_in_it_acts(settings: dict[str, str]) -> None:
    lines = command_lines(settings)
    found = []
    for command, arguments in lines.items():
        found += problems(command, run_on_terminal(*command.split(), *arguments, settings=settings))

    assert reads() - set(lines) == {"schedule show", "source check"}
    assert found == [], "\n".join(found)


def test_a_pipe_and_no_color_get_no_colours(settings: dict[str, str]) -> None:
    epoch = settings["LEDGER_NOW"]
    coloured = run_on_terminal("allocation", "list", epoch, settings=settings)
    plain = run_on_terminal("allocation", "list", epoch, settings=settings | {"NO_COLOR": "1"})
    piped = run_program("allocation", "list", epoch, settings=settings)
    explained = run_on_terminal("explain", epoch, "ann", settings=settings | {"NO_COLOR": "1"})

    assert "\x1b[1m" in coloured.output
    for ended in (plain, piped, explained):
        assert ended.status == 0
        assert "\x1b" not in ended.output


def test_ctrl_c_at_a_question_leaves_130_and_no_trace(settings: dict[str, str]) -> None:
    ended = run_on_terminal(
        "pool",
        "add",
        settings["LEDGER_NOW"],
        "top_up",
        "7",
        settings=settings,
        answers=[("[y/N]", INTERRUPT)],
    )

    assert ended.status == 130
    assert "ledger: interrupted: " in ended.output
    assert "Traceback" not in ended.output
