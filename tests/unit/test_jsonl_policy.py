"""`[[sources.jsonl]]`: a name without a colon, and a path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger_core.identifiers import StreamRef
from scheduler_worker.bootstrap import create_sources
from scheduler_worker.jsonl_policy import JsonlSourcePolicy
from scheduler_worker.policy import Policy, parse_policy
from scheduler_worker.policy_table import PolicyInvalid

FOLDER = Path("/etc/ledger")


def parsed(*tables: Any) -> Policy:
    table = {"node_id": "6f9619ff-8b86-d011-b42d-00c04fc964ff", "sources": {"jsonl": list(tables)}}
    return parse_policy(table, folder=FOLDER)


def test_files_become_streams_and_relative_paths_start_at_the_policy() -> None:
    policy = parsed({"name": "community", "path": "work.jsonl"}, {"name": "on call", "path": "/srv/calls"})

    assert policy.jsonl_sources == (
        JsonlSourcePolicy(name="community", path=FOLDER / "work.jsonl"),
        JsonlSourcePolicy(name="on call", path=Path("/srv/calls")),
    )
    assert set(create_sources(policy)) == {
        StreamRef(source="jsonl", source_ref=name, stream="records") for name in ("community", "on call")
    }


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"path": "x"}, "sources.jsonl[2].name is missing"),
        ({"name": "b"}, "sources.jsonl[2].path is missing"),
        ({"name": "a", "path": "x"}, "sources.jsonl[2].name names a source twice"),
        ({"name": "b", "path": ""}, "sources.jsonl[2].path must be a path"),
        ({"name": "b", "path": "x", "pth": 1}, "sources.jsonl[2].pth is unknown; did you mean path?"),
        (
            {"name": "b:c", "path": "x"},
            "sources.jsonl[2].name has no meaning: jsonl source name must have at most 100 characters, and no colon",
        ),
    ],
)
def test_what_has_no_meaning_is_refused_by_its_key(table: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        parsed({"name": "a", "path": "a.jsonl"}, table)

    assert str(refused.value) == f"ledger.toml: {sentence}"
