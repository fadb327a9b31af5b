"""What a verification found: an ordered list of checks, each passed or with its first difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ledger_core.domain.canonical_json import JsonValue

MAX_PRINTED_CHARACTERS: Final = 200  # three terminal lines: enough to see a difference

# In the order of the report. A name is stable: scripts may rely on it.
CHECK_NAMES: Final = (
    "files",
    "statement-hash",
    "expected-hash",
    "chain-links",
    "chain-node",
    "chain-epochs",
    "chain-windows",
    "event-order",
    "payload-hashes",
    "event-windows",
    "activity-set",
    "allocations",
    "allocation-set",
    "pool-base",
    "pool-components",
    "pool-total",
    "payouts",
    "undistributed",
    "document",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check; where, expected and found are set exactly when it failed, and are safe to print."""

    name: str
    is_ok: bool
    where: str | None = None
    expected: str | None = None
    found: str | None = None

    def __str__(self) -> str:
        if self.is_ok:
            return self.name
        return f"{self.name}: {self.where}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationReport:
    """The outcome of verifying one bundle.

    Holds: statement_hash is computed from the bundle's own statement document, whatever the verdict;
           checks stop after `files` when the files are not those that the manifest names, and then
           nothing is known of node, epoch and pool.
    """

    statement_hash: str
    checks: tuple[Check, ...]
    events: int = 0
    allocations: int = 0
    pool_components: int = 0
    earlier_statements: int = 0
    node_id: str | None = None
    epoch_id: str | None = None
    pool_total_credits: str | None = None

    @property
    def is_verified(self) -> bool:
        """Say whether every check was made and passed."""
        return self.first_difference is None

    @property
    def first_difference(self) -> Check | None:
        """Return the first check that failed."""
        return next((check for check in self.checks if not check.is_ok), None)

    def as_json(self) -> dict[str, JsonValue]:
        """Return the report for programs; canonical JSON can carry it."""
        return {
            "verdict": "verified" if self.is_verified else "not-verified",
            "statement_hash": self.statement_hash,
            "events": self.events,
            "allocations": self.allocations,
            "pool_components": self.pool_components,
            "earlier_statements": self.earlier_statements,
            "checks": [_check_as_json(check) for check in self.checks],
        }


class Findings:
    """Collects the checks of one verification; of each, the first difference is kept."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}

    def passed(self, *names: str) -> None:
        """Note that checks were made; a difference that was found already stays."""
        for name in names:
            assert name in CHECK_NAMES, name
            self._checks.setdefault(name, Check(name=name, is_ok=True))

    def differs(self, name: str, where: str, *, expected: object, found: object) -> None:
        """Note a difference, unless the check has one already."""
        assert name in CHECK_NAMES, name
        known = self._checks.get(name)
        if known is None or known.is_ok:
            self._checks[name] = Check(
                name=name,
                is_ok=False,
                where=printable(where),
                expected=printable(expected),
                found=printable(found),
            )

    def compare(self, name: str, where: str, *, expected: object, found: object) -> None:
        """Note whether both are the same."""
        if expected == found:
            self.passed(name)
        else:
            self.differs(name, where, expected=expected, found=found)

    def has_difference(self, name: str) -> bool:
        """Say whether the check has failed."""
        return name in self._checks and not self._checks[name].is_ok

    def checks(self) -> tuple[Check, ...]:
        """Return the checks that were made, in the report's order."""
        return tuple(self._checks[name] for name in CHECK_NAMES if name in self._checks)


def printable(value: object) -> str:
    """Return value as printable ASCII of bounded length: nothing in it can steer a terminal."""
    text = "null" if value is None else str(value)
    cut = text[:MAX_PRINTED_CHARACTERS].encode("unicode_escape").decode("ascii")
    if len(text) > MAX_PRINTED_CHARACTERS or len(cut) > MAX_PRINTED_CHARACTERS:
        return cut[:MAX_PRINTED_CHARACTERS] + "..."
    return cut


def _check_as_json(check: Check) -> dict[str, JsonValue]:
    return {
        "name": check.name,
        "ok": check.is_ok,
        "where": check.where,
        "expected": check.expected,
        "found": check.found,
    }
