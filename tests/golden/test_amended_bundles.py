"""Amended statements: verified, forged, and judged alike by both verifiers."""

from __future__ import annotations

import copy
import io
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger_core.domain.canonical_json import canonical_json
from ledger_core.identifiers import EpochId
from ledger_core.testing import InMemoryLedger
from ledger_core.verification.bundle_writer import write_bundle
from ledger_core.verification.verifier import verify_open_bundle
from tests.bundle_forging import Parts
from tests.bundle_histories import amended_history, bundle_bytes
from tests.golden.test_counted_bundles import ODD, leaves, verdict

VERIFIER = Path(__file__).parents[2] / "docs/formats/verify.mjs"
LEDGER = amended_history()
EPOCHS = (1, 4, 5)


def bundle_of(ledger: InMemoryLedger, epoch_id: int, version: int) -> bytes:
    file = io.BytesIO()
    with ledger.read() as view:
        pinned = view.statements.versions(EpochId(epoch_id))[version].statement_hash
        write_bundle(view, EpochId(epoch_id), file, statement_hash=pinned)
    return file.getvalue()


def first_difference(bundle: bytes) -> str:
    difference = verify_open_bundle(io.BytesIO(bundle)).first_difference
    return "" if difference is None else difference.name


BUNDLES = {
    (epoch_id, version): bundle_of(LEDGER, epoch_id, version)
    for epoch_id, count in ((1, 3), (2, 1), (4, 2), (5, 1))
    for version in range(count)
}
LAST = BUNDLES[1, 2]  # the newest statement of the node: every other stands in its chain
HASH = verify_open_bundle(io.BytesIO(LAST)).statement_hash


def forged(change: Callable[[Parts], None], *, relink: bool = True) -> bytes:
    """Return the newest bundle changed, with hashes that are right again where they can be."""
    parts = Parts(LAST)
    change(parts)
    if relink:
        parts.link_chain()
    return parts.bundle()


def set_amendment(**values: Any) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        parts.statement["amendment"] |= values

    return change


def changed(path: tuple[Any, ...], to: object) -> bytes:
    def change(parts: Parts) -> None:
        place = parts.statement["amendment"]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to

    return forged(change)


def without(path: tuple[Any, ...]) -> bytes:
    def change(parts: Parts) -> None:
        place = parts.statement["amendment"]
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]

    return forged(change)


def superseding(parts: Parts) -> None:
    """Make the last statement supersede what its chain has of its epoch, as a forger would."""
    hashes = {each["epoch_id"]: sha256(canonical_json(each)).hexdigest() for each in parts.chain}
    parts.statement["amendment"]["supersedes"] = hashes[parts.statement["epoch_id"]]


def of_another_window(parts: Parts) -> None:
    parts.chain[0]["period_start"] = "2026-11-15T00:00:00Z"
    parts.link_chain()


def of_other_weights(parts: Parts) -> None:
    parts.chain[-1]["weight_config"] = {"github:review": 7}


def other_streams(parts: Parts) -> None:
    parts.statement["completeness"] = Parts(BUNDLES[4, 1]).statement["completeness"]


def without_what_it_supersedes(parts: Parts) -> None:
    parts.chain = [each for each in parts.chain if each["epoch_id"] != parts.statement["epoch_id"]]


def as_a_first_format(parts: Parts) -> None:
    del parts.statement["amendment"], parts.statement["completeness"]
    parts.statement["format"] = "ledger-statement/1"


def as_a_second_format(parts: Parts) -> None:
    del parts.statement["amendment"]
    parts.statement["format"] = "ledger-statement/2"


def without_completeness(parts: Parts) -> None:
    del parts.statement["completeness"]


def an_amendment_in_the_first_format(parts: Parts) -> None:
    parts.statement["format"] = "ledger-statement/1"


AMENDMENT = Parts(LAST).statement["amendment"]
ONE = AMENDMENT["corrections"][0]
PATHS = [path for path in leaves(AMENDMENT) if path]


def forgeries() -> Iterator[bytes]:
    yield from (changed(path, to) for path in PATHS for to in ODD)
    yield from (without(path) for path in PATHS)
    for path in ((), ("corrections", 0)):
        yield changed((*path, "more"), 1)
    for change in (
        set_amendment(corrections=[]),
        set_amendment(corrections=[ONE, ONE]),
        set_amendment(corrections=[ONE | {"user_id": "zz"}, ONE]),
        set_amendment(corrections=[ONE | {"user_id": "a"}, ONE]),
        set_amendment(corrections=[ONE | {"user_id": f"{number:04}"} for number in range(1_001)]),
        of_another_window,
        of_other_weights,
        other_streams,
        without_what_it_supersedes,
        as_a_first_format,
        as_a_second_format,
        without_completeness,
        an_amendment_in_the_first_format,
    ):
        yield forged(change)
        yield forged(change, relink=False)

        def relinked(parts: Parts, change: Callable[[Parts], None] = change) -> None:
            change(parts)
            parts.link_chain()
            if "amendment" in parts.statement and any(
                each["epoch_id"] == parts.statement["epoch_id"] for each in parts.chain
            ):
                superseding(parts)

        yield forged(relinked)


FORGED = list(forgeries())


def test_every_version_is_verified() -> None:
    """AMENDMENT_SUPERSEDES: the old ones stay verifiable, each by its own hash."""
    assert {verdict(bundle) for bundle in BUNDLES.values()} == {"verified"}
    formats = {key: Parts(bundle).statement["format"][-1] for key, bundle in BUNDLES.items()}
    assert formats == {
        (1, 0): "1", (1, 1): "3", (1, 2): "3", (2, 0): "1", (4, 0): "2", (4, 1): "3", (5, 0): "1",
    }  # fmt: skip


def test_without_a_hash_the_newest_is_written() -> None:
    assert bundle_bytes(LEDGER, 1) == LAST
    assert bundle_bytes(LEDGER, 4) == BUNDLES[4, 1]


def test_the_chain_holds_the_old_and_the_new() -> None:
    chain = Parts(LAST).chain
    assert [document["epoch_id"] for document in chain] == ["1", "2", "3", "4", "1", "5", "4"]
    assert [document["format"][-1] for document in chain] == ["1", "1", "1", "2", "3", "1", "3"]


def test_an_amendment_of_a_counted_epoch_keeps_its_streams() -> None:
    closed, amended = (Parts(BUNDLES[4, version]).statement for version in (0, 1))
    assert amended["completeness"] == closed["completeness"]
    assert Parts(LAST).statement["completeness"] == []


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (without_what_it_supersedes, "chain-epochs"),
        (as_a_first_format, "chain-epochs"),
        (set_amendment(supersedes="f" * 64), "chain-epochs"),
        (set_amendment(corrections=[]), "allocation-set"),
        (other_streams, "chain-epochs"),
    ],
)
def test_the_first_difference_is_named(change: Callable[[Parts], None], check: str) -> None:
    assert first_difference(forged(change)) == check


def test_an_amendment_must_leave_window_weights_and_pool() -> None:
    """AMENDMENT_SUPERSEDES: seen from the chain alone, whoever computed all hashes anew."""

    def others(**values: Any) -> bytes:
        def change(parts: Parts) -> None:
            for document in parts.chain:
                if document["epoch_id"] == "1" and "amendment" in document:
                    document.update(copy.deepcopy(values))
            parts.link_chain()
            superseding(parts)

        return forged(change)

    assert first_difference(others(weight_config={"github:review": 1})) == "chain-epochs"
    assert first_difference(others(activity_set_hash="f" * 64)) == "chain-epochs"
    assert first_difference(others(pool_total_credits="1")) == "chain-epochs"
    assert first_difference(others(pool_components=[])) == "chain-epochs"
    assert first_difference(others(period_end="2026-11-22T00:00:00Z")) in {"chain-epochs", "chain-windows"}


def test_each_difference_of_an_amendment_is_told_in_full() -> None:
    """What is wrong, where, what should be there and what is."""
    superseded = sha256(canonical_json(Parts(LAST).chain[4])).hexdigest()
    other = first_told(forged(set_amendment(supersedes="f" * 64)))
    parts = Parts(BUNDLES[1, 1])
    without_what_it_supersedes(parts)
    parts.link_chain()
    alone = first_told(parts.bundle())
    streams = first_told(forged(other_streams))

    assert other == (
        f"chain-epochs: statement.json amendment supersedes: expected {superseded}, found {'f' * 64}"
    )
    assert alone == (
        f"chain-epochs: statement.json amendment supersedes: expected null,"
        f" found {parts.statement['amendment']['supersedes']}"
    )
    assert streams == (
        "chain-epochs: statement.json of epoch 1: expected the events, weights, pool and streams of what it"
        " supersedes, found others"
    )


def test_an_amendment_of_another_window_is_told_with_both() -> None:
    def change(parts: Parts) -> None:
        parts.statement["period_end"] = "2026-11-22T00:00:00Z"

    report = verify_open_bundle(io.BytesIO(forged(change)))
    (told,) = [str(check) for check in report.checks if check.name == "chain-windows" and not check.is_ok]
    before = Parts(LAST).statement
    assert told == (
        f"chain-windows: statement.json window: expected {before['period_start']}/{before['period_end']},"
        f" found {before['period_start']}/2026-11-22T00:00:00Z"
    )


def first_told(bundle: bytes) -> str:
    return str(verify_open_bundle(io.BytesIO(bundle)).first_difference)


def test_the_published_hash_holds_every_word_of_an_amendment() -> None:
    judged = [verdict(bundle, expected=HASH) for bundle in FORGED if bundle != LAST]

    assert len(judged) > 150
    assert "verified" not in judged


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not here: docs/formats/verify.mjs needs it")
def test_both_verifiers_judge_alike(tmp_path: Path) -> None:
    paths = []
    for number, bundle in enumerate([*BUNDLES.values(), *FORGED]):
        paths.append(tmp_path / f"{number}.zip")
        paths[-1].write_bytes(bundle)
    ended = subprocess.run(
        ["node", str(VERIFIER), "--json", *map(str, paths)], capture_output=True, text=True, check=False
    )
    other = [json.loads(line)["verdict"] for line in ended.stdout.splitlines()]
    mine = [verdict(path.read_bytes()) for path in paths]

    assert [(path.name, a, b) for path, a, b in zip(paths, mine, other, strict=True) if a != b] == []
    assert {"verified", "refused"} <= set(mine)
