"""A node as its admin uses it: the command line in this process, on a database and a namespace of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scheduler_worker.cli.app import run
from tests.command_line import command_of, controls_in
from tests.json_shapes import READING_OR_WRITING, READS, WRITES, WRITING, check_shape, refusal_in

POLICY = """node_id = "{node_id}"
[weights]
"git:commit_authored" = 1000
"git:commit_coauthored" = 500
[approvals.approvers]
ann = "{approver}"
[schedule]
every = "7d"
[[sources.git]]
name = "acme/web"
path = "{path}"
"""


class Node:
    """The command line as its admin uses it, in this process.

    Holds: whatever is printed with --json is of its published shape; told has what writes printed so.
    """

    def __init__(self, capsys: pytest.CaptureFixture[str], login: str) -> None:
        self._capsys = capsys
        self.login = login
        self.told: dict[str, list[Any]] = {}

    def does(self, *words: object, status: int = 0) -> str:
        """Run a command that must end with the status, and return what it printed."""
        found = run([str(word) for word in words])
        captured = self._capsys.readouterr()
        assert found == status, (words, captured)
        assert controls_in(captured.out) == []
        return captured.out

    def says(self, *words: object, status: int = 0) -> Any:
        """The same with --json: what it printed, parsed."""
        found = json.loads(self.does(*words, "--json", status=status))
        command = command_of([str(word) for word in words])
        is_write = command in WRITING or (command in READING_OR_WRITING and "workflow_id" in found)
        check_shape(command, found, WRITES if is_write else READS)
        if is_write:
            self.told.setdefault(command, []).append(found)
        return found

    def refuses(self, *words: object) -> str:
        """Return the code of a refusal with status 1."""
        return self.refusal(*words)[0]

    def refusal(self, *words: object) -> tuple[str, str]:
        """Return the code and the sentence of a refusal with status 1."""
        found = run([str(word) for word in words])
        captured = self._capsys.readouterr()
        assert (found, captured.out) == (1, ""), captured
        last = captured.err.splitlines()[-1]
        if "--json" in words:
            told = refusal_in(last)
            return told["code"], told["message"]
        _, code, sentence = last.split(": ", 2)
        return code, sentence


def collect(node: Node) -> int:
    """Collect the first week, and return its epoch."""
    report = node.says("epoch", "collect", "--at", "2026-01-05")
    assert (report["complete"], report["joined"]) == (True, False)
    epoch_id = report["epoch_id"]
    assert isinstance(epoch_id, int)
    return epoch_id
