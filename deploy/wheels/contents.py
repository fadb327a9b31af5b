"""What a wheel and its source archive must hold, and must not: `python deploy/wheels/contents.py FOLDER`."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "cogni_ledger_core": ROOT / "packages/ledger-core/src/ledger_core",
    "cogni_db_client": ROOT / "packages/db-client/src/db_client",
    "cogni_scheduler_worker": ROOT / "services/scheduler-worker/src/scheduler_worker",
}


def expected_files(package: Path) -> set[str]:
    """Every file of the package as the wheel names it."""
    return {
        path.relative_to(package.parent).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def problems_of(distribution: str, package: Path, folder: Path) -> list[str]:
    """What is wrong with a distribution's two files."""
    wheels = list(folder.glob(f"{distribution}-*-py3-none-any.whl"))
    archives = list(folder.glob(f"{distribution}-*.tar.gz"))
    if len(wheels) != 1 or len(archives) != 1:
        return [f"{distribution}: {len(wheels)} wheels and {len(archives)} source archives, not one of each"]
    with zipfile.ZipFile(wheels[0]) as wheel:
        names = {name for name in wheel.namelist() if not name.endswith("/")}
        about = next(name.partition("/")[0] for name in names if ".dist-info/" in name)
        metadata = Parser().parsestr(wheel.read(f"{about}/METADATA").decode())
    with tarfile.open(archives[0]) as archive:
        archived = {name.partition("/")[2] for name in archive.getnames()}
    wanted = expected_files(package)
    inside = {name for name in names if not name.startswith(about)}
    found = [f"{distribution}: the wheel is without {name}" for name in sorted(wanted - inside)]
    found += [f"{distribution}: the wheel has {name} as well" for name in sorted(inside - wanted)]
    if f"{package.name}/py.typed" not in inside:
        found.append(f"{distribution}: no py.typed")
    if not any(name.startswith(f"{about}/licenses/") for name in names) or "LICENSE" not in archived:
        found.append(f"{distribution}: no licence")
    if metadata["License-Expression"] != "Apache-2.0" or not metadata.get_payload():
        found.append(f"{distribution}: its metadata names no licence, or describes nothing")
    return found


def main(folder: Path) -> int:
    """Print what is wrong; return 1 if anything is."""
    found = [
        problem
        for distribution, package in PACKAGES.items()
        for problem in problems_of(distribution, package, folder)
    ]
    for problem in found:
        print(f"check-wheels: {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
