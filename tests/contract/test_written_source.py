"""docs/sources.md is true: its source is short, keeps the contract, and is found by its entry point."""

from __future__ import annotations

import importlib
import re
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ledger_core.errors import LedgerError
from ledger_core.identifiers import NodeId, StreamRef
from ledger_core.testing import SOURCE_RULES, InMemoryLedger
from ledger_core.use_cases.store_page import find_cursor, store_page
from scheduler_worker.bootstrap import create_sources
from scheduler_worker.bootstrap_plugins import SourcePackageBroken
from scheduler_worker.policy import read_policy
from scheduler_worker.policy_table import PolicyInvalid
from tests.command_line import run_program
from tests.contract.source_worlds import UNTIL

DOCUMENT = (Path(__file__).parents[2] / "docs/sources.md").read_text(encoding="utf-8")
SOURCE, TEST = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
ENTRY_POINT, POLICY = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
ENTRIES = StreamRef(source="hours", source_ref="acme", stream="entries")


class Installed:
    """The document's package, as an installer leaves it, and a policy beside its database."""

    def __init__(self, site: Path, home: Path) -> None:
        self.site, self.home = site, home
        self.policy = home / "ledger.toml"
        (site / "hours_source.py").write_text(SOURCE, encoding="utf-8")
        (site / "check_hours.py").write_text(TEST, encoding="utf-8")
        self.write_entry_points(ENTRY_POINT)
        self.policy.write_text(POLICY, encoding="utf-8")

    def write_entry_points(self, text: str, package: str = "hours_source") -> None:
        folder = self.site / f"{package}-1.0.dist-info"
        folder.mkdir(exist_ok=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        group = text.replace('[project.entry-points."ledger.sources"]', "[ledger.sources]").replace('"', "")
        (folder / "entry_points.txt").write_text(group)
        importlib.invalidate_caches()

    def check_module(self) -> Any:
        return importlib.import_module("check_hours")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installed]:
    site, home = tmp_path / "site", tmp_path / "home"
    site.mkdir()
    home.mkdir()
    monkeypatch.syspath_prepend(site)
    yield Installed(site, home)
    for name in ("hours_source", "check_hours", "other_source"):
        sys.modules.pop(name, None)


def refusal(installed: Installed) -> str:
    with pytest.raises(LedgerError) as refused:
        create_sources(read_policy(installed.policy))
    assert isinstance(refused.value, SourcePackageBroken | PolicyInvalid)
    return str(refused.value)


def test_the_document_s_source_has_under_100_lines_and_keeps_the_contract(
    installed: Installed, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert len(SOURCE.splitlines()) < 100

    installed.check_module().test_the_source_keeps_the_contract(tmp_path_factory)


def test_the_document_names_every_rule() -> None:
    rules = re.findall(r"^\| `([a-z-]+)` \|", DOCUMENT, re.MULTILINE)

    assert rules == [rule.name for rule in SOURCE_RULES]


def test_a_package_s_source_is_found_and_collected(installed: Installed) -> None:
    installed.check_module().HoursWorld(installed.home)
    ledger = InMemoryLedger(NodeId(UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff")))

    sources = create_sources(read_policy(installed.policy))

    assert list(sources) == [ENTRIES]
    cursor = None
    for page in sources[ENTRIES].pages(ENTRIES, cursor, until=UNTIL):
        store_page(ledger, ENTRIES, page, expected_cursor=cursor)
        cursor = page.cursor
    assert find_cursor(ledger, ENTRIES) == "1200"
    with ledger.read() as view:
        assert view.activity.count_waiting() == 1_200


def test_a_database_that_is_away_is_no_refusal_and_no_traceback(installed: Installed) -> None:
    (source,) = create_sources(read_policy(installed.policy)).values()

    with pytest.raises(Exception, match="hours is unavailable: its database can't be read") as raised:
        list(source.pages(ENTRIES, None, until=UNTIL))

    assert isinstance(raised.value.__cause__, sqlite3.OperationalError)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('path = "hours.sqlite"', "", "ledger.toml: sources.hours[1] has no meaning: path is missing"),
        (
            'name = "acme"', 'nmae = "acme"',
            "ledger.toml: sources.hours[1] has no meaning: 'nmae' is unknown; known are name, path",
        ),
        ('name = "acme"', "name = 7", "ledger.toml: sources.hours[1] has no meaning: name must be text, not int"),
        (
            "[[sources.hours]]", '[[sources.hours]]\nname = "acme"\npath = "x"\n[[sources.hours]]',
            "ledger.toml: sources has hours:acme:entries twice",
        ),
        ("[[sources.hours]]", "[[sources.hour]]", "ledger.toml line 6: sources.hour is unknown; did you mean hours?"),
        ("[[sources.hours]]", "[sources.hours]", "ledger.toml line 6: sources.hours must be a list, not a table"),
    ],
)  # fmt: skip
def test_a_table_without_meaning_is_refused_by_name(
    installed: Installed, old: str, new: str, sentence: str
) -> None:
    installed.policy.write_text(POLICY.replace(old, new), encoding="utf-8")

    assert refusal(installed) == sentence


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("import sqlite3", "import nonesuch", "fails with ModuleNotFoundError"),
        ("def create_sources", "def other", "fails with AttributeError"),
        ("    return [HoursSource", "    return None\n    return [HoursSource", "fails with TypeError"),
        (
            'source="hours", source_ref',
            'source="github", source_ref',
            "names a source github, which is not its own",
        ),
    ],
)
def test_a_broken_package_is_one_sentence(installed: Installed, old: str, new: str, problem: str) -> None:
    (installed.site / "hours_source.py").write_text(SOURCE.replace(old, new), encoding="utf-8")

    assert refusal(installed) == f"the package that brings sources of the kind hours {problem}"


def test_two_packages_of_one_kind_are_refused(installed: Installed) -> None:
    installed.write_entry_points(ENTRY_POINT, package="other_source")

    assert refusal(installed).endswith("is not the only one: 2 do")


@pytest.mark.parametrize(
    ("old", "new"),
    [('source="hours",\n', 'source="github",\n'), ('f"hours:entry', 'f"github:pr')],
)
def test_a_package_can_tell_nothing_in_another_source_s_name(
    installed: Installed, old: str, new: str
) -> None:
    installed.check_module().HoursWorld(installed.home)
    sys.modules.pop("hours_source")
    (installed.site / "hours_source.py").write_text(SOURCE.replace(old, new), encoding="utf-8")
    importlib.invalidate_caches()
    (source,) = create_sources(read_policy(installed.policy)).values()

    with pytest.raises(SourcePackageBroken, match="tells an event of source"):
        list(source.pages(ENTRIES, None, until=UNTIL))


@pytest.mark.parametrize("kind", ["git", "github", "jsonl"])
def test_a_package_replaces_no_built_in_kind(installed: Installed, kind: str) -> None:
    installed.write_entry_points(ENTRY_POINT.replace("hours =", f"{kind} ="))
    table = {"git": 'name = "a"\npath = "b"', "github": 'repos = ["a/b"]', "jsonl": 'name = "a"\npath = "b"'}[
        kind
    ]
    installed.policy.write_text(
        f'node_id = "6f9619ff-8b86-d011-b42d-00c04fc964ff"\n[[sources.{kind}]]\n{table}\n'
    )

    sources = create_sources(read_policy(installed.policy)).values()

    assert all(type(source).__module__.startswith("scheduler_worker.sources.") for source in sources)
    assert sources


def test_the_program_tells_a_broken_package_in_one_sentence(installed: Installed) -> None:
    (installed.site / "hours_source.py").write_text("raise RuntimeError('secret')\n", encoding="utf-8")

    ended = run_program(
        "--config", installed.policy, "worker",
        settings={
            "PYTHONPATH": str(installed.site),
            "LEDGER_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "TEMPORAL_ADDRESS": "127.0.0.1:1",
        },
    )  # fmt: skip

    assert (ended.status, ended.errors.splitlines()[-1]) == (
        1,
        "ledger: source-package-broken: the package that brings sources of the kind hours fails with RuntimeError",
    )
    assert "secret" not in ended.errors
