"""A copy of the project with an environment of its own: faults are planted there, never in the working tree."""

from __future__ import annotations

import shutil
import site
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
SOURCES = ("packages/ledger-core/src", "packages/db-client/src", "services/scheduler-worker/src")
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "mutants", "dist"
)
LEDGER = """#!{python}
import sys
from scheduler_worker.cli.app import main
sys.exit(main())
"""


@contextmanager
def copied_tree() -> Iterator[Path]:
    """Yield the root of a fresh copy, gone afterwards; its Python is `.venv/bin/python`.

    Holds: that Python takes the project's packages from the copy, also with `-I` and in whatever environment,
           and everything else from the environment that this process runs in.
    """
    with TemporaryDirectory(prefix="canary-") as folder:
        tree = Path(folder).resolve() / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT, symlinks=True)
        _make_environment(tree)
        yield tree


def _make_environment(tree: Path) -> None:
    environment = tree / ".venv"
    binaries = environment / "bin"
    packages = environment / Path(_site_packages()).relative_to(Path(sys.prefix))
    packages.mkdir(parents=True)
    binaries.mkdir()
    for path in Path(sys.prefix, "bin").iterdir():
        target = path.readlink() if path.is_symlink() else path
        (binaries / path.name).symlink_to(target)
    shutil.copy(Path(sys.prefix, "pyvenv.cfg"), environment / "pyvenv.cfg")
    # Lines of a .pth are folders; those of the other environment's own .pth files are not followed.
    lines = [str(tree / source) for source in SOURCES] + [_site_packages()]
    (packages / "copied_tree.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    ledger = binaries / "ledger"
    ledger.unlink()
    ledger.write_text(LEDGER.format(python=binaries / "python"), encoding="utf-8")
    ledger.chmod(0o755)


def _site_packages() -> str:
    return next(
        path for path in site.getsitepackages() if path.startswith(sys.prefix) and Path(path).is_dir()
    )
