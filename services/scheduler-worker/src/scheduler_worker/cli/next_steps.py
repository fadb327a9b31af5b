"""What to do about a refusal, where its own sentence does not say so."""

from __future__ import annotations

from typing import Final

NEXT_STEPS: Final = {
    "allocations-changed": "ledger review EPOCH, and close what it shows",
    "bundle-unreadable": "ledger statement export EPOCH writes one",
    "confirmation-needed": "the same with --yes, once you are sure",
    "database-unreachable": "check LEDGER_DATABASE_URL; ledger status looks at both servers",
    "epoch-closed": "ledger statement show EPOCH; what comes later counts in the next epoch",
    "epoch-not-found": "ledger epoch list",
    "event-not-curated": "ledger trace EVENT says where it is",
    "identity-already-bound": "ledger identity who ACCOUNT, then unbind or merge",
    "identity-not-bound": "ledger identity who ACCOUNT",
    "nothing-to-waive": "ledger gap list EPOCH",
    "policy-invalid": "ledger config check, once it is changed",
    "pool-base-missing": "ledger pool add EPOCH base_issuance CREDITS",
    "pool-changed": "ledger review EPOCH, and close what it shows",
    "pool-component-differs": "ledger pool list EPOCH; another amount takes another name",
    "schedule-not-found": "ledger schedule apply",
    "setting-missing": "README.md, Run it, has the environment",
    "statement-not-found": "ledger epoch finalize EPOCH",
    "stream-not-read": "ledger gap list EPOCH",
    "temporal-unreachable": "check TEMPORAL_ADDRESS; ledger status looks at both servers",
    "user-not-found": "ledger identity who NAME",
}


def next_step(code: str, sentence: str) -> str | None:
    """Return what to do next, or None where it is not known, or the sentence names a command itself."""
    return None if "ledger " in sentence else NEXT_STEPS.get(code)
