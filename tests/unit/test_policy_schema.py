"""The schema of ledger.toml and the code that reads it know the same keys, and the same mistakes."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from ledger_core.errors import LedgerError
from scheduler_worker.cli.app import run
from scheduler_worker.known_weights import KNOWN_WEIGHTS
from scheduler_worker.policy import parse_policy
from scheduler_worker.policy_schema import DIALECT, FILE_NAME, policy_schema
from scheduler_worker.policy_table import PolicyTable

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "docs" / "formats" / FILE_NAME
EXAMPLE = tomllib.loads((ROOT / "ledger.toml.example").read_text(encoding="utf-8"))
FOLDER = Path("/etc/ledger")
SCHEMA = policy_schema()
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())


def as_json(value: Any) -> Any:
    """A TOML document as editors hand it to a validator: its dates are text."""
    if isinstance(value, Mapping):
        return {key: as_json(part) for key, part in value.items()}
    if isinstance(value, list):
        return [as_json(part) for part in value]
    return value.isoformat() if isinstance(value, date) else value


def fits(document: Mapping[str, Any]) -> bool:
    return VALIDATOR.is_valid(as_json(document))


def is_policy(document: Mapping[str, Any]) -> bool:
    try:
        parse_policy(document, folder=FOLDER)
    except LedgerError:
        return False
    return True


def keys_in_schema(schema: Mapping[str, Any], name: str = "") -> Iterator[tuple[str, frozenset[str]]]:
    inner = schema.get("items", schema)
    if "properties" in inner and name != "weights":  # a weight's name is free
        yield name, frozenset(inner["properties"])
        for key, part in inner["properties"].items():
            yield from keys_in_schema(part, f"{name}.{key}" if name else key)


def test_the_reader_and_the_schema_know_the_same_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    read: dict[str, frozenset[str]] = {}
    allow: Callable[..., None] = PolicyTable.allow

    def recording(table: PolicyTable, *keys: str) -> None:
        read[re.sub(r"\[\d+\]", "", table.name)] = frozenset(keys)
        allow(table, *keys)

    monkeypatch.setattr(PolicyTable, "allow", recording)
    parse_policy(EXAMPLE, folder=FOLDER)

    assert dict(keys_in_schema(SCHEMA)) == read
    assert len(read) == 10


def test_the_schema_is_one_of_its_dialect_and_describes_every_key() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == DIALECT

    def undescribed(schema: Mapping[str, Any], name: str) -> Iterator[str]:
        for key, part in schema.get("items", schema).get("properties", {}).items():
            if "description" not in part:
                yield f"{name}.{key}"
            yield from undescribed(part, f"{name}.{key}")

    assert list(undescribed(SCHEMA, "")) == []


def test_what_is_published_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "schema"]) == 0

    printed = capsys.readouterr().out
    assert printed == PUBLISHED.read_text(encoding="ascii")
    assert json.loads(printed) == SCHEMA


def test_the_example_and_what_init_writes_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LEDGER_CONFIG", raising=False)
    options = ("--github", "acme/web", "--github", "acme/lib-*", "--git", "core=../core", "--yes")
    assert run(["init", *options]) == 0

    written = Path("ledger.toml").read_text(encoding="utf-8")
    assert written.startswith(f"#:schema ./{FILE_NAME}\n")
    assert Path(FILE_NAME).read_bytes() == PUBLISHED.read_bytes()
    assert list(VALIDATOR.iter_errors(as_json(tomllib.loads(written)))) == []
    assert list(VALIDATOR.iter_errors(as_json(EXAMPLE))) == []


def test_the_weights_that_an_editor_offers_are_those_that_sources_make() -> None:
    made = {"git:commit_authored", "git:commit_coauthored", "git:commit_merged"}
    for kind in ("github", "gitlab"):
        text = (ROOT / f"docs/sources-{kind}.md").read_text(encoding="utf-8")
        rows = text.partition("| event types ")[2].partition("\n\n")[0]
        for cell in re.findall(r"^\| `\w+` \| ([^|]+) \|", rows, re.MULTILINE):
            made |= {f"{kind}:{name}" for name in re.findall(r"`(\w+)`", cell)}

    assert set(KNOWN_WEIGHTS) == made
    assert set(EXAMPLE["weights"]) <= made


def changed(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    document = copy.deepcopy(EXAMPLE)
    place: Any = document
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return document


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    if isinstance(value, dict):
        for key, part in value.items():
            yield from places(part, (*path, key))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from places(part, (*path, number))


PLACES = [path for path in places(EXAMPLE) if path]


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_a_value_of_a_wrong_kind_is_refused_by_both(path: tuple[str | int, ...]) -> None:
    document = changed(path, 1.5)

    assert (is_policy(document), fits(document)) == (False, False)


@pytest.mark.parametrize(
    "path",
    [(), ("epoch",), ("pool",), ("schedule",), *(("sources", kind, 0) for kind in EXAMPLE["sources"])],
    ids=lambda path: ".".join(map(str, path)),
)
def test_a_key_that_nobody_knows_is_refused_by_both(path: tuple[str | int, ...]) -> None:
    document = changed((*path, "no_such_key"), 1)

    assert (is_policy(document), fits(document)) == (False, False)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("node_id",), "x"),
        (("epoch", "length_days"), 0),
        (("epoch", "length_days"), 367),
        (("weights", "nocolon"), 1),
        (("weights", "git:x"), -1),
        (("weights", "git:x"), 10**12 + 1),
        (("pool", "base_issuance_credits"), -1),
        (("pool", "base_issuance_credits"), 2**63),
        (("schedule", "every"), "7"),
        (("schedule", "cron"), "0 6 * * mon"),  # beside every
        (("schedule", "time_zone"), "Europe/Berlin"),  # without cron
        (("schedule", "overlap"), "skp"),
        (("sources", "git", 0, "name"), ""),
        (("sources", "git", 0, "name"), " a"),
        (("sources", "git", 0, "name"), "x" * 101),
        (("sources", "git", 0, "path"), ""),
        (("sources", "jsonl", 0, "name"), "a:b"),
        (("sources", "github", 0, "repos"), []),
        (("sources", "github", 0, "repos"), ["no name"]),
        (("sources", "github", 0, "streams"), ["pulls"]),
        (("sources", "github", 0, "source"), "git"),
        (("sources", "github", 0, "base_url"), "http://example.org"),
        (("sources", "github", 0, "token_variable"), "a b"),
        (("sources", "gitlab", 0, "projects"), ["alone"]),
        (("sources", "gitlab", 0, "source"), "Upper"),
    ],
)
def test_a_value_that_means_nothing_is_refused_by_both(path: tuple[str | int, ...], value: object) -> None:
    document = changed(path, value)

    assert (is_policy(document), fits(document)) == (False, False)


@pytest.mark.parametrize(
    "path", [("node_id",), ("sources", "git", 0, "name"), ("sources", "github", 0, "repos")]
)
def test_a_key_that_is_missing_is_missed_by_both(path: tuple[str | int, ...]) -> None:
    document = copy.deepcopy(EXAMPLE)
    place: Any = document
    for part in path[:-1]:
        place = place[part]
    del place[path[-1]]

    assert (is_policy(document), fits(document)) == (False, False)


VALUES = st.one_of(
    st.integers(-2, 400),
    st.booleans(),
    st.dates(),
    st.text("aZ09-_./:*@ {}~\t", max_size=40),
    st.sampled_from([
        "", "1h", "90m", "7d", "UTC", "skip", "buffer_one", "6f9619ff8b86d011b42d00c04fc964ff",
        "urn:uuid:{6f9619ff-8b86-d011-b42d-00c04fc964ff}", "HTTPS://host/api", "http://LOCALHOST:1/x",
        "http://[::1]/x", "https://api.github.com/", "https://gitlab.com/api/v4/",
    ]),
    st.lists(st.sampled_from(["a/b", "a/*", "a/b/c", "issues", "x", 1]), max_size=3),
)  # fmt: skip


@given(path=st.sampled_from(PLACES), value=VALUES)
def test_whatever_is_a_policy_fits_the_schema(path: tuple[str | int, ...], value: object) -> None:
    document = changed(path, value)

    assert fits(document) or not is_policy(document), list(VALIDATOR.iter_errors(as_json(document)))


@pytest.mark.parametrize("there", ["mine", None])
def test_a_schema_that_is_there_stays_and_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], there: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LEDGER_CONFIG", raising=False)
    if there is not None:
        Path(FILE_NAME).write_text(there)
    assert run(["init", "--yes"]) == 0

    told = capsys.readouterr().out
    assert Path(FILE_NAME).read_text() == (there or PUBLISHED.read_text())
    assert f"{FILE_NAME} {'stays as it is' if there else 'lets editors'}" in told
