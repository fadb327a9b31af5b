"""PAYOUT_DETERMINISTIC: the same bytes under every locale, time zone, hash seed and Python that is here."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from ledger_core import canonical_json

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VECTORS = HERE / "vectors.json"
LOCALES = ("C", "en_US.UTF-8", "da_DK.UTF-8", "tr_TR.UTF-8")
TIME_ZONES = ("UTC", "Pacific/Auckland")


def expected() -> bytes:
    return canonical_json(json.loads(VECTORS.read_bytes())["outputs"])


def computed(python: str, **environment: str) -> bytes:
    # Not -I: it would ignore PYTHONHASHSEED. The environment is made from nothing instead.
    clean = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "packages/ledger-core/src")} | environment
    return subprocess.run(
        [python, "-s", str(HERE / "compute_vectors.py"), str(VECTORS)],
        env=clean,
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout


@cache
def pythons() -> tuple[str, ...]:
    """Every Python from 3.11 on that this machine has, this one first."""
    found = {sys.version_info[:2]: sys.executable}
    candidates = [shutil.which(f"python3.{minor}") for minor in range(11, 16)]
    candidates += [str(path) for path in Path.home().glob(".pyenv/versions/3.1[1-9]*/bin/python")]
    candidates += [str(path) for path in Path("/root/.pyenv/versions").glob("3.1[1-9]*/bin/python")]
    for candidate in filter(None, candidates):
        asked = subprocess.run(
            [candidate, "-c", "import sys; print(*sys.version_info[:2])"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if asked.returncode == 0:  # a version manager's shim may stand for a Python that isn't there
            major, minor = map(int, asked.stdout.split())
            found.setdefault((major, minor), candidate)
    return tuple(found.values())


@pytest.mark.parametrize("time_zone", TIME_ZONES)
@pytest.mark.parametrize("language", LOCALES)
def test_payout_deterministic_in_every_locale_and_time_zone(language: str, time_zone: str) -> None:
    """PAYOUT_DETERMINISTIC: neither language nor time zone, nor the hash seed, reaches a byte."""
    seed = str(random.randrange(2**32))

    found = computed(sys.executable, LC_ALL=language, TZ=time_zone, PYTHONHASHSEED=seed)

    assert expected() == found


def test_payout_deterministic_on_every_python() -> None:
    """PAYOUT_DETERMINISTIC: every Python from 3.11 on that is here gives the same bytes."""
    assert pythons()
    for python in pythons():
        assert expected() == computed(python, LC_ALL="C", TZ="UTC"), python


def test_a_changed_input_changes_the_bytes(tmp_path: Path) -> None:
    """The comparison can fail: one credit more gives another statement."""
    vectors = json.loads(VECTORS.read_bytes())
    vectors["inputs"]["statement"]["components"][1]["amount_credits"] = "2"
    changed = tmp_path / "vectors.json"
    changed.write_text(json.dumps(vectors), encoding="utf-8")

    found = subprocess.run(
        [sys.executable, str(HERE / "compute_vectors.py"), str(changed)],
        capture_output=True, check=True, timeout=60,
    ).stdout  # fmt: skip

    assert expected() != found
