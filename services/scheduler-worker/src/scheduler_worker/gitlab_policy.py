"""`[[sources.gitlab]]`: which projects of which server, which streams, read with whose token."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from ledger_core.identifiers import check_name
from scheduler_worker.policy_table import PolicyInvalid, PolicyTable, ServerNames, checked
from scheduler_worker.sources.gitlab.stream_names import STREAM_NAMES

DEFAULT_SOURCE: Final = "gitlab"
DEFAULT_BASE_URL: Final = "https://gitlab.com/api/v4"
DEFAULT_TOKEN: Final = "LEDGER_GITLAB_TOKEN"  # noqa: S105 - a variable's name
GITLAB_KEYS: Final = (
    "projects", "streams", "machine_users", "source", "base_url", "token_variable",
)  # fmt: skip
RESERVED: Final = frozenset({"git", "github", "jsonl"})
_PART: Final = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}"
PROJECT: Final = re.compile(rf"(?=.{{3,255}}\Z){_PART}(?:/{_PART}){{1,21}}", re.ASCII)
LOGIN: Final = re.compile("[A-Za-z0-9_.-]{1,255}", re.ASCII)
VARIABLE: Final = re.compile("[A-Za-z_][A-Za-z0-9_]{0,99}", re.ASCII)


@frozen(kw_only=True)
class GitlabAccess:
    """A server, and the variable of the environment that holds a token of it."""

    base_url: str = DEFAULT_BASE_URL
    token_variable: str = DEFAULT_TOKEN


@frozen(kw_only=True)
class GitlabSourcePolicy:
    """Projects of one server that are read alike; `machine_users` are logins in small letters."""

    source: str
    access: GitlabAccess
    projects: tuple[str, ...]
    streams: tuple[str, ...] = STREAM_NAMES
    machine_users: tuple[str, ...] = ()


def parse_gitlab_sources(sources: PolicyTable) -> tuple[GitlabSourcePolicy, ...]:
    """Return the GitLab sources of a policy.

    Raises: PolicyInvalid, naming the key.
    """
    found: list[GitlabSourcePolicy] = []
    known = ServerNames()
    for table in sources.tables("gitlab", *GITLAB_KEYS):
        made = _gitlab_source(table)
        known.add(
            table, source=made.source, base_url=made.access.base_url, key="projects", names=made.projects
        )
        found.append(made)
    return tuple(found)


def _gitlab_source(table: PolicyTable) -> GitlabSourcePolicy:
    projects = table.all_matching("projects", PROJECT, "be like group/name")
    if not projects:
        raise PolicyInvalid(table.key("projects"), "is missing")
    access = GitlabAccess(
        base_url=table.server_url("base_url", default=DEFAULT_BASE_URL, example="https://HOST/api/v4"),
        token_variable=table.matching("token_variable", VARIABLE, "name a variable") or DEFAULT_TOKEN,
    )
    source = table.get("source", str) or DEFAULT_SOURCE
    checked(table.key("source"), lambda: check_name("it", source))
    if source in RESERVED:
        raise PolicyInvalid(table.key("source"), "is the name of another kind of source")
    if source == DEFAULT_SOURCE and access.base_url != DEFAULT_BASE_URL:
        raise PolicyInvalid(
            table.key("source"),
            "must be a name of the server's own, as its numbers of accounts and projects are not gitlab.com's",
        )
    names = "|".join(STREAM_NAMES)
    wanted = table.all_matching("streams", re.compile(names), f"be of {', '.join(STREAM_NAMES)}")
    logins = table.all_matching("machine_users", LOGIN, "be a login")
    return GitlabSourcePolicy(
        source=source,
        access=access,
        projects=projects,
        streams=tuple(name for name in STREAM_NAMES if not wanted or name in wanted),
        machine_users=tuple(login.casefold() for login in logins),
    )
