"""`[[sources.github]]`: which repositories of which server, which streams, read with whose rights."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen

from ledger_core.identifiers import check_name
from scheduler_worker.policy_table import PolicyInvalid, PolicyTable, checked
from scheduler_worker.sources.github.stream_names import STREAM_NAMES

DEFAULT_SOURCE: Final = "github"
DEFAULT_BASE_URL: Final = "https://api.github.com"
DEFAULT_TOKEN: Final = "LEDGER_GITHUB_TOKEN"  # noqa: S105 - a variable's name
DEFAULT_APP_KEY: Final = "LEDGER_GITHUB_APP_KEY"
MAX_NAMES: Final = 10_000  # repositories, patterns or machine users of one table
GITHUB_KEYS: Final = (
    "repos", "exclude", "archived", "forks", "streams", "machine_users", "source", "base_url",
    "token_variable", "app_id", "app_key_variable", "accept_rewrites",
)  # fmt: skip
_RESERVED: Final = frozenset({"git", "jsonl"})
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_OWNER: Final = "[A-Za-z0-9][A-Za-z0-9-]{0,38}"
_REPOSITORY: Final = re.compile(rf"{_OWNER}/[A-Za-z0-9_.-]{{1,100}}", re.ASCII)
_PATTERN: Final = re.compile(rf"{_OWNER}/[A-Za-z0-9_.*?-]{{1,100}}", re.ASCII)
_LOGIN: Final = re.compile(r"[A-Za-z0-9_\[\]-]{1,60}", re.ASCII)
_VARIABLE: Final = re.compile("[A-Za-z_][A-Za-z0-9_]{0,99}", re.ASCII)
_APP_ID: Final = re.compile("[A-Za-z0-9.]{1,60}", re.ASCII)


@frozen(kw_only=True)
class GithubAccess:
    """A server, and where the environment holds the credentials: a token, or an app's key."""

    base_url: str = DEFAULT_BASE_URL
    token_variable: str = DEFAULT_TOKEN
    app_id: str | None = None
    app_key_variable: str = DEFAULT_APP_KEY


@frozen(kw_only=True)
class GithubSourcePolicy:
    """Repositories of one server that are read alike.

    Holds: `repos` are names, `patterns` are `owner/*` with `*` and `?` in the name; `machine_users` are
           logins in small letters.
    """

    source: str
    access: GithubAccess
    repos: tuple[str, ...]
    patterns: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    archived: bool = True
    forks: bool = False
    streams: tuple[str, ...] = STREAM_NAMES
    machine_users: tuple[str, ...] = ()
    accept_rewrites: bool = False


def parse_github_sources(sources: PolicyTable) -> tuple[GithubSourcePolicy, ...]:
    """Return the GitHub sources of a policy.

    Raises: PolicyInvalid, naming the key.
    """
    found: list[GithubSourcePolicy] = []
    servers: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    for table in sources.tables("github", *GITHUB_KEYS):
        made = _github_source(table)
        if servers.setdefault(made.source, made.access.base_url) != made.access.base_url:
            raise PolicyInvalid(
                table.key("source"), "is another server's; accounts of two servers must not mix"
            )
        for name in (*made.repos, *made.patterns):
            if (made.source, name.casefold()) in seen:
                raise PolicyInvalid(table.key("repos"), f"names {name} twice")
            seen.add((made.source, name.casefold()))
        found.append(made)
    return tuple(found)


def _github_source(table: PolicyTable) -> GithubSourcePolicy:
    names = _texts(table, "repos", _PATTERN, "be like owner/name or owner/*")
    if not names:
        raise PolicyInvalid(table.key("repos"), "is missing")
    access = _access(table)
    source = table.get("source", str) or DEFAULT_SOURCE
    checked(table.key("source"), lambda: check_name("it", source))
    if source in _RESERVED:
        raise PolicyInvalid(table.key("source"), "is the name of another kind of source")
    if source == DEFAULT_SOURCE and access.base_url != DEFAULT_BASE_URL:
        raise PolicyInvalid(
            table.key("source"),
            "must be a name of the server's own, as its numbers of accounts and repositories are not GitHub's",
        )
    wanted = _texts(table, "streams", re.compile("|".join(STREAM_NAMES)), f"be of {', '.join(STREAM_NAMES)}")
    logins = _texts(table, "machine_users", _LOGIN, "be a login")
    archived = table.get("archived", bool)
    return GithubSourcePolicy(
        source=source,
        access=access,
        repos=tuple(name for name in names if _REPOSITORY.fullmatch(name)),
        patterns=tuple(name for name in names if not _REPOSITORY.fullmatch(name)),
        exclude=_texts(table, "exclude", _PATTERN, "be like owner/name or owner/*"),
        archived=True if archived is None else archived,
        forks=table.get("forks", bool) or False,
        streams=tuple(name for name in STREAM_NAMES if not wanted or name in wanted),
        machine_users=tuple(login.casefold() for login in logins),
        accept_rewrites=table.get("accept_rewrites", bool) or False,
    )


def _access(table: PolicyTable) -> GithubAccess:
    app_id = _text(table, "app_id", _APP_ID, "be the app's id or client id")
    base_url = (table.get("base_url", str) or DEFAULT_BASE_URL).rstrip("/")
    try:
        parts = urlsplit(base_url)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        is_plain = parts.hostname is not None and not (parts.username or parts.query or parts.fragment)
    except ValueError:
        is_safe = is_plain = False
    if not (is_safe and is_plain and base_url.isascii() and base_url.isprintable()):
        raise PolicyInvalid(table.key("base_url"), "must be like https://HOST/api/v3; a token goes there")
    return GithubAccess(
        base_url=base_url,
        token_variable=_text(table, "token_variable", _VARIABLE, "name a variable") or DEFAULT_TOKEN,
        app_id=app_id,
        app_key_variable=_text(table, "app_key_variable", _VARIABLE, "name a variable") or DEFAULT_APP_KEY,
    )


def _text(table: PolicyTable, key: str, form: re.Pattern[str], meaning: str) -> str | None:
    text = table.get(key, str)
    if text is not None and form.fullmatch(text) is None:
        raise PolicyInvalid(table.key(key), f"must {meaning}")
    return text


def _texts(table: PolicyTable, key: str, form: re.Pattern[str], meaning: str) -> tuple[str, ...]:
    values = table.get(key, list) or []
    if len(values) > MAX_NAMES:
        raise PolicyInvalid(table.key(key), f"has more than {MAX_NAMES} names")
    for number, value in enumerate(values, start=1):
        if not isinstance(value, str) or form.fullmatch(value) is None:
            raise PolicyInvalid(f"{table.key(key)}[{number}]", f"must {meaning}")
    return tuple(values)
