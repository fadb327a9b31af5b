"""Exit statuses: stable, so that scripts can rely on them."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Exit(IntEnum):
    """What a command ends with."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    INCOMPLETE = 3
    UNREACHABLE = 4
    INTERNAL = 70
    INTERRUPTED = 130


_UNREACHABLE: Final = {
    "database-unreachable",
    "temporal-unreachable",
    "no-worker",
    "source-unavailable",
    "timed-out",
}
_USAGE: Final = {
    "usage",
    "confirmation-needed",
    "setting-missing",
    "policy-unreadable",
    "policy-invalid",
    "address-checksum-wrong",
    "temporal-config-invalid",
    "payload-keys-invalid",
    "webhook-secrets-invalid",
}


def exit_of(code: str) -> Exit:
    """Return the exit status of a refusal's code."""
    if code == "interrupted":
        return Exit.INTERRUPTED
    if code == "worker-fault":
        return Exit.INTERNAL
    if code in _UNREACHABLE:
        return Exit.UNREACHABLE
    return Exit.USAGE if code in _USAGE else Exit.REFUSED
