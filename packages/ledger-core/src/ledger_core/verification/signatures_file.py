"""`ledger-signatures/1`: who is said to have signed a statement, in a file of its own beside the bundle.

The bundle stays as it is however many sign. Here is the form alone: to recover who signed takes a curve that
the standard library does not have.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from ledger_core.domain.canonical_json import canonical_json, parse_canonical_json
from ledger_core.domain.signature import StatementSignature
from ledger_core.domain.statement import PayoutStatement
from ledger_core.errors import InvalidValue, LedgerError
from ledger_core.verification import fields
from ledger_core.verification.refusals import BundleFormatUnsupported, BundleRefused, SignaturesRefused
from ledger_core.verification.report import VerificationReport
from ledger_core.verification.statement_document import check_node_id

SIGNATURES_FORMAT: Final = "ledger-signatures/1"
MAX_SIGNATURES: Final = 1_000
MAX_SIGNATURES_BYTES: Final = 1_048_576
_FIELDS: Final = frozenset(
    ("epoch_id", "format", "node_id", "pool_total_credits", "signatures", "statement_hash")
)
_SIGNATURE: Final = frozenset(("signature", "signer"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SignaturesFile:
    """What is signed, as the text that is signed names it, and the signatures, ordered by signer."""

    node_id: str
    epoch_id: str
    statement_hash: str
    pool_total_credits: str
    signatures: tuple[StatementSignature, ...]

    def document(self) -> bytes:
        """Return the file, in canonical JSON."""
        return canonical_json(
            {
                "format": SIGNATURES_FORMAT,
                "node_id": self.node_id,
                "epoch_id": self.epoch_id,
                "statement_hash": self.statement_hash,
                "pool_total_credits": self.pool_total_credits,
                "signatures": [
                    {"signature": each.signature, "signer": each.signer} for each in self.signatures
                ],
            }
        )


def signatures_file(statement: PayoutStatement, signatures: Sequence[StatementSignature]) -> SignaturesFile:
    """Return the file of a statement's signatures."""
    return SignaturesFile(
        node_id=str(statement.node_id),
        epoch_id=str(statement.epoch_id),
        statement_hash=statement.statement_hash,
        pool_total_credits=str(statement.pool_total_credits),
        signatures=tuple(sorted(signatures, key=lambda each: each.signer)),
    )


def read_signatures(path: str | os.PathLike[str]) -> SignaturesFile:
    """Return what a file of signatures says.

    Raises: BundleRefused for what is none, OSError.
    """
    source = Path(path)
    if source.exists() and not source.is_file():  # opening a pipe would wait for ever
        raise SignaturesRefused("it is no regular file")
    with source.open("rb") as file:
        data = file.read(MAX_SIGNATURES_BYTES + 1)
    if len(data) > MAX_SIGNATURES_BYTES:
        raise SignaturesRefused(f"it is larger than {MAX_SIGNATURES_BYTES} bytes")
    try:
        return parse_signatures(data)
    except BundleRefused:
        raise
    except LedgerError as error:
        raise SignaturesRefused(str(error)) from error


def find_difference(found: SignaturesFile, report: VerificationReport) -> str | None:
    """Return why the signatures are not of the statement that was verified; None if they are."""
    pairs = (
        ("statement", found.statement_hash, report.statement_hash),
        ("node", found.node_id, report.node_id),
        ("epoch", found.epoch_id, report.epoch_id),
        ("pool", found.pool_total_credits, report.pool_total_credits),
    )
    for what, stated, verified in pairs:
        if stated != verified:
            return f"they are of {what} {stated}, and the bundle is of {verified}"
    return None


def parse_signatures(data: bytes) -> SignaturesFile:
    """Return what a file of signatures says; each signer signs once, in order.

    Raises: NotCanonical, InvalidValue, BundleFormatUnsupported.
    """
    value = parse_canonical_json(data)
    if isinstance(value, dict) and "format" in value and value["format"] != SIGNATURES_FORMAT:
        raise BundleFormatUnsupported("format of the signatures", SIGNATURES_FORMAT, value["format"])
    value = fields.record("signatures", value, _FIELDS)
    statement_hash = fields.sha256_hex("statement_hash", value["statement_hash"])
    fields.quantity("epoch_id", value["epoch_id"])
    fields.quantity("pool_total_credits", value["pool_total_credits"])
    entries = value["signatures"]
    if not isinstance(entries, list) or len(entries) > MAX_SIGNATURES:
        raise InvalidValue("signatures", f"must be a list of at most {MAX_SIGNATURES}")
    parts = [fields.record("signature", entry, _SIGNATURE) for entry in entries]
    signatures = tuple(
        StatementSignature(statement_hash=statement_hash, signer=part["signer"], signature=part["signature"])
        for part in parts
    )
    if any(later.signer <= earlier.signer for earlier, later in pairwise(signatures)):
        raise InvalidValue("signatures", "must have each signer once, in order")
    return SignaturesFile(
        node_id=check_node_id(value["node_id"]),
        epoch_id=value["epoch_id"],
        statement_hash=statement_hash,
        pool_total_credits=value["pool_total_credits"],
        signatures=signatures,
    )
