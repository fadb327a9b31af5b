"""`python -m tests.documents.reference`: writes docs/reference from the code, which a test compares with what is there.

The commands from click's own help, the keys of ledger.toml from its JSON Schema, the refusals from their classes.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

import db_client
import ledger_core
import scheduler_worker
from ledger_core.errors import LedgerError
from scheduler_worker.cli.app import ledger
from scheduler_worker.policy_schema import policy_schema

FOLDER: Final = Path(__file__).parents[2] / "docs/reference"
GENERATED: Final = "Made from the code by `uv run python -m tests.documents.reference`; a test keeps it so."
EXITS: Final = """\
Exit status: 0 done, 1 refused, 2 wrong usage, 3 incomplete, 4 a server is unreachable. A refusal is one line on
standard error, `ledger: CODE: SENTENCE`, or a JSON object with `--json`: [the codes](errors.md).
"""
ABOUT_CONFIG: Final = """\
`ledger config check` says what a file comes to, or its first mistake with its line; `ledger config schema` prints the
JSON Schema that editors complete and check by."""
# What is made for tests and by them is no refusal that anybody meets.
_LEFT_OUT: Final = ("ledger_core.testing", "db_client.migrations.versions", "db_client.migrations.env")


def pages() -> dict[str, str]:
    """Return the pages by their names."""
    return {"cli.md": commands_page(), "config.md": config_page(), "errors.md": errors_page()}


def commands_page() -> str:
    """Return every command with its help, as a terminal of 80 columns shows it."""
    parts = ["# Commands", GENERATED, EXITS]
    for words, command in walk((), ledger):
        name = " ".join(("ledger", *words))
        context = click.Context(command, info_name=name, terminal_width=80, max_content_width=80)
        level = "##" if len(words) < 2 else "###"
        parts.append(f"{level} {name}\n\n```text\n{command.get_help(context).rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def walk(words: tuple[str, ...], command: click.Command) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield a command and all below it."""
    yield words, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None and not found.hidden:
                yield from walk((*words, name), found)


def config_page() -> str:
    """Return every key of ledger.toml, table by table."""
    parts = [
        "# ledger.toml",
        GENERATED,
        ABOUT_CONFIG,
    ]
    parts.extend(tables("", policy_schema()))
    return "\n\n".join(parts) + "\n"


def tables(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield a section a table."""
    table = schema.get("items", schema)
    properties: Mapping[str, Mapping[str, Any]] = table.get("properties", {})
    rows = [row(key, part) for key, part in properties.items() if "properties" not in part.get("items", part)]
    inner = [(key, part) for key, part in properties.items() if "properties" in part.get("items", part)]
    if rows:
        brackets = ("[[", "]]") if "items" in schema else ("[", "]")
        heading = f"`{brackets[0]}{name}{brackets[1]}`" if name else "At the top"
        lines = ["| key | type | default | meaning |", "|---|---|---|---|", *rows]
        yield "\n\n".join((f"## {heading}", schema.get("description", ""), "\n".join(lines)))
    for key, part in inner:
        yield from tables(f"{name}.{key}" if name else key, part)


def row(key: str, part: Mapping[str, Any]) -> str:
    """Return a key's row."""
    kind = part.get("type", "one of " + ", ".join(map(str, part.get("enum", ()))))
    default = part.get("default", "")
    shown = ", ".join(map(str, default)) if isinstance(default, list) else str(default)
    code = f"`{shown}`" if shown else ""
    return f"| `{key}` | {kind} | {code} | {part.get('description', '')} |".replace("*", r"\*")


def errors_page() -> str:
    """Return every refusal by its code."""
    lines = ["| code | meaning |", "|---|---|"]
    lines += [f"| `{code}` | {' '.join(meanings)} |" for code, meanings in sorted(refusals().items())]
    about = (
        "A refusal has a stable code, for scripts, and one sentence for a person, with the step to take next. It is"
        " final: nothing was written, and the same request is refused again until something changes."
    )
    return "\n\n".join(("# Refusals by their codes", GENERATED, about, "\n".join(lines))) + "\n"


def refusals() -> dict[str, list[str]]:
    """Return what each code means, by every class that has it."""
    found: dict[str, list[str]] = {}
    for error in classes():
        code = error.__dict__.get("code")
        if not isinstance(code, str):
            continue  # of its parent, or of the one failure that it tells
        meaning = (
            inspect.cleandoc(error.__doc__ or "").split("\n\n")[0].replace("\n", " ").replace("|", r"\|")
        )
        if meaning not in found.setdefault(code, []):
            found[code].append(meaning)
    return found


def classes() -> list[type[LedgerError]]:
    """Return every refusal there is, by its full name."""
    for package in (ledger_core, db_client, scheduler_worker):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.startswith(_LEFT_OUT) and not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    found: list[type[LedgerError]] = []
    waiting: list[type[LedgerError]] = [LedgerError]
    while waiting:
        error = waiting.pop()
        if re.match(r"(ledger_core|db_client|scheduler_worker)\.", error.__module__):
            found.append(error)
        waiting.extend(error.__subclasses__())
    return sorted(found, key=lambda each: f"{each.__module__}.{each.__qualname__}")


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(FOLDER / name)


if __name__ == "__main__":
    main()
