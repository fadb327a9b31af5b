"""People who sign, with keys that everybody knows."""

from __future__ import annotations

from typing import Final

from eth_keys.datatypes import PrivateKey

from ledger_core.domain.approvals import ApprovalPolicy
from scheduler_worker.signing import hash_to_sign, recover_signer

APPROVER: Final = PrivateKey(b"\x11" * 32)
SECOND: Final = PrivateKey(b"\x22" * 32)
STRANGER: Final = PrivateKey(b"\x33" * 32)
FIRST_PARITY: Final = 27  # as wallets write it


def address_of(key: PrivateKey) -> str:
    """Return the address of a key, in lower case."""
    return str(key.public_key.to_address())


def signature_of(key: PrivateKey, text: str) -> str:
    """Return what a wallet gives for the text."""
    *point, parity = key.sign_msg_hash(hash_to_sign(text)).to_bytes()
    return f"0x{bytes((*point, FIRST_PARITY + parity)).hex()}"


def approval_policy(required: int = 0) -> ApprovalPolicy:
    """Return the policy of two approvers."""
    approvers = frozenset((address_of(APPROVER), address_of(SECOND)))
    return ApprovalPolicy(required=required, approvers=approvers, recover=recover_signer)
