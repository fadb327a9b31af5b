"""`ledger-bundle/1`: a statement with everything that it follows from, in one file that can be checked
without a network or a database. Here are the names, limits and manifest of the format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ledger_core.domain.canonical_json import canonical_json, parse_canonical_json
from ledger_core.errors import InvalidValue
from ledger_core.verification import fields
from ledger_core.verification.refusals import BundleFormatUnsupported

BUNDLE_FORMAT: Final = "ledger-bundle/1"

STATEMENT: Final = "statement.json"
CHAIN: Final = "chain.jsonl"
POOL: Final = "pool.jsonl"
ALLOCATIONS: Final = "allocations.jsonl"
EVENTS: Final = "events.jsonl"
MANIFEST: Final = "manifest.json"

# The order of the entries. The manifest is last: it holds the hashes of the others, which are known only
# when they are written, and a bundle is written in one pass over a snapshot that may be large.
FILES: Final = (STATEMENT, CHAIN, POOL, ALLOCATIONS, EVENTS)
ENTRIES: Final = (*FILES, MANIFEST)

MAX_MANIFEST_BYTES: Final = 65_536  # under 1,000 are used
MAX_DOCUMENT_BYTES: Final = 256 * 2**20  # two million payouts: no statement that PostgreSQL holds is larger
MAX_RECORD_BYTES: Final = 2**20  # metadata has at most 64 KiB; a reason or a link adds a few
MAX_LINE_BYTES: Final[Mapping[str, int]] = {
    STATEMENT: MAX_DOCUMENT_BYTES,
    CHAIN: MAX_DOCUMENT_BYTES,
    POOL: MAX_RECORD_BYTES,
    ALLOCATIONS: MAX_RECORD_BYTES,
    EVENTS: MAX_RECORD_BYTES,
}

_MANIFEST: Final = frozenset(("files", "format", "statement_hash"))
_FILE: Final = frozenset(("bytes", "records", "sha256"))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSummary:
    """What the manifest says of a file; a record is a line, and the whole of statement.json."""

    size_bytes: int
    records: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The contents of manifest.json."""

    statement_hash: str
    files: Mapping[str, FileSummary]

    def document(self) -> bytes:
        """Return the manifest in canonical JSON."""
        return canonical_json(
            {
                "files": {
                    name: {"bytes": file.size_bytes, "records": file.records, "sha256": file.sha256}
                    for name, file in self.files.items()
                },
                "format": BUNDLE_FORMAT,
                "statement_hash": self.statement_hash,
            }
        )


def parse_manifest(data: bytes) -> Manifest:
    """Return what the manifest says; its files are exactly those of the format.

    Raises: NotCanonical, InvalidValue, BundleFormatUnsupported.
    """
    value = parse_canonical_json(data)
    if isinstance(value, dict) and "format" in value and value["format"] != BUNDLE_FORMAT:
        raise BundleFormatUnsupported("bundle's format", BUNDLE_FORMAT, value["format"])
    value = fields.record("manifest", value, _MANIFEST)
    files = fields.record("files", value["files"], frozenset(FILES))
    return Manifest(
        statement_hash=fields.sha256_hex("statement_hash", value["statement_hash"]),
        files={name: _parse_file(name, files[name]) for name in FILES},
    )


def _parse_file(name: str, value: object) -> FileSummary:
    file = fields.record(name, value, _FILE)
    summary = FileSummary(
        size_bytes=fields.count("bytes", file["bytes"]),
        records=fields.count("records", file["records"]),
        sha256=fields.sha256_hex("sha256", file["sha256"]),
    )
    if name == STATEMENT and summary.records != 1:
        raise InvalidValue(name, "must be one record")
    return summary
