"""`[[sources.github]]`: which repositories of which server, which streams, read with whose rights."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from ledger_core.identifiers import check_name
from scheduler_worker.policy_table import PolicyInvalid, PolicyTable, ServerNames, checked
from scheduler_worker.sources.github.stream_names import STREAM_NAMES

DEFAULT_SOURCE: Final = "github"
DEFAULT_BASE_URL: Final = "https://api.github.com"
DEFAULT_TOKEN: Final = "LEDGER_GITHUB_TOKEN"  # noqa: S105 - a variable's name
DEFAULT_APP_KEY: Final = "LEDGER_GITHUB_APP_KEY"
GITHUB_KEYS: Final = (
    "repos", "exclude", "archived", "forks", "streams", "machine_users", "source", "base_url",
    "token_variable", "app_id", "app_key_variable", "accept_rewrites",
)  # fmt: skip
RESERVED: Final = frozenset({"git", "gitlab", "jsonl"})
_OWNER: Final = "[A-Za-z0-9][A-Za-z0-9-]{0,38}"
_REPOSITORY: Final = re.compile(rf"{_OWNER}/[A-Za-z0-9_.-]{{1,100}}", re.ASCII)
PATTERN: Final = re.compile(rf"{_OWNER}/[A-Za-z0-9_.*?-]{{1,100}}", re.ASCII)
LOGIN: Final = re.compile(r"[A-Za-z0-9_\[\]-]{1,60}", re.ASCII)
VARIABLE: Final = re.compile("[A-Za-z_][A-Za-z0-9_]{0,99}", re.ASCII)
APP_ID: Final = re.compile("[A-Za-z0-9.]{1,60}", re.ASCII)


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
    known = ServerNames()
    for table in sources.tables("github", *GITHUB_KEYS):
        made = _github_source(table)
        known.add(
            table,
            source=made.source,
            base_url=made.access.base_url,
            key="repos",
            names=(*made.repos, *made.patterns),
        )
        found.append(made)
    return tuple(found)


def _github_source(table: PolicyTable) -> GithubSourcePolicy:
    names = table.all_matching("repos", PATTERN, "be like owner/name or owner/*")
    if not names:
        raise PolicyInvalid(table.key("repos"), "is missing")
    access = _access(table)
    source = table.get("source", str) or DEFAULT_SOURCE
    checked(table.key("source"), lambda: check_name("it", source))
    if source in RESERVED:
        raise PolicyInvalid(table.key("source"), "is the name of another kind of source")
    if source == DEFAULT_SOURCE and access.base_url != DEFAULT_BASE_URL:
        raise PolicyInvalid(
            table.key("source"),
            "must be a name of the server's own, as its numbers of accounts and repositories are not GitHub's",
        )
    wanted = table.all_matching(
        "streams", re.compile("|".join(STREAM_NAMES)), f"be of {', '.join(STREAM_NAMES)}"
    )
    logins = table.all_matching("machine_users", LOGIN, "be a login")
    archived = table.get("archived", bool)
    return GithubSourcePolicy(
        source=source,
        access=access,
        repos=tuple(name for name in names if _REPOSITORY.fullmatch(name)),
        patterns=tuple(name for name in names if not _REPOSITORY.fullmatch(name)),
        exclude=table.all_matching("exclude", PATTERN, "be like owner/name or owner/*"),
        archived=True if archived is None else archived,
        forks=table.get("forks", bool) or False,
        streams=tuple(name for name in STREAM_NAMES if not wanted or name in wanted),
        machine_users=tuple(login.casefold() for login in logins),
        accept_rewrites=table.get("accept_rewrites", bool) or False,
    )


def _access(table: PolicyTable) -> GithubAccess:
    variable = (VARIABLE, "name a variable")
    return GithubAccess(
        base_url=table.server_url("base_url", default=DEFAULT_BASE_URL, example="https://HOST/api/v3"),
        token_variable=table.matching("token_variable", *variable) or DEFAULT_TOKEN,
        app_id=table.matching("app_id", APP_ID, "be the app's id or client id"),
        app_key_variable=table.matching("app_key_variable", *variable) or DEFAULT_APP_KEY,
    )
