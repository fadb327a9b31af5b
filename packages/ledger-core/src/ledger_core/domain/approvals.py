"""Who approves statements, and how many of them must before one is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ledger_core.domain.signature import check_signer
from ledger_core.errors import InvalidValue
from ledger_core.signature_errors import SigningUnavailable

SignerRecovery = Callable[[str, str], str]
"""Returns the signer (an address in lower case) of a text from its signature; raises SignatureInvalid, SigningUnavailable."""


def _nobody_recovers(_text: str, _signature: str) -> str:
    raise SigningUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalPolicy:
    """A node's approvers by their addresses, and how many signatures a statement needs when it is written.

    Raises: InvalidValue for an address that is none, and for more approvals than there are approvers.
    """

    required: int = 0
    approvers: frozenset[str] = frozenset()
    recover: SignerRecovery = field(default=_nobody_recovers, compare=False)

    def __post_init__(self) -> None:
        for signer in self.approvers:
            check_signer(signer)
        if not 0 <= self.required <= len(self.approvers):
            raise InvalidValue("required approvals", f"must be 0 to {len(self.approvers)}, one an approver")


NO_APPROVALS = ApprovalPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenApprovals:
    """The signatures that came with a write, and how many it asks for; the policy may ask for more."""

    signatures: tuple[str, ...] = ()
    required: int = 0


NONE_GIVEN = GivenApprovals()
