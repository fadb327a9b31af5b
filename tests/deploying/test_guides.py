"""The guides' own lines, run as they stand, as somebody who follows them would."""

from __future__ import annotations

import re
import subprocess
import sys
import uuid
from pathlib import Path

from sqlalchemy import Engine, text

from db_client.database_url import parse_database_url
from tests.command_line import environment
from tests.conftest import TestDatabase
from tests.operating.operated import OperatedNode

GUIDES = Path(__file__).parents[2] / "docs/guides"
WINDOW = ("epoch", "collect", "--at", "2026-01-05")


def typed(script: str, node: OperatedNode, folder: Path) -> str:
    """Type it into a shell that has `ledger` on its PATH; it has to succeed."""
    here = environment(node.settings)
    done = subprocess.run(
        ["sh", "-eu", "-c", script],
        env=here | {"PATH": f"{Path(sys.executable).parent}:{here['PATH']}"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_workers_password_is_changed_by_a_second_login(
    operated_node: OperatedNode, fresh_database: TestDatabase, owner_engine: Engine, tmp_path: Path
) -> None:
    """The line of secrets.md: make it, move over, drop the old one."""
    guide = (GUIDES / "secrets.md").read_text(encoding="utf-8")
    found = re.search(r"`(LEDGER_GRANT_PASSWORD=NEW ledger db grant --worker ledger_app2)`", guide)
    assert found is not None
    login = f"ledger_app2_{uuid.uuid4().hex[:6]}"
    owner = OperatedNode(
        operated_node.settings | {"LEDGER_OWNER_DATABASE_URL": fresh_database.owner_url}, tmp_path
    )
    typed(found[1].replace("ledger_app2", login), owner, tmp_path)
    url = parse_database_url(fresh_database.worker_url).set(username=login, password="NEW")
    moved = {"LEDGER_DATABASE_URL": url.render_as_string(hide_password=False)}

    with operated_node.worker(**moved) as worker:
        worker.await_ready()
        collected = operated_node.run(*WINDOW, **moved)
    with owner_engine.begin() as connection:
        connection.execute(text(f"DROP ROLE {login}"))  # nothing is in its way

    assert collected.status == 0, collected.errors


def test_a_machine_s_passwords_are_made_once_and_are_its_owner_s_alone(tmp_path: Path) -> None:
    scripts = tmp_path / "deploy/compose"
    scripts.mkdir(parents=True)
    maker = scripts / "make-env"
    maker.write_bytes((GUIDES.parents[1] / "deploy/compose/make-env").read_bytes())
    maker.chmod(0o755)

    first = subprocess.run([maker], check=False, capture_output=True, timeout=10)
    made = (tmp_path / "deploy/.env").read_text(encoding="utf-8")
    second = subprocess.run([maker], check=False, capture_output=True, timeout=10)

    assert (first.returncode, second.returncode) == (0, 1)
    assert (tmp_path / "deploy/.env").read_text(encoding="utf-8") == made
    assert (tmp_path / "deploy/.env").stat().st_mode & 0o777 == 0o600
    passwords = [line.partition("=")[2] for line in made.splitlines()]
    assert len(set(passwords)) == 4
    assert all(re.fullmatch("[0-9a-f]{48}", password) for password in passwords)
