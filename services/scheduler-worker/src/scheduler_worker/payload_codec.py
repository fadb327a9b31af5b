"""PAYLOADS_HIDDEN: nothing in clear goes through Temporal: arguments, reports, failures, progress, summaries.

What stays readable there are workflow ids, types, the codes of refusals, times, and the notes of a schedule.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    DefaultPayloadConverter,
    PayloadCodec,
)

from ledger_core.errors import LedgerError
from scheduler_worker.payload_keys import PayloadKeys

ENCODING: Final = b"binary/encrypted"
NONCE_BYTES: Final = 12  # a random one a payload: safe for 2^32 payloads a key


class PayloadUnreadable(LedgerError):
    """A payload was hidden with a key that this process does not have, or was tampered with."""

    code = "payload-unreadable"

    def __init__(self, key_id: str) -> None:
        super().__init__(
            f"what Temporal holds was encrypted with key {key_id}, which does not open it here;"
            " check LEDGER_PAYLOAD_KEYS and LEDGER_DATABASE_URL"
        )


class EncryptionCodec(PayloadCodec):
    """Hides payloads with AES-256-GCM.

    Holds: what was never hidden is taken as it is, so that runs from before go on; without keys nothing is
           sent at all.
    """

    def __init__(self, keys: PayloadKeys | None) -> None:
        self._ciphers = {
            key.key_id.encode("ascii"): AESGCM(key.key) for key in (() if keys is None else keys.keys)
        }
        self._first_id = next(iter(self._ciphers), None)

    @property
    def key_id(self) -> str:
        """Return the name of the key that hides; empty without keys."""
        return "" if self._first_id is None else self._first_id.decode("ascii")

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Hide each payload with the first key."""
        return [self._hidden(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open each payload with the key that it names.

        Raises: PayloadUnreadable.
        """
        return [
            self._opened(payload) if payload.metadata.get("encoding") == ENCODING else payload
            for payload in payloads
        ]

    def _hidden(self, payload: Payload) -> Payload:
        assert self._first_id is not None, "this client was made to send nothing"
        nonce = os.urandom(NONCE_BYTES)
        data = self._ciphers[self._first_id].encrypt(nonce, payload.SerializeToString(), self._first_id)
        return Payload(
            metadata={"encoding": ENCODING, "encryption-key-id": self._first_id}, data=nonce + data
        )

    def _opened(self, payload: Payload) -> Payload:
        key_id = payload.metadata.get("encryption-key-id", b"")
        shown = key_id_of(payload)[:16]
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise PayloadUnreadable(shown)
        try:
            content = cipher.decrypt(payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:], key_id)
        except (InvalidTag, ValueError):
            raise PayloadUnreadable(shown) from None
        return Payload.FromString(content)


def key_id_of(payload: Payload) -> str:
    """Return the name of the key that hides the payload; empty where none does."""
    return payload.metadata.get("encryption-key-id", b"").decode("ascii", "replace")


def hiding_converter(keys: PayloadKeys | None) -> DataConverter:
    """Return what carries the messages: the default converter's JSON, hidden; failures with their words too."""
    return DataConverter(
        payload_converter_class=DefaultPayloadConverter,
        payload_codec=EncryptionCodec(keys),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
