"""What `ledger_core` promises to those who import it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ledger_core

PROMISED = {
    "FinalizedAllocation",
    "PayoutLine",
    "canonical_json",
    "compute_allocation_set_hash",
    "compute_epoch_window",
    "compute_payouts",
    "compute_proposed_allocations",
    "verify_bundle",
    "InMemoryLedger",
}


def test_every_public_name_is_there_and_promised_ones_are_public() -> None:
    names = ledger_core.__all__

    assert sorted(names) == list(names)
    assert len(set(names)) == len(names)
    assert set(names) >= PROMISED
    assert all(hasattr(ledger_core, name) for name in names)


def test_importing_the_core_loads_the_standard_library_only() -> None:
    """ADAPTERS_NOT_IN_CORE, at run time; and nothing as heavy as a server's or a parser's machinery."""
    code = (
        "import sys; before = set(sys.modules); import ledger_core;"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()

    assert [name for name in loaded if name not in sys.stdlib_module_names and name != "ledger_core"] == []
    assert {"asyncio", "argparse", "socket", "subprocess", "logging", "unittest"}.isdisjoint(loaded)


def test_importing_the_core_loads_no_more_than_its_middle() -> None:
    """What few need comes when it is asked for: ports, statements, the bundles' verifier, explanations, what is there to test with."""
    code = (
        "import sys, ledger_core; loaded = set(sys.modules); assert ledger_core.verify_bundle and ledger_core.InMemoryLedger;"
        "print(*sorted(name for name in loaded if name.startswith('ledger_core.')))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()

    middle = (
        "activity_event allocation apportionment canonical_json curation epoch epoch_window instant ledger_action"
        " payouts pool weight_config"
    )
    assert set(loaded) == {
        "ledger_core.domain",
        "ledger_core.errors",
        "ledger_core.identifiers",
        *(f"ledger_core.domain.{name}" for name in middle.split()),
    }
    assert set(ledger_core.__all__) <= set(dir(ledger_core))
    with pytest.raises(AttributeError, match="has no attribute nothing"):
        _ = ledger_core.nothing


def test_two_lines_split_a_pool() -> None:
    allocations = [ledger_core.FinalizedAllocation("b", 1), ledger_core.FinalizedAllocation("a", 1)]

    lines = ledger_core.compute_payouts(allocations, 3)

    assert lines == (
        ledger_core.PayoutLine("a", 1, "0.500000", 2),
        ledger_core.PayoutLine("b", 1, "0.500000", 1),
    )
