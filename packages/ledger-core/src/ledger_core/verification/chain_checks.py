"""Checks that the earlier statements lead, hash by hash, from the node's first to this one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.verification.bundle_format import CHAIN, STATEMENT
from ledger_core.verification.report import Findings
from ledger_core.verification.statement_document import StatementDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The earlier statements: how many, the hash of the last, and the window of each epoch."""

    length: int
    head_hash: str | None
    windows: dict[int, EpochWindow]


def check_chain(
    documents: Iterable[tuple[int, StatementDocument]], statement: StatementDocument, findings: Findings
) -> Chain:
    """Walk the chain to the statement, noting differences; memory holds one document and all windows."""
    findings.passed("chain-epochs", "chain-windows")
    windows: dict[int, EpochWindow] = {}
    head_hash: str | None = None
    length = 0
    for number, document in documents:
        length = number
        where = f"{CHAIN} line {number}"
        _check_link(document, where, head_hash, statement, windows, findings)
        head_hash = document.statement_hash
        windows[document.epoch_id] = document.window
    _check_link(statement, STATEMENT, head_hash, statement, windows, findings)
    _check_disjoint([*windows.values(), statement.window], findings)
    return Chain(length=length, head_hash=head_hash, windows=windows)


def _check_link(
    document: StatementDocument,
    where: str,
    head_hash: str | None,
    statement: StatementDocument,
    windows: dict[int, EpochWindow],
    findings: Findings,
) -> None:
    findings.compare(
        "chain-links",
        f"{where} previous_statement_hash",
        expected=head_hash,
        found=document.previous_statement_hash,
    )
    findings.compare("chain-node", f"{where} node_id", expected=statement.node_id, found=document.node_id)
    if document.epoch_id in windows:
        findings.differs(
            "chain-epochs", f"{where} epoch_id", expected="an epoch once", found=f"{document.epoch_id} again"
        )


def _check_disjoint(windows: list[EpochWindow], findings: Findings) -> None:
    windows.sort()
    for earlier, later in pairwise(windows):
        if earlier.overlaps(later):
            findings.differs(
                "chain-windows", "the chain's windows", expected=f"none to overlap {earlier}", found=later
            )
