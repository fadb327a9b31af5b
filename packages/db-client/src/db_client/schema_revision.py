"""Where a database stands, and which programs may work in it: asked at every start and in every transaction.

A migration that only adds lets the programs before it go on, so that workers can be replaced one by one; any other
shuts them out, also those that are at work. The database says which, as only the newer program knows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from sqlalchemy import Connection, Engine, text

from ledger_core.ports.ledger import ProgramOutdated

# Revisions that only add what older programs can be without: no rule, no column that they would have to write. One that
# is not here shuts out the programs before it. docs/guides/upgrade.md says how to tell.
EXPANDING: Final[frozenset[str]] = frozenset()

_HAS_BEEN_MIGRATED = text("SELECT to_regclass('alembic_version') IS NOT NULL")
_STATE = text(
    "SELECT version_num, obj_description('alembic_version'::regclass, 'pg_class') FROM alembic_version"
)
_OLDEST: Final = re.compile(r"oldest program: ([0-9]{4})")


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaState:
    """The revision that a database stands at, and the oldest that a program must know to work in it."""

    revision: str
    oldest_program: str

    def takes(self, known: str) -> bool:
        """Say whether a program whose newest revision is `known` may work here; it migrates an older one first."""
        return self.oldest_program <= known <= self.revision


def schema_state(connection: Connection) -> SchemaState | None:
    """Return where a migrated database stands; None where its table of revisions is empty."""
    row = connection.execute(_STATE).one_or_none()
    if row is None:
        return None
    said = _OLDEST.search(row[1] or "")
    return SchemaState(revision=row[0], oldest_program=said[1] if said else row[0])


def current_state(engine: Engine) -> SchemaState | None:
    """Return where the database stands; None when it was never migrated."""
    with engine.connect() as connection:
        if not connection.execute(_HAS_BEEN_MIGRATED).scalar_one():
            return None
        return schema_state(connection)


def current_revision(engine: Engine) -> str | None:
    """Return the revision that the database stands at; None when it was never migrated."""
    state = current_state(engine)
    return None if state is None else state.revision


def check_program(connection: Connection) -> None:
    """Return if this program may work in the database, for the length of the transaction.

    Holds:  a migration waits for the transaction, as it locks the table that is read here.
    Raises: ProgramOutdated.
    """
    state = schema_state(connection)
    if state is not None and state.revision > newest_revision() and not state.takes(newest_revision()):
        raise ProgramOutdated(found=state.revision, oldest=state.oldest_program, known=newest_revision())


def describe_oldest_program() -> str:
    """Return what the database is told of who may work in it."""
    return f"oldest program: {oldest_program(revisions())}"


def oldest_program(known: tuple[str, ...], *, expanding: frozenset[str] = EXPANDING) -> str:
    """Return the newest of the revisions that a program must know: the last that does more than add."""
    return max(revision for revision in known if revision not in expanding)


@cache
def revisions() -> tuple[str, ...]:
    """Return the numbers of all migrations' files, in order."""
    names = (file.name for file in (files("db_client") / "migrations" / "versions").iterdir())
    return tuple(
        sorted(name.partition("_")[0] for name in names if name.endswith(".py") and name[0].isdigit())
    )


def newest_revision() -> str:
    """Return the revision that this version of the package migrates to."""
    return revisions()[-1]
