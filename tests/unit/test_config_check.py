"""What ledger.toml comes to, and on which line a mistake stands."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from scheduler_worker.cli.app import run
from scheduler_worker.policy import parse_policy, read_policy
from scheduler_worker.policy_facts import policy_facts, policy_hash, policy_lines
from scheduler_worker.policy_lines import find_line
from scheduler_worker.policy_table import PolicyInvalid

EXAMPLE = Path(__file__).parents[2] / "ledger.toml.example"
LINES = EXAMPLE.read_text(encoding="utf-8").splitlines()
KEYS = [number for number, line in enumerate(LINES) if re.match(r'["\w:]+ = ', line)]
POLICY = """node_id = "0c0ffee0-1111-4222-8333-444455556666"
[epoch]
length_days = 14
[[sources.git]]
name = "a"
path = "r/a"

[[sources.git]]  # the second
name = "b"
path = "r/b"
"""


def refusal(text: str, folder: Path) -> PolicyInvalid:
    (folder / "ledger.toml").write_text(text, encoding="utf-8")
    with pytest.raises(PolicyInvalid) as caught:
        read_policy(folder / "ledger.toml")
    return caught.value


@pytest.mark.parametrize("number", KEYS, ids=lambda number: LINES[number].partition(" =")[0])
def test_a_wrong_value_of_any_key_is_told_with_its_line(tmp_path: Path, number: int) -> None:
    key = LINES[number].partition(" = ")[0]
    end = number  # a list may go over several lines
    while LINES[end].count("[") > LINES[end].count("]") or (end > number and "]" not in LINES[end]):
        end += 1
    broken = [*LINES[:number], f"{key} = 1.5", *[""] * (end - number), *LINES[end + 1 :]]

    found = refusal("\n".join(broken), tmp_path)

    # The weights are one value, and a list's entry is told by its list.
    begin = (
        next(at for at in range(number, -1, -1) if LINES[at].startswith("["))
        if found.key == "weights"
        else number
    )
    assert (found.line, f"line {begin + 1}: " in str(found)) == (begin + 1, True)


@pytest.mark.parametrize(
    ("changed", "line", "told"),
    [
        (POLICY.replace("length_days", "lenght_days"), 3, "epoch.lenght_days is unknown; did you mean length_days?"),
        (POLICY.replace('name = "b"\n', ""), 8, "sources.git[2].name is missing"),
        (POLICY.replace('name = "b"', 'name = "a"'), 9, "sources.git[2].name names a source twice"),
        (POLICY.replace("[[sources.git]]  #", "[[sources.gut]]  #"), 8, "sources.gut is unknown; did you mean git?"),
        (POLICY.replace("node_id", "nodeid"), 1, "nodeid is unknown; did you mean node_id?"),
        ('[schedule]\nevery = "7d"\n' + POLICY[POLICY.index("[epoch]") :], None, "node_id is missing"),
        (POLICY + '[[sources.github]]\nrepos = ["a/b",\n  "c"]\n', 12, "sources.github[1].repos[2] must"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_the_line_and_the_nearest_key(
    tmp_path: Path, changed: str, line: int | None, told: str
) -> None:
    found = refusal(changed, tmp_path)

    assert (found.line, told in str(found)) == (line, True), str(found)


def test_a_line_is_found_for_keys_that_are_quoted_dotted_or_in_tables_of_tables() -> None:
    text = 'a.b = 1\n["x y"]\n"k:z" = 2\n[t]\n[t.u]\nv = 3\n'

    assert [find_line(text, key) for key in ("a.b", "a", "x y.k:z", "t.u.v", "t", "t.w", "nothing")] == [
        1, 1, 3, 6, 4, 4, None,
    ]  # fmt: skip


def test_the_effective_policy_has_every_default_and_one_hash(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "ledger.toml").write_text(POLICY, encoding="utf-8")
        assert run(["--config", str(tmp_path / folder / "ledger.toml"), "config", "check", "--json"]) == 0
        told.append(json.loads(capsys.readouterr().out))
    one, two = told

    assert one == two
    assert one["policy"]["length_days"] == 14
    assert one["policy"]["anchor"] == "1970-01-05"
    assert [source["path"] for source in one["policy"]["git_sources"]] == ["r/a", "r/b"]
    assert one["policy_hash"] == policy_hash(one["policy"])


def test_every_change_of_what_a_policy_means_changes_its_hash(tmp_path: Path) -> None:
    def pinned(text: str) -> str:
        return policy_hash(policy_facts(parse_policy(tomllib.loads(text), folder=tmp_path), folder=tmp_path))

    changes = [
        POLICY,
        POLICY.replace("14", "7"),
        POLICY.replace('"b"', '"c"'),
        POLICY + '[weights]\n"git:commit_authored" = 1\n',
        POLICY + '[schedule]\ncron = "0 6 * * mon"\n',
        POLICY + '[schedule]\ncron = "0 6 * * tue"\n',
        POLICY + '[[sources.github]]\nrepos = ["a/b"]\n',
        POLICY + '[[sources.github]]\nrepos = ["a/b"]\nmachine_users = ["x"]\n',
    ]

    assert len({pinned(text) for text in changes}) == len(changes)
    assert pinned(POLICY + "\n# a comment\n") == pinned(POLICY)


def test_a_person_sees_one_fact_a_line_and_the_hash(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ledger.toml").write_text(POLICY, encoding="utf-8")
    assert run(["--config", str(tmp_path / "ledger.toml"), "config", "check"]) == 0
    shown = capsys.readouterr().out

    assert re.search(r"^git_sources\[2\]\.path +r/b$", shown, re.MULTILINE)
    assert re.search(r"^policy +[0-9a-f]{64}$", shown, re.MULTILINE)
    assert "is a valid policy" in shown


def test_the_example_has_facts_of_one_line_each() -> None:
    facts = policy_facts(read_policy(EXAMPLE), folder=EXAMPLE.parent)

    assert len(policy_hash(facts)) == 64
    assert all("\n" not in value and value for _, value in policy_lines(facts))
