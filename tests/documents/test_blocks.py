"""Every block of commands in the documents is run as it stands, or is in the closed list of what can't be run here."""

from __future__ import annotations

import os
import re
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from db_client.database_url import parse_database_url
from db_client.engine import create_ledger_engine
from ledger_core.verification.__main__ import main as verify
from scheduler_worker.local.postgres import local_postgres
from scheduler_worker.local.programs import postgres_programs
from tests.command_line import environment
from tests.conftest import _run_alone
from tests.documents.lives import ORGANISATION
from tests.documents.markdown import OUTPUT, ROOT, blocks_of
from tests.documents.organisation import github, last_week, write_repository
from tests.documents.shell import live
from tests.github_world.server import TOKEN
from tests.local_owners import folder_for_all
from tests.signers import APPROVER, address_of

PATIENCE_SECONDS = 560  # two minutes of commands, and machines that do other things as well

# What a block says that did what it is for.
TOLD = (
    ("README.md", 6, "schedule ledger-collect-schedule created"),
    ("README.md", 7, "everything stored is coherent"),
    ("docs/completeness.md", 1, "waived"),
    ("docs/identities.md", 1, "ada-old"),
    ("docs/explanations.md", 1, "led the release"),
    ("docs/policy-trials.md", 1, "grace"),
    ("docs/amendments.md", 2, "SUPERSEDED"),
    ("docs/amendments.md", 4, "ann"),
    ("docs/exports.md", 2, "there"),
    ("docs/temporal.md", 2, "OLD"),
    ("docs/proof.md", 1, "cursor"),
    ("docs/guides/restore.md", 2, "drill: 8 statements restored and recomputed"),
)


@pytest.fixture
def organisation(temporal_address: str, namespace: str) -> Iterator[Mapping[str, str]]:
    """The environment of the organisation's shell: a PostgreSQL of its own, whose owner of the database may make roles.

    Of roles that somebody else made before, as on a shared server, such an owner could give nothing.
    """
    password = uuid.uuid4().hex
    with (
        folder_for_all() as folder,
        github() as server,
        local_postgres(folder / "servers", durable=False) as postgres,
    ):
        admin = create_ledger_engine(postgres.url, application_name="ledger-tests")
        _run_alone(admin, f"CREATE ROLE owner LOGIN CREATEROLE PASSWORD '{password}'")
        _run_alone(admin, "CREATE DATABASE ledger OWNER owner")
        admin.dispose()
        url = parse_database_url(postgres.url).set(database="ledger", drivername="postgresql")
        urls = [url.set(username=user, password=password) for user in ("owner", "ledger_app")]
        home = folder / "home"
        home.mkdir()
        commit = write_repository(home / "web")
        settings = environment({"HOME": str(home), "LEDGER_ACTOR": "an admin", "UV_NO_SYNC": "1"})
        programs = [Path(sys.executable).parent, postgres_programs(None)]
        if "UV" in os.environ:  # what runs us may be no other program's to find
            programs.append(Path(os.environ["UV"]).parent)
        settings["PATH"] = ":".join([*map(str, programs), settings["PATH"]])
        yield settings | {
            "OWNER_URL": urls[0].render_as_string(hide_password=False),
            "APP_URL": urls[1].render_as_string(hide_password=False),
            "SERVER_URL": postgres.url.replace("+psycopg", ""),
            "APP_PASSWORD": password,
            "TEMPORAL": temporal_address,
            "TEMPORAL_NAMESPACE": namespace,
            "GITHUB": server.url,
            "TOKEN": TOKEN,
            "ANN": address_of(APPROVER),
            "COMMIT": commit,
            "CLONE": str(ROOT),
            "LAST_WEEK": last_week().date().isoformat(),
        }


@pytest.mark.xdist_group("organisation")
@pytest.mark.timeout(PATIENCE_SECONDS + 40)
def test_every_block_does_what_it_says_in_the_shell_of_an_organisation(
    organisation: Mapping[str, str],
) -> None:
    """From nothing to a seventh epoch that is closed, explained, corrected, signed, exported and removed."""
    lived = live(
        ORGANISATION,
        folder=Path(organisation["HOME"]),
        settings=organisation,
        patience_seconds=PATIENCE_SECONDS,
    )

    assert lived.status == 0, f"{lived.printed}\n{lived.errors[-6_000:]}"
    demo = next(block.code for block in blocks_of("README.md") if block.code.startswith("repository"))
    lines = next(block.code for block in blocks_of("docs/sources-jsonl.md") if block.language == OUTPUT)
    assert frame(lived.printed["README.md", 2]) == frame(demo)
    assert lived.printed["docs/sources-jsonl.md", 1] == lines
    for page, number, told in TOLD:
        assert told in lived.printed[page, number]
    home = Path(organisation["HOME"])
    assert sorted(path.name for path in (home / "kept").iterdir()) == [
        f"statement-{n}.zip" for n in range(1, 8)
    ]
    assert verify([str(home / "kept/statement-7.zip")]) == 0
    assert (home / "machine/etc/ledger/worker.env").stat().st_mode & 0o777 == 0o600
    for file in (
        "epoch-7.html",
        "pages/index.html",
        "history.html",
        "epoch-7.csv",
        "7.beancount",
        "people.csv",
    ):
        assert (home / "web" / file).stat().st_size > 0


def frame(printed: str) -> str:
    """What the demo says, but for what its repository is, how many lines there are, and every number."""
    lines = [line for line in printed.splitlines() if not re.match(r"\S+@|\s+\d", line)]
    text = re.sub(r"'?/.*", "PATH", re.sub(r"[0-9a-f]{64}|\d+", "N", "\n".join(lines)))
    return re.sub(r" +", " ", text.replace("weeks", "week"))


def test_the_frame_of_a_demo_tells_another_text() -> None:
    """The check can fail."""
    assert frame("found 3 commits in 2 weeks") == frame("found  4 commits in 1 week")
    assert frame("found 3 commits in 2 weeks") != frame("read 3 commits in 2 weeks")
