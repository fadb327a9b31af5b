"""The payout statement: the closed epoch's result, and the one document that its hash pins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from ledger_core.domain.allocation import ALLOCATION_ALGORITHM
from ledger_core.domain.amendment import Amendment
from ledger_core.domain.canonical_json import JsonValue, canonical_json
from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.instant import instant_text
from ledger_core.domain.payout_text import payout_texts
from ledger_core.domain.payouts import PAYOUT_ALGORITHM, PayoutLine, PayoutLines
from ledger_core.domain.pool import PoolComponent
from ledger_core.domain.stream_reading import StreamCompleteness, check_closable
from ledger_core.domain.weight_config import WeightConfig
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import EpochId, NodeId

STATEMENT_FORMAT: Final = "ledger-statement/1"
STATEMENT_FORMAT_WITH_COMPLETENESS: Final = "ledger-statement/2"
STATEMENT_FORMAT_OF_AMENDMENT: Final = "ledger-statement/3"

# Where the payouts go. In a text within the document the quotes would be escaped, and no other object has such a key.
_NO_PAYOUTS: Final = b'"payouts":[]'


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutStatement:
    """Everything that led to an epoch's payouts, and the payouts.

    Holds:   statement_hash is the SHA-256 of document(); the document holds no clock reading and no
             database id of its own, so that equal facts give equal bytes.
             previous_statement_hash is None for the node's first statement only: statements chain.
             Its format is the oldest that holds what it says: the second names how complete streams are, the
             third what was amended.
    Raises:  InvalidValue for amounts that don't sum to the pool, and for streams that are incomplete or out of
             order.
    """

    node_id: NodeId
    epoch_id: EpochId
    window: EpochWindow
    weight_config: WeightConfig
    activity_set_hash: str
    allocation_set_hash: str
    pool_components: tuple[PoolComponent, ...]
    pool_total_credits: int
    payouts: Sequence[PayoutLine]
    previous_statement_hash: str | None
    completeness: tuple[StreamCompleteness, ...] = ()
    amendment: Amendment | None = None
    statement_hash: str = field(init=False)

    def __post_init__(self) -> None:
        if sum(part.amount_credits for part in self.pool_components) != self.pool_total_credits:
            raise InvalidValue("statement", "must have the sum of its components as its pool")
        if self.undistributed_credits != (0 if self.payouts else self.pool_total_credits):
            raise InvalidValue("statement", "must pay out its pool to the last credit, or nothing")
        check_closable(self.completeness)
        digest = sha256()
        for part in self._document_parts():
            digest.update(part)
        object.__setattr__(self, "statement_hash", digest.hexdigest())

    @property
    def format(self) -> str:
        """Return the format of the document."""
        return statement_format(
            has_completeness=bool(self.completeness), is_amendment=self.amendment is not None
        )

    @property
    def undistributed_credits(self) -> int:
        """Return the credits of the pool that nobody gets."""
        if isinstance(self.payouts, PayoutLines):  # columns, which need no object a line
            return self.pool_total_credits - self.payouts.total_credits
        return self.pool_total_credits - sum(line.amount_credits for line in self.payouts)

    def document(self) -> bytes:
        """Return the statement document, `ledger-statement/1` to `/3`, in canonical JSON.

        Shape: quantities that may exceed 2^53 (units, credits, the epoch's id) are decimal strings;
               components and payouts are ordered by their ids, streams by their three names (code point).
        """
        return b"".join(self._document_parts())

    def _document_parts(self) -> Iterator[bytes]:
        """Yield the document piece by piece: of a million payouts it is 100 MB, and as objects ten times that."""
        before, after = canonical_json(self._facts()).split(_NO_PAYOUTS)
        is_ordered = isinstance(self.payouts, PayoutLines)
        payouts = self.payouts if is_ordered else sorted(self.payouts, key=lambda line: line.user_id)
        yield before + _NO_PAYOUTS[:-1]
        yield from payout_texts(payouts)
        yield _NO_PAYOUTS[-1:] + after

    def _facts(self) -> dict[str, JsonValue]:
        """Return the document without its payouts."""
        components = sorted(self.pool_components, key=lambda part: part.component_id)
        document: dict[str, JsonValue] = {
            "format": self.format,
            "node_id": str(self.node_id),
            "epoch_id": str(self.epoch_id),
            "period_start": instant_text(self.window.period_start),
            "period_end": instant_text(self.window.period_end),
            "weight_config": dict(self.weight_config),
            "allocation_algorithm": ALLOCATION_ALGORITHM,
            "payout_algorithm": PAYOUT_ALGORITHM,
            "activity_set_hash": self.activity_set_hash,
            "allocation_set_hash": self.allocation_set_hash,
            "pool_components": [component_document(part) for part in components],
            "pool_total_credits": str(self.pool_total_credits),
            "payouts": [],
            "undistributed_credits": str(self.undistributed_credits),
            "previous_statement_hash": self.previous_statement_hash,
        }
        if self.completeness or self.amendment is not None:
            document["completeness"] = [found.document() for found in self.completeness]
        if self.amendment is not None:
            document["amendment"] = self.amendment.document()
        return document


def statement_format(*, has_completeness: bool, is_amendment: bool) -> str:
    """Return the oldest format that holds what a statement says."""
    if is_amendment:
        return STATEMENT_FORMAT_OF_AMENDMENT
    return STATEMENT_FORMAT_WITH_COMPLETENESS if has_completeness else STATEMENT_FORMAT


def component_document(component: PoolComponent) -> dict[str, JsonValue]:
    """Return a pool component as it stands in a statement document."""
    return {
        "component_id": component.component_id,
        "algorithm_version": component.algorithm_version,
        "amount_credits": str(component.amount_credits),
        "evidence_ref": component.evidence_ref,
        "inputs_hash": component.inputs_hash,
    }


def payout_document(line: PayoutLine) -> dict[str, JsonValue]:
    """Return a payout line as it stands in a statement document."""
    return {
        "user_id": line.user_id,
        "total_units": str(line.total_units),
        "share": line.share,
        "amount_credits": str(line.amount_credits),
    }
