"""Every read's --json has the shape that is published, on a ledger with something of everything in it.

test_json_writes.py has what writes print; their shapes and chapters are held to the same here.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator

from db_client.postgres_ledger import PostgresLedger
from ledger_core import StreamRef
from ledger_core.domain.completeness import CompletenessCertificate, CompletenessCount
from ledger_core.domain.stream_reading import StreamReading
from ledger_core.identifiers import NodeId
from ledger_core.testing import make_context, make_window
from ledger_core.use_cases.record_reading import record_reading
from ledger_core.use_cases.record_stream_health import record_stream_problem
from ledger_core.use_cases.waive_gap import waive_gap
from scheduler_worker.cli.app import run
from scheduler_worker.cli.exits import Exit
from tests.conftest import TestDatabase
from tests.contract.story import LedgerStory, day
from tests.json_shapes import (
    ERROR,
    READS,
    ROOT,
    WRITES,
    check_shape,
    definition_of,
    reads,
    refusal_in,
    writes,
)
from tests.reviewed_history import Lived

ELSEWHERE: Final = {"source check"}  # test_github_check.py and test_gitlab_check.py have its platforms
DOCUMENT = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
PULLS = StreamRef(source="github", source_ref="acme/web", stream="pulls")
ISSUES = StreamRef(source="github", source_ref="acme/web", stream="issues")


def read_again(ledger: PostgresLedger, lived: Lived) -> None:
    """Two streams that were counted again, of which one has a gap that is waived, and one that is not."""
    for stream, seen in ((PULLS, 6), (ISSUES, 5)):
        count = CompletenessCount(what=stream.stream, route="search", seen=seen, independent=7)
        certificate = CompletenessCertificate(
            begins=None, ends=None, pages=1, counts=(count,), skipped={"bot": 3}, skipped_actors={"a-bot": 3}
        )
        reading = StreamReading(
            stream=stream, window=make_window(1), retrieved_at=day(1, week=3), certificate=certificate
        )
        assert record_reading(ledger, reading)
        assert record_reading(ledger, replace(reading, stream=stream, problem="lost", certificate=None))
        assert record_reading(ledger, reading)
    waive_gap(ledger, lived.open, PULLS, context=make_context(), clock=lived.story.clock)
    record_stream_problem(
        ledger,
        StreamRef(source="git", source_ref="acme/web", stream="commits"),
        "gone",
        clock=lived.story.clock,
    )


@pytest.fixture
def lived(
    postgres_ledger: PostgresLedger,
    fresh_database: TestDatabase,
    node_id: NodeId,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Lived:
    """The history, in a folder with a policy and files to read."""
    monkeypatch.chdir(tmp_path)
    Path("ledger.toml").write_text(
        f'node_id = "{node_id}"\n[weights]\n"git:commit_authored" = 1\n'
        '[[sources.git]]\nname = "acme/web"\npath = "nowhere"\n[[sources.jsonl]]\nname = "c"\npath = "c.jsonl"\n'
        '[[sources.github]]\nrepos = ["acme/web"]\n[[sources.gitlab]]\nprojects = ["acme/web"]\n'
    )
    Path("c.jsonl").write_text('{"id": 7}\n')
    Path("people.csv").write_text("provider,account,user_id\ngit,zoe@example.org,zoe\n")
    Path(".mailmap").write_text("Z <ann@work.example> <z@example.org>\nZ <z@example.org> n <y@example.org>\n")
    for name, value in {
        "LEDGER_CONFIG": "ledger.toml",
        "LEDGER_DATABASE_URL": fresh_database.worker_url,
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }.items():
        monkeypatch.setenv(name, value)
    lived = Lived(LedgerStory(postgres_ledger))
    read_again(postgres_ledger, lived)
    return lived


class Printed:
    """What commands printed with --json, by their words."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.documents: dict[str, list[Any]] = {}

    def take(self, command: str, *arguments: object, before: tuple[str, ...] = ()) -> None:
        """Run one, whose status may say that something is wrong."""
        status = run([*before, *command.split(), *map(str, arguments), "--json"])
        captured = self._capsys.readouterr()
        assert status in {0, 1, 3, 4}, (command, captured)
        self.documents.setdefault(command, []).append(json.loads(captured.out))


def print_everything(printed: Printed, lived: Lived) -> None:
    for epoch in (lived.open, lived.closed):
        for command in ("epoch show", "allocation list", "pool list", "gap list", "review"):
            printed.take(command, epoch)
        printed.take("identity unresolved", "--epoch", epoch)
        printed.take("report", epoch, "-o", "page.html")
        for user in ("ann", "bob"):
            printed.take("explain", epoch, user)
    assert run(["review", str(lived.open)]) == 0
    printed._capsys.readouterr()
    printed.take("review", lived.open)
    printed.take("report", "--all", "-o", "pages")
    printed.take("statement export", lived.closed, "-o", "a.zip")
    printed.take("statement verify", "a.zip")
    printed.take("statement verify", "a.zip", "--expect", "0" * 64)
    printed.take("statement show", lived.closed)
    printed.take("statement payouts", lived.closed, "--format", "csv", "-o", "payouts.csv")
    printed.take("statement sign-data", lived.closed)
    printed.take("statement signatures", lived.closed)
    printed.take("policy try", "ledger.toml")
    printed.take("explain", "ann", "--bundle", "a.zip")
    for event in (*(event.id for event in lived.events[:2]), "github:pr_merged:acme/widgets:1"):
        printed.take("trace", event)
    printed.take("trace", "github:pr_merged:acme/widgets:1", "--bundle", "a.zip")
    for command in (
        "epoch list",
        "statement list",
        "identity unresolved",
        "identity export",
        "doctor",
        "status",
    ):
        printed.take(command)
    printed.take("config check")
    printed.take("config check", before=("--config", str(ROOT / "ledger.toml.example")))
    printed.take("db current")
    printed.take("source validate", "c.jsonl")
    for name in ("ann", "bob", "ann@example.org", "2002"):
        printed.take("identity who", name)
    printed.take("identity mailmap", ".mailmap")
    printed.take("identity import", "people.csv", "--dry-run", "--reason", "x")


@pytest.fixture
def printed(lived: Lived, capsys: pytest.CaptureFixture[str]) -> Printed:
    printed = Printed(capsys)
    print_everything(printed, lived)
    return printed


def test_every_read_prints_what_is_published(
    printed: Printed, temporal_address: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_address)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", namespace)
    printed.take("status")
    assert run(["schedule", "apply"]) == 0
    printed._capsys.readouterr()
    printed.take("schedule show")
    if os.environ.get("LEDGER_SAMPLES"):
        Path(os.environ["LEDGER_SAMPLES"]).write_text(json.dumps(printed.documents))

    assert set(printed.documents) == reads() - ELSEWHERE
    for command, documents in printed.documents.items():
        for document in documents:
            check_shape(command, document)


def test_every_command_with_json_has_a_shape_and_a_chapter() -> None:
    """A command that comes later is a read unless it is named among the writes, and has a shape there."""
    for commands, schema, level in ((reads(), READS, "##"), (writes(), WRITES, "###")):
        headings = re.findall(rf"^{level} (`ledger .+`)$", DOCUMENT, re.MULTILINE)

        assert {name for name in schema["$defs"] if "-of-" not in name} == set(map(definition_of, commands))
        assert sorted(re.findall("`ledger ([a-z -]+)`", " ".join(headings))) == sorted(commands)


@pytest.mark.parametrize("schema", [READS, WRITES], ids=["reads", "writes"])
def test_the_shapes_are_of_their_dialect_and_closed(schema: dict[str, Any]) -> None:
    """An object with a key that is not published would be a promise that nobody knows of."""
    Draft202012Validator.check_schema(schema)
    waiting: list[Any] = list(schema["$defs"].values())
    seen = 0
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            if "properties" in found:
                seen += 1
                assert found["additionalProperties"] is False
                assert set(found["required"]) == set(found["properties"])
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found
    assert seen > 15


def test_the_chapters_name_every_key() -> None:
    for command in reads():
        chapter = DOCUMENT.partition(f"## `ledger {command}`\n")[2].partition("\n## ")[0]
        shape = READS["$defs"][definition_of(command)]
        for key in shape.get("items", shape).get("properties", {}):
            assert f"`{key}`" in chapter, (command, key)


def test_the_chapters_of_writes_name_every_key_beside_those_of_all() -> None:
    common = DOCUMENT.partition("\n## Writes\n")[2].partition("\n### ")[0]
    for command in writes():
        (chapter,) = re.findall(
            rf"^### [^\n]*`ledger {command}`[^\n]*\n(.*?)(?=^##|\Z)", DOCUMENT, re.MULTILINE | re.DOTALL
        )
        for key in keys_of(WRITES["$defs"][definition_of(command)]):
            assert f"`{key}`" in chapter + common, (command, key)


def keys_of(shape: dict[str, Any]) -> set[str]:
    """The keys of every object that a command may print, not those within them."""
    if "$ref" in shape:
        return keys_of(WRITES["$defs"][shape["$ref"].rpartition("/")[2]])
    inner = (keys_of(each) for each in shape.get("anyOf", ()))
    return set(shape.get("properties", {})).union(*inner)


def test_the_shape_of_refusals_is_closed_and_told_with_an_example() -> None:
    Draft202012Validator.check_schema(ERROR)
    chapter = DOCUMENT.partition("\n## Refusals\n")[2]
    (example,) = re.findall(r"^```json\n(.*)\n```$", chapter, re.MULTILINE)
    shape = ERROR["properties"]["error"]

    assert refusal_in(example)["code"] == "epoch-not-found"
    for part in (ERROR, shape):
        assert (part["additionalProperties"], set(part["required"])) == (False, set(part["properties"]))
    assert {name for name in ("error", *shape["properties"]) if f"`{name}`" not in chapter} == set()
    assert shape["properties"]["exit_status"]["enum"] == [
        status.value for status in Exit if status not in {Exit.DONE, Exit.INCOMPLETE}
    ]
