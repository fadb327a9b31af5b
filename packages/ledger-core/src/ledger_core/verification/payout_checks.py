"""Checks the pool, the allocations and the payouts: all arithmetic of a statement, done once more.

Written apart from `ledger_core.domain` on purpose: the same mistake twice would verify itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from itertools import zip_longest
from typing import Any, Final

from ledger_core.domain.canonical_json import JsonValue
from ledger_core.identifiers import MAX_BIGINT
from ledger_core.verification.bundle_format import ALLOCATIONS, POOL
from ledger_core.verification.event_checks import Activity
from ledger_core.verification.records import AllocationRecord, ComponentRecord
from ledger_core.verification.report import Findings
from ledger_core.verification.statement_document import StatementDocument

BASE_ISSUANCE: Final = "base_issuance"
MILLION: Final = 10**6
_ABSENT: Final = "nothing"  # compared by identity: no value that is read from a bundle is this object


def check_allocations(
    allocations: Iterable[tuple[int, AllocationRecord]],
    activity: Activity,
    statement: StatementDocument,
    findings: Findings,
) -> tuple[dict[str, int], str]:
    """Compare each allocation with its user's events; return the units that count, and their hash."""
    findings.passed("allocations")
    units: dict[str, int] = {}
    previous: str | None = None
    for number, row in allocations:
        where = f"{ALLOCATIONS} line {number}"
        if previous is not None and row.user_id <= previous:
            findings.differs(
                "allocations", f"{where} user_id", expected=f"a user after {previous}", found=row.user_id
            )
        previous = row.user_id
        units[row.user_id] = row.proposed_units if row.final_units is None else row.final_units
        expected = (activity.units.get(row.user_id, 0), activity.counts.get(row.user_id, 0))
        if (row.proposed_units, row.activity_count) != expected:
            findings.differs(
                "allocations",
                f"{where} of {row.user_id}",
                expected=_proposal(*expected),
                found=_proposal(row.proposed_units, row.activity_count),
            )
        if row.user_id not in activity.counts and row.final_units is None:
            findings.differs(
                "allocations",
                f"{where} of {row.user_id}",
                expected="final_units, as the user has no activity",
                found="none",
            )
    missing = min(activity.units.keys() - units.keys(), default=None)
    if missing is not None:
        findings.differs("allocations", ALLOCATIONS, expected=f"a line of {missing}", found="none")
    if statement.amendment is not None:
        units |= {made.user_id: made.units for made in statement.amendment.corrections}
    lines = "\n".join([f"{user}:{units[user]}" for user in sorted(units)])
    set_hash = sha256(lines.encode()).hexdigest()
    findings.compare(
        "allocation-set",
        "statement's allocation_set_hash",
        expected=set_hash,
        found=statement.allocation_set_hash,
    )
    return units, set_hash


def check_pool(
    components: Iterable[tuple[int, ComponentRecord]], statement: StatementDocument, findings: Findings
) -> tuple[list[JsonValue], int]:
    """Compare the pool's components with the statement's; return their documents and their sum."""
    records = [record for _, record in components]
    documents: list[JsonValue] = [record.document for record in records]
    ids = [record.component_id for record in records]
    total = sum(record.amount_credits for record in records)
    if BASE_ISSUANCE in ids:
        findings.passed("pool-base")
    else:
        findings.differs("pool-base", POOL, expected=f"a {BASE_ISSUANCE} component", found="none")
    if ids != sorted(set(ids)):
        findings.differs("pool-components", POOL, expected="ids in order, each once", found=", ".join(ids))
    _compare_lists("pool-components", "pool component", documents, statement.pool_components, findings)
    findings.compare(
        "pool-total",
        "statement's pool_total_credits",
        expected=str(total),
        found=statement.pool_total_credits,
    )
    if total > MAX_BIGINT:
        findings.differs("pool-total", POOL, expected="at most 2^63-1 credits", found=total)
    return documents, total


def check_payouts(
    units: dict[str, int], pool_total_credits: int, statement: StatementDocument, findings: Findings
) -> tuple[list[JsonValue], int]:
    """Compare the payouts with the statement's; return their documents and what nobody gets."""
    amounts = split_pool(units, pool_total_credits)
    total_units = sum(units.values())
    documents: list[JsonValue] = [
        {
            "user_id": user,
            "total_units": str(units[user]),
            "share": share_of(units[user], total_units),
            "amount_credits": str(amounts[user]),
        }
        for user in sorted(amounts)
    ]
    undistributed = pool_total_credits - sum(amounts.values())
    _compare_lists("payouts", "payout", documents, statement.payouts, findings)
    findings.compare(
        "undistributed",
        "statement's undistributed_credits",
        expected=str(undistributed),
        found=statement.undistributed_credits,
    )
    return documents, undistributed


def split_pool(units: dict[str, int], pool_credits: int) -> dict[str, int]:
    """Return everybody's whole credits by largest remainder; nobody's when pool or units are zero.

    Holds: the credits that flooring leaves over go one each to the largest remainders, of equal ones
           to the smaller user ids (code point).
    """
    total = sum(units.values())
    if total == 0 or pool_credits == 0:
        return {}
    amounts = {user: pool_credits * mine // total for user, mine in units.items()}
    spare = pool_credits - sum(amounts.values())
    ranked = sorted([(-(pool_credits * mine % total), user) for user, mine in units.items()])
    for _, user in ranked[:spare]:
        amounts[user] += 1
    return amounts


def share_of(units: int, total_units: int) -> str:
    """Return units/total_units, cut to six digits after the point."""
    millionths = units * MILLION // total_units
    return f"{millionths // MILLION}.{millionths % MILLION:06d}"


def _compare_lists(
    name: str, what: str, expected: list[JsonValue], found: list[Any], findings: Findings
) -> None:
    findings.passed(name)
    if expected == found:
        return
    for number, (mine, stated) in enumerate(zip_longest(expected, found, fillvalue=_ABSENT), start=1):
        if mine != stated:
            findings.differs(name, f"statement's {what} {number}", expected=mine, found=stated)
            return


def _proposal(units: int, events: int) -> str:
    return f"{units} milli-units from {events} events"
