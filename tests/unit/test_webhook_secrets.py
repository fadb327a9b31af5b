"""A signature is compared with what each secret gives, in constant time, and no secret is ever shown."""

from __future__ import annotations

import hmac

import pytest

from scheduler_worker.settings import SettingMissing
from scheduler_worker.webhooks import webhook_secrets
from scheduler_worker.webhooks.webhook_secrets import (
    WebhookSecrets,
    WebhookSecretsInvalid,
    find_digest,
    read_webhook_secrets,
)

# GitHub's documentation on validating deliveries has this secret, payload and signature.
DOCUMENTED_SECRET = "It's a Secret to Everybody"
DOCUMENTED_SIGNATURE = b"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
ONE, TWO, THREE = ("1" * 16, "2" * 16, "3" * 500)


def read(text: str) -> WebhookSecrets:
    return read_webhook_secrets({"LEDGER_GITHUB_WEBHOOK_SECRETS": text})


def test_the_documented_example_is_signed_so() -> None:
    digest = find_digest(DOCUMENTED_SIGNATURE)
    assert digest is not None

    secrets = WebhookSecrets(secrets=(DOCUMENTED_SECRET.encode(),))

    assert secrets.has_signed(b"Hello, World!", digest)
    assert not secrets.has_signed(b"Hello, World", digest)


@pytest.mark.parametrize("matching", [0, 1, 2])
def test_every_secret_is_tried_in_constant_time_whichever_matches(
    matching: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(ours: bytes, theirs: bytes) -> bool:
        compared.append((ours, theirs))
        return hmac.compare_digest(ours, theirs)

    secrets = read(f"{ONE},{TWO},{THREE}")
    digest = hmac.digest(secrets.secrets[matching], b"body", "sha256").hex().encode()

    class Counting:
        digest = staticmethod(hmac.digest)
        compare_digest = staticmethod(compare)

    monkeypatch.setattr(webhook_secrets, "hmac", Counting)

    assert secrets.has_signed(b"body", digest)
    assert len(compared) == 3
    assert {len(ours) for ours, _ in compared} == {64}


@pytest.mark.parametrize(
    "header",
    [b"", b"sha256=", b"sha256=" + b"0" * 63, b"sha256=" + b"0" * 65, b"sha256=" + b"G" * 64, b"0" * 64,
     b" sha256=" + b"0" * 64, b"sha256=" + b"0" * 64 + b"\n", b"sha1=" + b"0" * 40],
)  # fmt: skip
def test_a_header_that_is_no_signature_has_no_digest(header: bytes) -> None:
    assert find_digest(header) is None


def test_several_secrets_are_read_as_they_stand() -> None:
    assert read(f"{ONE},{TWO}").secrets == (ONE.encode(), TWO.encode())
    assert read(THREE).secrets == (THREE.encode(),)


@pytest.mark.parametrize(
    "text",
    ["x" * 15, "x" * 501, f"{ONE},", f",{ONE}", f"{ONE}, {TWO}", f"{ONE},{ONE}", "ü" * 16, "a b" * 9, "\x1b" * 20,
     ",".join(str(number) * 16 for number in range(11))],
)  # fmt: skip
def test_what_is_no_secret_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(WebhookSecretsInvalid) as refusal:
        read(text)

    assert refusal.value.code == "webhook-secrets-invalid"
    assert text not in str(refusal.value)


def test_none_is_a_missing_setting() -> None:
    with pytest.raises(SettingMissing):
        read("")


def test_no_secret_is_shown() -> None:
    assert ONE not in repr(read(ONE))
