"""`[[sources.jsonl]]`: files of hand-recorded work."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from attrs import frozen

from scheduler_worker.policy_table import PolicyInvalid, PolicyTable, checked
from scheduler_worker.sources.jsonl.jsonl_source import check_source_name


@frozen(kw_only=True)
class JsonlSourcePolicy:
    """One file of records, and its name for ever."""

    name: str
    path: Path


def parse_jsonl_sources(sources: PolicyTable, folder: Path) -> tuple[JsonlSourcePolicy, ...]:
    """Return the jsonl sources of a policy; relative paths start at folder.

    Raises: PolicyInvalid, naming the key.
    """
    found: list[JsonlSourcePolicy] = []
    for table in sources.tables("jsonl", "name", "path"):
        name = table.required("name", str)
        checked(table.key("name"), partial(check_source_name, name))
        if any(earlier.name == name for earlier in found):
            raise PolicyInvalid(table.key("name"), "names a source twice")
        found.append(JsonlSourcePolicy(name=name, path=table.path("path", folder)))
    return tuple(found)
