"""The close of an epoch of many users, and of one of many events: time, memory, and how much of it holds the epoch's row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.backend import holding_epoch, server_cpu_seconds
from benchmarks.figures import Figure, Scale
from benchmarks.measuring import Measure, Meter, measured
from benchmarks.servers import ON_DISK, fresh_database, ledger_at, served_postgres
from benchmarks.stored_epoch import CLOCK, bind_everybody, open_week, set_units, store_events
from ledger_core import EpochId
from ledger_core.testing import make_component, make_context
from ledger_core.use_cases.finalize_epoch import finalize_epoch
from ledger_core.use_cases.refresh_epoch import refresh_epoch
from ledger_core.verification.bundle_writer import write_bundle

CASE = "finalize"
LOCKED_USERS = 0.75  # of the CPU of a close: the statement is written under the lock
LOCKED_EVENTS = 0.2
BUNDLE_MB = 2_000.0


def finalize(meter: Meter, *, url: str, users: int, events: int) -> dict[str, Any]:
    """Return the size of the statement, the server's CPU, and what was spent while the epoch's row was locked."""
    with ledger_at(url) as ledger:
        epoch_id = open_week(ledger)
        if events:
            bind_everybody(ledger)
            store_events(ledger, first=0, events=events)
            refresh_epoch(ledger, epoch_id, clock=CLOCK)
            with ledger.begin() as transaction:
                transaction.pool.add(epoch_id, make_component(1_000_000_007))
        else:
            set_units(ledger, epoch_id, users)
        with ledger.read() as view:
            server = server_cpu_seconds(view.connection)
        with meter.running(), holding_epoch() as held:
            closed = finalize_epoch(ledger, epoch_id, make_context(), clock=CLOCK)
        with ledger.read() as view:
            server = server_cpu_seconds(view.connection) - server
        return {
            "server": server,
            "held": held.seconds,
            "held_cpu": held.cpu_seconds,
            "bytes": len(closed.statement.document()),
            "lines": len(closed.statement.payouts),
        }


def export(meter: Meter, *, url: str, path: str) -> int:
    """Write the bundle of the first epoch; return its size."""
    with ledger_at(url) as ledger, Path(path).open("w+b") as file, meter.running(), ledger.read() as view:
        return write_bundle(view, EpochId(1), file).size_bytes


def verify(meter: Meter, *, path: str) -> None:
    """Verify the bundle."""
    from ledger_core.verification.verifier import verify_bundle  # noqa: PLC0415 - loaded in the process that uses it

    with meter.running():
        assert verify_bundle(path).is_verified


def compare(scale: Scale) -> Iterator[Figure]:
    """Measure at a tenth of the users and at all of them; and at the events of few."""
    with served_postgres() as server:
        for users, bound in ((scale.users // 10, 3.0), (scale.users, 30.0)):
            url = fresh_database(server, f"closed_{users}")
            found = measured(finalize, url=url, users=users, events=0)
            assert found.returned["lines"] == users
            yield from _figures(found, f"{users:,} users", bound=bound, locked=LOCKED_USERS)
            yield from _bundle(url, users)
        url = fresh_database(server, "closed_events")
        found = measured(finalize, url=url, users=0, events=scale.events)
        yield from _figures(found, f"{scale.events:,} events", bound=60.0, locked=LOCKED_EVENTS)


def _figures(found: Measure, name: str, *, bound: float, locked: float) -> Iterator[Figure]:
    told = found.returned
    cpu = found.cpu_seconds + told["server"]
    yield Figure(
        case=CASE, name=name, value=cpu, unit="s", at_most=bound,
        note=f"{found.cpu_seconds:.1f} s of CPU in the client, {told['server']:.1f} in the server; {found.seconds:.1f} s wall; a statement of {told['bytes'] / 1e6:.0f} MB",
    )  # fmt: skip
    yield Figure(
        case=CASE, name=f"{name}, locked", value=told["held_cpu"] / cpu, unit="x", at_most=locked,
        note=f"{told['held_cpu']:.2f} s of that CPU; {told['held']:.1f} s wall",
    )  # fmt: skip
    yield Figure(case=CASE, name=f"{name}, memory", value=found.peak_mb, unit="MB", at_most=1_500.0)


def _bundle(url: str, users: int) -> Iterator[Figure]:
    """Export the bundle, and verify it."""
    with TemporaryDirectory(dir=ON_DISK) as folder:
        path = str(Path(folder) / "bundle.zip")
        written = measured(export, url=url, path=path)
        verified = measured(verify, path=path)
    for name, found in (("export", written), ("verify", verified)):
        yield Figure(
            case=CASE, name=f"{users:,} users, {name}, memory", value=found.peak_mb, unit="MB", at_most=BUNDLE_MB,
            note=f"{found.cpu_seconds:.1f} s of CPU; a bundle of {written.returned / 1e6:.0f} MB",
        )  # fmt: skip


CASES = (compare,)
