"""What somebody saw of an epoch when they looked last: a small file of their own, which decides nothing.

It lies in the state folder of the user (XDG_STATE_HOME, else ~/.local/state), by node and epoch. Whatever is wrong with
it means that nobody has looked.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

FORMAT: Final = "ledger-look/2"
_OLDER: Final = "ledger-look/1"  # which knew of no decision and of no stream
MAX_BYTES: Final = 16_777_216
MAX_PEOPLE: Final = 100_000  # of more, who has which units is not kept
MAX_STREAMS: Final = 10_000  # of more, how each stood is not kept
_COUNTS: Final = ("events", "included", "unresolved", "late", "excluded", "pool_credits")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """An epoch as it was looked at.

    Units: everybody's units in milli-units.
    Holds: units and streams are None where they were too many; streams and decisions are None in a look of an older
           format. Decisions are the digests of the newest that were recorded then.
    """

    at: str
    allocation_set_hash: str
    events: int
    included: int
    unresolved: int
    late: int
    excluded: int
    pool_credits: int
    units: Mapping[str, int] | None
    streams: Mapping[str, str] | None
    decisions: tuple[str, ...] | None


def look_path(node_id: UUID, epoch_id: int) -> Path:
    """Return where the look at an epoch is kept."""
    named = os.environ.get("XDG_STATE_HOME", "")
    base = Path(named) if Path(named).is_absolute() else Path.home() / ".local" / "state"
    return base / "ledger" / str(node_id) / f"look-{epoch_id}.json"


def find_look(path: Path) -> Look | None:
    """Return the look that is kept there; None where there is none, or none that makes sense."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        found = json.loads(data) if len(data) <= MAX_BYTES else None
    except (OSError, ValueError, RecursionError):
        return None
    return _parse(found)


def keep_look(path: Path, look: Look) -> bool:
    """Keep a look, whole or not at all, for its owner alone; return False where that can't be."""
    units = look.units if look.units is not None and len(look.units) <= MAX_PEOPLE else None
    streams = look.streams if look.streams is not None and len(look.streams) <= MAX_STREAMS else None
    kept = {"format": FORMAT} | asdict(look) | {"units": units, "streams": streams}
    text = json.dumps(kept, ensure_ascii=True)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=".look-", delete=False, encoding="ascii"
        ) as file:
            try:
                file.write(text)
                file.flush()
                Path(file.name).replace(path)
            except BaseException:
                with suppress(OSError):
                    Path(file.name).unlink(missing_ok=True)
                raise
    except OSError:
        return False
    return True


def _parse(found: Any) -> Look | None:
    if not isinstance(found, dict) or found.get("format") not in {FORMAT, _OLDER}:
        return None
    at, pinned, units = found.get("at"), found.get("allocation_set_hash"), found.get("units")
    counts: dict[str, Any] = {name: found.get(name) for name in _COUNTS}
    if not isinstance(at, str) or not isinstance(pinned, str) or set(map(type, counts.values())) != {int}:
        return None
    streams, decisions = found.get("streams"), found.get("decisions")
    if not _maps_to(units, int) or not _maps_to(streams, str):
        return None
    if decisions is not None and (not isinstance(decisions, list) or set(map(type, decisions)) - {str}):
        return None
    return Look(
        at=at,
        allocation_set_hash=pinned,
        units=units,
        streams=streams,
        decisions=None if decisions is None else tuple(decisions),
        **counts,
    )


def _maps_to(found: Any, kind: type) -> bool:
    return found is None or (isinstance(found, dict) and not set(map(type, found.values())) - {kind})
