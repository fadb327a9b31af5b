"""Ethereum addresses as people write them: the case of their letters is a checksum (EIP-55).

An address in one case has none. What holds for one in both is computed by the extra `signatures`.
"""

from __future__ import annotations

import re
from typing import Final

from ledger_core.errors import LedgerError

ADDRESS: Final = re.compile("0x[0-9a-fA-F]{40}", re.ASCII)
MISTYPED: Final = (
    "has an address whose checksum (EIP-55) does not fit: a character is mistyped, or the case of a letter; copy it anew"
    " from where it comes from"
)
# What somebody has written who meant an Ethereum address, if it is none.
_ALMOST: Final = re.compile("0[xX]|[oO][xX][0-9a-fA-FoO]{20,}", re.ASCII)
_UPPER_FROM: Final = 8  # of a hexadecimal digit of the hash: its highest bit


class AddressChecksumWrong(LedgerError):
    """An address has another checksum than its letters show."""

    code = "address-checksum-wrong"

    def __init__(self, where: str) -> None:
        super().__init__(f"{where} {MISTYPED}")


def is_almost_address(text: str) -> bool:
    """Say whether a text is no Ethereum address and looks as if it were to be one."""
    return ADDRESS.fullmatch(text) is None and _ALMOST.match(text) is not None


def has_checksum(address: str) -> bool:
    """Say whether an address has letters of both cases."""
    digits = address.removeprefix("0x")
    return digits not in (digits.lower(), digits.upper())


def checksum_fits(address: str) -> bool | None:
    """Say whether an address's letters have the case that EIP-55 gives them; None where that can't be computed.

    Holds: one without a checksum fits.
    """
    if not has_checksum(address):
        return True
    digits = address.removeprefix("0x").lower()
    try:
        from eth_hash.auto import keccak  # noqa: PLC0415 - an extra, and slow to load

        marks = keccak(digits.encode()).hex()
    except (ImportError, ValueError):  # also of an implementation that is missing, or named wrongly
        return None
    fitting = (
        digit.upper() if int(mark, 16) >= _UPPER_FROM else digit
        for digit, mark in zip(digits, marks, strict=False)
    )
    return "".join(fitting) == address.removeprefix("0x")
