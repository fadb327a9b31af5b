"""The close of an epoch of many users: time, memory, and the size of the statement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.backend import server_cpu_seconds
from benchmarks.figures import Figure, Scale
from benchmarks.measuring import Meter, measured
from benchmarks.servers import fresh_database, ledger_at, served_postgres
from benchmarks.stored_epoch import CLOCK, open_week, set_units
from ledger_core.testing import make_context
from ledger_core.use_cases.finalize_epoch import finalize_epoch

CASE = "finalize"


def finalize(meter: Meter, *, url: str, users: int) -> dict[str, Any]:
    """Return the size of the statement."""
    with ledger_at(url) as ledger:
        epoch_id = open_week(ledger)
        set_units(ledger, epoch_id, users)
        with ledger.read() as view:
            server = server_cpu_seconds(view.connection)
        with meter.running():
            closed = finalize_epoch(ledger, epoch_id, make_context(), clock=CLOCK)
        with ledger.read() as view:
            server = server_cpu_seconds(view.connection) - server
        return {
            "server": server,
            "bytes": len(closed.statement.document()),
            "lines": len(closed.statement.payouts),
        }


def compare(scale: Scale) -> Iterator[Figure]:
    """Measure at a tenth of the scale and at the whole."""
    with served_postgres() as server:
        for users, bound in ((scale.users // 10, 3.0), (scale.users, 30.0)):
            found = measured(finalize, url=fresh_database(server, f"closed_{users}"), users=users)
            assert found.returned["lines"] == users
            yield Figure(
                case=CASE,
                name=f"{users:,} users",
                value=found.seconds,
                unit="s",
                at_most=bound,
                note=f"{found.cpu_seconds:.1f} s of CPU in the client, {found.returned['server']:.1f} in the server; a statement of {found.returned['bytes'] / 1e6:.0f} MB",
            )
            yield Figure(
                case=CASE, name=f"{users:,} users, memory", value=found.peak_mb, unit="MB", at_most=1_500.0
            )


CASES = (compare,)
