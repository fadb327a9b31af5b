"""How a chain of statements is shown, and one statement of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ledger_core.domain.amended_statement import net_differences
from ledger_core.domain.statement import PayoutStatement
from ledger_core.domain.stream_reading import StreamCompleteness
from ledger_core.identifiers import EpochId
from ledger_core.ports.ledger import LedgerView
from ledger_core.verification.bundle_writer import find_version
from scheduler_worker.cli.amend_command import difference_json, print_differences
from scheduler_worker.cli.epoch_views import print_payouts
from scheduler_worker.cli.output import print_facts, print_table, say


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLine:
    """A statement as a list of them shows it."""

    epoch_id: int
    window: str
    pool_total_credits: int
    statement_hash: str
    supersedes: str | None


def read_chain(view: LedgerView) -> list[ChainLine]:
    """Return the node's statements, the first one first."""
    return [
        ChainLine(
            epoch_id=found.epoch_id,
            window=str(found.window),
            pool_total_credits=found.pool_total_credits,
            statement_hash=found.statement_hash,
            supersedes=None if found.amendment is None else found.amendment.supersedes,
        )
        for found in view.statements.chain()
    ]


def chain_json(chain: Sequence[ChainLine]) -> list[dict[str, Any]]:
    """Return a chain for machines."""
    return [asdict(line) for line in chain]


def print_chain(chain: Sequence[ChainLine]) -> None:
    """Print a chain of statements, each by its hash, and which of them are amendments."""
    print_table(
        ["epoch", "credits", "statement"],
        [(line.epoch_id, line.pool_total_credits, line.statement_hash) for line in chain],
        numbers=["epoch", "credits"],
        whole=["statement"],
    )
    for line in chain:
        if line.supersedes is not None:
            say(
                f"amended: epoch {line.epoch_id}, {line.statement_hash[:16]} supersedes {line.supersedes[:16]}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementVersions:
    """A statement, the one that it supersedes, and the one that supersedes it."""

    statement: PayoutStatement
    superseded: PayoutStatement | None
    superseded_by: str | None


def read_versions(view: LedgerView, epoch_id: EpochId, statement_hash: str | None) -> StatementVersions:
    """Return the epoch's statement of that hash, without one the newest, between its neighbours.

    Raises: EpochNotFound, StatementNotFound, StatementUnknown, StatementCorrupt.
    """
    view.epochs.get(epoch_id)
    found = find_version(view, epoch_id, statement_hash)
    versions = view.statements.versions(epoch_id)
    place = versions.index(found)
    following = versions[place + 1 :]
    return StatementVersions(
        statement=found,
        superseded=versions[place - 1] if place else None,
        superseded_by=following[0].statement_hash if following else None,
    )


def versions_json(found: StatementVersions) -> dict[str, Any]:
    """Return a statement for machines."""
    statement, superseded = found.statement, found.superseded
    differences = () if superseded is None else net_differences(superseded, statement)
    return {
        "statement_hash": statement.statement_hash,
        "superseded_by": found.superseded_by,
        "net_differences": [difference_json(difference) for difference in differences],
        "document": json.loads(statement.document()),
    }


def print_versions(found: StatementVersions) -> None:
    """Print a statement; of an amendment also who gets more and who less than before."""
    statement, amendment = found.statement, found.statement.amendment
    print_payouts(statement.payouts)
    if found.superseded is not None and amendment is not None:
        print_differences(net_differences(found.superseded, statement))
    print_facts(
        [
            ("epoch", statement.epoch_id),
            ("window", statement.window),
            (
                "pool",
                f"{statement.pool_total_credits} credits, {statement.undistributed_credits} undistributed",
            ),
            ("activity", statement.activity_set_hash),
            ("allocations", statement.allocation_set_hash),
            *(("incomplete", _waived(stream)) for stream in statement.completeness if stream.gap is not None),
            ("previous", statement.previous_statement_hash or "none: the first of this node"),
            *(() if amendment is None else (("supersedes", amendment.supersedes),)),
            *(() if amendment is None else (("amended", f"by {amendment.amended_by}: {amendment.reason}"),)),
            ("statement", statement.statement_hash),
        ]
    )
    if found.superseded_by is not None:
        say(f"SUPERSEDED by {found.superseded_by}: what counts is there")


def _waived(stream: StreamCompleteness) -> str:
    return f"{stream.stream}: {stream.gap}; waived by {stream.waived_by}: {stream.reason}"
