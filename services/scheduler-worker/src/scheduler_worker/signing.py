"""Who signed a text: Ethereum's recovery (EIP-191, version 0x45), by the extra `signatures`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ledger_core.domain.signature import check_signature
from ledger_core.signature_errors import SignatureInvalid, SigningUnavailable

# The last of the 65 bytes says which of two points it is: 0 or 1, as wallets write it from 27 on, or as it is.
PARITIES: Final = {0: 0, 1: 1, 27: 0, 28: 1}
PREFIX: Final = b"\x19Ethereum Signed Message:\n"  # EIP-191: no transaction begins so


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What recovers signers: Keccak-256, and the address (lower case) whose key signed a hash with 65 bytes."""

    keccak: Callable[[bytes], bytes]
    address_of_signer: Callable[[bytes, bytes], str]


def load_recovery() -> Recovery:
    """Return what recovers signers, loaded; a worker loads it before it begins to work.

    Raises: SigningUnavailable.
    """
    try:
        from eth_hash.auto import keccak  # noqa: PLC0415 - an extra
        from eth_keys.datatypes import Signature  # noqa: PLC0415 - an extra, and a tenth of a second

        keccak(b"")  # its implementation is loaded by its first use, and may be missing, or named wrongly
    except (ImportError, ValueError) as error:
        raise SigningUnavailable from error

    def address_of_signer(message_hash: bytes, signature: bytes) -> str:
        made = Signature(signature_bytes=signature)
        return str(made.recover_public_key_from_msg_hash(message_hash).to_address())

    return Recovery(keccak=keccak, address_of_signer=address_of_signer)


def hash_to_sign(text: str) -> bytes:
    """Return the 32 bytes that a wallet's `personal_sign` signs of the text: Keccak-256 of EIP-191's form of it.

    Raises: SigningUnavailable, UnicodeEncodeError where the text has no UTF-8.
    """
    data = text.encode()
    return load_recovery().keccak(PREFIX + str(len(data)).encode() + data)


def recover_signer(text: str, signature: str) -> str:
    """Return the address, in lower case, whose key signed the text.

    Holds:  of another text, or of bytes that were changed, it is some other address; nothing tells that by itself.
    Raises: SignatureInvalid where no key can have signed so, SigningUnavailable, InvalidValue for another form.
    """
    check_signature(signature)
    recovery = load_recovery()
    *point, parity = bytes.fromhex(signature.removeprefix("0x"))
    try:
        return recovery.address_of_signer(hash_to_sign(text), bytes((*point, PARITIES[parity])))
    except Exception as error:  # eth-keys has many names for what is no point on the curve
        raise SignatureInvalid from error
