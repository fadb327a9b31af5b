"""The formats suffice for a second implementation: docs/formats/verify.mjs says what the verifier says.

It follows docs/formats.md and shares no code with `ledger_core`. Both judge every bundle here, and their
verdicts are compared: verified, different (with the name of the first check that fails), or refused.
"""

from __future__ import annotations

import io
import json
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ledger_core.domain.canonical_json import canonical_json
from ledger_core.testing import InMemoryLedger
from ledger_core.verification.refusals import BundleRefused
from ledger_core.verification.verifier import verify_open_bundle
from tests.bundle_forgeries import FORGERIES
from tests.bundle_forging import Parts, file_of, lines_of, manifest_of, put_together, take_apart, zip_of
from tests.bundle_histories import NODE, bundle_bytes, finalize, open_week, standard_history
from tests.unit.test_bundle_record_refusals import NOT_CANONICAL, WRONG_FIELDS

HERE = Path(__file__).parent
VECTORS = HERE / "vectors.json"
VERIFIER = HERE.parents[1] / "docs/formats/verify.mjs"
NODE_JS = shutil.which("node")

pytestmark = pytest.mark.skipif(NODE_JS is None, reason="node is not here: docs/formats/verify.mjs needs it")

BUNDLES = {epoch: bundle_bytes(standard_history(), epoch) for epoch in (1, 2, 3)}
BUNDLE = BUNDLES[3]
FILES = take_apart(BUNDLE)
LINE_FILES = ("chain.jsonl", "pool.jsonl", "allocations.jsonl", "events.jsonl")
UNPINNED: dict[str, tuple[str, ...]] = {
    "events.jsonl": ("curation", "note"),
    "allocations.jsonl": ("override_reason",),
}
MAX_BIGINT = 2**63 - 1
Verdict = tuple[str, str | None]
VERIFIED: Verdict = ("verified", None)
REFUSED: Verdict = ("refused", None)

# What readers of JSON, text and time are known to take differently.
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**53 - 1, "", "0", "1", "00", "-0", "+1", "1.0", "1e3", " 1", "1\n",
    str(MAX_BIGINT), str(MAX_BIGINT + 1), "9" * 19, "9" * 20, "\u0661", [], {}, [None], {"a": None},
    "a", "base_issuance", "__proto__", "constructor", "\ufeffa", "a\ufeff", "a\u00a0", "\u3000a", "a\u180e",
    "\u2028", "a\x85", "a\x1f", "\ufb33", "\U0001f600", "\U0001f600" * 255, "\U0001f600" * 256, "a" * 255,
    "a" * 256, "0" * 64, "A" * 64, "0" * 63, "2026-11-16T00:00:00Z", "2026-11-16T00:00:00.000000Z",
    "2026-11-16T00:00:00.000001Z", "2026-11-16T00:00:00.001Z", "2026-11-16T24:00:00Z",
    "2026-11-16T23:59:60Z", "2026-02-29T00:00:00Z", "2024-02-29T00:00:00Z", "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2026-11-16T00:00:00z", "2026-11-16T00:00:00+00:00",
    "0c0ffee0-1111-4222-8333-444455556666", "0C0FFEE0-1111-4222-8333-444455556666",
    "0c0ffee0111142228333444455556666", "git", "a.b-c_d", "Git", "1a", "a" * 63, "a" * 64,
    {"github:pr_merged": 10**12}, {"github:pr_merged": 10**12 + 1}, {"github": 1}, {"a:b:c": 1}, {":": 1},
    {"__proto__": 1}, {"github:pr_merged": -1}, {"github:pr_merged": "3"}, {"github:pr_merged": True},
    {f"a:b{number}": 1 for number in range(1000)}, {f"a:b{number}": 1 for number in range(1001)},
)  # fmt: skip


def test_the_vectors_are_computed() -> None:
    found = run("--vectors", str(VECTORS))

    assert found.returncode == 0
    assert found.stdout == "VERIFIED 7 groups of vectors\n"


def test_a_wrong_vector_is_found(tmp_path: Path) -> None:
    vectors = json.loads(VECTORS.read_bytes())
    vectors["outputs"]["payouts"][0][0][3] = "33"
    changed = tmp_path / "vectors.json"
    changed.write_text(json.dumps(vectors), encoding="utf-8")

    found = run("--vectors", str(changed))

    assert found.returncode == 1
    assert found.stdout.startswith("DIFFERENT payouts: ")


def test_bundles_of_the_ledger_are_verified(tmp_path: Path) -> None:
    empty = InMemoryLedger(NODE)
    finalize(empty, open_week(empty, 0), 0)
    finalize(empty, open_week(empty, 1), 500)
    genuine = [*BUNDLES.values(), bundle_bytes(empty, 1), bundle_bytes(empty, 2)]

    found = compared(tmp_path, {f"genuine {number}": bundle for number, bundle in enumerate(genuine)})

    assert set(found.values()) == {VERIFIED}


def test_forgeries_are_found_by_the_same_check(tmp_path: Path) -> None:
    forged = {forge.__name__: forged_bundle(forge) for forge, _ in FORGERIES}

    found = compared(tmp_path, forged)

    assert {forge.__name__: ("different", check) for forge, check in FORGERIES} == found


def test_what_is_not_well_formed_is_refused(tmp_path: Path) -> None:
    found = compared(tmp_path, dict(malformed_bundles()))

    assert set(found.values()) == {REFUSED}


def test_random_bytes_flipped_in_the_file_give_the_same_verdict(tmp_path: Path) -> None:
    chosen = random.Random(1)
    damaged = {f"byte {at} ^ {1 << bit}": flipped(BUNDLE, at, bit) for at, bit in flips(chosen, BUNDLE, 300)}

    found = compared(tmp_path, damaged)

    assert VERIFIED not in found.values()


def test_random_bytes_flipped_before_the_manifest_was_made_give_the_same_verdict(tmp_path: Path) -> None:
    chosen = random.Random(2)
    forged = {
        f"{name} {at} ^ {1 << bit}": put_together({**FILES, name: flipped(FILES[name], at, bit)})
        for name in FILES
        for at, bit in flips(chosen, FILES[name], 50)
    }

    compared(tmp_path, forged)


def test_odd_values_in_any_field_give_the_same_verdict(tmp_path: Path) -> None:
    chosen = random.Random(3)

    found = compared(tmp_path, dict(odd_bundles(chosen, 150)))

    assert {verdict for verdict, _ in found.values()} == {"verified", "different", "refused"}


def test_a_line_as_long_as_the_limit_is_read_and_no_longer_one(tmp_path: Path) -> None:
    longest = 2**20

    found = compared(
        tmp_path,
        {f"{name} {size}": with_line_of(name, size) for name in UNPINNED for size in (longest, longest + 1)},
    )

    assert {f"{name} {longest}": VERIFIED for name in UNPINNED} | {
        f"{name} {longest + 1}": REFUSED for name in UNPINNED
    } == found


def test_the_edges_of_identifiers_and_times_are_the_same(tmp_path: Path) -> None:
    """In fields that no hash covers, so that a value is either well-formed, and verified, or refused."""
    found = compared(
        tmp_path,
        {
            f"{field} = {value!r}": with_event_field(field, value)
            for field in ("producer", "retrieved_at")
            for value in ODD_VALUES
        },
    )

    assert set(found.values()) == {VERIFIED, REFUSED}
    assert found[f"producer = {chr(0xFEFF) + 'a'!r}"] == VERIFIED
    assert found[f"producer = {'a' + chr(0xA0)!r}"] == REFUSED


@pytest.mark.parametrize("name", ["payouts", "pool_components"])
def test_a_null_after_a_list_is_found(name: str, tmp_path: Path) -> None:
    parts = Parts(BUNDLE)
    parts.statement[name].append(None)
    path = tmp_path / "bundle.zip"
    path.write_bytes(parts.bundle())

    answer = json.loads(run(str(path), "--json").stdout)

    assert ("different", name.replace("_", "-")) == python_verdict(parts.bundle())
    assert ("different", name.replace("_", "-")) == stated_verdict(answer)


def test_the_expected_hash_is_compared(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(BUNDLE)
    genuine = json.loads(run(str(path), "--json").stdout)["statement_hash"]

    assert run(str(path), "--expect", genuine).returncode == 0
    other = run(str(path), "--expect", "0" * 64)
    assert other.returncode == 1
    assert "expected-hash" in other.stdout


@pytest.mark.parametrize("arguments", [(), ("--expect", "0"), ("--unknown",), ("x", "--expect", "no hash")])
def test_wrong_usage_and_unreadable_files_exit_with_2(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert run(*arguments).returncode == 2
    assert run(str(tmp_path / "nothing.zip")).returncode == 2
    assert run(str(tmp_path)).returncode == 2


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert NODE_JS is not None
    return subprocess.run(
        [NODE_JS, str(VERIFIER), *arguments],
        capture_output=True, check=False, encoding="utf-8", timeout=60,
    )  # fmt: skip


def compared(folder: Path, bundles: Mapping[str, bytes]) -> dict[str, Verdict]:
    """Return the verdict on each bundle, in which both implementations must agree."""
    for number, bundle in enumerate(bundles.values()):
        (folder / f"{number}.zip").write_bytes(bundle)
    answered = run("--json", *(str(folder / f"{number}.zip") for number in range(len(bundles))))
    assert answered.stderr == ""
    answers = [json.loads(line) for line in answered.stdout.removesuffix("\n").split("\n")]
    found = dict(zip(bundles, map(stated_verdict, answers), strict=True))
    assert {name: python_verdict(bundle) for name, bundle in bundles.items()} == found
    return found


def stated_verdict(answer: dict[str, Any]) -> Verdict:
    difference = answer.get("first_difference")
    return answer["verdict"], None if difference is None else difference["check"]


def python_verdict(bundle: bytes) -> Verdict:
    try:
        difference = verify_open_bundle(io.BytesIO(bundle)).first_difference
    except BundleRefused:
        return REFUSED
    return VERIFIED if difference is None else ("different", difference.name)


def forged_bundle(forge: Callable[[Parts], None]) -> bytes:
    parts = Parts(BUNDLE)
    forge(parts)
    return parts.bundle()


def malformed_bundles() -> Iterator[tuple[str, bytes]]:
    """Yield what is no bundle by its container, by its manifest, or by a line or field of its contents."""
    manifest = manifest_of(BUNDLE)
    entries = {**FILES, "manifest.json": manifest}
    yield "nothing", b""
    yield "text", b"{}" * 500
    for size in random.Random(4).sample(range(len(BUNDLE)), 40):
        yield f"first {size} bytes", BUNDLE[:size]
    yield "one byte more", BUNDLE + b"\0"
    yield "one byte before", b"\0" + BUNDLE
    yield "twice", BUNDLE + BUNDLE
    yield "other order", zip_of({name: entries[name] for name in sorted(entries)})
    yield "one entry more", zip_of({**entries, "more.txt": b""})
    yield "manifest too long", zip_of({**FILES, "manifest.json": b" " * 65_537})
    for name in entries:
        yield f"no {name}", zip_of({key: entries[key] for key in entries if key != name})
    others: tuple[Any, ...] = ({}, [], None, {"format": "ledger-bundle/1"})
    for other in others:
        yield f"manifest {other}", zip_of({**FILES, "manifest.json": canonical_json(other)})
    for field, odd in (("records", 2), ("bytes", "1"), ("bytes", -1), ("sha256", "0"), ("more", 1)):
        changed = lines_of(manifest)[0]
        changed["files"]["statement.json"][field] = odd
        yield f"manifest {field} {odd}", zip_of({**FILES, "manifest.json": canonical_json(changed)})
    for name in LINE_FILES:
        first, rest = FILES[name].split(b"\n", 1)
        for what, spoil in NOT_CANONICAL.items():
            if name != "chain.jsonl" or what != "a lone surrogate":
                yield f"{name}: {what}", put_together({**FILES, name: spoil(first) + b"\n" + rest})
        yield f"{name}: no end of line", put_together({**FILES, name: FILES[name][:-1]})
    for name, path, value in WRONG_FIELDS:
        records = lines_of(FILES[name])
        place(records[-1], path, value)
        yield f"{name}: {path} = {value!r}", put_together({**FILES, name: file_of(records)})


def with_event_field(field: str, value: object) -> bytes:
    parts = Parts(BUNDLE)
    parts.events[0][field] = value
    return parts.bundle()


def with_line_of(name: str, size_bytes: int) -> bytes:
    """Return the bundle with a text that no hash of the statement covers so long that its line is."""
    records = lines_of(FILES[name])
    place(records[0], UNPINNED[name], "")
    place(records[0], UNPINNED[name], "x" * (size_bytes - len(canonical_json(records[0]))))
    return put_together({**FILES, name: file_of(records)})


def place(record: Any, path: tuple[Any, ...], value: object) -> None:
    for key in path[:-1]:
        record = record[key]
    record[path[-1]] = value


def odd_bundles(chosen: random.Random, number: int) -> Iterator[tuple[str, bytes]]:
    """Yield bundles with an odd value somewhere, and every hash that depends on it right, where it can be."""
    for round_number in range(number):
        parts = Parts(BUNDLE)
        name = chosen.choice(("statement", "chain", "pool", "allocations", "events", "events"))
        holder = (
            parts.statement
            if name == "statement"
            else chosen.choice(getattr(parts, name) or [parts.statement])
        )
        path = chosen.choice(list(paths_of(holder)))
        value = chosen.choice(ODD_VALUES)
        place(holder, path, value)
        if name == "events" and chosen.random() < 0.7:
            parts.hash_payload(parts.events.index(holder))
        if name == "chain" and chosen.random() < 0.7:
            parts.link_chain()
        yield f"{round_number} {name} {path} = {value!r}", parts.bundle()


def paths_of(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*before, key)
        yield from paths_of(inner, (*before, key))


def flips(chosen: random.Random, data: bytes, number: int) -> list[tuple[int, int]]:
    return [(chosen.randrange(len(data)), chosen.randrange(8)) for _ in range(number)]


def flipped(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :]
