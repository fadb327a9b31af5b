"""Every write's --json has the shape that is published, waited for and not, through the command line on real servers."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.command_line import all_commands, interrupt, read_until, running_program
from tests.integration.test_cli_week import first_event, read_again
from tests.json_shapes import refusal_in, writes
from tests.node import Node, collect
from tests.signers import APPROVER, signature_of

WHY = ("--reason", "because")
STARTED = {"workflow_id", "joined"}


def started(node: Node, *words: object) -> None:
    """Run a write that nobody waits for."""
    assert set(node.says(*words, "--no-wait")) == STARTED, words


def twice(node: Node, *words: object) -> None:
    """Run a write that nobody waits for, and the same to its end."""
    started(node, *words)
    assert set(node.says(*words)) > STARTED, words


def set_up(node: Node, folder: Path) -> None:
    (folder / "new").mkdir()
    new = ("--config", folder / "new" / "ledger.toml", "init", "--yes")
    written = node.says(*new, "--git", f"web={folder / 'repository'}", "--github", "acme/*")
    assert [Path(written[each]).is_file() for each in ("file", "schema_file")] == [True, True]
    assert (written["git"], written["github"]) == (["web"], ["acme/*"])
    assert written["node_id"] in Path(written["file"]).read_text()
    granted = node.says("db", "grant", "--worker", node.login, "--reader", f"{node.login}_reader")
    assert granted == {"workers": [node.login], "readers": [f"{node.login}_reader"]}
    node.says("db", "upgrade")


def bind(node: Node, folder: Path) -> None:
    for account in ("ada", "grace"):
        twice(node, "identity", "bind", "git", f"{account}@example.org", account)
    for account in ("one", "two"):
        node.says("identity", "bind", "git", f"{account}@example.org", "ada")
    started(node, "identity", "unbind", "git", "one@example.org", *WHY)
    node.says("identity", "unbind", "git", "two@example.org", *WHY)
    people, mailmap = folder / "people.csv", folder / ".mailmap"
    people.write_text("provider,account,user_id\ngit,linus@example.org,linus\n")
    assert node.says("identity", "import", people, *WHY, "--dry-run")["dry_run"]
    twice(node, "identity", "import", people, *WHY)
    mailmap.write_text("Ada <ada@example.org> <ada@home.example>\n")
    assert node.says("identity", "mailmap", mailmap, "--bind")["added"] == 1
    mailmap.write_text("Ada <ada@example.org> <ada@work.example>\n")
    started(node, "identity", "mailmap", mailmap, "--bind")


def move(node: Node) -> None:
    for number in range(2):
        node.says("identity", "bind", "git", f"old{number}@example.org", f"old{number}")
        node.says("identity", "bind", "git", f"new{number}@example.org", f"old{number}")
    split = ("identity", "split", "old0", "new", *WHY, "--account")
    node.says(*split, "git:new0@example.org")
    started(node, *split, "git:old0@example.org")
    twice(node, "identity", "merge", "old1", "ada", *WHY)


def decide(node: Node, epoch: int, settings: dict[str, str]) -> None:
    for kind in ("exclude", "include"):
        twice(node, "event", kind, epoch, first_event(settings), *WHY)
    twice(node, "allocation", "set", epoch, "ada", 9000, *WHY)
    twice(node, "allocation", "clear", epoch, "ada", *WHY)
    twice(node, "pool", "add", epoch, "base_issuance", 1000, "--yes")
    read_again(settings, epoch, ("issues", 41, 42))
    twice(node, "gap", "waive", epoch, "github:acme/web:issues", *WHY, "--yes")


def close(node: Node, epoch: int, folder: Path) -> None:
    twice(node, "epoch", "finalize", epoch, "--yes")
    sign = ("statement", "add-signature", epoch)
    twice(node, *sign, signature_of(APPROVER, node.does("statement", "sign-data", epoch)))
    amend = ("statement", "amend", epoch, *WHY, "--yes")
    assert set(node.says(*amend, "ada=1", "--sign-data")) == {"statement_hash", "text"}
    amended = node.says(*amend, "ada=1")
    payouts = ("statement", "payouts", epoch, "--net", "--format", "csv", "-o", folder / "net.csv")
    assert node.says(*payouts)["net_of"] == amended["superseded_hash"]
    assert node.says(*payouts)["statement_hash"] == amended["statement_hash"]
    started(node, *amend, "ada=2")


def run_by_schedule(node: Node) -> None:
    node.says("schedule", "apply")
    node.says("schedule", "pause", *WHY)
    node.says("schedule", "resume")
    assert node.says("schedule", "trigger")["workflow_id"].startswith("ledger-plan-")
    node.says("schedule", "backfill", "2026-01-01", "2026-01-31")
    node.says("schedule", "remove", "--yes")


def test_every_write_prints_what_is_published(
    node: Node, worker: subprocess.Popen[str], settings: dict[str, str], tmp_path: Path
) -> None:
    set_up(node, tmp_path)
    epoch = collect(node)
    started(node, "epoch", "collect", "--at", "2026-01-05")
    bind(node, tmp_path)
    move(node)
    decide(node, epoch, settings)
    close(node, epoch, tmp_path)
    run_by_schedule(node)

    assert set(node.told) == writes()
    for words, command in all_commands().items():
        told = node.told.get(" ".join(words), ())
        if any(parameter.name == "wait" for parameter in command.params):
            assert {set(found) == STARTED for found in told} == {True, False}, words
    assert worker.poll() is None


def test_ctrl_c_while_waiting_tells_a_program_which_run_goes_on(
    worker: subprocess.Popen[str], settings: dict[str, str]
) -> None:
    bind = ("identity", "bind", "git", "ada@example.org", "ada", "--json")
    worker.send_signal(signal.SIGSTOP)
    try:
        with running_program(*bind, settings=settings) as process:
            started_line = read_until(process, " started")[-1]
            interrupt(process)
            assert process.stderr is not None
            *_, last = process.stderr.read().splitlines()
            status = process.wait()
    finally:
        worker.send_signal(signal.SIGCONT)

    refusal = refusal_in(last)
    assert (status, refusal["code"], refusal["exit_status"]) == (130, "interrupted", 130)
    assert refusal["message"].startswith(f"stopped waiting; {started_line.split()[1]} goes on")


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_what_is_printed_itself_is_not_told_as_json_besides(node: Node, kind: str) -> None:
    assert node.does("statement", "payouts", 1, "--format", kind, "-o", "-", "--json", status=2) == ""
