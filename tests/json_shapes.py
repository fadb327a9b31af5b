"""The published shapes of what reads print with --json, and a check against them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / "docs" / "formats" / "reads.schema.json"
SCHEMA: dict[str, Any] = json.loads(PUBLISHED.read_text(encoding="utf-8"))


def check_shape(command: str, document: Any) -> None:
    """Refuse what is not of the command's published shape, by where it is not."""
    validator = Draft202012Validator(SCHEMA | {"$ref": f"#/$defs/{command.replace(' ', '-')}"})
    wrong = [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
        for error in validator.iter_errors(document)
    ]
    assert wrong == [], (command, wrong[:5])
