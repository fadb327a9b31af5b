"""The address of the database: checked before anything connects, so that a slip of the pen is one clear sentence."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from psycopg.pq import Conninfo
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from ledger_core.errors import LedgerError

# libpq's own list (34.19.1); what a server's certificate proves is checked by the last two only.
TLS_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
VERIFYING: Final = ("verify-ca", "verify-full")
FILES: Final = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
SYSTEM: Final = "system"  # instead of a file of authorities: those that the machine trusts
SET_HERE: Final = (
    "application_name",
    "client_encoding",
    "connect_timeout",
    "options",
)  # by create_ledger_engine, for every session
SEVERAL: Final = ("host", "port")  # of servers that stand in for each other


class DatabaseUrlInvalid(LedgerError):
    """A database address is no PostgreSQL URL, or asks for what there is not; its text is not repeated."""

    code = "database-url-invalid"

    def __init__(self, problem: str = "is no URL like postgresql://user:password@host:5432/name") -> None:
        super().__init__(f"the database address {problem}")


def parse_database_url(url: str) -> URL:
    """Return the URL for the psycopg driver.

    Holds:  its parameters are libpq's, none that the ledger sets itself, and the files of its TLS are there.
    Raises: DatabaseUrlInvalid.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseUrlInvalid from None
    if parsed.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise DatabaseUrlInvalid
    _check_parameters(parsed.query)
    _check_tls(parsed.query)
    return parsed.set(drivername="postgresql+psycopg")


def _check_parameters(query: Mapping[str, object]) -> None:
    known = {option.keyword.decode("ascii") for option in Conninfo.get_defaults()}
    for name, value in query.items():
        if name not in known:
            raise DatabaseUrlInvalid(f"has a parameter that PostgreSQL does not know: {_shown(name)}")
        if name in SET_HERE:
            raise DatabaseUrlInvalid(f"must not set {name}, as the ledger sets it itself")
        if not isinstance(value, str) and name not in SEVERAL:
            raise DatabaseUrlInvalid(f"sets {name} twice")


def _check_tls(query: Mapping[str, object]) -> None:
    mode = query.get("sslmode")
    if mode is not None and mode not in TLS_MODES:
        raise DatabaseUrlInvalid(f"has an sslmode that is none of {', '.join(TLS_MODES)}")
    for name in FILES:
        file = query.get(name)
        if isinstance(file, str) and file != SYSTEM and not os.access(file, os.R_OK):
            raise DatabaseUrlInvalid(f"names a file as {name} that can't be read")
    if ("sslcert" in query) != ("sslkey" in query):
        raise DatabaseUrlInvalid("has one of sslcert and sslkey, which go together")
    if mode in VERIFYING and not _has_authorities(query):
        raise DatabaseUrlInvalid(f"says sslmode={mode}, which needs sslrootcert=FILE, or sslrootcert=system")
    if query.get("sslrootcert") == SYSTEM and mode != "verify-full":
        raise DatabaseUrlInvalid("says sslrootcert=system, which needs sslmode=verify-full")


def _has_authorities(query: Mapping[str, object]) -> bool:
    if "sslrootcert" in query or os.environ.get("PGSSLROOTCERT"):
        return True
    return Path("~/.postgresql/root.crt").expanduser().exists()  # where libpq looks by itself


def _shown(name: str) -> str:
    """Return a parameter's name if it is one; a password with an unescaped `?` would look like one too."""
    return name if name.isidentifier() and len(name) <= 20 else "one that is no name"  # noqa: PLR2004
