"""Figures: what was measured, against what, and what was wanted."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of a case, and the bound that it is held to, if there is one.

    Units: `unit` says; `x` is a ratio to the reference that `note` names, taken in the same run.
    """

    case: str
    name: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the bound holds; a figure without one has none to miss."""
        above = self.at_least is None or self.value >= self.at_least
        return above and (self.at_most is None or self.value <= self.at_most)

    @property
    def bound(self) -> str:
        """The bound in words."""
        if self.at_least is not None:
            return f">= {self.at_least:g}"
        return "" if self.at_most is None else f"<= {self.at_most:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much there is of what is measured."""

    users: int = 1_000_000
    events: int = 1_000_000
    commits: int = 12_000
    streams: int = 50


def machine() -> Mapping[str, str]:
    """What the figures were taken on."""
    return {
        "processor": _first_value("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{_kilobytes('/proc/meminfo', 'MemTotal') / 2**20:.0f} GB",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "system": f"{platform.system()} {platform.release()}",
        "python": sys.version.split()[0],
    }


def _first_value(path: str, name: str) -> str | None:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)


def _kilobytes(path: str, name: str) -> int:
    found = _first_value(path, name)
    return 0 if found is None else int(found.split()[0])
