"""The pool: recorded, immutable components that sum to what an epoch pays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from ledger_core.domain.canonical_json import JsonValue, canonical_json
from ledger_core.domain.instant import check_instant
from ledger_core.errors import InvalidValue, PoolBaseMissing, PoolTooLarge
from ledger_core.identifiers import (
    MAX_BIGINT,
    ComponentId,
    check_bigint,
    check_identifier,
    check_text,
)

BASE_ISSUANCE = ComponentId("base_issuance")
MAX_EVIDENCE_CHARACTERS = 2_048  # room for a link
MAX_INPUTS_BYTES = 65_536  # inputs are a handful of numbers; this leaves room for a table


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolComponent:
    """One part of an epoch's budget, with what it was computed from.

    Units:   credits, whole, 0 to 2^63-1.
    Holds:   inputs_hash is the SHA-256 of the canonical JSON of inputs.
    Raises:  InvalidValue, NotCanonical.
    """

    component_id: ComponentId
    algorithm_version: str
    amount_credits: int
    inputs: Mapping[str, JsonValue]
    evidence_ref: str | None
    computed_at: datetime
    inputs_hash: str = field(init=False)

    def __post_init__(self) -> None:
        check_identifier("component id", self.component_id)
        check_identifier("algorithm version", self.algorithm_version)
        check_bigint("amount", self.amount_credits)
        if self.evidence_ref is not None:
            check_text("evidence", self.evidence_ref, most_characters=MAX_EVIDENCE_CHARACTERS)
        check_instant("computation time", self.computed_at)
        inputs = canonical_json(self.inputs)
        if len(inputs) > MAX_INPUTS_BYTES or b"\\u0000" in inputs:
            raise InvalidValue("component inputs", f"must stay within {MAX_INPUTS_BYTES} bytes, without NUL")
        object.__setattr__(self, "inputs_hash", sha256(inputs).hexdigest())

    def has_content_of(self, other: PoolComponent) -> bool:
        """Say whether both record the same thing; when they were computed does not matter."""
        return (
            self.component_id == other.component_id
            and self.algorithm_version == other.algorithm_version
            and self.amount_credits == other.amount_credits
            and self.inputs_hash == other.inputs_hash
            and self.evidence_ref == other.evidence_ref
        )


def compute_pool_total(components: Iterable[PoolComponent]) -> int:
    """Return the sum of the components in credits (POOL_REPRODUCIBLE).

    Raises: PoolBaseMissing without a base_issuance component, PoolTooLarge above 2^63-1.
    """
    has_base = False
    total = 0
    for component in components:
        has_base = has_base or component.component_id == BASE_ISSUANCE
        total += component.amount_credits
    if not has_base:
        raise PoolBaseMissing
    if total > MAX_BIGINT:
        raise PoolTooLarge
    return total
