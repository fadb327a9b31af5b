"""What a forger of bundles needs: taking them apart, and putting them together with everything right."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from ledger_core.domain.canonical_json import canonical_json
from ledger_core.verification.bundle_format import FILES, MANIFEST, STATEMENT, FileSummary, Manifest
from ledger_core.verification.zip_writer import ZipWriter


class Parts:
    """A bundle taken apart, to be changed at will and put together with a right manifest."""

    def __init__(self, bundle: bytes) -> None:
        files = take_apart(bundle)
        self.statement: Any = lines_of(files["statement.json"])[0]
        self.chain = lines_of(files["chain.jsonl"])
        self.pool = lines_of(files["pool.jsonl"])
        self.allocations = lines_of(files["allocations.jsonl"])
        self.events = lines_of(files["events.jsonl"])

    def bundle(self) -> bytes:
        return put_together(
            {
                "statement.json": canonical_json(self.statement),
                "chain.jsonl": file_of(self.chain),
                "pool.jsonl": file_of(self.pool),
                "allocations.jsonl": file_of(self.allocations),
                "events.jsonl": file_of(self.events),
            }
        )

    def link_chain(self) -> None:
        """Make every document name the one before it: what a forger of history does."""
        previous = None
        for document in [*self.chain, self.statement]:
            document["previous_statement_hash"] = previous
            previous = sha256(canonical_json(document)).hexdigest()

    def hash_payload(self, number: int) -> None:
        event = self.events[number]
        event["payload_hash"] = sha256(canonical_json(event["payload"])).hexdigest()


def take_apart(bundle: bytes) -> dict[str, bytes]:
    """Return the contents of the bundle's files, without the manifest."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != MANIFEST}


def manifest_of(bundle: bytes) -> bytes:
    """Return the bundle's manifest."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return archive.read(MANIFEST)


def put_together(files: Mapping[str, bytes], *, statement_hash: str | None = None) -> bytes:
    """Return a bundle of the files as a careful forger makes it: manifest and container are right."""
    summaries = {
        name: FileSummary(
            size_bytes=len(data),
            records=1 if name == STATEMENT else data.count(b"\n"),
            sha256=sha256(data).hexdigest(),
        )
        for name, data in files.items()
    }
    stated = statement_hash or sha256(files[STATEMENT]).hexdigest()
    manifest = Manifest(statement_hash=stated, files=summaries).document()
    return zip_of({**{name: files[name] for name in FILES}, MANIFEST: manifest})


def zip_of(entries: Mapping[str, bytes]) -> bytes:
    """Return the entries in the bundle's container, whatever they are."""
    file = io.BytesIO()
    container = ZipWriter(file)
    for name, data in entries.items():
        entry = container.begin(name)
        entry.write(data)
        container.end(entry)
    container.finish()
    return file.getvalue()


def lines_of(data: bytes) -> list[Any]:
    """Return the parsed records of a file."""
    return [json.loads(line) for line in data.splitlines()]


def file_of(records: list[Any]) -> bytes:
    """Return records as a file of canonical lines."""
    return b"".join([canonical_json(record) + b"\n" for record in records])
