"""Reading tables of ledger.toml: values by key and kind, unknown keys refused by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from ledger_core.errors import InvalidValue, LedgerError
from ledger_core.identifiers import check_text

MAX_NAMES: Final = 10_000  # of one list: repositories, patterns, machine users
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_KINDS: Final = {
    int: "a whole number",
    float: "a fraction",
    bool: "true or false",
    str: "text",
    dict: "a table",
    list: "a list",
    date: "a date",
    datetime: "a date with a time",
    time: "a time",
}

_T = TypeVar("_T")


class PolicyInvalid(LedgerError):
    """The policy file says something that has no meaning, or not that one."""

    code = "policy-invalid"

    def __init__(self, key: str, problem: str, *, line: int | None = None) -> None:
        where = "ledger.toml" if line is None else f"ledger.toml line {line}"
        super().__init__(f"{where}: {key} {problem}")
        self.key = key
        self.problem = problem
        self.line = line


class PolicyTable:
    """One TOML table: takes values by key and type, and refuses keys that it doesn't know."""

    def __init__(self, values: Mapping[str, Any], name: str) -> None:
        self.values = values
        self.name = name

    def key(self, key: str) -> str:
        """Return a key's full name, as a refusal shows it."""
        return f"{self.name}.{key}" if self.name else key

    def allow(self, *keys: str) -> None:
        """Refuse every other key, with the nearest of these.

        Raises: PolicyInvalid.
        """
        for key in self.values:
            if key not in keys:
                close = get_close_matches(key, keys, n=1)
                hint = f"; did you mean {close[0]}?" if close else f"; known are {', '.join(keys)}"
                raise PolicyInvalid(self.key(_shown(key)), f"is unknown{hint}")

    def get(self, key: str, kind: type[_T]) -> _T | None:
        """Return a key's value, None where there is none; nothing is converted.

        Raises: PolicyInvalid.
        """
        value = self.values.get(key)
        if value is None:
            return None
        if type(value) is not kind:
            wanted = "a date like 2026-01-05" if kind is date else _KINDS[kind]
            raise PolicyInvalid(self.key(key), f"must be {wanted}, not {_KINDS[type(value)]}")
        return value

    def required(self, key: str, kind: type[_T]) -> _T:
        """Return a key's value.

        Raises: PolicyInvalid.
        """
        value = self.get(key, kind)
        if value is None:
            raise PolicyInvalid(self.key(key), "is missing")
        return value

    def path(self, key: str, folder: Path) -> Path:
        """Return the path under a key; a relative one starts at folder, and `~` is a home.

        Raises: PolicyInvalid.
        """
        text = self.required(key, str)
        if not text or "\0" in text:
            raise PolicyInvalid(self.key(key), "must be a path")
        try:
            return folder / Path(text).expanduser()
        except RuntimeError as error:
            raise PolicyInvalid(
                self.key(key), "begins with ~ and a user that this machine doesn't know"
            ) from error

    def matching(self, key: str, form: re.Pattern[str], meaning: str) -> str | None:
        """Return the text under a key if it has the form; `meaning` says in a refusal what it must do.

        Raises: PolicyInvalid.
        """
        text = self.get(key, str)
        if text is not None and form.fullmatch(text) is None:
            raise PolicyInvalid(self.key(key), f"must {meaning}")
        return text

    def all_matching(self, key: str, form: re.Pattern[str], meaning: str) -> tuple[str, ...]:
        """Return the texts of the list under a key, each of the form.

        Raises: PolicyInvalid.
        """
        values = self.get(key, list) or []
        if len(values) > MAX_NAMES:
            raise PolicyInvalid(self.key(key), f"has more than {MAX_NAMES} names")
        for number, value in enumerate(values, start=1):
            if not isinstance(value, str) or form.fullmatch(value) is None:
                raise PolicyInvalid(f"{self.key(key)}[{number}]", f"must {meaning}")
        return tuple(values)

    def server_url(self, key: str, *, default: str, example: str) -> str:
        """Return the address of a server that is given a token: by TLS, or on this machine, and nothing beside it.

        Raises: PolicyInvalid.
        """
        url = (self.get(key, str) or default).rstrip("/")
        try:
            parts = urlsplit(url)
            is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
            is_plain = parts.hostname is not None and not (parts.username or parts.query or parts.fragment)
        except ValueError:
            is_safe = is_plain = False
        if not (is_safe and is_plain and url.isascii() and url.isprintable()):
            raise PolicyInvalid(self.key(key), f"must be like {example}; a token goes there")
        return url

    def table(self, key: str, *keys: str) -> PolicyTable:
        """Return the table under a key, empty where there is none; it may have these keys.

        Raises: PolicyInvalid.
        """
        found = PolicyTable(self.get(key, dict) or {}, self.key(key))
        found.allow(*keys)
        return found

    def tables(self, key: str, *keys: str) -> list[PolicyTable]:
        """Return the tables of the list under a key, named by their number from 1; without keys they may have any.

        Raises: PolicyInvalid.
        """
        values = self.get(key, list) or []
        found = []
        for number, value in enumerate(values, start=1):
            name = f"{self.key(key)}[{number}]"
            if not isinstance(value, dict):
                raise PolicyInvalid(name, "must be a table")
            found.append(PolicyTable(value, name))
            if keys:
                found[-1].allow(*keys)
        return found


class ServerNames:
    """Which server each source name is of, and what it collects there.

    Holds: accounts of two servers never mix under one name, and nothing is collected twice.
    """

    def __init__(self) -> None:
        self._servers: dict[str, str] = {}
        self._seen: set[tuple[str, str]] = set()

    def add(self, table: PolicyTable, *, source: str, base_url: str, key: str, names: Iterable[str]) -> None:
        """Add one table of sources, whose names stand under a key; upper and lower case are one.

        Raises: PolicyInvalid.
        """
        if self._servers.setdefault(source, base_url) != base_url:
            raise PolicyInvalid(
                table.key("source"), "is another server's; accounts of two servers must not mix"
            )
        for name in names:
            if (source, name.casefold()) in self._seen:
                raise PolicyInvalid(table.key(key), f"names {name} twice")
            self._seen.add((source, name.casefold()))


def checked(key: str, check: Callable[[], _T]) -> _T:
    """Return what check returns; a value that it refuses is the policy's fault.

    Raises: PolicyInvalid.
    """
    try:
        return check()
    except InvalidValue as error:
        raise PolicyInvalid(key, f"has no meaning: {error}") from error


def check_line(key: str, text: str, *, most_characters: int) -> None:
    """Refuse what is no line of text, or begins or ends with a space.

    Raises: PolicyInvalid.
    """
    checked(key, lambda: check_text("it", text, most_characters=most_characters))
    if text[0].isspace() or text[-1].isspace():
        raise PolicyInvalid(key, "must not begin or end with a space")


def _shown(key: str) -> str:
    return key if key.isprintable() and len(key) <= 60 else ascii(key[:60])  # noqa: PLR2004 - fits a line
