"""How fast a bundle is verified, and in how much memory: `uv run python -m benchmarks.verify_bundle --events 1000000`.

The reference is the least that any verifier in Python does: read the lines, parse and hash each.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.large_bundle import write_large_bundle

# Each runs in a process of its own, which ends by saying its CPU seconds and its peak memory.
_MEASURED = """
import json, resource, sys
{work}
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({{"seconds": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss / 1024}}))
"""
_VERIFY = """
from ledger_core.verification.verifier import verify_bundle
assert verify_bundle(sys.argv[1]).is_verified
"""
_REFERENCE = """
import zipfile
from hashlib import sha256
with zipfile.ZipFile(sys.argv[1]).open("events.jsonl") as lines:
    for line in lines:
        json.loads(line)
        sha256(line).hexdigest()
"""
_NOTHING = "from ledger_core.verification import verifier"


def measure(work: str, path: Path) -> dict[str, float]:
    """Return the CPU seconds and the peak memory in MB of a process that does the work on the file."""
    program = [sys.executable, "-c", _MEASURED.format(work=work), str(path)]
    ended = subprocess.run(program, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(ended.stdout)
    return found


def main() -> None:
    """Write a bundle, verify it, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle.zip"
        write_large_bundle(path, options.events)
        size_mb = path.stat().st_size / 2**20
        start = measure(_NOTHING, path)
        verified, reference = measure(_VERIFY, path), measure(_REFERENCE, path)
    rate = options.events / (verified["seconds"] - start["seconds"])
    found = {
        "events": options.events,
        "bundle_mb": round(size_mb, 1),
        "events_per_cpu_second": round(rate),
        "peak_mb": round(verified["peak_mb"], 1),
        "peak_mb_at_start": round(start["peak_mb"], 1),
        "times_reference": round(verified["seconds"] / reference["seconds"], 2),
    }
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:24}{value:>14,}")


if __name__ == "__main__":
    main()
