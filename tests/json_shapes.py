"""The published shapes of what commands print with --json, and a check against them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator

from tests.command_line import all_commands

ROOT: Final = Path(__file__).parents[1]
_PUBLISHED: Final = ROOT / "docs" / "formats"
READS: Final[dict[str, Any]] = json.loads((_PUBLISHED / "reads.schema.json").read_text(encoding="utf-8"))
WRITES: Final[dict[str, Any]] = json.loads((_PUBLISHED / "writes.schema.json").read_text(encoding="utf-8"))
ERROR: Final[dict[str, Any]] = json.loads((_PUBLISHED / "error.schema.json").read_text(encoding="utf-8"))
# Whatever is here writes; any other command with --json is a read.
WRITING: Final = {
    "allocation clear", "allocation set", "db grant", "db upgrade", "epoch collect", "epoch finalize", "event exclude",
    "event include", "gap waive", "identity bind", "identity merge", "identity split", "identity unbind", "init",
    "pool add", "schedule apply", "schedule backfill", "schedule pause", "schedule remove", "schedule resume",
    "schedule trigger", "statement add-signature", "statement amend",
}  # fmt: skip
# A read by default or by an option, and a write without.
READING_OR_WRITING: Final = {"identity import", "identity mailmap"}


def commands_with_json() -> set[str]:
    """Every command that takes --json, by its words."""
    return {
        " ".join(words)
        for words, command in all_commands().items()
        if any(parameter.name == "as_json" for parameter in command.params)
    }


def reads() -> set[str]:
    """Every command whose --json reads.schema.json has."""
    return commands_with_json() - WRITING


def writes() -> set[str]:
    """Every command whose --json writes.schema.json has."""
    return WRITING | READING_OR_WRITING


def check_shape(command: str, document: Any, schema: dict[str, Any] = READS) -> None:
    """Refuse what is not of the command's published shape, by where it is not."""
    validator = Draft202012Validator(schema | {"$ref": f"#/$defs/{definition_of(command)}"})
    wrong = [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
        for error in validator.iter_errors(document)
    ]
    assert wrong == [], (command, wrong[:5])


def refusal_in(line: str) -> dict[str, Any]:
    """The refusal that a line of standard error tells a program, of the published shape and in ASCII."""
    assert line.isascii(), line
    document = json.loads(line)
    assert [error.message[:300] for error in Draft202012Validator(ERROR).iter_errors(document)] == [], line
    refusal = document["error"]
    assert isinstance(refusal, dict)
    return refusal


def definition_of(command: str) -> str:
    """The name of a command's definition."""
    return command.replace(" ", "-")
