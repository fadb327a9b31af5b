"""Writes the bundle of a closed epoch: one pass over a snapshot, memory flat in events and statements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from ledger_core.amendment_errors import StatementUnknown
from ledger_core.domain.statement import PayoutStatement
from ledger_core.errors import StatementNotFound
from ledger_core.identifiers import EpochId
from ledger_core.ports.ledger import LedgerView
from ledger_core.verification.bundle_format import (
    ALLOCATIONS,
    CHAIN,
    EVENTS,
    FILES,
    MANIFEST,
    MAX_LINE_BYTES,
    POOL,
    STATEMENT,
    FileSummary,
    Manifest,
)
from ledger_core.verification.records import allocation_line, component_line, event_line
from ledger_core.verification.refusals import BundleLineTooLong
from ledger_core.verification.zip_writer import ZipWriter

TOLD_EVERY_EVENTS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleSummary:
    """What was written: the statement's hash, the records of each kind, and the file's size."""

    statement_hash: str
    events: int
    allocations: int
    pool_components: int
    earlier_statements: int
    size_bytes: int


def write_bundle(
    view: LedgerView,
    epoch_id: EpochId,
    file: BinaryIO,
    *,
    statement_hash: str | None = None,
    tell: Callable[[int], None] | None = None,
) -> BundleSummary:
    """Write the bundle `ledger-bundle/1` of a closed epoch to an empty, seekable file.

    Of an amended epoch it is that of the newest statement, or of the one with statement_hash. tell is called with how
    many events are written, every thousand of them.

    Holds:  equal stored data give equal bytes, on every machine and Python. Nothing is recomputed or
            mended on the way: what the store says is what the verifier will see.
    Raises: EpochNotFound, StatementNotFound for an open epoch, StatementUnknown, StatementCorrupt, BundleLineTooLong for
            a record beyond the format's limits, InvalidValue for a file that cannot seek.
    """
    view.epochs.get(epoch_id)
    statement = find_version(view, epoch_id, statement_hash)
    contents: dict[str, Iterable[bytes]] = {
        STATEMENT: (statement.document(),),
        CHAIN: _earlier_documents(view, statement),
        POOL: map(component_line, view.pool.list_all(epoch_id)),
        ALLOCATIONS: map(allocation_line, view.allocations.list_all(epoch_id)),
        EVENTS: _told(map(event_line, view.curation.ordered_activity(epoch_id)), tell),
    }
    container = ZipWriter(file)
    files = {name: _write_file(container, name, contents[name]) for name in FILES}
    manifest = container.begin(MANIFEST)
    manifest.write(Manifest(statement_hash=statement.statement_hash, files=files).document())
    container.end(manifest)
    return BundleSummary(
        statement_hash=statement.statement_hash,
        events=files[EVENTS].records,
        allocations=files[ALLOCATIONS].records,
        pool_components=files[POOL].records,
        earlier_statements=files[CHAIN].records,
        size_bytes=container.finish(),
    )


def _told(lines: Iterable[bytes], tell: Callable[[int], None] | None) -> Iterable[bytes]:
    if tell is None:
        return lines
    return _counted(lines, tell)


def _counted(lines: Iterable[bytes], tell: Callable[[int], None]) -> Iterator[bytes]:
    for number, line in enumerate(lines):
        if number % TOLD_EVERY_EVENTS == 0:
            tell(number)
        yield line


def find_version(view: LedgerView, epoch_id: EpochId, statement_hash: str | None) -> PayoutStatement:
    """Return the epoch's statement of that hash; without one its newest, which counts.

    Raises: StatementNotFound, StatementUnknown, StatementCorrupt.
    """
    newest = view.statements.find(epoch_id)
    if newest is None:
        raise StatementNotFound(epoch_id)
    if statement_hash in (None, newest.statement_hash):
        return newest
    for found in view.statements.versions(epoch_id):
        if found.statement_hash == statement_hash:
            return found
    raise StatementUnknown(epoch_id, statement_hash)


def _earlier_documents(view: LedgerView, statement: PayoutStatement) -> Iterator[bytes]:
    for earlier in view.statements.chain():
        if earlier.statement_hash == statement.statement_hash:
            return
        yield earlier.document()
    raise AssertionError("the chain must lead to each of its statements")


def _write_file(container: ZipWriter, name: str, records: Iterable[bytes]) -> FileSummary:
    limit_bytes = MAX_LINE_BYTES[name]
    line_end = b"" if name == STATEMENT else b"\n"
    entry = container.begin(name)
    written = 0
    for record in records:
        written += 1
        if len(record) > limit_bytes:
            raise BundleLineTooLong(name, written, limit_bytes)
        entry.write(record + line_end)
    container.end(entry)
    return FileSummary(size_bytes=entry.size_bytes, records=written, sha256=entry.sha256())
