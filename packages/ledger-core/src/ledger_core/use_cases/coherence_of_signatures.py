"""Check signatures: each against who is stored as its signer, and all of them against the approvers of today.

Who was an approver, and how many had to sign, when a statement was written is stored nowhere: what does not fit
the policy of today is a doubt. A signature that its signer did not make is wrong whatever the policy was.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger_core.domain.approvals import ApprovalPolicy
from ledger_core.domain.signature import signing_text_of
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import NodeId
from ledger_core.ports.coherence_reader import CoherenceReader, StoredSignature
from ledger_core.ports.watcher import Counted
from ledger_core.signature_errors import SignatureInvalid, SigningUnavailable
from ledger_core.use_cases.coherence_findings import Findings
from ledger_core.use_cases.coherence_of_statements import StatementLink


def check_signatures(
    node_id: NodeId,
    stored: CoherenceReader,
    links: Sequence[StatementLink],
    policy: ApprovalPolicy,
    *,
    findings: Findings,
    counted: Counted,
) -> None:
    """Recover who made each signature, and count each statement's approvals.

    Holds: where signers can't be recovered, how many were not is a finding of both checks. Such signatures count as
           approvals, so that a statement which has too few of them has too few at best.
    """
    approvals = dict.fromkeys((link.statement_hash for link in links), 0)
    unchecked, why = 0, ""
    for signed in counted.of(stored.signatures()):
        try:
            is_genuine = _check_signature(node_id, signed, policy, findings)
        except SigningUnavailable as error:
            unchecked, why, is_genuine = unchecked + 1, str(error), True
        is_approver = signed.signer in policy.approvers
        if not is_approver:
            findings.add("signers", _name(signed), expected="an approver of the policy", found=signed.signer)
        if is_genuine and is_approver:
            approvals[signed.statement_hash] = approvals.get(signed.statement_hash, 0) + 1
    if unchecked:
        subject, expected = (
            ("1 signature", "its signer") if unchecked == 1 else (f"{unchecked} signatures", "their signers")
        )
        for check in ("signatures", "approvals"):
            findings.unchecked(check, subject, expected=expected, found=why)
    for link in links:
        given = approvals[link.statement_hash]
        if given < policy.required:
            kind = "amended statement" if link.is_correction else "statement"
            findings.add(
                "approvals",
                f"{kind} of epoch {link.epoch_id}",
                expected=f"{policy.required} approvals, as the policy asks now",
                found=given,
            )


def _check_signature(
    node_id: NodeId, signed: StoredSignature, policy: ApprovalPolicy, findings: Findings
) -> bool:
    """Return whether the stored signer made the signature; a finding says who did.

    Raises: SigningUnavailable.
    """
    text = signing_text_of(
        node_id=str(node_id),
        epoch_id=str(signed.epoch_id),
        statement_hash=signed.statement_hash,
        pool_total_credits=str(signed.pool_total_credits),
    )
    try:
        recovered = policy.recover(text, signed.signature)
    except (SignatureInvalid, InvalidValue) as error:
        recovered = str(error)
    findings.compare("signatures", _name(signed), expected=signed.signer, found=recovered)
    return recovered == signed.signer


def _name(signed: StoredSignature) -> str:
    return f"signature of {signed.signer} on epoch {signed.epoch_id}'s {signed.statement_hash[:12]}"
