"""A finding of the coherence check, and the checks there are: each by a stable name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# In the order in which they are told; scripts may rely on the names. Each with what holds.
CHECKS: Final = {
    "guard-missing": "every trigger, constraint and unique index of the store stands and is enabled",
    "references": "every row refers to rows that are there",
    "epoch-rows": "every epoch's row and pool can be read",
    "one-open-epoch": "at most one epoch is open",
    "epoch-windows": "no two windows overlap",
    "epoch-statements": "every closed epoch has one statement of its own, and no open one has any",
    "statement-hashes": "every statement, rebuilt from its row, gives its hash",
    "statement-chain": "from the first statement each is followed by one, to the newest",
    "signatures": "every stored signature was made by its signer, of its very statement",
    "signers": "every signer is an approver of the policy",
    "approvals": "every statement has as many approvals as the policy asks for",
    "pool-base": "every closed epoch's pool has its base issuance",
    "pool-total": "every closed epoch's pool is the sum of its components",
    "payout-sum": "every statement's payouts sum to its pool",
    "payouts": "every statement's payouts follow from the allocations",
    "allocation-set": "every statement pins the allocations that are stored",
    "completeness": "every statement tells how complete its streams were, and stands on no gap",
    "activity-set": "every statement pins the events and the curation that are stored",
    "proposals": "the proposals of closed epochs follow from curation and weights",
    "open-proposals": "the proposals of the open epoch follow from curation and weights",
    "payload-hashes": "every event gives its payload hash",
    "event-paid-once": "no event counts for a user in two epochs",
    "event-windows": "every curated event lies in its epoch's window, or in that of the epoch it is late from",
    "frozen-rows": "nothing in a closed epoch is newer than its close",
    "cursor-sources": "every cursor belongs to a source of which events are stored",
}
# A source that never had anything to store leaves such a cursor too, and only the source itself knows. Who was an
# approver when a statement was signed, and how many of them were asked for, is stored nowhere.
DOUBTS: Final = frozenset({"signers", "approvals", "cursor-sources"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that does not fit: what it is about, what was expected of it, and what was found.

    Of one that is_unchecked nothing is known: found says why it could not be looked at.
    """

    check: str
    subject: str
    expected: str
    found: str
    is_unchecked: bool = False

    @property
    def is_doubt(self) -> bool:
        """Say whether a coherent ledger could show this too; everything else is wrong for certain."""
        return self.is_unchecked or self.check in DOUBTS

    def __str__(self) -> str:
        return f"{self.check}: {self.subject}: expected {self.expected}, found {self.found}"
