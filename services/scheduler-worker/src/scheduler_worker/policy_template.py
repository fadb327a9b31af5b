"""A first ledger.toml, with what each key means beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from attrs import frozen

from scheduler_worker.policy_schema import FILE_NAME

_GITHUB_URL: Final = re.compile(
    r"(?:https://|ssh://git@|git@)github\.com[/:]([A-Za-z0-9-]+/[A-Za-z0-9._-]+?)(?:\.git)?/?", re.ASCII
)


@frozen(kw_only=True)
class FirstPolicy:
    """What a new node begins with; git sources are pairs of name and path, GitHub's are `owner/name` or patterns."""

    node_id: UUID
    length_days: int
    base_issuance_credits: int
    git: Sequence[tuple[str, str]] = ()
    github: Sequence[str] = ()


def github_repository(url: str) -> str | None:
    """Return `owner/name` of a remote on github.com."""
    found = _GITHUB_URL.fullmatch(url)
    return None if found is None else found[1]


def policy_text(first: FirstPolicy) -> str:
    """Return the file; whether it is a policy is for whoever reads it back."""
    return "".join((_head(first), *map(_git_source, first.git), _github_source(first.github)))


def _head(first: FirstPolicy) -> str:
    return f"""\
#:schema ./{FILE_NAME}
# The policy of this ledger. Commit it, and review changes to it like code. It holds no secrets.
# ledger.toml.example in the project's repository has every key; `ledger config check` finds mistakes.

# Which ledger this is. Never change it.
node_id = "{first.node_id}"

[epoch]
# How long a window is, in whole UTC days.
length_days = {first.length_days}

# What each kind of activity weighs, in milli-units: 1000 is one unit. What is not named weighs nothing. An epoch keeps
# the weights that it was opened with.
[weights]
"git:commit_authored" = 1000
"git:commit_coauthored" = 500
"git:commit_merged" = 250
"github:pr_merged" = 8000
"github:review_submitted" = 2000
"github:issue_closed" = 1000

[pool]
# Credits that each epoch pays.
base_issuance_credits = {first.base_issuance_credits}

[schedule]
# How long after a window's end it is collected: a source may need its time.
offset = "6h"
"""


def _git_source(source: tuple[str, str]) -> str:
    name, path = source
    return f"""
[[sources.git]]
# Its name in event ids, for ever: keep it when the repository moves.
name = {_text(name)}
# A repository on this machine, with its whole history; a relative path starts at this file.
path = {_text(path)}
"""


def _github_source(repositories: Sequence[str]) -> str:
    if not repositories:
        return ""
    return f"""
[[sources.github]]
# owner/name, or a pattern like owner/*; the token is in LEDGER_GITHUB_TOKEN.
# `ledger source check github` says what it sees, and what a window will cost.
repos = [{", ".join(map(_text, repositories))}]
"""


def _text(text: str) -> str:
    # JSON's strings are TOML's, once they are not escaped to pairs of surrogates.
    return json.dumps(text, ensure_ascii=False)
