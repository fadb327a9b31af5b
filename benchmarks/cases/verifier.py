"""The offline verifier on a bundle of many events, beside the least that any verifier does in Python."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from benchmarks.figures import Figure, Scale
from benchmarks.large_bundle import write_large_bundle
from benchmarks.measuring import Meter, best_of, measured
from benchmarks.servers import ON_DISK

CASE = "verifier"
ROUNDS = 2


def write(meter: Meter, *, path: str, events: int) -> None:  # noqa: ARG001 - not what is measured
    """Write a genuine bundle."""
    write_large_bundle(Path(path), events)


def verify(meter: Meter, *, path: str) -> None:
    """Verify the bundle."""
    from ledger_core.verification.verifier import verify_bundle  # noqa: PLC0415 - loaded in the process that uses it

    with meter.running():
        assert verify_bundle(path).is_verified


def parse_and_hash(meter: Meter, *, path: str) -> None:
    """Read every line, parse it and hash it."""
    with meter.running(), zipfile.ZipFile(path).open("events.jsonl") as lines:
        for line in lines:
            json.loads(line)
            sha256(line).hexdigest()


def compare(scale: Scale) -> Iterator[Figure]:
    """Verify, and compare."""
    with tempfile.TemporaryDirectory(dir=ON_DISK) as folder:
        path = str(Path(folder) / "bundle.zip")
        measured(write, path=path, events=scale.events)
        ours = best_of(ROUNDS, verify, path=path)
        least = best_of(ROUNDS, parse_and_hash, path=path)
    yield Figure(
        case=CASE, name="events a second of one core", value=scale.events / ours.cpu_seconds, unit="", at_least=100_000.0,
    )  # fmt: skip
    yield Figure(case=CASE, name="memory", value=ours.peak_mb, unit="MB", at_most=300.0)
    yield Figure(
        case=CASE, name="speed", value=least.cpu_seconds / ours.cpu_seconds, unit="x",
        note="of json.loads and SHA-256 of each line, and nothing checked",
    )  # fmt: skip


CASES = (compare,)
