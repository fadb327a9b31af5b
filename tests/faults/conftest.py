"""The servers that the fault suites break: their own, as others' tests must not see it."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator

import pytest

from tests.faults.database_suites import Place, place_to_break

# A server-side cursor of a connection that was cut has nothing left to close, and says so when it is freed.
CUT_CURSORS = "ignore:.*ServerCursor object.*was deleted while still open:ResourceWarning"


@pytest.fixture(scope="session")
def place() -> Iterator[Place]:
    """A PostgreSQL to kill, and a wire to cut."""
    with place_to_break() as made:
        yield made


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of planted faults are not written down with their tracebacks, and leave no cursor to the next test."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
    gc.collect()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let cut cursors pass in here alone."""
    for item in items:
        if "tests/faults/" in item.path.as_posix():
            item.add_marker(pytest.mark.filterwarnings(CUT_CURSORS))
