"""Every supported Python, with whatever hash seed, writes the same bundle and verifies it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bundle_histories import bundle_bytes, standard_history

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "packages" / "ledger-core" / "src"


def interpreters() -> dict[str, str]:
    """Return this Python, and one of every other version that the package supports and the machine has."""
    found = {f"3.{sys.version_info.minor}": sys.executable}
    for minor in range(11, 16):
        named = shutil.which(f"python3.{minor}")
        installed = sorted(Path("/root/.pyenv/versions").glob(f"3.{minor}.*/bin/python"))
        for candidate in [*map(str, installed), *([named] if named else [])]:
            if f"3.{minor}" not in found and _is_version(candidate, minor):
                found[f"3.{minor}"] = candidate
    return found


def _is_version(interpreter: str, minor: int) -> bool:
    claim = f"import sys; sys.exit(sys.version_info[:2] != (3, {minor}))"
    try:
        return subprocess.run([interpreter, "-c", claim], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run_python(interpreter: str, *arguments: str | Path, hash_seed: str = "random") -> str:
    done = subprocess.run(
        [interpreter, *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": str(SOURCE), "PYTHONHASHSEED": hash_seed, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("version", interpreters())
def test_every_python_and_hash_seed_gives_and_verifies_the_same_bytes(tmp_path: Path, version: str) -> None:
    ledger = standard_history()
    interpreter = interpreters()[version]
    for seed in ("0", "1", "4294967295"):
        run_python(interpreter, "-m", "tests.bundle_histories", tmp_path, hash_seed=seed)

        for epoch in (1, 2, 3):
            assert bundle_bytes(ledger, epoch) == (tmp_path / f"epoch-{epoch}.zip").read_bytes()
    verdict = run_python(interpreter, "-m", "ledger_core.verification", "--quiet", tmp_path / "epoch-3.zip")
    assert verdict.startswith("verified ")
