from __future__ import annotations

import re
import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_core.domain.epoch_window import DEFAULT_ANCHOR
from ledger_core.identifiers import MAX_BIGINT, StreamRef
from ledger_core.use_cases.bind_identity import MAX_BINDINGS
from scheduler_worker.bootstrap import create_directories, create_sources
from scheduler_worker.cron import parse_cron
from scheduler_worker.demo.demo_folder import prepare_policy, save_policy
from scheduler_worker.demo.run_demo import BINDINGS_AT_ONCE
from scheduler_worker.github_policy import GITHUB_KEYS, GithubAccess, GithubSourcePolicy
from scheduler_worker.gitlab_policy import GITLAB_KEYS, GitlabAccess, GitlabSourcePolicy
from scheduler_worker.policy import (
    MAX_COMMIT_URL_CHARACTERS,
    MAX_POLICY_BYTES,
    MAX_SOURCE_NAME_CHARACTERS,
    GitSourcePolicy,
    Policy,
    PolicyUnreadable,
    parse_policy,
    read_policy,
)
from scheduler_worker.policy_table import PolicyInvalid
from scheduler_worker.schedule_policy import SCHEDULE_KEYS, Cron, Overlap, SchedulePolicy, weekly
from scheduler_worker.sources.github.stream_names import STREAM_NAMES
from scheduler_worker.sources.gitlab.stream_names import STREAM_NAMES as GITLAB_STREAM_NAMES

NODE = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
EXAMPLE = Path(__file__).parents[2] / "ledger.toml.example"
FOLDER = Path("/etc/ledger")
ONE_SOURCE = {"name": "acme/web", "path": "web"}


def parsed(**tables: Any) -> Policy:
    return parse_policy({"node_id": NODE} | tables, folder=FOLDER)


def refusal(**tables: Any) -> str:
    with pytest.raises(PolicyInvalid) as refused:
        parsed(**tables)
    assert refused.value.code == "policy-invalid"
    sentence = str(refused.value)
    assert sentence.startswith(f"ledger.toml: {refused.value.key} ")
    assert "\n" not in sentence
    return sentence.removeprefix("ledger.toml: ")


def source(**changed: Any) -> dict[str, Any]:
    return {"git": [ONE_SOURCE | changed]}


def written(folder: Path, content: bytes) -> Path:
    path = folder / "ledger.toml"
    path.write_bytes(content)
    return path


def test_a_node_id_is_enough() -> None:
    policy = parsed()

    assert policy.node_id == UUID(NODE)
    assert (policy.length_days, policy.anchor, policy.schedule) == (7, DEFAULT_ANCHOR, weekly(7))
    assert (dict(policy.weights), policy.base_issuance_credits, policy.git_sources) == ({}, None, ())


def test_every_key_sets_its_own() -> None:
    policy = parsed(
        epoch={"length_days": 14, "anchor": date(2026, 1, 1)},
        weights={"git:commit_authored": 1000, "git:commit_merged": 0},
        pool={"base_issuance_credits": 0},
        schedule={"every": "1d", "offset": "6h", "jitter": "0s", "catch_up": "90m", "overlap": "buffer_one"},
        sources=source(branch="main", commit_url="https://example.org/", accept_rewrites=True),
    )

    assert (policy.length_days, policy.anchor) == (14, date(2026, 1, 1))
    assert policy.schedule == SchedulePolicy(
        timing=timedelta(days=1),
        offset=timedelta(hours=6),
        jitter=timedelta(),
        catch_up=timedelta(minutes=90),
        overlap=Overlap.BUFFER_ONE,
    )
    assert dict(policy.weights) == {"git:commit_authored": 1000, "git:commit_merged": 0}
    assert policy.base_issuance_credits == 0
    assert policy.git_sources == (
        GitSourcePolicy(
            name="acme/web",
            path=FOLDER / "web",
            branch="main",
            commit_url="https://example.org/",
            accept_rewrites=True,
        ),
    )
    assert policy.window_of(datetime(2026, 1, 15, tzinfo=UTC)).period_start == datetime(
        2026, 1, 15, tzinfo=UTC
    )


def test_a_schedule_fires_as_often_as_windows_begin_unless_told_otherwise() -> None:
    assert parsed(epoch={"length_days": 30}).schedule == weekly(30)
    assert parsed(epoch={"length_days": 30}, schedule={"every": "366d"}).schedule == weekly(366)


def test_cron_names_its_times_and_their_zone() -> None:
    schedule = parsed(schedule={"cron": "30 6 * * mon", "time_zone": "Europe/Berlin"}).schedule

    assert schedule.timing == Cron(
        expression="30 6 * * mon", times=parse_cron("30 6 * * mon"), time_zone="Europe/Berlin"
    )
    assert schedule.catch_up == timedelta(days=7)


def test_sources_keep_their_defaults_and_become_streams() -> None:
    (found,) = parsed(sources=source()).git_sources

    assert (found.branch, found.commit_url, found.accept_rewrites) == (None, None, False)
    assert set(create_sources(parsed(sources=source()))) == {
        StreamRef(source="git", source_ref="acme/web", stream="commits")
    }


def test_a_path_is_taken_from_the_file_s_folder_or_from_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    paths = ["web", "../web", "/srv/web", "~/web"]

    found = [parsed(sources=source(path=path)).git_sources[0].path for path in paths]

    assert found == [FOLDER / "web", FOLDER / "../web", Path("/srv/web"), Path("/home/ada/web")]


def test_the_longest_texts_are_taken_by_the_source_too() -> None:
    longest = source(name="n" * MAX_SOURCE_NAME_CHARACTERS, commit_url="u" * MAX_COMMIT_URL_CHARACTERS)

    assert len(create_sources(parsed(sources=longest))) == 1


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        ({"node_id": "no"}, "node_id must be a UUID"),
        ({"node_id": 7}, "node_id must be text, not a whole number"),
        ({"node_id": "\u0667" * 32 + "x"}, "node_id must be a UUID"),
        ({"wieghts": {}}, "wieghts is unknown; did you mean weights?"),
        ({"zzz": 1}, "zzz is unknown; known are node_id, epoch, weights, pool, approvals, schedule, sources"),
        ({"a\x1b[31m\n": 1}, r"'a\x1b[31m\n' is unknown"),
        ({"epoch": 7}, "epoch must be a table, not a whole number"),
        ({"epoch": {"length_dais": 7}}, "epoch.length_dais is unknown; did you mean length_days?"),
        ({"epoch": {"length_days": 0}}, "epoch.length_days must be 1 to 366"),
        ({"epoch": {"length_days": 367}}, "epoch.length_days must be 1 to 366"),
        ({"epoch": {"length_days": 7.0}}, "epoch.length_days must be a whole number, not a fraction"),
        ({"epoch": {"length_days": True}}, "epoch.length_days must be a whole number, not true or false"),
        ({"epoch": {"anchor": "2026-01-05"}}, "epoch.anchor must be a date like 2026-01-05, not text"),
        (
            {"epoch": {"anchor": datetime(2026, 1, 5, tzinfo=UTC)}},
            "epoch.anchor must be a date like 2026-01-05, not a date with a time",
        ),
        ({"weights": 1}, "weights must be a table, not a whole number"),
        ({"weights": {"git:x": 1.5}}, "whole number of milli-units, not float"),
        ({"weights": {"git:x": True}}, "whole number of milli-units, not bool"),
        ({"weights": {"git:x": -1}}, "must lie between 0 and 10^12"),
        ({"weights": {"git:x": 10**12 + 1}}, "must lie between 0 and 10^12"),
        ({"weights": {"git": 1}}, "must be written source:event_type"),
        ({"weights": {"git": {"x": 1}}}, "must be written source:event_type"),
        ({"weights": {"g\x1bt:x": 1}}, "must be 1 to 63 of a-z"),
        ({"pool": {"base_issuance_credits": -1}}, "must lie between 0 and 2^63-1"),
        ({"pool": {"base_issuance_credits": MAX_BIGINT + 1}}, "must lie between 0 and 2^63-1"),
        ({"pool": {"base_issuance_credits": 1.0}}, "pool.base_issuance_credits must be a whole number"),
        ({"pool": {"base": 1}}, "pool.base is unknown; known are base_issuance_credits"),
        ({"pool": []}, "pool must be a table, not a list"),
        ({"schedule": {"every": 7}}, "schedule.every must be text, not a whole number"),
        *(({"schedule": {"every": every}}, "schedule.every must be") for every in (
            "", "d", "7", "7 d", "-7d", "7D", "0d", "367d", "59m", "1.5d", "\u0667d", "1_0d", "9" * 5_000 + "d",
            "weekly",
        )),
        ({"schedule": {"cron": "0 6 * * 1", "every": "7d"}}, "schedule.cron can't stand beside every"),
        ({"schedule": {"cron": "0 6 * * 1", "offset": "1h"}}, "schedule.offset has no meaning beside cron"),
        ({"schedule": {"cron": "0 6 * *"}}, "schedule.cron has no meaning: cron must be five fields"),
        ({"schedule": {"cron": 6}}, "schedule.cron must be text, not a whole number"),
        ({"schedule": {"cron": "0 6 * * 1", "time_zone": "Mars"}}, "must be an IANA name, like UTC or Europe/Berlin"),
        ({"schedule": {"cron": "0 6 * * 1", "time_zone": "../etc/passwd"}}, "must be an IANA name"),
        ({"schedule": {"time_zone": "Europe/Berlin"}}, "schedule.time_zone must be UTC where no cron is named"),
        ({"schedule": {"every": "12h", "offset": "12h"}}, "schedule.offset must be 0d to 43199s"),
        ({"schedule": {"every": "1h", "jitter": "1h"}}, "schedule.jitter must be 0d to 3599s"),
        ({"schedule": {"catch_up": "59s"}}, "schedule.catch_up must be 1m to 366d"),
        ({"schedule": {"overlap": "cancel"}}, "schedule.overlap must be one of skip, buffer_one, buffer_all"),
        ({"schedule": {"jiter": "1m"}}, "schedule.jiter is unknown; did you mean jitter?"),
        ({"sources": {"svn": []}}, "sources.svn is unknown; known are git, github"),
        ({"sources": {"git": {}}}, "sources.git must be a list, not a table"),
        ({"sources": {"git": [1]}}, "sources.git[1] must be a table"),
        ({"sources": {"git": [{"path": "x"}]}}, "sources.git[1].name is missing"),
        ({"sources": {"git": [{"name": "x"}]}}, "sources.git[1].path is missing"),
        ({"sources": {"git": [ONE_SOURCE, ONE_SOURCE]}}, "sources.git[2].name names a source twice"),
        ({"sources": source(pth="x")}, "sources.git[1].pth is unknown; did you mean path?"),
        ({"sources": source(name="")}, "sources.git[1].name has no meaning: it must be one line of 1 to 100"),
        ({"sources": source(name="a\nb")}, "must be one line of 1 to 100 characters"),
        ({"sources": source(name="x" * 101)}, "must be one line of 1 to 100 characters"),
        ({"sources": source(name=" x")}, "sources.git[1].name must not begin or end with a space"),
        ({"sources": source(path="")}, "sources.git[1].path must be a path"),
        ({"sources": source(path="a\x00b")}, "sources.git[1].path must be a path"),
        ({"sources": source(path="~nobody-by-that-name/x")}, "a user that this machine doesn't know"),
        ({"sources": source(path=7)}, "sources.git[1].path must be text, not a whole number"),
        ({"sources": source(branch="")}, "sources.git[1].branch has no meaning"),
        ({"sources": source(branch="a\x1b")}, "sources.git[1].branch has no meaning"),
        ({"sources": source(commit_url="x" * 1_901)}, "sources.git[1].commit_url has no meaning"),
        ({"sources": source(accept_rewrites="yes")}, "accept_rewrites must be true or false, not text"),
    ],
)  # fmt: skip
def test_what_has_no_meaning_is_refused_by_its_key(tables: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(**tables)


def test_a_node_id_is_required() -> None:
    with pytest.raises(PolicyInvalid, match="node_id is missing"):
        parse_policy({}, folder=FOLDER)


@pytest.mark.parametrize("days", [1, 366])
def test_both_ends_of_the_days_are_taken(days: int) -> None:
    policy = parsed(epoch={"length_days": days}, schedule={"every": f"{days}d"})

    assert (policy.length_days, policy.schedule) == (days, weekly(days))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates() | st.datetimes(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.text(max_size=9)
                | st.sampled_from(
                    [
                        "epoch",
                        "weights",
                        "pool",
                        "schedule",
                        "sources",
                        "git",
                        "name",
                        "path",
                        "every",
                        "cron",
                        "offset",
                        "jitter",
                        "catch_up",
                        "overlap",
                        "time_zone",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_table_is_a_policy_or_refused_in_one_line(tables: Any) -> None:
    given_tables = tables if isinstance(tables, dict) else {"epoch": tables}
    values = {key: value for key, value in given_tables.items() if value is not None}

    try:
        outcome = str(parse_policy({"node_id": NODE} | values, folder=FOLDER).node_id)
    except PolicyInvalid as error:
        outcome = str(error)

    assert outcome.isprintable()


# --- the file -------------------------------------------------------------------------------------


def test_a_file_is_read_and_its_folder_counts(tmp_path: Path) -> None:
    path = written(tmp_path, f'node_id = "{NODE}"\n[[sources.git]]\nname = "x"\npath = "."\n'.encode())

    assert read_policy(path).git_sources[0].path == tmp_path.resolve()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[[[", "is not TOML"),
        (b"\xff\xfe", "is not TOML"),
        (b"\x00", "is not TOML"),
        (b"a = " + b"[" * 50_000, "is not TOML"),
        (b"a = " + b"9" * 5_000, "is not TOML"),
        (b"a = 1\na = 2\n", "is not TOML"),
        (b"#" * (MAX_POLICY_BYTES + 1), "is larger than"),
    ],
    ids=["brackets", "bytes", "nul", "deep", "digits", "twice", "large"],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    with pytest.raises(PolicyUnreadable, match=problem) as refused:
        read_policy(written(tmp_path, content))

    assert refused.value.code == "policy-unreadable"


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyUnreadable, match="there is no such file; name one with --config"):
        read_policy(tmp_path / "ledger.toml")
    with pytest.raises(PolicyUnreadable, match="can't be read: Is a directory"):
        read_policy(tmp_path)


# --- the example, and the demo's own --------------------------------------------------------------


def keys_of(table: Any, prefix: str = "") -> set[str]:
    """Every key that a TOML table sets, with its tables; the weights' own keys are data."""
    found = set()
    for key, value in table.items():
        name = f"{prefix}{key}"
        inner = value[0] if isinstance(value, list) else value
        found |= keys_of(inner, f"{name}.") if isinstance(inner, dict) and key != "weights" else {name}
    return found


def test_the_example_sets_every_key_there_is() -> None:
    module = Path(__file__).parents[2] / "services/scheduler-worker/src/scheduler_worker/policy.py"
    known = {
        name
        for line in re.findall(r"(?:\.allow|\.tables?)\(([^)]*)\)", module.read_text())
        for name in re.findall(r'"(\w+)"', line)
    } | {"schedule", *SCHEDULE_KEYS, *GITHUB_KEYS, *GITLAB_KEYS, "required", "approvers", "ann"}
    # cron can't stand beside every; an app would take the place of the token
    shown = re.sub('^# ((?:cron|app_id) = ")', r"\1", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    example = keys_of(tomllib.loads(shown))

    assert len(known) >= 14
    assert {part for key in example for part in key.split(".")} == known


def test_the_example_is_a_policy_and_its_defaults_are_the_defaults() -> None:
    policy = read_policy(EXAMPLE)
    least = parsed()

    assert (policy.length_days, policy.anchor) == (least.length_days, least.anchor)
    assert policy.schedule == least.schedule
    assert not policy.git_sources[0].accept_rewrites
    assert all(weight > 0 for weight in policy.weights.values())
    (github,) = policy.github_sources
    assert github == GithubSourcePolicy(
        source="github",
        access=GithubAccess(),
        repos=("acme/web",),
        patterns=("acme-labs/*",),
        exclude=("acme-labs/sandbox-*",),
        machine_users=("acme-ci",),
    )
    assert policy.gitlab_sources == (
        GitlabSourcePolicy(
            source="gitlab", access=GitlabAccess(), projects=("acme/web",), machine_users=("acme-ci",)
        ),
    )
    assert len(create_sources(policy)) == 2 + len(STREAM_NAMES) + len(GITLAB_STREAM_NAMES)
    assert len(create_directories(policy)) == 1


@pytest.mark.parametrize("name", ["plain", 'a "quoted" one', "back\\slash", "del\x7f", "\u65e5\u672c"])
def test_the_demo_s_policy_holds_whatever_path_a_repository_has(tmp_path: Path, name: str) -> None:
    repository = tmp_path / name / ".git"

    policy = prepare_policy(tmp_path / "data", repository, pool_credits=7)
    assert not (tmp_path / "data").exists()
    save_policy(tmp_path / "data", repository, policy)
    again = prepare_policy(tmp_path / "data", repository, pool_credits=9)

    assert [source.path for source in policy.git_sources] == [repository]
    assert (policy.base_issuance_credits, again.base_issuance_credits) == (7, 9)
    assert (again.node_id, again.git_sources) == (policy.node_id, policy.git_sources)


def test_the_demo_binds_as_many_at_once_as_one_write_may_hold() -> None:
    assert BINDINGS_AT_ONCE == MAX_BINDINGS
