"""People who sign, with keys that everybody knows."""

from __future__ import annotations

from typing import Any, Final

from ledger_core.domain.approvals import ApprovalPolicy
from scheduler_worker.signing import load_recovery, recover_signer

Account, encode_defunct = load_recovery()

APPROVER: Final = Account.from_key("0x" + "11" * 32)
SECOND: Final = Account.from_key("0x" + "22" * 32)
STRANGER: Final = Account.from_key("0x" + "33" * 32)


def address_of(key: Any) -> str:
    """Return the address of a key, in lower case."""
    return str(key.address).lower()


def signature_of(key: Any, text: str) -> str:
    """Return what a wallet gives for the text."""
    return f"0x{key.sign_message(encode_defunct(text=text)).signature.hex().removeprefix('0x')}"


def approval_policy(required: int = 0) -> ApprovalPolicy:
    """Return the policy of two approvers."""
    approvers = frozenset((address_of(APPROVER), address_of(SECOND)))
    return ApprovalPolicy(required=required, approvers=approvers, recover=recover_signer)
