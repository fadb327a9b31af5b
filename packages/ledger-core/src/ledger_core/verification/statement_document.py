"""The statement document as a verifier reads it: strictly, from its bytes, trusting nothing in it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from ledger_core.domain.amendment import Amendment, parse_amendment
from ledger_core.domain.canonical_json import JsonValue, parse_canonical_json
from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.instant import parse_instant
from ledger_core.domain.stream_reading import parse_completeness
from ledger_core.domain.weight_config import WeightConfig
from ledger_core.errors import InvalidValue
from ledger_core.verification import fields
from ledger_core.verification.refusals import BundleFormatUnsupported

STATEMENT_FORMATS: Final = ("ledger-statement/1", "ledger-statement/2", "ledger-statement/3")
ALLOCATION_ALGORITHM: Final = "weight-sum-v0"
PAYOUT_ALGORITHM: Final = "largest-remainder-v0"
_FIELDS: Final = frozenset(
    (
        "activity_set_hash",
        "allocation_algorithm",
        "allocation_set_hash",
        "epoch_id",
        "format",
        "node_id",
        "payout_algorithm",
        "payouts",
        "period_end",
        "period_start",
        "pool_components",
        "pool_total_credits",
        "previous_statement_hash",
        "undistributed_credits",
        "weight_config",
    )
)
# What the later formats have besides; the third is that of an amendment.
_MORE_FIELDS: Final = {
    "ledger-statement/1": frozenset[str](),
    "ledger-statement/2": frozenset(("completeness",)),
    "ledger-statement/3": frozenset(("completeness", "amendment")),
}
_KNOWN: Final = (
    ("allocation_algorithm", ALLOCATION_ALGORITHM),
    ("payout_algorithm", PAYOUT_ALGORITHM),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementDocument:
    """What a document states; only its shape is checked, and its hash is computed.

    Units: credits, as the decimal strings that they are in the document.
    """

    format: str
    statement_hash: str
    node_id: str
    epoch_id: int
    window: EpochWindow
    weight_config: WeightConfig
    activity_set_hash: str
    allocation_set_hash: str
    pool_components: list[JsonValue]
    pool_total_credits: str
    payouts: list[JsonValue]
    undistributed_credits: str
    previous_statement_hash: str | None
    completeness: list[
        JsonValue
    ]  # from the second format on; each stream's verdict, its gap and who waived that
    amendment: Amendment | None  # of the third


def parse_statement(data: bytes) -> StatementDocument:
    """Return what the document states.

    Raises: NotCanonical, InvalidValue, BundleFormatUnsupported.
    """
    value = parse_canonical_json(data)
    if isinstance(value, dict):
        if "format" in value and value["format"] not in STATEMENT_FORMATS:
            raise BundleFormatUnsupported(
                "statement's format", " or ".join(STATEMENT_FORMATS), value["format"]
            )
        for name, supported in _KNOWN:
            if name in value and value[name] != supported:
                raise BundleFormatUnsupported(f"statement's {name}", supported, value[name])
    stated_format = value.get("format") if isinstance(value, dict) else None
    value = fields.record("statement", value, _FIELDS | _MORE_FIELDS.get(str(stated_format), frozenset()))
    completeness, amendment = value.get("completeness", []), None
    if "amendment" in value:
        amendment = parse_amendment(value["amendment"])
    if "completeness" in value and not (amendment is not None and completeness == []):
        parse_completeness(completeness)
    previous = value["previous_statement_hash"]
    return StatementDocument(
        format=value["format"],
        completeness=completeness,
        amendment=amendment,
        statement_hash=sha256(data).hexdigest(),
        node_id=check_node_id(value["node_id"]),
        epoch_id=fields.quantity("epoch_id", value["epoch_id"]),
        window=EpochWindow(
            period_start=parse_instant(fields.text("period_start", value["period_start"])),
            period_end=parse_instant(fields.text("period_end", value["period_end"])),
        ),
        weight_config=WeightConfig(value["weight_config"]),
        activity_set_hash=fields.sha256_hex("activity_set_hash", value["activity_set_hash"]),
        allocation_set_hash=fields.sha256_hex("allocation_set_hash", value["allocation_set_hash"]),
        pool_components=_list("pool_components", value["pool_components"]),
        pool_total_credits=fields.text("pool_total_credits", value["pool_total_credits"]),
        payouts=_list("payouts", value["payouts"]),
        undistributed_credits=fields.text("undistributed_credits", value["undistributed_credits"]),
        previous_statement_hash=(
            None if previous is None else fields.sha256_hex("previous_statement_hash", previous)
        ),
    )


def check_node_id(value: object) -> str:
    """Return a node's id as documents write it.

    Raises: InvalidValue.
    """
    stated = fields.text("node_id", value)
    try:
        printed = str(UUID(stated))
    except ValueError as error:
        raise InvalidValue("node_id", "must be a UUID") from error
    if printed != stated:
        raise InvalidValue("node_id", "must be a UUID in lower case, with hyphens")
    return stated


def _list(what: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidValue(what, "must be a list")
    return value
