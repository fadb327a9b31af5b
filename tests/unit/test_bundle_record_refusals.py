"""Refusals of records: a line that is not canonical, or not of its form, is refused whatever the hashes say."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from ledger_core.domain.canonical_json import canonical_json
from ledger_core.verification.bundle_format import MANIFEST
from ledger_core.verification.refusals import BundleRefused
from ledger_core.verification.verifier import verify_open_bundle
from tests.bundle_forging import file_of, lines_of, manifest_of, put_together, take_apart, zip_of
from tests.bundle_histories import bundle_bytes, standard_history

BUNDLE = bundle_bytes(standard_history(), 3)
FILES = take_apart(BUNDLE)
MANIFEST_JSON = manifest_of(BUNDLE)
ALL = {**FILES, MANIFEST: MANIFEST_JSON}


def refusal_of(bundle: bytes) -> str:
    with pytest.raises(BundleRefused) as caught:
        verify_open_bundle(io.BytesIO(bundle))
    sentence = str(caught.value)
    assert sentence.isascii()
    assert sentence.isprintable()
    assert len(sentence) < 600
    return caught.value.code


NOT_CANONICAL: dict[str, Callable[[bytes], bytes]] = {
    "not json": lambda line: line[:-1],
    "not an object": lambda _: b"[]",
    "empty": lambda _: b"",
    "white space": lambda line: line.replace(b":", b": ", 1),
    "leading space": lambda line: b" " + line,
    "byte order mark": lambda line: b"\xef\xbb\xbf" + line,
    "utf-16": lambda line: line.decode().encode("utf-16-le"),
    "not utf-8": lambda line: line.replace(b"a", b"\xff", 1),
    "overlong": lambda line: line.replace(b"a", b"\xc1\xa1", 1),
    "carriage return": lambda line: line + b"\r",
    "a key twice": lambda line: line[:-1] + b"," + line[1:],
    "another field": lambda line: line[:-1] + b',"zzz":null}',
    "keys in another order": lambda line: canonical_json({"zzz": 0})[:-1] + b"," + line[1:],
    "a needless escape": lambda line: line.replace(b"a", b"\\u0061", 1),
    "a lone surrogate": lambda line: line.replace(b'"user_id":"', b'"user_id":"\\ud800', 1).replace(
        b'"component_id":"', b'"component_id":"\\ud800', 1
    ),
    "deep nesting": lambda _: b"[" * 100_000,
    "deeper objects": lambda _: b'{"a":' * 70 + b"1" + b"}" * 70,
    "a huge integer": lambda _: b"9" * 100_000,
    "a float": lambda _: b"1.0",
    "minus zero": lambda _: b"-0",
    "not a number": lambda _: b"NaN",
}


@pytest.mark.parametrize("what", NOT_CANONICAL)
@pytest.mark.parametrize(
    "name", ["events.jsonl", "allocations.jsonl", "pool.jsonl", "chain.jsonl", "statement.json"]
)
def test_a_line_that_is_not_canonical_is_refused(name: str, what: str) -> None:
    if name in ("chain.jsonl", "statement.json") and what == "a lone surrogate":
        what = "not utf-8"
    spoil = NOT_CANONICAL[what]
    if name == "statement.json":
        data = spoil(FILES[name])
    else:
        first, rest = FILES[name].split(b"\n", 1)
        data = spoil(first) + b"\n" + rest
    assert refusal_of(put_together({**FILES, name: data})) == "bundle-record-invalid"


WRONG_FIELDS: tuple[tuple[str, tuple[str, ...], Any], ...] = (
    ("events.jsonl", ("payload", "id"), "two\nlines"),
    ("events.jsonl", ("payload", "id"), 7),
    ("events.jsonl", ("payload", "source"), "Not a name"),
    ("events.jsonl", ("payload", "event_type"), "a:b"),
    ("events.jsonl", ("payload", "event_time"), "2026-11-16 00:00:00"),
    ("events.jsonl", ("payload", "event_time"), "2026-02-30T00:00:00Z"),
    ("events.jsonl", ("payload", "event_time"), 5),
    ("events.jsonl", ("payload", "metadata"), []),
    ("events.jsonl", ("payload", "platform_login"), 5),
    ("events.jsonl", ("payload",), []),
    ("events.jsonl", ("payload", "more"), None),
    ("events.jsonl", ("payload_hash",), "A" * 64),
    ("events.jsonl", ("payload_hash",), None),
    ("events.jsonl", ("producer",), None),
    ("events.jsonl", ("producer_version",), ""),
    ("events.jsonl", ("retrieved_at",), None),
    ("events.jsonl", ("retrieved_at",), "today"),
    ("events.jsonl", ("curation",), None),
    ("events.jsonl", ("curation", "included"), 1),
    ("events.jsonl", ("curation", "note"), 1),
    ("events.jsonl", ("curation", "judged_by"), 1),
    ("events.jsonl", ("curation", "judged_at"), 1),
    ("events.jsonl", ("curation", "judged_at"), "today"),
    ("events.jsonl", ("curation", "user_id"), "a\nb:5"),
    ("events.jsonl", ("curation", "user_id"), ""),
    ("events.jsonl", ("curation", "weight_override_milli"), 5),
    ("events.jsonl", ("curation", "weight_override_milli"), "05"),
    ("events.jsonl", ("curation", "weight_override_milli"), "-5"),
    ("events.jsonl", ("curation", "weight_override_milli"), "\u0665"),
    ("events.jsonl", ("curation", "weight_override_milli"), str(2**63)),
    ("events.jsonl", ("curation", "late_from_epoch_id"), 1),
    ("allocations.jsonl", ("user_id",), "a\nb:5"),
    ("allocations.jsonl", ("proposed_units",), 5),
    ("allocations.jsonl", ("final_units",), str(2**63)),
    ("allocations.jsonl", ("activity_count",), -1),
    ("allocations.jsonl", ("activity_count",), True),
    ("allocations.jsonl", ("override_reason",), 5),
    ("allocations.jsonl", ("override_by",), 5),
    ("allocations.jsonl", ("override_at",), 5),
    ("allocations.jsonl", ("override_at",), "2026-11-16"),
    ("pool.jsonl", ("amount_credits",), 100),
    ("pool.jsonl", ("amount_credits",), "1e3"),
    ("pool.jsonl", ("component_id",), ""),
    ("pool.jsonl", ("algorithm_version",), 1),
    ("pool.jsonl", ("computed_at",), None),
    ("pool.jsonl", ("evidence_ref",), 1),
    ("pool.jsonl", ("inputs",), None),
    ("chain.jsonl", ("node_id",), "0C0FFEE0-1111-4222-8333-444455556666"),
    ("chain.jsonl", ("node_id",), "no"),
    ("chain.jsonl", ("epoch_id",), 1),
    ("chain.jsonl", ("period_start",), "9999-12-31T00:00:00Z"),
    ("chain.jsonl", ("weight_config",), {"a:b": -1}),
    ("chain.jsonl", ("weight_config",), []),
    ("chain.jsonl", ("payouts",), {}),
    ("chain.jsonl", ("pool_components",), None),
    ("chain.jsonl", ("previous_statement_hash",), ""),
    ("chain.jsonl", ("undistributed_credits",), 0),
    ("chain.jsonl", ("one_more",), 0),
)


@pytest.mark.parametrize(("name", "path", "value"), WRONG_FIELDS)
def test_a_field_of_another_type_or_form_is_refused(name: str, path: tuple[str, ...], value: object) -> None:
    records = lines_of(FILES[name])
    target = records[-1]
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value

    assert refusal_of(put_together({**FILES, name: file_of(records)})) == "bundle-record-invalid"


@pytest.mark.parametrize(
    "manifest",
    [
        {},
        {"format": "ledger-bundle/1"},
        {"format": "ledger-bundle/1", "files": {}, "statement_hash": "0" * 64},
        {"format": "ledger-bundle/1", "files": [], "statement_hash": "0" * 64},
        [],
    ],
)
def test_a_manifest_of_another_form_is_refused(manifest: Any) -> None:
    assert refusal_of(zip_of({**ALL, MANIFEST: canonical_json(manifest)})) == "bundle-record-invalid"


@pytest.mark.parametrize(("field", "value"), [("records", 2), ("bytes", "1"), ("sha256", "0"), ("more", 1)])
def test_a_manifest_whose_file_is_of_another_form_is_refused(field: str, value: object) -> None:
    manifest = lines_of(MANIFEST_JSON)[0]
    manifest["files"]["statement.json"][field] = value

    assert refusal_of(zip_of({**ALL, MANIFEST: canonical_json(manifest)})) == "bundle-record-invalid"


def test_a_last_line_without_an_end_is_refused() -> None:
    data = FILES["events.jsonl"][:-1]
    assert refusal_of(put_together({**FILES, "events.jsonl": data})) == "bundle-record-invalid"
