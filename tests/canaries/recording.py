"""A pytest plugin: writes down what failed and how, and stops at the first assertion that did.

pytest's exit status alone cannot tell a test that found the fault from a module that no longer imports.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from enum import StrEnum
from pathlib import Path

import pytest
from _pytest.outcomes import Failed  # its public name, pytest.fail.Exception, is no type to mypy

import db_client
import ledger_core
import scheduler_worker

RECORD = "CANARY_RECORD"
# By name: whoever refuses has been imported by then, and tests of the core need not wait for the other two.
REFUSALS = {
    "ledger_core.errors.LedgerError",
    "sqlalchemy.exc.IntegrityError",  # a constraint or a trigger; SQL that is no SQL is none of these
    "sqlalchemy.exc.OperationalError",  # a deadlock
    "temporalio.exceptions.TemporalError",
}


class Kind(StrEnum):
    """How a test failed."""

    ASSERTION = "assertion"  # it looked, and found the fault
    REFUSAL = "refusal"  # the ledger, its database or Temporal refused what must go through
    OTHER = "other"  # it broke, hung or never ran: nothing was shown


def kind_of(error: BaseException) -> Kind:
    """Return what a test's failure shows; of several at once, the weakest."""
    if isinstance(error, BaseExceptionGroup):
        kinds = {kind_of(inner) for inner in error.exceptions}
        return max(kinds, key=list(Kind).index)
    if isinstance(error, Failed):
        return Kind.OTHER if str(error).startswith("Timeout") else Kind.ASSERTION
    if isinstance(error, AssertionError):
        return Kind.ASSERTION
    names = {f"{parent.__module__}.{parent.__name__}" for parent in type(error).__mro__}
    return Kind.OTHER if names.isdisjoint(REFUSALS) else Kind.REFUSAL


def _write(**entry: str) -> None:
    with Path(os.environ[RECORD]).open("a", encoding="utf-8") as record:
        record.write(json.dumps(entry) + "\n")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Refuse to try a fault on code that is not the copy's."""
    for package in (ledger_core, db_client, scheduler_worker):
        if not any(Path(place).is_relative_to(session.config.rootpath) for place in package.__path__):
            pytest.exit(f"{package.__name__} comes from {list(package.__path__)}, not from the copy", 3)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Note a module that no longer imports."""
    if report.failed:
        _write(test=report.nodeid, kind=Kind.OTHER, error=f"not collected: {report.longreprtext[-200:]}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note a failure, and stop at the first that shows the fault."""
    report = yield
    if report.failed and call.excinfo is not None:
        kind = kind_of(call.excinfo.value) if call.when == "call" else Kind.OTHER
        text = f"{call.excinfo.typename}: {call.excinfo.value}".splitlines()[0][:200]
        _write(test=item.nodeid, kind=kind, error=text)
        if kind is Kind.ASSERTION:
            item.session.shouldstop = "an assertion found the fault"
    return report
