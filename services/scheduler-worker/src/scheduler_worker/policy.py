"""The policy of a node: ledger.toml, committed and reviewed like code. It holds no secrets."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from attrs import field, frozen

from ledger_core.domain.epoch_window import (
    DEFAULT_ANCHOR,
    DEFAULT_LENGTH_DAYS,
    MAX_LENGTH_DAYS,
    EpochWindow,
    compute_epoch_window,
)
from ledger_core.domain.weight_config import WeightConfig
from ledger_core.errors import LedgerError
from ledger_core.identifiers import MAX_IDENTIFIER_CHARACTERS, NodeId, check_bigint
from scheduler_worker.approvals_policy import ApprovalsPolicy, parse_approvals
from scheduler_worker.github_policy import GithubSourcePolicy, parse_github_sources
from scheduler_worker.gitlab_policy import GitlabSourcePolicy, parse_gitlab_sources
from scheduler_worker.jsonl_policy import JsonlSourcePolicy, parse_jsonl_sources
from scheduler_worker.plugin_policy import PluginSourcePolicy, parse_plugin_sources, plugin_kinds
from scheduler_worker.policy_lines import find_line
from scheduler_worker.policy_table import PolicyInvalid, PolicyTable, check_line, checked
from scheduler_worker.schedule_policy import SchedulePolicy, parse_schedule, weekly

MAX_POLICY_BYTES: Final = 1_048_576  # a thousand sources fit ten times over
MAX_SOURCE_NAME_CHARACTERS: Final = 100  # what the git source takes
MAX_COMMIT_URL_CHARACTERS: Final = 1_900  # with a commit's id it must stay a link


class PolicyUnreadable(LedgerError):
    """The policy file can't be read, or is no TOML."""

    code = "policy-unreadable"

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path


@frozen(kw_only=True)
class GitSourcePolicy:
    """One repository to read commits from."""

    name: str
    path: Path
    branch: str | None = None
    commit_url: str | None = None
    accept_rewrites: bool = False


@frozen(kw_only=True)
class Policy:
    """How a node's epochs are cut, weighed, paid and collected.

    Units: weights in milli-units, base_issuance_credits in whole credits, days are UTC days.
    """

    node_id: NodeId
    length_days: int = DEFAULT_LENGTH_DAYS
    anchor: date = DEFAULT_ANCHOR
    weights: WeightConfig = field(factory=lambda: WeightConfig({}))
    base_issuance_credits: int | None = None
    schedule: SchedulePolicy = field(factory=lambda: weekly(DEFAULT_LENGTH_DAYS))
    git_sources: tuple[GitSourcePolicy, ...] = ()
    github_sources: tuple[GithubSourcePolicy, ...] = ()
    gitlab_sources: tuple[GitlabSourcePolicy, ...] = ()
    jsonl_sources: tuple[JsonlSourcePolicy, ...] = ()
    plugin_sources: tuple[PluginSourcePolicy, ...] = ()
    approvals: ApprovalsPolicy = field(factory=ApprovalsPolicy)

    def window_of(self, instant: datetime) -> EpochWindow:
        """Return the policy's window that contains instant."""
        return compute_epoch_window(instant, anchor=self.anchor, length_days=self.length_days)


def read_policy(path: Path) -> Policy:
    """Return the policy that a file holds; relative paths in it are relative to the file.

    Raises: PolicyUnreadable, PolicyInvalid with the line.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_POLICY_BYTES + 1)
    except FileNotFoundError as error:
        raise PolicyUnreadable(
            path,
            "there is no such file; name one with --config or LEDGER_CONFIG, or let `ledger init` write it",
        ) from error
    except OSError as error:
        raise PolicyUnreadable(path, f"can't be read: {error.strerror}") from error
    if len(data) > MAX_POLICY_BYTES:
        raise PolicyUnreadable(path, f"is larger than {MAX_POLICY_BYTES} bytes")
    try:
        text = data.decode("utf-8")
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # the first: no TOML, no UTF-8, a number of 5000 digits
        raise PolicyUnreadable(path, f"is not TOML: {error}") from error
    try:
        return parse_policy(table, folder=path.resolve().parent)
    except PolicyInvalid as error:
        raise type(error)(error.key, error.problem, line=find_line(text, error.key)) from error


def parse_policy(table: Mapping[str, Any], *, folder: Path) -> Policy:
    """Return the policy that a TOML table means.

    Raises: PolicyInvalid, naming the key.
    """
    root = PolicyTable(table, "")
    root.allow("node_id", "epoch", "weights", "pool", "approvals", "schedule", "sources")
    epoch = root.table("epoch", "length_days", "anchor")
    pool = root.table("pool", "base_issuance_credits")
    kinds = plugin_kinds(root.get("sources", dict) or {})
    sources = root.table("sources", "git", "github", "gitlab", "jsonl", *kinds)
    base_issuance = pool.get("base_issuance_credits", int)
    if base_issuance is not None:
        checked(pool.key("base_issuance_credits"), lambda: check_bigint("the amount", base_issuance))
    length_days = _length_days(epoch)
    weights = root.get("weights", dict) or {}
    policy = Policy(
        node_id=_node_id(root),
        length_days=length_days,
        anchor=epoch.get("anchor", date) or DEFAULT_ANCHOR,
        weights=checked("weights", lambda: WeightConfig(weights)),
        base_issuance_credits=base_issuance,
        schedule=parse_schedule(root, length_days=length_days),
        git_sources=_git_sources(sources, folder),
        github_sources=parse_github_sources(sources),
        gitlab_sources=parse_gitlab_sources(sources),
        jsonl_sources=parse_jsonl_sources(sources, folder),
        plugin_sources=parse_plugin_sources(sources, kinds, folder),
        approvals=parse_approvals(root),
    )
    _check_source_names(policy)
    return policy


def _check_source_names(policy: Policy) -> None:
    """Refuse one name for two kinds of source: bindings know accounts by it, and must not mix them."""
    github = {source.source for source in policy.github_sources}
    gitlab = {source.source for source in policy.gitlab_sources}
    for name in sorted(github & gitlab):
        raise PolicyInvalid("sources.gitlab", f"has the source {name}, as sources.github has")
    for kind in sorted({source.kind for source in policy.plugin_sources}):
        for name in sorted(github | gitlab):
            if name == kind or name.startswith(f"{kind}-"):
                raise PolicyInvalid(f"sources.{kind}", f"may have the source {name}, as another kind has")


def _length_days(epoch: PolicyTable) -> int:
    length_days = epoch.get("length_days", int)
    if length_days is None:
        return DEFAULT_LENGTH_DAYS
    if not 1 <= length_days <= MAX_LENGTH_DAYS:
        raise PolicyInvalid(epoch.key("length_days"), f"must be 1 to {MAX_LENGTH_DAYS}")
    return length_days


def _git_sources(sources: PolicyTable, folder: Path) -> tuple[GitSourcePolicy, ...]:
    found: list[GitSourcePolicy] = []
    for table in sources.tables("git", "name", "path", "branch", "commit_url", "accept_rewrites"):
        name = table.required("name", str)
        check_line(table.key("name"), name, most_characters=MAX_SOURCE_NAME_CHARACTERS)
        if any(earlier.name == name for earlier in found):
            raise PolicyInvalid(table.key("name"), "names a source twice")
        found.append(
            GitSourcePolicy(
                name=name,
                path=table.path("path", folder),
                branch=_optional_text(table, "branch", most_characters=MAX_IDENTIFIER_CHARACTERS),
                commit_url=_optional_text(table, "commit_url", most_characters=MAX_COMMIT_URL_CHARACTERS),
                accept_rewrites=table.get("accept_rewrites", bool) or False,
            )
        )
    return tuple(found)


def _optional_text(table: PolicyTable, key: str, *, most_characters: int) -> str | None:
    text = table.get(key, str)
    if text is not None:
        check_line(table.key(key), text, most_characters=most_characters)
    return text


def _node_id(root: PolicyTable) -> NodeId:
    try:
        return NodeId(UUID(root.required("node_id", str)))
    except ValueError as error:
        raise PolicyInvalid("node_id", "must be a UUID") from error
