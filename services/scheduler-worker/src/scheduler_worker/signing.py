"""Who signed a text: Ethereum's recovery (EIP-191, version 0x45), by the extra `signatures`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ledger_core.domain.signature import check_signature
from ledger_core.signature_errors import SignatureInvalid, SigningUnavailable


def load_recovery() -> tuple[Any, Callable[..., Any]]:
    """Return what recovers signers, loaded; a worker loads it before it begins to work.

    Holds:  the interpreter's recursion limit is as it was. A package below raises it a hundredfold when it is imported,
            and JSON that is nested deeply, of whom it may be, would end the process instead of being refused.
    Raises: SigningUnavailable.
    """
    limit = sys.getrecursionlimit()
    try:
        from eth_account import Account  # noqa: PLC0415 - an extra, and half a second
        from eth_account.messages import encode_defunct  # noqa: PLC0415 - the same
        from eth_hash.auto import keccak  # noqa: PLC0415 - the same

        keccak(b"")  # its implementation is loaded by its first use, and may be missing, or named wrongly
    except (ImportError, ValueError) as error:
        raise SigningUnavailable from error
    finally:
        sys.setrecursionlimit(limit)
    return Account, encode_defunct


def recover_signer(text: str, signature: str) -> str:
    """Return the address, in lower case, whose key signed the text.

    Holds:  of another text, or of bytes that were changed, it is some other address; nothing tells that by itself.
    Raises: SignatureInvalid where no key can have signed so, SigningUnavailable, InvalidValue for another form.
    """
    check_signature(signature)
    account, encode_defunct = load_recovery()
    try:
        recovered = account.recover_message(encode_defunct(text=text), signature=signature)
    except Exception as error:  # eth-keys has many names for what is no point on the curve
        raise SignatureInvalid from error
    return str(recovered).lower()
