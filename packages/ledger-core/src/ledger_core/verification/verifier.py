"""Verifies a bundle offline: recomputes a statement from its events and compares every step.

Nothing stored is trusted: hashes, sums, payouts and the document itself are computed again. What this
cannot see is a bundle that was forged from its first event on; against that stand a hash that was
published elsewhere (`expected_hash`) and the node's chain.
"""

from __future__ import annotations

import os
import stat
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO

from ledger_core.domain.canonical_json import JsonValue, canonical_json
from ledger_core.domain.instant import instant_text
from ledger_core.ports.watcher import Counted, Unwatched, Watcher
from ledger_core.verification import fields
from ledger_core.verification.bundle_format import ALLOCATIONS, CHAIN, EVENTS, POOL, STATEMENT
from ledger_core.verification.bundle_reader import Bundle, open_bundle
from ledger_core.verification.chain_checks import check_chain
from ledger_core.verification.event_checks import check_events
from ledger_core.verification.event_lines import EventLines
from ledger_core.verification.payout_checks import check_allocations, check_payouts, check_pool
from ledger_core.verification.records import parse_allocation, parse_component
from ledger_core.verification.refusals import NotABundle
from ledger_core.verification.report import Findings, VerificationReport
from ledger_core.verification.statement_document import (
    ALLOCATION_ALGORITHM,
    PAYOUT_ALGORITHM,
    StatementDocument,
    parse_statement,
)


def verify_bundle(
    path: str | os.PathLike[str], *, expected_hash: str | None = None, watcher: Watcher | None = None
) -> VerificationReport:
    """Recompute everything that a bundle states, and report each check with its first difference.

    Holds:   the file is only read; memory grows with users and with one document, not with events.
             With expected_hash (a statement hash from elsewhere), another statement is a difference.
    Raises:  BundleRefused when the file is no well-formed bundle, InvalidValue for an expected_hash that
             is no SHA-256 hex, OSError when it cannot be read.
    """
    if expected_hash is not None:
        fields.sha256_hex("expected hash", expected_hash)
    source = Path(path)
    if not stat.S_ISREG(source.stat().st_mode):  # opening a pipe would wait for ever
        raise NotABundle("it is no regular file")
    with source.open("rb") as file:
        return verify_open_bundle(file, expected_hash=expected_hash, watcher=watcher)


def verify_open_bundle(
    file: BinaryIO, *, expected_hash: str | None = None, watcher: Watcher | None = None
) -> VerificationReport:
    """Do the same with a seekable file that is open for reading.

    Raises: BundleRefused, OSError.
    """
    bundle = open_bundle(file)
    findings = Findings()
    watcher = Unwatched() if watcher is None else watcher
    watcher.tell("the files' checksums")
    statement_hash = bundle.check_files(findings)
    if findings.has_difference("files"):  # damaged: what its lines say is of no interest
        return VerificationReport(statement_hash=statement_hash, checks=findings.checks())
    findings.compare(
        "statement-hash",
        "manifest's statement_hash",
        expected=statement_hash,
        found=bundle.manifest.statement_hash,
    )
    if expected_hash is not None:
        findings.compare("expected-hash", STATEMENT, expected=expected_hash, found=statement_hash)
    return _recompute(bundle, findings, watcher)


def _recompute(bundle: Bundle, findings: Findings, watcher: Watcher) -> VerificationReport:
    statement, document = bundle.statement(parse_statement)
    counted = {
        name: Counted(watcher, total=bundle.manifest.files[name].records, what=what)
        for name, what in ((CHAIN, "earlier statements"), (EVENTS, "events"))
    }
    chain = check_chain(counted[CHAIN].of(bundle.records(CHAIN, parse_statement)), statement, findings)
    components, pool_total = check_pool(bundle.records(POOL, parse_component), statement, findings)
    events = counted[EVENTS].of(bundle.records(EVENTS, EventLines()))
    activity = check_events(events, statement, chain.windows, findings)
    units, allocation_set_hash = check_allocations(
        bundle.records(ALLOCATIONS, parse_allocation), activity, statement, findings
    )
    payouts, undistributed = check_payouts(units, pool_total, statement, findings)
    rebuilt = _rebuilt_document(
        statement,
        activity_set_hash=activity.set_hash,
        allocation_set_hash=allocation_set_hash,
        pool_components=components,
        pool_total_credits=str(pool_total),
        payouts=payouts,
        undistributed_credits=str(undistributed),
        previous_statement_hash=chain.head_hash,
    )
    if rebuilt == document:
        findings.passed("document")
    else:
        pairs = enumerate(zip_longest(rebuilt, document))
        place = next(at for at, (mine, stated) in pairs if mine != stated)
        findings.differs(
            "document",
            f"{STATEMENT} byte {place}",
            expected=excerpt(rebuilt, place),
            found=excerpt(document, place),
        )
    return VerificationReport(
        statement_hash=statement.statement_hash,
        checks=findings.checks(),
        events=activity.events,
        allocations=len(units),
        pool_components=len(components),
        earlier_statements=chain.length,
        node_id=statement.node_id,
        epoch_id=str(statement.epoch_id),
        pool_total_credits=str(pool_total),
    )


def excerpt(document: bytes, place: int) -> str:
    """Return a few characters of a document from a byte on, whichever byte of a character that is."""
    return document[place : place + 40].decode("utf-8", "replace")


def _rebuilt_document(statement: StatementDocument, **computed: JsonValue) -> bytes:
    """Return the document that follows from what was computed; only the epoch's own facts are taken over."""
    facts: dict[str, JsonValue] = {}
    if statement.completeness or statement.amendment is not None:
        facts["completeness"] = statement.completeness
    if statement.amendment is not None:
        facts["amendment"] = statement.amendment.document()
    return canonical_json(
        {
            **facts,
            "format": statement.format,
            "node_id": statement.node_id,
            "epoch_id": str(statement.epoch_id),
            "period_start": instant_text(statement.window.period_start),
            "period_end": instant_text(statement.window.period_end),
            "weight_config": dict(statement.weight_config),
            "allocation_algorithm": ALLOCATION_ALGORITHM,
            "payout_algorithm": PAYOUT_ALGORITHM,
            **computed,
        }
    )
