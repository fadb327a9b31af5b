"""A browser and an accessibility engine for a fresh clone: from npm packages, unpacked once into a cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

CHROMIUM = "@sparticuz/chromium@147.0.0"  # holds the binary itself, and the libraries that slim systems lack
AXE = "axe-core@4.14.1"
FETCH_SECONDS = 120
# npm brings node, and node unpacks Brotli, which Python's standard library doesn't.
UNPRESS = """
const { brotliDecompressSync } = require("node:zlib"), fs = require("node:fs");
for (const name of fs.readdirSync(".").filter((found) => found.endsWith(".br")))
  fs.writeFileSync(name.slice(0, -3), brotliDecompressSync(fs.readFileSync(name)));
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserParts:
    """Where the browser is, what its environment needs, and the accessibility engine's script."""

    chromium: Path
    environment: dict[str, str]
    axe: str


def browser_parts() -> BrowserParts | None:
    """Return the parts, fetched if they are not in the cache; None where npm or its registry isn't reached."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ledger-tests-browser"
    folder = cache / f"{CHROMIUM}-{AXE}".replace("/", "-")
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as made:
            if not _fetch(Path(made)):
                return None
            unpacked = Path(made) / "parts"
            _unpack(Path(made), unpacked)
            unpacked.rename(folder)
    environment = {"LD_LIBRARY_PATH": str(folder / "lib")}
    if not Path("/etc/fonts/fonts.conf").exists():
        environment["FONTCONFIG_PATH"] = str(folder)
    axe = (folder / "axe.min.js").read_text(encoding="utf-8")
    return BrowserParts(chromium=folder / "chromium", environment=os.environ | environment, axe=axe)


def _fetch(folder: Path) -> bool:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return False
    try:
        done = subprocess.run(
            [npm, "pack", CHROMIUM, AXE, "--silent", "--fetch-retries=0"],
            cwd=folder,
            capture_output=True,
            check=False,
            timeout=FETCH_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _unpack(folder: Path, target: Path) -> None:
    target.mkdir()
    for archive in folder.glob("*.tgz"):
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
    for part in (*(folder / "package" / "bin").glob("*.br"), folder / "package" / "axe.min.js"):
        part.rename(target / part.name)
    subprocess.run(["node", "-e", UNPRESS], cwd=target, check=True, timeout=FETCH_SECONDS)
    for part in target.glob("*.br"):
        part.unlink()
    for archive in target.glob("*.tar"):
        with tarfile.open(archive) as packed:
            packed.extractall(target, filter="data")
        archive.unlink()
    (target / "chromium").chmod(0o755)
