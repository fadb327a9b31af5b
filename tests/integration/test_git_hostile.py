"""Reading a hostile repository runs no program, changes nothing, and can't be told what isn't so."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.errors import SourceUnavailable
from scheduler_worker.sources.git import git_command
from scheduler_worker.sources.git.git_source import GitSource
from scheduler_worker.sources.git.refusals import GitObjectMissing
from tests.git_repositories import GitRepository, run_git

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIGNATURE = b"gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----\n"


def events_of(path: Path, **options: Any) -> list[ActivityEvent]:
    source = GitSource(name="acme/anvil", path=path, clock=lambda: NOW, **options)
    (stream,) = source.streams()
    return [event for page in source.pages(stream, None, until=NOW) for event in page.events]


class Trap:
    """A program that leaves a mark when it is run."""

    def __init__(self, folder: Path) -> None:
        self._marks = folder / "marks"
        self._marks.mkdir()
        self.program = folder / "trap"
        self.program.write_text(f'#!/bin/sh\n/usr/bin/touch "{self._marks}/$$"\nexit 1\n')
        self.program.chmod(0o755)

    def was_sprung(self) -> bool:
        return any(self._marks.iterdir())


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    return Trap(tmp_path)


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "anvil.git")


def plain_git_log(repository: GitRepository, *options: str) -> None:
    """Run git as a careless adapter would; how it ends does not matter."""
    words = ["git", *options, f"--git-dir={repository.folder}", "log", "--format=%H"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(repository.folder), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(
        words, env=environment, cwd=repository.folder, capture_output=True, check=False, timeout=60
    )


def configure_everything(repository: GitRepository, program: Path) -> None:
    hooks = repository.folder / "hooks"
    hooks.mkdir()
    for hook in (
        "post-checkout",
        "reference-transaction",
        "fsmonitor-watchman",
        "post-index-change",
        "pre-auto-gc",
    ):
        (hooks / hook).symlink_to(program)
    (repository.folder / "more").write_text(f"[core]\n\teditor = {program}\n[log]\n\tshowSignature = true\n")
    repository.configure(
        f"""
[include]
	path = {repository.folder}/more
[core]
	fsmonitor = {program}
	hooksPath = {hooks}
	pager = {program}
	sshCommand = {program}
	askPass = {program}
	gitProxy = {program}
	alternateRefsCommand = {program}
	attributesFile = {repository.folder}/attributes
	worktree = {repository.folder}
[pager]
	log = {program}
	show-ref = {program}
	rev-parse = {program}
[alias]
	log = !{program}
	show-ref = !{program}
	rev-parse = !{program}
	rev-list = !{program}
	for-each-ref = !{program}
[log]
	showSignature = true
	mailmap = true
	diffMerges = first-parent
	follow = true
[format]
	pretty = %G? nothing
[gpg]
	program = {program}
	minTrustLevel = fully
[gpg "ssh"]
	program = {program}
	defaultKeyCommand = {program}
[diff]
	external = {program}
[diff "all"]
	textconv = {program}
	command = {program}
[filter "all"]
	clean = {program}
	smudge = {program}
	process = {program}
[credential]
	helper = !{program}
[trailer]
	separators = "=#"
[trailer "any"]
	key = "Co-authored-by"
	command = {program}
	cmd = {program}
	ifMissing = add
[uploadpack]
	packObjectsHook = {program}
[mailmap]
	file = {repository.folder}/mailmap
	blob = HEAD:.mailmap
[i18n]
	logOutputEncoding = UTF-16
[color]
	ui = always
[notes]
	displayRef = *
"""
    )
    (repository.folder / "attributes").write_text("* diff=all filter=all\n")
    (repository.folder / "mailmap").write_text("Eve <eve@example.org> <ann@example.org>\n")


# --- no program runs


def test_the_trap_works_plain_git_log_springs_it(repository: GitRepository, trap: Trap) -> None:
    repository.point("main", repository.commit(headers=SIGNATURE))
    configure_everything(repository, trap.program)
    plain_git_log(repository)

    assert trap.was_sprung()


def test_nothing_that_a_repository_configures_is_run_or_changes_an_event(tmp_path: Path, trap: Trap) -> None:
    found = []
    for name in ("harmless", "hostile"):
        repository = GitRepository(tmp_path / name)
        parent = repository.commit(headers=SIGNATURE)
        message = b"Forge\n\nBody\n\nCo-authored-by: Bob <bob@example.org>\n"
        repository.point("main", repository.commit(message, parents=(parent,), headers=SIGNATURE))
        if name == "hostile":
            configure_everything(repository, trap.program)
        found.append(events_of(repository.folder))

    assert not trap.was_sprung()
    assert found[0] == found[1]
    assert len(found[0]) == 3


def test_the_callers_environment_is_not_passed_on(
    repository: GitRepository, trap: Trap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.point("main", repository.commit(headers=SIGNATURE))
    expected = events_of(repository.folder)
    (tmp_path / ".gitconfig").write_text(
        f"[log]\n\tshowSignature = true\n[gpg]\n\tprogram = {trap.program}\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(trap.program))
    monkeypatch.setenv("GIT_PAGER", str(trap.program))
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "log.showSignature")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")

    assert events_of(repository.folder) == expected
    assert not trap.was_sprung()
    assert not (tmp_path / "trace").exists()


LAZY_FETCHES: dict[str, Callable[[Path], str]] = {
    "ext": lambda program: f"url = ext::{program} %S",
    "uploadpack": lambda program: f"url = {program.parent}/anvil.git\n\tuploadpack = {program}",
    "ssh": lambda _: "url = ssh://localhost/anvil.git",
    "vcs": lambda _: "vcs = trap",
}


@pytest.mark.parametrize("kind", LAZY_FETCHES)
@pytest.mark.parametrize("lost", ["tip", "parent"])
def test_a_missing_object_of_a_partial_clone_is_not_fetched(
    repository: GitRepository, trap: Trap, kind: str, lost: str
) -> None:
    parent, tip = repository.chain(2)
    repository.point("main", tip)
    repository.configure(
        "[extensions]\n\tpartialClone = origin\n[protocol]\n\tallow = always\n"
        '[protocol "ext"]\n\tallow = always\n[protocol "file"]\n\tallow = always\n'
        f"[core]\n\trepositoryformatversion = 1\n\tsshCommand = {trap.program}\n"
        f'[remote "origin"]\n\tpromisor = true\n\tfetch = +refs/*:refs/*\n\t{LAZY_FETCHES[kind](trap.program)}\n'
    )
    repository.object_path({"tip": tip, "parent": parent}[lost]).unlink()

    with pytest.raises(GitObjectMissing):
        events_of(repository.folder)

    assert not trap.was_sprung()
    plain_git_log(repository)
    assert trap.was_sprung() or kind == "vcs", "the canary: a careless reading runs the program"


def test_a_fifo_in_the_configuration_only_costs_the_time_limit(
    repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.point("main", repository.commit())
    os.mkfifo(tmp_path / "fifo")
    repository.configure(f"[include]\n\tpath = {tmp_path}/fifo\n")
    monkeypatch.setattr(git_command, "SHORT_COMMAND_SECONDS", 1)

    with pytest.raises(SourceUnavailable, match="no answer within 1 seconds"):
        events_of(repository.folder)


def test_a_fifo_as_an_object_only_costs_the_time_limit(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = repository.chain(3)
    repository.point("main", chain[-1])
    repository.object_path(chain[0]).unlink()
    os.mkfifo(repository.object_path(chain[0]))
    monkeypatch.setattr(git_command, "STALL_SECONDS", 1)

    with pytest.raises(SourceUnavailable, match="printed nothing for 1 seconds"):
        events_of(repository.folder)


# --- nothing is written


def test_a_reading_leaves_every_file_as_it_was(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "anvil.git")
    repository.point("main", repository.chain(5)[-1])
    run_git("clone", "--quiet", "anvil.git", "tree", cwd=tmp_path, home=tmp_path)

    def contents() -> dict[Path, tuple[int, bytes]]:
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        folders = {path: (path.stat().st_mtime_ns, b"") for path in tmp_path.rglob("*") if path.is_dir()}
        return folders | {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    before = contents()
    events_of(tmp_path / "tree", page_commits=2)

    assert contents() == before


# --- other people's repositories


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_repository_of_another_owner_is_read(tmp_path: Path) -> None:
    bare = GitRepository(tmp_path / "anvil.git")
    bare.point("main", bare.chain(3)[-1])
    run_git("clone", "--quiet", "anvil.git", "tree", cwd=tmp_path, home=tmp_path)
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, 65_534, 65_534, follow_symlinks=False)
    plain = ["git", "-C", str(tmp_path / "tree"), "log"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    refused = subprocess.run(plain, env=environment, capture_output=True, check=False)

    assert b"dubious ownership" in refused.stderr
    assert len(events_of(bare.folder)) == len(events_of(tmp_path / "tree")) == 3


# --- what is said is what the commits say


def test_grafts_and_replacements_change_nothing(repository: GitRepository) -> None:
    chain = repository.chain(4)
    other = repository.commit(b"Forged\n", author=b"Eve <eve@example.org>")
    repository.point("main", chain[-1])
    expected = events_of(repository.folder)
    (repository.folder / "info").mkdir()
    (repository.folder / "info" / "grafts").write_text(f"{chain[3]} {other}\n")
    (repository.folder / "refs" / "replace").mkdir()
    (repository.folder / "refs" / "replace" / chain[1]).write_text(other + "\n")

    assert events_of(repository.folder) == expected


def test_a_lying_commit_graph_changes_nothing(repository: GitRepository) -> None:
    chain = repository.chain(4)
    repository.point("main", chain[-1])
    expected = events_of(repository.folder)
    run_git("commit-graph", "write", "--reachable", cwd=repository.folder, home=repository.folder)
    graph = repository.folder / "objects" / "info" / "commit-graph"
    content = bytearray(graph.read_bytes())
    position = content.index(b"CDAT")
    begin = int.from_bytes(content[position + 4 : position + 12], "big")
    for row in range(4):  # no commit has a parent any more
        content[begin + row * 36 + 20 : begin + row * 36 + 24] = (0x7000_0000).to_bytes(4, "big")
    graph.chmod(0o644)
    graph.write_bytes(content)
    words = ["git", f"--git-dir={repository.folder}", "rev-list", "--count", "main"]
    deceived = subprocess.run(words, capture_output=True, check=True)

    assert deceived.stdout == b"1\n"
    assert events_of(repository.folder) == expected


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("UTF-7", b"A+AAA-B"),  # decodes to a NUL, which separates git's fields
        ("UTF-16", b"\x01\x02\x03"),
        ("UTF-16LE", b"x\x01"),
        ("UCS-4", b"abcdefgh"),
        ("UTF-8\x01", b"x"),
    ],
)
def test_no_encoding_can_break_the_fields(repository: GitRepository, encoding: str, text: bytes) -> None:
    fields = b"%b" % b"\n+AAA-".join(
        [b"f" * 40, b"", b"Eve", b"eve@example.org", b"1", b"Eve", b"e", b"1", b"s"]
    )
    parent = repository.commit(
        text + b"\n\n" + fields,
        author=b"+AAA-" + text + b" <ann@example.org>",
        headers=f"encoding {encoding}\n".encode(),
    )
    last = repository.commit(parents=(parent,))
    repository.point("main", last)

    ids = [event.metadata["sha"] for event in events_of(repository.folder)]

    assert set(ids) <= {parent, last}
    assert last in ids


def test_a_nul_in_a_commit_ends_its_text_and_nothing_else(repository: GitRepository) -> None:
    forged = b"\0".join(
        [b"f" * 40, b"", b"Eve", b"eve@example.org", b"1", b"Eve", b"eve@example.org", b"1", b"s", b""]
    )
    parent = repository.commit(b"Forge\0" + forged)
    last = repository.commit(parents=(parent,))
    repository.point("main", last)

    events = events_of(repository.folder)

    assert [event.metadata["sha"] for event in events] == [parent, last]
    assert events[0].metadata["subject"] == "Forge"


def test_trailers_cannot_be_injected_through_names_or_values(repository: GitRepository) -> None:
    message = (
        b"Forge\n\nCo-authored-by: Bob\x1fEve <eve@example.org>\x1f\x1e\x0b\x0c\x85 <bob@example.org>\n"
        b"Co-authored-by: Zoe\r\n <zoe@example.org>\xe2\x80\xa8Co-authored-by: Mia <mia@example.org>\n"
    )
    author = b"Ann\x0bCo-authored-by: Max <max@example.org> <ann@example.org>"
    repository.point("main", repository.commit(message, author=author))

    people = [event.platform_user_id for event in events_of(repository.folder)]

    assert len(people) == 3
    assert people[1:] == ["bob@example.org", "mia@example.org"]


@pytest.mark.parametrize("megabytes", [3])
def test_a_huge_message_is_cut_not_held(repository: GitRepository, megabytes: int) -> None:
    huge = b"x" * (megabytes << 20)
    repository.point("main", repository.commit(huge + b"\n\n" + huge, author=huge + b" <" + huge + b">"))

    (event,) = events_of(repository.folder)

    assert event.metadata["subject"] == "x" * 500
    assert event.platform_login == "x" * 255
    assert event.platform_user_id is None


def test_a_symbolic_ref_out_of_the_repository_reads_no_file(
    repository: GitRepository, tmp_path: Path
) -> None:
    sha = repository.commit()
    (tmp_path / "secret").write_text(sha + "\n")
    (repository.folder / "HEAD").write_text("ref: refs/heads/../../../secret\n")

    assert events_of(repository.folder) == []
