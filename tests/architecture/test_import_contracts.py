"""ADAPTERS_NOT_IN_CORE and the walls between rooms: the contracts hold, and a violation is caught."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("packages/ledger-core/src", "packages/db-client/src", "services/scheduler-worker/src")
LINT_IMPORTS = (
    "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
)


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(str(root / source) for source in SOURCES)}
    return subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS, "--no-cache", "--config", str(root / "pyproject.toml")],
        cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture
def copied_tree(tmp_path: Path) -> Path:
    for source in SOURCES:
        shutil.copytree(ROOT / source, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_walls_stand() -> None:
    """ADAPTERS_NOT_IN_CORE: every import runs in an allowed direction."""
    found = lint_imports(ROOT)

    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize(
    ("module", "planted"),
    [
        ("packages/ledger-core/src/ledger_core/domain/pool.py", "import sqlalchemy"),
        ("packages/ledger-core/src/ledger_core/domain/pool.py", "import os"),
        ("packages/ledger-core/src/ledger_core/domain/pool.py", "import ledger_core.ports.ledger"),
        ("packages/ledger-core/src/ledger_core/explanation/amounts.py", "import os"),
        (
            "packages/ledger-core/src/ledger_core/explanation/explain_user.py",
            "import ledger_core.use_cases.finalize_epoch",
        ),
        ("packages/db-client/src/db_client/engine.py", "import scheduler_worker.messages"),
        ("services/scheduler-worker/src/scheduler_worker/activities/refusals.py", "import db_client.engine"),
        (
            "services/scheduler-worker/src/scheduler_worker/messages.py",
            "import scheduler_worker.workflows.problems",
        ),
        ("services/scheduler-worker/src/scheduler_worker/cli/output.py", "import db_client.engine"),
        ("services/scheduler-worker/src/scheduler_worker/reports/pages.py", "import pygal"),
        ("services/scheduler-worker/src/scheduler_worker/reports/read_epoch.py", "import db_client.engine"),
        ("services/scheduler-worker/src/scheduler_worker/webhooks/app.py", "import uvicorn"),
        ("services/scheduler-worker/src/scheduler_worker/webhooks/app.py", "import db_client.engine"),
        (
            "services/scheduler-worker/src/scheduler_worker/workflows/problems.py",
            "import scheduler_worker.webhooks.app",
        ),
    ],
)
def test_a_planted_violation_is_caught(copied_tree: Path, module: str, planted: str) -> None:
    """ADAPTERS_NOT_IN_CORE: the contracts can fail."""
    path = copied_tree / module
    path.write_text(path.read_text(encoding="utf-8") + f"\n\n{planted}\n", encoding="utf-8")

    found = lint_imports(copied_tree)

    assert found.returncode != 0
    assert "BROKEN" in found.stdout
