"""`ledger-signatures/1`: the signatures of a statement in a file beside its bundle, checked by who signed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ledger_core.domain.approvals import SignerRecovery
from ledger_core.domain.signature import StatementSignature, signing_text_of
from ledger_core.errors import LedgerError
from ledger_core.ports.watcher import Counted, Unwatched, Watcher
from ledger_core.verification.signatures_file import SignaturesFile


class SignaturesNotVerified(LedgerError):
    """A signature is not what its file says, or one that was asked for is not there."""

    code = "signatures-not-verified"

    def __init__(self, problem: str) -> None:
        super().__init__(f"the signatures do not verify: {problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedSignatures:
    """Who signed the statement, in order."""

    signers: tuple[str, ...]


def verify_signatures(
    found: SignaturesFile,
    *,
    recover: SignerRecovery,
    approvers: Collection[str] = (),
    required: int = 0,
    watcher: Watcher | None = None,
) -> VerifiedSignatures:
    """Recover each signer, and compare; approvers, if any are named, are those whose signatures count.

    Raises: SignaturesNotVerified, SignatureInvalid, SigningUnavailable.
    """
    text = signing_text_of(
        node_id=found.node_id,
        epoch_id=found.epoch_id,
        statement_hash=found.statement_hash,
        pool_total_credits=found.pool_total_credits,
    )
    counted = Counted(
        Unwatched() if watcher is None else watcher, total=len(found.signatures), what="signatures"
    )
    for each in counted.of(found.signatures):
        recovered = recover(text, each.signature)
        if recovered != each.signer:
            raise SignaturesNotVerified(
                f"{each.signer} did not make the signature that is stated to be theirs"
            )
    counting = [each.signer for each in found.signatures if not approvers or each.signer in approvers]
    if len(counting) < required:
        raise SignaturesNotVerified(f"{required} are asked for, and {_count(counting)} there")
    return VerifiedSignatures(signers=_signers(found.signatures))


def _signers(signatures: Sequence[StatementSignature]) -> tuple[str, ...]:
    return tuple(each.signer for each in signatures)


def _count(signers: Sequence[str]) -> str:
    return "1 is" if len(signers) == 1 else f"{len(signers)} are"
