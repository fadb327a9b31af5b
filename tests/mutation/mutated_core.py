"""The core with all its mutants in it, made by mutmut: each function is there as it is and as each of its mutants.

Which one is called says the environment variable MUTANT_UNDER_TEST, so that one process can hold them all.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from mutmut.configuration import config
from mutmut.mutation.file_mutation import mutate_file_contents

from tests.mutation.explanations import Change, change_of

ROOT = Path(__file__).parents[2]
CODE = ROOT / "packages/ledger-core/src"
FOLDERS = ("unit", "property", "golden")
SHARED = (
    "bundle_forgeries.py",
    "bundle_forging.py",
    "bundle_histories.py",
    "bundle_sentences.py",
    "mutation",
)
_IMPORT = re.compile(r"^(?:from|import) (?P<module>[\w.]+)", re.MULTILINE)
_ELSEWHERE = {"scheduler_worker", "db_client", "sqlalchemy", "psycopg", "temporalio"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MutatedModule:
    """One module's mutants by their names, and the hash of the source that they were made from."""

    module: str
    source_hash: str
    changes: dict[str, Change]


def write_mutated_core(folder: Path) -> list[MutatedModule]:
    """Write `src` and `tests` into the folder; modules whose source has not changed keep their mutants."""
    shutil.rmtree(folder / "tests", ignore_errors=True)
    for name in FOLDERS:
        shutil.copytree(ROOT / "tests" / name, folder / "tests" / name, ignore=_other_tests)
    for name in SHARED:
        shared = ROOT / "tests" / name
        copy = shutil.copytree if shared.is_dir() else shutil.copy
        copy(shared, folder / "tests" / name)
    shutil.copytree(ROOT / "docs", folder / "docs", dirs_exist_ok=True)
    known = _known(folder / "mutants.json")
    modules = []
    for path in sorted((CODE / "ledger_core").rglob("*.py")):
        target = folder / "src" / path.relative_to(CODE)
        target.parent.mkdir(parents=True, exist_ok=True)
        source = path.read_text(encoding="utf-8")
        if not config().should_mutate(path.relative_to(ROOT)):
            target.write_text(source, encoding="utf-8")
            continue
        module = ".".join(path.relative_to(CODE).with_suffix("").parts)
        found = known.get((module, _hash(source)))
        modules.append(found or _mutated(module, source, target))
    entries = [
        {
            "module": found.module,
            "source_hash": found.source_hash,
            "changes": {
                name: [change.function, change.removed, change.added]
                for name, change in found.changes.items()
            },
        }
        for found in modules
    ]
    (folder / "mutants.json").write_text(json.dumps(entries, indent=1), encoding="utf-8")
    return modules


def _other_tests(folder: str, names: list[str]) -> list[str]:
    """Return the tests that need more than the core: those that import more, or helpers that may."""
    return [name for name in names if name == "__pycache__" or _needs_more(Path(folder, name))]


def _needs_more(path: Path, seen: frozenset[Path] = frozenset()) -> bool:
    """Tell whether a test imports more than the core and what is copied beside it, or a test that does."""
    if path.suffix != ".py" or path in seen:
        return False
    helpers = {f"tests.{name.removesuffix('.py')}" for name in SHARED}
    for found in _IMPORT.finditer(path.read_text(encoding="utf-8")):
        top, _, rest = found["module"].partition(".")
        if top in _ELSEWHERE:
            return True
        if top != "tests" or found["module"] in helpers or rest.startswith("mutation."):
            continue
        other = ROOT / "tests" / f"{rest.replace('.', '/')}.py"
        is_copied = rest.startswith(tuple(f"{name}." for name in FOLDERS)) and other.is_file()
        if not is_copied or _needs_more(other, seen | {path}):
            return True
    return False


def _known(path: Path) -> dict[tuple[str, str], MutatedModule]:
    if not path.is_file():
        return {}
    return {(found.module, found.source_hash): found for found in read_mutated_modules(path)}


def read_mutated_modules(path: Path) -> Iterator[MutatedModule]:
    """Yield what write_mutated_core noted in mutants.json."""
    for entry in json.loads(path.read_text(encoding="utf-8")):
        changes = {name: Change(*change) for name, change in entry["changes"].items()}
        yield MutatedModule(module=entry["module"], source_hash=entry["source_hash"], changes=changes)


def _hash(source: str) -> str:
    return sha256(source.encode("utf-8")).hexdigest()


def _mutated(module: str, source: str, target: Path) -> MutatedModule:
    print(f"mutating {module}", flush=True)
    mutated = mutate_file_contents(target.name, source)
    target.write_text(mutated.code, encoding="utf-8")
    lines = mutated.code.splitlines()
    spans = {name: (span.start, span.end) for name, span in mutated.line_span_by_function_name.items()}
    changes = {f"{module}.{name}": change_of(module, name, lines, spans) for name in mutated.mutant_names}
    return MutatedModule(module=module, source_hash=_hash(source), changes=changes)
