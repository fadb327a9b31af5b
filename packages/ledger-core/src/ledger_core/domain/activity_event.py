"""Activity events: immutable facts that a source reported, with where they came from.

An event knows neither epoch nor user; those are curation, the layer of human judgement.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ledger_core.domain.canonical_json import JsonValue, canonical_json
from ledger_core.domain.instant import check_instant, instant_text
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import EventId, check_identifier, check_name, check_text

MAX_METADATA_BYTES: Final = 65_536  # a generous page of text; a source shortens what is longer
MAX_URL_CHARACTERS: Final = 2_048  # what browsers and servers agree to carry
_ESCAPED_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # jsonb cannot hold it; `\\\\u0000` is harmless


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityEvent:
    """One fact: who did what, when, as its source reported it (PROVENANCE_REQUIRED).

    Holds:   `payload_hash` is the SHA-256 of `payload()` in canonical JSON, computed here and nowhere
             else, so that anyone recomputes it from the stored row.
    Raises:  InvalidValue, NotCanonical.
    """

    id: EventId
    source: str
    event_type: str
    platform_user_id: str | None
    platform_login: str | None
    artifact_url: str | None
    event_time: datetime
    metadata: Mapping[str, JsonValue]
    producer: str
    producer_version: str
    retrieved_at: datetime
    payload_hash: str = field(init=False)
    metadata_json: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_identifier("event id", self.id)
        check_name("source", self.source)
        check_name("event type", self.event_type)
        if self.platform_user_id is not None:
            check_identifier("platform user id", self.platform_user_id)
        if self.platform_login is not None:
            check_identifier("platform login", self.platform_login)
        if self.artifact_url is not None:
            check_text("artifact url", self.artifact_url, most_characters=MAX_URL_CHARACTERS)
        check_instant("event time", self.event_time)
        check_instant("retrieval time", self.retrieved_at)
        check_identifier("producer", self.producer)
        check_identifier("producer version", self.producer_version)
        object.__setattr__(self, "metadata_json", _metadata_json(self.metadata))
        object.__setattr__(self, "payload_hash", hashlib.sha256(canonical_json(self.payload())).hexdigest())

    def payload(self) -> dict[str, JsonValue]:
        """Return the fact without its provenance: what payload_hash pins."""
        return {
            "artifact_url": self.artifact_url,
            "event_time": instant_text(self.event_time),
            "event_type": self.event_type,
            "id": self.id,
            "metadata": self.metadata,
            "platform_login": self.platform_login,
            "platform_user_id": self.platform_user_id,
            "source": self.source,
        }


def _metadata_json(metadata: Mapping[str, JsonValue]) -> str:
    encoded = canonical_json(metadata)
    if len(encoded) > MAX_METADATA_BYTES:
        raise InvalidValue("event metadata", f"is larger than {MAX_METADATA_BYTES} bytes")
    if _ESCAPED_NUL.search(encoded) is not None:
        raise InvalidValue("event metadata", "holds a NUL character, which the store cannot keep")
    return encoded.decode("utf-8")
