"""Where a database stands, and where this version wants it: asked at every start, so without the migration library."""

from __future__ import annotations

from importlib.resources import files

from sqlalchemy import Engine, text

_HAS_BEEN_MIGRATED = text("SELECT to_regclass('alembic_version') IS NOT NULL")
_REVISION = text("SELECT version_num FROM alembic_version")


def current_revision(engine: Engine) -> str | None:
    """Return the revision that the database stands at; None when it was never migrated."""
    with engine.connect() as connection:
        if not connection.execute(_HAS_BEEN_MIGRATED).scalar_one():
            return None
        found: str | None = connection.execute(_REVISION).scalar_one_or_none()
        return found


def newest_revision() -> str:
    """Return the revision that this version of the package migrates to: the greatest number of a migration's file."""
    names = (file.name for file in (files("db_client") / "migrations" / "versions").iterdir())
    return max(name.partition("_")[0] for name in names if name.endswith(".py") and name[0].isdigit())
