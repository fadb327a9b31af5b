"""Checks that the earlier statements lead, hash by hash, from the node's first to this one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Self

from ledger_core.domain.amendment import Amendment
from ledger_core.domain.canonical_json import JsonValue, canonical_json
from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.verification.bundle_format import CHAIN, STATEMENT
from ledger_core.verification.report import Findings
from ledger_core.verification.statement_document import StatementDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The earlier statements: how many, the hash of the last, and the window of each earlier epoch."""

    length: int
    head_hash: str | None
    windows: dict[int, EpochWindow]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Latest:
    """An epoch's newest statement so far, and what of it no amendment changes."""

    statement_hash: str
    window: EpochWindow
    fixed: tuple[str, str, str]

    @classmethod
    def of(cls, document: StatementDocument) -> Self:
        # Weights, pool and streams by their hash: memory holds one of these for each epoch.
        facts: list[JsonValue] = [
            dict(document.weight_config),
            document.pool_components,
            document.completeness,
        ]
        digest = sha256(canonical_json(facts)).hexdigest()
        return cls(
            statement_hash=document.statement_hash,
            window=document.window,
            fixed=(document.activity_set_hash, document.pool_total_credits, digest),
        )


def check_chain(
    documents: Iterable[tuple[int, StatementDocument]], statement: StatementDocument, findings: Findings
) -> Chain:
    """Walk the chain to the statement, noting differences; memory holds one document and all windows."""
    findings.passed("chain-epochs", "chain-windows")
    latest: dict[int, _Latest] = {}
    head_hash: str | None = None
    length = 0
    for number, document in documents:
        length = number
        where = f"{CHAIN} line {number}"
        _check_link(document, where, head_hash, statement, latest, findings)
        head_hash = document.statement_hash
        latest[document.epoch_id] = _Latest.of(document)
    _check_link(statement, STATEMENT, head_hash, statement, latest, findings)
    if statement.amendment is not None:
        latest.pop(
            statement.epoch_id, None
        )  # what it supersedes has the same window, and is no earlier epoch
    windows = {epoch_id: found.window for epoch_id, found in latest.items()}
    _check_disjoint([*windows.values(), statement.window], findings)
    return Chain(length=length, head_hash=head_hash, windows=windows)


def _check_link(
    document: StatementDocument,
    where: str,
    head_hash: str | None,
    statement: StatementDocument,
    latest: dict[int, _Latest],
    findings: Findings,
) -> None:
    findings.compare(
        "chain-links",
        f"{where} previous_statement_hash",
        expected=head_hash,
        found=document.previous_statement_hash,
    )
    findings.compare("chain-node", f"{where} node_id", expected=statement.node_id, found=document.node_id)
    before = latest.get(document.epoch_id)
    if document.amendment is not None:
        _check_amendment(document, document.amendment, where, before, findings)
    elif before is not None:
        findings.differs(
            "chain-epochs", f"{where} epoch_id", expected="an epoch once", found=f"{document.epoch_id} again"
        )


def _check_amendment(
    document: StatementDocument,
    amendment: Amendment,
    where: str,
    before: _Latest | None,
    findings: Findings,
) -> None:
    """Check that an amendment supersedes its epoch's newest statement, and changes nothing but allocations."""
    findings.compare(
        "chain-epochs",
        f"{where} amendment supersedes",
        expected=None if before is None else before.statement_hash,
        found=amendment.supersedes,
    )
    if before is None:
        return
    if _Latest.of(document).fixed != before.fixed:
        findings.differs(
            "chain-epochs",
            f"{where} of epoch {document.epoch_id}",
            expected="the events, weights, pool and streams of what it supersedes",
            found="others",
        )
    if document.window != before.window:
        findings.differs("chain-windows", f"{where} window", expected=before.window, found=document.window)


def _check_disjoint(windows: list[EpochWindow], findings: Findings) -> None:
    windows.sort()
    for earlier, later in pairwise(windows):
        if earlier.overlaps(later):
            findings.differs(
                "chain-windows", "the chain's windows", expected=f"none to overlap {earlier}", found=later
            )
