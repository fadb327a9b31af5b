"""The keys that hide what travels through Temporal; the codec that uses them is payload_codec.py."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Final

from attrs import field, frozen

from ledger_core.errors import LedgerError
from ledger_core.identifiers import NodeId

KEY_BYTES: Final = 32
VARIABLE: Final = "LEDGER_PAYLOAD_KEYS"


class PayloadKeysInvalid(LedgerError):
    """LEDGER_PAYLOAD_KEYS holds something else than keys; its text is not repeated."""

    code = "payload-keys-invalid"

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"{VARIABLE} {problem}; it holds keys of {KEY_BYTES} bytes in base64, separated by commas,"
            " each made by `openssl rand -base64 32`"
        )


@frozen(kw_only=True)
class PayloadKey:
    """A key of AES-256-GCM, with the name that payloads carry to say which key opens them."""

    key: bytes = field(repr=False)

    @property
    def key_id(self) -> str:
        """Return a name that says nothing about the key, and that every process finds by itself."""
        return _derived(self.key, b"ledger payload key id").hex()[:16]


@frozen(kw_only=True)
class PayloadKeys:
    """The first key hides; every key opens. Another one, which never changes, is for workflow ids."""

    keys: tuple[PayloadKey, ...]
    id_key: bytes = field(repr=False)


def parse_payload_keys(text: str | None) -> tuple[PayloadKey, ...]:
    """Return the keys of LEDGER_PAYLOAD_KEYS, the one that hides first.

    Raises: PayloadKeysInvalid.
    """
    keys = tuple(_parsed(part.strip()) for part in (text or "").split(",") if part.strip())
    if text and not keys:
        raise PayloadKeysInvalid("names no key")
    if len(set(keys)) < len(keys):
        raise PayloadKeysInvalid("names a key twice")
    return keys


def node_payload_keys(seed: bytes, node_id: NodeId, configured: tuple[PayloadKey, ...]) -> PayloadKeys:
    """Return the configured keys and the node's own, which alone does it where none is configured.

    Holds: the node's own key opens what was hidden before any was configured.
    """
    own = PayloadKey(key=_derived(seed, b"ledger payloads " + node_id.bytes))
    return PayloadKeys(
        keys=(*configured, own), id_key=_derived(seed, b"ledger workflow ids " + node_id.bytes)
    )


def _parsed(text: str) -> PayloadKey:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise PayloadKeysInvalid("is not base64") from None
    if len(key) != KEY_BYTES:
        raise PayloadKeysInvalid(f"has a key of {len(key)} bytes")
    return PayloadKey(key=key)


def _derived(key: bytes, purpose: bytes) -> bytes:
    """Return a key for one purpose, from which neither the key nor that of another purpose can be had."""
    return hmac.digest(key, purpose, "sha256")
