"""The secrets that GitHub signs deliveries with: from the environment, several at once so that one can be rotated."""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from ledger_core.errors import LedgerError
from scheduler_worker.settings import SettingMissing

VARIABLE: Final = "LEDGER_GITHUB_WEBHOOK_SECRETS"
FEWEST_CHARACTERS: Final = 16  # a body that was seen once can be tried against guesses for ever
MOST_CHARACTERS: Final = 500
MOST_SECRETS: Final = 10  # each is one more hash of every body
_SECRET: Final = re.compile(f"[!-+\\--~]{{{FEWEST_CHARACTERS},{MOST_CHARACTERS}}}", re.ASCII)
_SIGNATURE: Final = re.compile(b"sha256=([0-9a-f]{64})")


class WebhookSecretsInvalid(LedgerError):
    """LEDGER_GITHUB_WEBHOOK_SECRETS holds something else than secrets; its text is not repeated."""

    code = "webhook-secrets-invalid"

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"{VARIABLE} {problem}; it holds secrets of {FEWEST_CHARACTERS} or more printable ASCII characters,"
            " separated by commas, each made by `openssl rand -hex 32`"
        )


@frozen(kw_only=True)
class WebhookSecrets:
    """One secret or more; none of them is ever shown."""

    secrets: tuple[bytes, ...] = field(repr=False)

    def has_signed(self, body: bytes | bytearray, digest: bytes) -> bool:
        """Say whether one of the secrets gives this digest (in hexadecimal) of the body.

        Holds: every secret is tried, each compared in constant time, so that the time tells nothing.
        """
        found = [
            hmac.compare_digest(hmac.digest(secret, body, "sha256").hex().encode(), digest)
            for secret in self.secrets
        ]
        return any(found)


def read_webhook_secrets(environment: Mapping[str, str] = os.environ) -> WebhookSecrets:
    """Return the secrets of LEDGER_GITHUB_WEBHOOK_SECRETS.

    Raises: SettingMissing, WebhookSecretsInvalid.
    """
    text = environment.get(VARIABLE) or ""
    if not text:
        raise SettingMissing(VARIABLE, "the secret that the webhook has at GitHub")
    parts = text.split(",")
    if any(_SECRET.fullmatch(part) is None for part in parts):
        raise WebhookSecretsInvalid("has one that is none")
    if len(set(parts)) < len(parts):
        raise WebhookSecretsInvalid("names a secret twice")
    if len(parts) > MOST_SECRETS:
        raise WebhookSecretsInvalid(f"names more than {MOST_SECRETS}")
    return WebhookSecrets(secrets=tuple(part.encode("ascii") for part in parts))


def find_digest(header: bytes) -> bytes | None:
    """Return the digest of an `X-Hub-Signature-256` header, in hexadecimal; None where it is none."""
    match = _SIGNATURE.fullmatch(header)
    return None if match is None else match[1]
