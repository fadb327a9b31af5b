"""Refusals about signatures of statements, and about approvals that are missing."""

from __future__ import annotations

from ledger_core.errors import LedgerError


class SignatureInvalid(LedgerError):
    """From these bytes no signer can be recovered."""

    code = "signature-invalid"

    def __init__(self) -> None:
        super().__init__("no signer can be recovered from that signature")


class SigningUnavailable(LedgerError):
    """The extra that recovers signers is not installed here."""

    code = "signing-unavailable"

    def __init__(self) -> None:
        super().__init__(
            "signatures can't be checked here: install cogni-scheduler-worker[signatures], where the worker runs, too"
        )


class SignerNotApprover(LedgerError):
    """Who signed is no approver; of a text that is not this statement's, anybody seems to have signed."""

    code = "signer-not-approver"

    def __init__(self, statement_hash: str, signer: str) -> None:
        super().__init__(
            f"the signature is of {signer}, who is no approver of this node; or it was made of another statement than"
            f" {statement_hash}, which `ledger statement sign-data` prints"
        )
        self.statement_hash = statement_hash
        self.signer = signer


class ApprovalsMissing(LedgerError):
    """Fewer approvers have signed than the policy, or who writes, asks for."""

    code = "approvals-missing"

    def __init__(self, statement_hash: str, required: int, given: int) -> None:
        super().__init__(
            f"{required} approvers must sign statement {statement_hash}, and {given} did; `ledger statement sign-data`"
            " prints what they sign, and --approval takes it"
        )
        self.statement_hash = statement_hash
        self.required = required
        self.given = given


class TooFewApprovers(LedgerError):
    """More approvals are asked for than the node has approvers."""

    code = "too-few-approvers"

    def __init__(self, required: int, approvers: int) -> None:
        super().__init__(f"{required} approvals are asked for, and the node has {approvers} approvers")
        self.required = required
        self.approvers = approvers


class ApprovalsTooLate(LedgerError):
    """Signatures came with the close of an epoch that is closed already, and are not stored with its statement."""

    code = "approvals-too-late"

    def __init__(self, epoch_id: int) -> None:
        super().__init__(
            f"epoch {epoch_id} is closed already, so that these signatures close nothing;"
            f" `ledger statement add-signature {epoch_id}` adds one to its statement"
        )
        self.epoch_id = epoch_id
