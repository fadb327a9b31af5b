"""Migrations: bring a database to the current schema."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text

from db_client.schema_revision import describe_oldest_program, newest_revision
from ledger_core.errors import LedgerError

LOCK_TIMEOUT_MILLISECONDS = 900_000  # set-based work on a whole epoch gets a quarter of an hour
_LOCK_KEY = 7_216_503_118  # any constant: one migration at a time on a database


class SchemaRevisionUnknown(LedgerError):
    """The database was migrated by a version of this package that knows more than this one."""

    code = "schema-revision-unknown"

    def __init__(self, revision: str, newest: str) -> None:
        super().__init__(
            f"the database stands at schema {revision}, which this version does not know"
            f" (its newest is {newest}); use the version that migrated it, or a newer one"
        )
        self.revision = revision
        self.newest = newest


class DatabaseEncodingUnfit(LedgerError):
    """The database can't hold every name, as its text is not Unicode."""

    code = "database-encoding-unfit"

    def __init__(self, encoding: str) -> None:
        super().__init__(
            f"the database has encoding {encoding}, which can't hold every name;"
            " create it with ENCODING 'UTF8' TEMPLATE template0"
        )
        self.encoding = encoding


def upgrade_schema(engine: Engine) -> str:
    """Migrate to the newest schema, all or nothing, and return its revision.

    Holds:  two processes at once take turns; on a current database nothing changes.
    Raises: SchemaRevisionUnknown, DatabaseEncodingUnfit.
    """
    with as_file(files("db_client") / "migrations") as scripts, engine.begin() as connection:
        encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
        if encoding != "UTF8":
            raise DatabaseEncodingUnfit(encoding)
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        config = _config(scripts)
        config.attributes["connection"] = connection
        if _check_revision(connection, ScriptDirectory.from_config(config)):
            # Programs read the table in each transaction: what is under way ends first, and what comes next sees the
            # new rules whole. It is patient for as long as the longest of them may take.
            connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MILLISECONDS}"))
            connection.execute(text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
        command.upgrade(config, "head")
        connection.execute(text(f"COMMENT ON TABLE alembic_version IS '{describe_oldest_program()}'"))
    return newest_revision()


def _check_revision(connection: Connection, scripts: ScriptDirectory) -> bool:
    """Say whether there are programs that may be at work here: the database is an older version's."""
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        return False
    try:
        scripts.get_revision(revision)
    except CommandError as error:
        raise SchemaRevisionUnknown(revision, str(scripts.get_current_head())) from error
    return revision != newest_revision()


def _config(scripts: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
