"""What the verifier says of every forgery, and of every file that it refuses: whole sentences, hashes left out.

`python -m tests.bundle_sentences > tests/golden/bundle_sentences.json` writes down what it says now; read the
difference before it is committed.
"""

from __future__ import annotations

import io
import json
import re
import struct
import sys
import zipfile

from ledger_core.verification.refusals import BundleRefused
from ledger_core.verification.verifier import verify_open_bundle
from tests.bundle_forgeries import FORGERIES
from tests.bundle_forging import Parts, file_of, lines_of, put_together, take_apart, zip_of
from tests.bundle_histories import bundle_bytes, standard_history
from tests.unit.test_bundle_record_refusals import NOT_CANONICAL, WRONG_FIELDS
from tests.unit.test_bundle_refusals import ALL, CENTRAL_AT, ordinary_zip, with_bytes

BUNDLE = bundle_bytes(standard_history(), 3)
_HASH = re.compile("[0-9a-f]{40,64}")


def said_of(bundle: bytes) -> list[str]:
    """Return the sentence of the refusal, or those of the checks that failed."""
    try:
        report = verify_open_bundle(io.BytesIO(bundle))
    except BundleRefused as refusal:
        return [_HASH.sub("HASH", str(refusal))]
    return [_HASH.sub("HASH", str(check)) for check in report.checks if not check.is_ok]


def forged() -> dict[str, list[str]]:
    """Return what is said of each forgery."""
    said = {}
    for forge, _ in FORGERIES:
        parts = Parts(BUNDLE)
        forge(parts)
        said[forge.__name__] = said_of(parts.bundle())
    return said


def misshapen() -> dict[str, list[str]]:
    """Return what is said of each field of another type or form."""
    said = {}
    files = take_apart(BUNDLE)
    for name, path, value in WRONG_FIELDS:
        records = lines_of(files[name])
        target = records[-1]
        for key in path[:-1]:
            target = target[key]
        target[path[-1]] = value
        said[f"{name} {'.'.join(path)} = {value!r}"] = said_of(
            put_together({**files, name: file_of(records)})
        )
    return said


def spoiled() -> dict[str, list[str]]:
    """Return what is said of a first line that is not canonical."""
    files = take_apart(BUNDLE)
    first, rest = files["events.jsonl"].split(b"\n", 1)
    said = {
        what: said_of(put_together({**files, "events.jsonl": spoil(first) + b"\n" + rest}))
        for what, spoil in NOT_CANONICAL.items()
    }
    said["no end"] = said_of(put_together({**files, "events.jsonl": files["events.jsonl"][:-1]}))
    return said


def containers() -> dict[str, list[str]]:
    """Return what is said of zips that are laid out otherwise, and of what is no zip."""
    end64_at = BUNDLE.index(b"PK\x06\x06")
    sizes_at = CENTRAL_AT + 46 + len("statement.json") + 4
    doubled = zip_of({"pool2.jsonl": b"", **ALL})
    doubled_at = doubled.index(b"pool2.jsonl", doubled.index(b"PK\x01\x02"))
    manifest = lines_of(ALL["manifest.json"])[0]
    manifest["files"]["statement.json"]["records"] = 2
    bundles = {
        "nothing": b"",
        "cut": BUNDLE[:-1],
        "followed": BUNDLE + b"x",
        "entry missing": zip_of({name: ALL[name] for name in ALL if name != "pool.jsonl"}),
        "manifest missing": zip_of({name: ALL[name] for name in ALL if name != "manifest.json"}),
        "entry unknown": zip_of({**ALL, "../x": b""}),
        "entry not ascii": with_bytes(BUNDLE.index(b"events.jsonl", CENTRAL_AT), b"\xffvents"),
        "entry twice": doubled[:doubled_at] + b"chain.jsonl" + doubled[doubled_at + 11 :],
        "entries in another order": zip_of({name: ALL[name] for name in sorted(ALL)}),
        "entry compressed": ordinary_zip(zipfile.ZIP_DEFLATED),
        "entry encrypted": with_bytes(CENTRAL_AT + 8, struct.pack("<H", 1)),
        "ordinary": ordinary_zip(),
        "sizes that differ": with_bytes(sizes_at, struct.pack("<2Q", 1, 2)),
        "entry elsewhere": with_bytes(sizes_at + 16, struct.pack("<Q", 1)),
        "no entry in the directory": with_bytes(CENTRAL_AT, b"PK\x01\x03"),
        "directory elsewhere": with_bytes(end64_at + 40, struct.pack("<2Q", 2**63, 0)),
        "directory cut": with_bytes(end64_at + 40, struct.pack("<Q", end64_at - CENTRAL_AT - 50)),
        "end of another version": with_bytes(end64_at + 12, b"\x00"),
        "manifest too large": zip_of({**ALL, "manifest.json": b" " * 65_537}),
        "manifest of another format": zip_of({**ALL, "manifest.json": b'{"format":"ledger-bundle/2"}'}),
        "statement of two records": zip_of({**ALL, "manifest.json": file_of([manifest])[:-1]}),
    }
    return {what: said_of(bundle) for what, bundle in bundles.items()}


def sentences() -> dict[str, dict[str, list[str]]]:
    """Return all of it, by kind."""
    return {"containers": containers(), "spoiled": spoiled(), "misshapen": misshapen(), "forged": forged()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(sentences(), indent=2) + "\n")
