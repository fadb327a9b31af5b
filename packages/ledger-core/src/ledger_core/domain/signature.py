"""What an approver signs of a statement, and the signature (EIP-191, version 0x45: `personal_sign`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ledger_core.domain.statement import PayoutStatement
from ledger_core.errors import InvalidValue

_SIGNER: Final = re.compile("0x[0-9a-f]{40}", re.ASCII)
_SIGNATURE: Final = re.compile("0x[0-9a-f]{128}(?:00|01|1b|1c)", re.ASCII)
_SHA256: Final = re.compile("[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementSignature:
    """That somebody signed a statement: an Ethereum address, and 65 bytes, both in lower-case hexadecimal digits.

    Holds:  their form alone; who signed is what a recovery from the text gives.
    Raises: InvalidValue.
    """

    statement_hash: str
    signer: str
    signature: str

    def __post_init__(self) -> None:
        if not isinstance(self.statement_hash, str) or _SHA256.fullmatch(self.statement_hash) is None:
            raise InvalidValue("signed statement", "must be 64 lower-case hexadecimal digits")
        check_signer(self.signer)
        check_signature(self.signature)


def check_signer(signer: object) -> None:
    """Refuse what is no address in lower case.

    Raises: InvalidValue.
    """
    if not isinstance(signer, str) or _SIGNER.fullmatch(signer) is None:
        raise InvalidValue("signer", "must be 0x and 40 lower-case hexadecimal digits")


def check_signature(signature: object) -> None:
    """Refuse what is no signature in lower case.

    Raises: InvalidValue.
    """
    if not isinstance(signature, str) or _SIGNATURE.fullmatch(signature) is None:
        raise InvalidValue("signature", "must be 0x and 65 bytes in lower-case hexadecimal digits")


def signing_text(statement: PayoutStatement) -> str:
    """Return the text that an approver signs of a statement.

    Shape: five lines, no end of line after the last. It is bound to node, epoch, statement and pool, so that who
           signs can read what is paid, and no signature fits another statement.
    """
    return signing_text_of(
        node_id=str(statement.node_id),
        epoch_id=str(statement.epoch_id),
        statement_hash=statement.statement_hash,
        pool_total_credits=str(statement.pool_total_credits),
    )


def signing_text_of(*, node_id: str, epoch_id: str, statement_hash: str, pool_total_credits: str) -> str:
    """Return the text of a statement of which these facts are known."""
    return (
        "I approve this payout statement.\n"
        f"node: {node_id}\n"
        f"epoch: {epoch_id}\n"
        f"pool: {pool_total_credits} credits\n"
        f"statement: {statement_hash}"
    )
