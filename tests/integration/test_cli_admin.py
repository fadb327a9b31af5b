"""Identities by the file and by the person, and a close of what was seen, through the command line on real servers."""

from __future__ import annotations

import csv
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command_line import INTERRUPT, run_on_terminal, screen_lines
from tests.node import Node, collect


def bind_two(node: Node) -> None:
    for user in ("ada", "grace"):
        node.does("identity", "bind", "git", f"{user}@example.org", user)


def units(node: Node, epoch: int) -> dict[str, int]:
    found = node.says("allocation", "list", epoch)["allocations"]
    return {row["user_id"]: row["proposed_units"] for row in found}


def change_units(node: Node, epoch: int) -> Callable[[], str]:
    def act() -> str:
        node.does("allocation", "set", epoch, "ada", 1, "--reason", "meanwhile")
        return "y"

    return act


def change_pool(node: Node, epoch: int) -> Callable[[], str]:
    def act() -> str:
        node.does("pool", "add", epoch, "top_up", 7, "--yes")
        return "y"

    return act


def test_what_changes_between_show_and_confirm_refuses_the_close(
    node: Node, worker: subprocess.Popen[str], settings: dict[str, str]
) -> None:
    epoch = collect(node)
    bind_two(node)
    node.does("pool", "add", epoch, "base_issuance", 1000, "--yes")
    close = ("epoch", "finalize", str(epoch))

    units_changed = run_on_terminal(*close, settings=settings, answers=[("[y/N]", change_units(node, epoch))])
    pool_changed = run_on_terminal(*close, settings=settings, answers=[("[y/N]", change_pool(node, epoch))])
    interrupted = run_on_terminal(*close, settings=settings, answers=[("[y/N]", INTERRUPT)])
    state = node.says("epoch", "show", epoch)
    seen = node.says("review", epoch)["allocation_set_hash"]
    closed = run_on_terminal(*close, "--reviewed", seen, settings=settings, answers=[("[y/N]", "y")])

    assert (units_changed.status, pool_changed.status, interrupted.status) == (1, 1, 130)
    assert "ledger: allocations-changed: " in units_changed.output
    assert "ledger: pool-changed: " in pool_changed.output
    assert "ledger: interrupted: " in interrupted.output
    assert "Traceback" not in interrupted.output
    assert (state["status"], state["pool_credits"]) == ("open", 1007)
    assert closed.status == 0
    assert f"allocations {seen}" in screen_lines(closed.output)
    assert worker.poll() is None


def test_a_hash_of_another_day_is_refused_before_anybody_is_asked(
    node: Node, worker: subprocess.Popen[str]
) -> None:
    epoch = collect(node)
    bind_two(node)
    node.does("pool", "add", epoch, "base_issuance", 1000, "--yes")
    seen = node.says("review", epoch)["allocation_set_hash"]
    node.does("allocation", "set", epoch, "ada", 1, "--reason", "meanwhile")

    code, sentence = node.refusal("epoch", "finalize", epoch, "--reviewed", seen)

    assert code == "allocations-changed"
    assert seen in sentence
    assert node.says("review", epoch)["epoch"]["status"] == "open"
    assert "closed" in node.does("epoch", "finalize", epoch, "--yes")
    assert worker.poll() is None


def test_users_are_merged_and_split_and_what_is_closed_still_verifies(
    node: Node, worker: subprocess.Popen[str], tmp_path: Path
) -> None:
    epoch = collect(node)
    bind_two(node)
    node.does("pool", "add", epoch, "base_issuance", 1000, "--yes")
    node.does("epoch", "finalize", epoch, "--yes")
    bundle = tmp_path / "before.zip"
    node.does("statement", "export", epoch, "-o", bundle)
    later = node.says("epoch", "collect", "--at", "2026-01-12")["epoch_id"]
    before = units(node, later)
    reason = ("--reason", "one person")

    merged = node.says("identity", "merge", "grace", "ada", *reason)
    after = units(node, later)
    split = ("identity", "split", "ada", "grace", "--account", "git:Grace@example.org", *reason)
    told = node.does(*split)
    node.does("allocation", "set", later, "grace", 5, "--reason", "x")

    assert (merged["moved"], merged["epoch_id"]) == (1, later)
    assert after == {"ada": before["ada"] + before["grace"]}
    assert "1 accounts of ada are now grace's" in told
    assert units(node, later) == before
    assert node.refusal("identity", "merge", "ada", "grace", *reason)[0] == "user-has-override"
    assert node.refusal(*split)[0] == "user-has-override"
    node.does("allocation", "clear", later, "grace", "--reason", "x")
    assert node.refusal(*split)[0] == "account-not-of-user"
    assert node.refusal("identity", "merge", "nobody", "ada", *reason)[0] == "user-not-found"
    whole = ("identity", "split", "ada", "ben", "--account", "git:ada@example.org", *reason)
    assert node.refusal(*whole)[0] == "split-takes-all"
    assert node.refusal(*whole[:4], "--account", "ada", *reason)[0] == "invalid-value"
    assert "verified" in node.does("statement", "verify", bundle)
    again = tmp_path / "after.zip"
    node.does("statement", "export", epoch, "-o", again)
    assert again.read_bytes() == bundle.read_bytes()
    history = node.says("identity", "who", "grace")["users"][0]["history"]
    assert [each["change"] for each in history] == ["bound", "unbound", "bound"]
    assert all(re.fullmatch(r"[0-9T:-]{19}\.[0-9]{6}Z", each["at"]) for each in history)
    told = node.does("identity", "who", "grace") + node.does("epoch", "list")
    assert len(re.findall(r"\b[0-9-]{10}T[0-9:]{8}Z", told)) == len(history) + 1
    assert re.search(r"[0-9]\.[0-9]+Z", told) is None
    node.does("doctor")
    assert worker.poll() is None


def test_bindings_are_imported_all_or_none_and_exported_as_they_were(
    node: Node, worker: subprocess.Popen[str], tmp_path: Path
) -> None:
    epoch = collect(node)
    bind_two(node)
    file = tmp_path / "people.csv"
    rows = [
        ("git", "linus@example.org", "linus"),
        ("git", "ADA@example.org", "ada"),
        ("github", "=1+2", "''=ben"),
    ]

    def write(*lines: tuple[str, ...]) -> None:
        with file.open("w", newline="", encoding="utf-8") as out:
            csv.writer(out).writerows([("provider", "account", "user_id"), *lines])

    take = ("identity", "import", file, "--reason", "the team's list")
    write(*rows, ("git", "grace@example.org", "ada"), ("git", "linus@example.org", "ben"), ("", "x", "y"))
    twice = node.refusal(*take)
    write(*rows, ("git", "grace@example.org", "ada"))
    conflict = node.refusal(*take)
    write(*rows)
    dry = node.says(*take, "--dry-run")
    told = node.does(*take, "--dry-run")
    unchanged = node.says("identity", "export")
    taken = node.says(*take)
    again = node.does(*take)

    assert twice[0] == "bindings-invalid"
    assert "line 6: git account linus@example.org is on line 2, too" in twice[1]
    assert "line 7: " in twice[1]
    assert conflict[0] == "bindings-invalid"
    assert "line 5: git account grace@example.org is grace's, and not ada's" in conflict[1]
    assert dry == {"dry_run": True, "bindings": 3, "new": 2, "bound_already": 1}
    assert "nothing was written" in told
    assert len(unchanged) == 2
    assert (taken["added"], taken["curated"]["epoch_id"]) == (2, epoch)
    assert "linus" in units(node, epoch)
    assert "0 of 3 bindings are new" in again

    out = tmp_path / "out.csv"
    node.does("identity", "export", "-o", out)
    assert out.stat().st_mode & 0o777 == 0o600
    assert "github,'=1+2,''=ben\n" in out.read_text()
    assert node.does("identity", "export") == out.read_text()
    besides = tmp_path / "besides.csv"
    before = node.says("identity", "export", "-o", besides)
    assert besides.read_text() == out.read_text()
    assert "0 of 4 bindings are new" in node.does("identity", "import", out, "--reason", "back")
    assert node.says("identity", "export") == before
    assert ("github", "=1+2", "'=ben") in [
        (row["provider"], row["account"], row["user_id"]) for row in before
    ]
    assert worker.poll() is None


def test_a_mailmap_suggests_and_binds_only_when_told(
    node: Node, worker: subprocess.Popen[str], tmp_path: Path
) -> None:
    collect(node)
    bind_two(node)
    file = tmp_path / ".mailmap"
    file.write_text(
        "# people\n"
        "Ada <ada@example.org> <ADA@old.example.org>\n"
        "Linus <linus@example.org> <linus@work.example>\n"
        "Ada Only A Name <ada@example.org>\n"
        "Ada <ada@example.org> Root <root@localhost>\n"
        "what is this\n"
    )
    shown = node.does("identity", "mailmap", file)
    said = node.says("identity", "mailmap", file)
    exported = node.says("identity", "export")
    bound = node.does("identity", "mailmap", file, "--bind")
    new = node.does("identity", "mailmap", file, "--bind", "--new-users")
    nothing = node.refusal("identity", "mailmap", file, "--bind", "--new-users")
    file.write_text("A <ada@example.org> <grace@example.org>\n")
    conflict = node.refusal("identity", "mailmap", file, "--bind")

    assert "--bind binds what is suggested" in shown
    assert "line 5 is of one author's name alone" in shown
    assert "line 6 is none of a mailmap" in shown
    assert [(row["account"], row["user_id"], row["state"]) for row in said["accounts"]] == [
        ("ada@example.org", "ada", "bound"),
        ("ada@old.example.org", "ada", "suggested"),
        ("linus@example.org", None, "nobody's yet"),
        ("linus@work.example", None, "nobody's yet"),
    ]
    assert len(exported) == 2
    assert "1 of 1 bindings are new" in bound
    assert "2 of 2 bindings are new" in new
    assert nothing[0] == "bindings-invalid"
    assert conflict[0] == "bindings-invalid"
    assert "ledger identity merge --reason 'one person' -- grace ada" in conflict[1]
    [linus] = node.says("identity", "who", "linus@example.org")["users"]
    assert [each["account"] for each in linus["accounts"]] == ["linus@example.org", "linus@work.example"]
    assert worker.poll() is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "line 1 must be provider,account,user_id"),
        (b"account,provider,user_id\n", "line 1 must be"),
        (b"provider,account,user_id\n", "it has no binding"),
        (b"provider,account,user_id\ngit,a\n", "line 2: it must have 3 cells, and has 2"),
        (b"provider,account,user_id\nGIT,a,b\n", "line 2: provider must"),
        (b"provider,account,user_id\ngit,,b\n", "line 2: external id must"),
        (b'provider,account,user_id\ngit,"a\nb",c\n', "line 3: external id must"),
        (b'provider,account,user_id\ngit,"a"x,c\n', "is no CSV"),
        (b"provider,account,user_id\ngit,\xff,c\n", "it is no UTF-8"),
    ],
)
def test_a_file_that_is_none_of_bindings_is_refused_by_its_line(
    node: Node, tmp_path: Path, content: bytes, told: str
) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(content)

    code, sentence = node.refusal("identity", "import", file, "--reason", "x")

    assert code in {"bindings-invalid", "file-unreadable"}
    assert told in sentence
