"""`[[sources.<kind>]]` of kinds that an installed package brings, by the entry point group `ledger.sources`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from ledger_core.ports.source_factory import SOURCE_ENTRY_POINTS
from scheduler_worker.policy_table import PolicyTable

BUILT_IN_KINDS: Final = ("git", "github", "gitlab", "jsonl")


@frozen(kw_only=True)
class PluginSourcePolicy:
    """One table for a package's factory: its kind, its name in refusals, and what it says, unchecked."""

    kind: str
    key: str
    table: Mapping[str, Any] = field(hash=False)
    folder: Path


def plugin_kinds(sources: Mapping[str, Any]) -> tuple[str, ...]:
    """Return those of a policy's kinds that installed packages bring; nothing of theirs is imported."""
    if set(sources) <= set(BUILT_IN_KINDS):
        return ()
    installed = {found.name for found in entry_points(group=SOURCE_ENTRY_POINTS)}
    return tuple(sorted(installed.difference(BUILT_IN_KINDS)))


def parse_plugin_sources(
    sources: PolicyTable, kinds: tuple[str, ...], folder: Path
) -> tuple[PluginSourcePolicy, ...]:
    """Return the tables of these kinds.

    Raises: PolicyInvalid.
    """
    return tuple(
        PluginSourcePolicy(kind=kind, key=table.name, table=table.values, folder=folder)
        for kind in kinds
        for table in sources.tables(kind)
    )
