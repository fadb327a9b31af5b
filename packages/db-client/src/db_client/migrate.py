"""Migrations: bring a database to the current schema, and say where it stands."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

_LOCK_KEY = 7_216_503_118  # any constant: one migration at a time on a database


def upgrade_schema(engine: Engine) -> str:
    """Migrate to the newest schema, all or nothing, and return its revision.

    Holds: two processes at once take turns; on a current database nothing changes.
    """
    with as_file(files("db_client") / "migrations") as scripts, engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        config = _config(scripts)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return newest_revision()


def current_revision(engine: Engine) -> str | None:
    """Return the revision that the database stands at; None when it was never migrated."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str:
    """Return the revision that this version of the package migrates to."""
    with as_file(files("db_client") / "migrations") as scripts:
        head = ScriptDirectory.from_config(_config(scripts)).get_current_head()
    assert head is not None
    return head


def _config(scripts: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
