"""Statements whose streams were counted again: verified, forged, and judged alike by both verifiers."""

from __future__ import annotations

import copy
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ledger_core.domain.canonical_json import canonical_json
from ledger_core.verification.refusals import BundleRefused
from ledger_core.verification.verifier import verify_open_bundle
from tests.bundle_forging import put_together, take_apart
from tests.bundle_histories import bundle_bytes, counted_history, standard_history

VERIFIER = Path(__file__).parents[2] / "docs/formats/verify.mjs"
BUNDLE = bundle_bytes(counted_history(), 4)
FILES = take_apart(BUNDLE)
DOCUMENT: dict[str, Any] = json.loads(FILES["statement.json"])
HASH = verify_open_bundle(io.BytesIO(BUNDLE)).statement_hash
LINE = "a" * 101
WAIVED, COMPLETE = DOCUMENT["completeness"]
ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    1,
    "",
    "0",
    "00",
    "-1",
    "41",
    str(2**63),
    " a",
    "A",
    "\x1f",
    LINE,
    "\u2028",
    [],
    {},
    [None],
)


def with_streams(*streams: object) -> bytes:
    """Return the bundle with other streams in its statement, and a manifest that says so."""
    document = DOCUMENT | {"completeness": list(streams)}
    return put_together({**FILES, "statement.json": canonical_json(document)})


def leaves(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value within."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path, *(found for key, part in inner for found in leaves(part, (*path, key)))]


def changed(path: tuple[Any, ...], to: object) -> bytes:
    """Return the bundle with one value of its streams replaced."""
    streams = copy.deepcopy(DOCUMENT["completeness"])
    place = streams
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return with_streams(*streams)


def without(path: tuple[Any, ...]) -> bytes:
    """Return the bundle without one value of its streams."""
    streams = copy.deepcopy(DOCUMENT["completeness"])
    place = streams
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return with_streams(*streams)


NOT_WAIVED = with_streams(WAIVED | {"verdict": "incomplete", "reason": None, "waived_by": None}, COMPLETE)
PATHS = [path for path in leaves(DOCUMENT["completeness"]) if path]
FORGED = [
    *(changed(path, to) for path in PATHS for to in ODD),
    *(without(path) for path in PATHS),
    *(changed(("more",) if not path else (*path, "more"), 1) for path in [(0,), (0, "gap"), (0, "gap", "counts", 0)]),
    NOT_WAIVED,
    with_streams(COMPLETE, WAIVED),
    with_streams(WAIVED, WAIVED),
    with_streams(WAIVED, COMPLETE, COMPLETE),
    with_streams(COMPLETE),
    with_streams(WAIVED | {"verdict": "incomplete"}, COMPLETE),
    with_streams(WAIVED | {"verdict": "complete"}, COMPLETE),
    with_streams(COMPLETE | {"verdict": "waived"}),
    with_streams(COMPLETE | {"verdict": "early"}),
    with_streams(WAIVED | {"gap": {"begins": None, "counts": [], "problem": "lost"}}, COMPLETE),
    with_streams(WAIVED | {"gap": {"begins": None, "counts": [], "problem": None}}, COMPLETE),
]  # fmt: skip


def verdict(bundle: bytes, *, expected: str | None = None) -> str:
    try:
        report = verify_open_bundle(io.BytesIO(bundle), expected_hash=expected)
    except BundleRefused:
        return "refused"
    return "verified" if report.is_verified else "different"


def test_a_statement_whose_streams_were_counted_again_is_verified() -> None:
    assert DOCUMENT["format"] == "ledger-statement/2"
    assert [stream["verdict"] for stream in DOCUMENT["completeness"]] == ["waived", "complete"]
    assert verdict(BUNDLE, expected=HASH) == "verified"


def test_earlier_statements_of_the_first_format_are_links_of_its_chain() -> None:
    formats = [json.loads(line)["format"] for line in FILES["chain.jsonl"].splitlines()]

    assert formats == ["ledger-statement/1"] * 3


def test_a_statement_of_the_first_format_has_no_streams() -> None:
    files = take_apart(bundle_bytes(standard_history(), 3))
    document = json.loads(files["statement.json"]) | {"completeness": [COMPLETE]}

    assert verdict(put_together({**files, "statement.json": canonical_json(document)})) == "refused"


def test_no_statement_stands_on_a_gap_that_nobody_waived() -> None:
    assert verdict(NOT_WAIVED) == "refused"


def test_the_published_hash_holds_every_word_about_the_streams() -> None:
    """No part of a bundle gives them again, as with an epoch's weights: see --expect."""
    judged = [verdict(forged, expected=HASH) for forged in FORGED if forged != BUNDLE]

    assert len(judged) > 300
    assert "verified" not in judged


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not here: docs/formats/verify.mjs needs it")
def test_both_verifiers_judge_alike(tmp_path: Path) -> None:
    paths = []
    for number, forged in enumerate([BUNDLE, *FORGED]):
        paths.append(tmp_path / f"{number}.zip")
        paths[-1].write_bytes(forged)
    ended = subprocess.run(
        ["node", str(VERIFIER), "--json", *map(str, paths)], capture_output=True, text=True, check=False
    )
    other = [json.loads(line)["verdict"] for line in ended.stdout.splitlines()]
    mine = [verdict(path.read_bytes()) for path in paths]

    assert [(path.name, a, b) for path, a, b in zip(paths, mine, other, strict=True) if a != b] == []
    assert {"verified", "refused"} <= set(mine)
