"""Check statements: each against its own row and against the allocations, and all of them as one chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from ledger_core.domain.allocation import compute_allocation_set_hash
from ledger_core.domain.epoch import Epoch
from ledger_core.domain.payouts import PayoutLine, compute_payouts
from ledger_core.domain.pool import PoolComponent
from ledger_core.domain.statement import PayoutStatement, statement_format
from ledger_core.domain.stream_reading import StreamCompleteness
from ledger_core.errors import LedgerError
from ledger_core.identifiers import EpochId, NodeId
from ledger_core.ports.coherence_reader import StoredEpoch, StoredStatement
from ledger_core.ports.ledger import LedgerView
from ledger_core.use_cases.coherence_findings import Findings
from ledger_core.use_cases.read_completeness import read_completeness


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLink:
    """What the whole of the ledger must know of a statement: a few hashes, whatever its size."""

    epoch_id: EpochId
    statement_hash: str
    previous_statement_hash: str | None
    is_correction: bool
    activity_set_hash: str

    @classmethod
    def of(cls, statement: StoredStatement) -> Self:
        """Return a statement's link."""
        return cls(
            epoch_id=statement.epoch_id,
            statement_hash=statement.statement_hash,
            previous_statement_hash=statement.previous_statement_hash,
            is_correction=statement.is_correction,
            activity_set_hash=statement.activity_set_hash,
        )


def check_statement(
    node_id: NodeId,
    view: LedgerView,
    statement: StoredStatement,
    stored: StoredEpoch | None,
    findings: Findings,
) -> None:
    """Check one statement; what needs a part that can't be read is left out, as that is a finding already."""
    kind = "amended statement" if statement.is_correction else "statement"
    name = f"{kind} of epoch {statement.epoch_id}"
    if statement.payouts is not None:
        _check_sum(name, statement, statement.payouts, findings)
    if stored is None:
        return
    if stored.components is not None:
        total = sum(part.amount_credits for part in stored.components)
        findings.compare("pool-total", name, expected=total, found=statement.pool_total_credits)
    computed = _compute_hash(node_id, statement, stored)
    findings.compare("statement-hashes", name, expected=computed, found=statement.statement_hash)
    wanted = statement_format(
        has_completeness=bool(statement.completeness), is_amendment=statement.is_correction
    )
    findings.compare("statement-hashes", f"{name}: format", expected=wanted, found=statement.format)
    if statement.is_correction:
        _check_amendment(name, statement, findings)
    elif stored.epoch is not None and stored.epoch.closed_at is not None:
        findings.compare(
            "frozen-rows", name, expected=f"of {stored.epoch.closed_at}", found=f"of {statement.created_at}"
        )
    _check_allocations(name, view, statement, findings)
    if stored.epoch is not None:
        _check_completeness(name, view, statement, stored.epoch, findings)


def check_chain(links: Sequence[StatementLink], findings: Findings) -> None:
    """Check that the statements are one line, from the first to the newest."""
    following: dict[str | None, list[StatementLink]] = {}
    for link in links:
        following.setdefault(link.previous_statement_hash, []).append(link)
    for previous, followers in following.items():
        if len(followers) > 1:
            findings.add(
                "statement-chain",
                "the node's first statement" if previous is None else f"statement {previous}",
                expected="1" if previous is None else "1 that follows it",
                found=f"those of epochs {', '.join(str(link.epoch_id) for link in followers)}",
            )
    reached = _reached(following)
    for link in links:
        if link.statement_hash not in reached:
            findings.add(
                "statement-chain",
                f"statement of epoch {link.epoch_id}",
                expected="to follow from the first statement",
                found=f"it names {link.previous_statement_hash}, from which none leads back",
            )


def _reached(following: Mapping[str | None, Sequence[StatementLink]]) -> set[str]:
    reached: set[str] = set()
    waiting: list[str | None] = [None]
    while waiting:
        for link in following.get(waiting.pop(), ()):
            if link.statement_hash not in reached:
                reached.add(link.statement_hash)
                waiting.append(link.statement_hash)
    return reached


def _check_sum(
    name: str, statement: StoredStatement, payouts: Sequence[PayoutLine], findings: Findings
) -> None:
    if payouts:
        paid = sum(line.amount_credits for line in payouts)
        findings.compare("payout-sum", name, expected=statement.pool_total_credits, found=paid)


def _compute_hash(node_id: NodeId, statement: StoredStatement, stored: StoredEpoch) -> str:
    """Return the hash that the rows give, or why they give none."""
    epoch, components = stored.epoch, stored.components
    payouts, completeness = statement.payouts, statement.completeness
    lacks_amendment = statement.is_correction and statement.amendment is None
    if epoch is None or components is None or payouts is None or completeness is None or lacks_amendment:
        return "a hash, but the rows make no statement"
    try:
        return _rebuilt(node_id, statement, epoch, components, payouts, completeness).statement_hash
    except LedgerError as error:
        return f"a hash, but {error}"


def _rebuilt(
    node_id: NodeId,
    statement: StoredStatement,
    epoch: Epoch,
    components: tuple[PoolComponent, ...],
    payouts: Sequence[PayoutLine],
    completeness: tuple[StreamCompleteness, ...],
) -> PayoutStatement:
    return PayoutStatement(
        node_id=node_id,
        epoch_id=statement.epoch_id,
        window=epoch.window,
        weight_config=epoch.weight_config,
        activity_set_hash=statement.activity_set_hash,
        allocation_set_hash=statement.allocation_set_hash,
        pool_components=components,
        pool_total_credits=statement.pool_total_credits,
        payouts=payouts,
        previous_statement_hash=statement.previous_statement_hash,
        completeness=completeness,
        amendment=statement.amendment,
    )


def _check_amendment(name: str, statement: StoredStatement, findings: Findings) -> None:
    """Compare what the amendment says to supersede with the row that its row does (AMENDMENT_SUPERSEDES)."""
    if statement.amendment is None:
        findings.add("statement-hashes", name, expected="an amendment as a document has it", found="another")
        return
    findings.compare(
        "statement-chain",
        f"{name}: superseded",
        expected=statement.superseded_hash,
        found=statement.amendment.supersedes,
    )


def _check_completeness(
    name: str, view: LedgerView, statement: StoredStatement, epoch: Epoch, findings: Findings
) -> None:
    """Compare what the statement says of its streams with what was read of them, and waived, until the close."""
    if statement.completeness is None:
        findings.add("completeness", name, expected="streams as a document has them", found="others")
        return
    at = statement.created_at if epoch.closed_at is None or not statement.is_correction else epoch.closed_at
    try:
        computed = read_completeness(view.completeness, epoch, at=at)
    except (LedgerError, KeyError, TypeError, ValueError) as error:
        findings.add("completeness", name, expected="readings and waivers that can be read", found=error)
        return
    stated = {found.stream: found for found in statement.completeness}
    for found in computed:
        if stated.pop(found.stream, None) != found:
            findings.add("completeness", f"{name}: {found.stream}", expected=found.verdict, found="another")
    for stream in stated:
        findings.add("completeness", f"{name}: {stream}", expected="a reading of it", found="none")


def _check_allocations(name: str, view: LedgerView, statement: StoredStatement, findings: Findings) -> None:
    try:
        allocations = tuple(row.finalized() for row in view.allocations.list_all(statement.epoch_id))
        if statement.amendment is not None:
            allocations = statement.amendment.applied_to(allocations)
        computed = compute_allocation_set_hash(allocations)
        findings.compare("allocation-set", name, expected=computed, found=statement.allocation_set_hash)
        payouts = compute_payouts(allocations, statement.pool_total_credits)
    except LedgerError as error:
        findings.add("allocation-set", name, expected=statement.allocation_set_hash, found=error)
        return
    if statement.payouts is None:
        findings.add("payouts", name, expected=f"{len(payouts)} lines", found="what makes no lines")
        return
    _compare_payouts(name, payouts, statement.payouts, findings)


def _compare_payouts(
    name: str, expected: Sequence[PayoutLine], found: Sequence[PayoutLine], findings: Findings
) -> None:
    wanted = {line.user_id: line for line in expected}
    there = {line.user_id: line for line in found}
    findings.compare("payouts", f"{name}: lines", expected=len(expected), found=len(found))
    for user in sorted(wanted.keys() | there.keys()):
        findings.compare(
            "payouts", f"{name}: {user}", expected=_line(wanted.get(user)), found=_line(there.get(user))
        )


def _line(line: PayoutLine | None) -> str:
    if line is None:
        return "no line"
    return f"{line.amount_credits} credits, share {line.share}, {line.total_units} milli-units"
