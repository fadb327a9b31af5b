"""The policy of a node: ledger.toml, committed and reviewed like code. It holds no secrets."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeVar
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
from ledger_core.errors import InvalidValue, LedgerError
from ledger_core.identifiers import MAX_IDENTIFIER_CHARACTERS, NodeId, check_bigint, check_text

MAX_POLICY_BYTES: Final = 1_048_576  # a thousand sources fit ten times over
MAX_INTERVAL_DAYS: Final = 366

MAX_SOURCE_NAME_CHARACTERS: Final = 100  # what the git source takes
MAX_COMMIT_URL_CHARACTERS: Final = 1_900  # with a commit's id it must stay a link

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


class PolicyUnreadable(LedgerError):
    """The policy file can't be read, or is no TOML."""

    code = "policy-unreadable"

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path


class PolicyInvalid(LedgerError):
    """The policy file says something that has no meaning, or not that one."""

    code = "policy-invalid"

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"ledger.toml: {key} {problem}")
        self.key = key
        self.problem = problem


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
    schedule_every_days: int | None = None
    git_sources: tuple[GitSourcePolicy, ...] = ()

    def window_of(self, instant: datetime) -> EpochWindow:
        """Return the policy's window that contains instant."""
        return compute_epoch_window(instant, anchor=self.anchor, length_days=self.length_days)

    @property
    def interval_days(self) -> int:
        """Return how often the schedule fires: as often as windows begin, unless the policy says otherwise."""
        return self.schedule_every_days or self.length_days


def read_policy(path: Path) -> Policy:
    """Return the policy that a file holds; relative paths in it are relative to the file.

    Raises: PolicyUnreadable, PolicyInvalid.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_POLICY_BYTES + 1)
    except FileNotFoundError as error:
        raise PolicyUnreadable(
            path, "there is no such file; name one with --config or LEDGER_CONFIG"
        ) from error
    except OSError as error:
        raise PolicyUnreadable(path, f"can't be read: {error.strerror}") from error
    if len(data) > MAX_POLICY_BYTES:
        raise PolicyUnreadable(path, f"is larger than {MAX_POLICY_BYTES} bytes")
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # the first: no TOML, no UTF-8, a number of 5000 digits
        raise PolicyUnreadable(path, f"is not TOML: {error}") from error
    return parse_policy(table, folder=path.resolve().parent)


def parse_policy(table: Mapping[str, Any], *, folder: Path) -> Policy:
    """Return the policy that a TOML table means.

    Raises: PolicyInvalid, naming the key.
    """
    root = _Table(table, "")
    root.allow("node_id", "epoch", "weights", "pool", "schedule", "sources")
    epoch = root.table("epoch", "length_days", "anchor")
    pool = root.table("pool", "base_issuance_credits")
    schedule = root.table("schedule", "every")
    sources = root.table("sources", "git")
    base_issuance = pool.get("base_issuance_credits", int)
    if base_issuance is not None:
        _checked(pool.key("base_issuance_credits"), lambda: check_bigint("the amount", base_issuance))
    length_days = epoch.get("length_days", int)
    if length_days is not None and not 1 <= length_days <= MAX_LENGTH_DAYS:
        raise PolicyInvalid(epoch.key("length_days"), f"must be 1 to {MAX_LENGTH_DAYS}")
    weights = root.get("weights", dict) or {}
    every = schedule.get("every", str)
    return Policy(
        node_id=_node_id(root),
        length_days=length_days or DEFAULT_LENGTH_DAYS,
        anchor=epoch.get("anchor", date) or DEFAULT_ANCHOR,
        weights=_checked("weights", lambda: WeightConfig(weights)),
        base_issuance_credits=base_issuance,
        schedule_every_days=None if every is None else _interval_days(every),
        git_sources=_git_sources(sources, folder),
    )


class _Table:
    """One TOML table: takes values by key and type, and refuses keys that it doesn't know."""

    def __init__(self, values: Mapping[str, Any], name: str) -> None:
        self._values = values
        self._name = name

    def key(self, key: str) -> str:
        return f"{self._name}.{key}" if self._name else key

    def allow(self, *keys: str) -> None:
        for key in self._values:
            if key not in keys:
                close = get_close_matches(key, keys, n=1)
                hint = f"; did you mean {close[0]}?" if close else f"; known are {', '.join(keys)}"
                raise PolicyInvalid(self.key(_shown(key)), f"is unknown{hint}")

    def get(self, key: str, kind: type[_T]) -> _T | None:
        value = self._values.get(key)
        if value is None:
            return None
        if type(value) is not kind:
            wanted = "a date like 2026-01-05" if kind is date else _KINDS[kind]
            raise PolicyInvalid(self.key(key), f"must be {wanted}, not {_KINDS[type(value)]}")
        return value

    def required(self, key: str, kind: type[_T]) -> _T:
        value = self.get(key, kind)
        if value is None:
            raise PolicyInvalid(self.key(key), "is missing")
        return value

    def table(self, key: str, *keys: str) -> _Table:
        found = _Table(self.get(key, dict) or {}, self.key(key))
        found.allow(*keys)
        return found

    def tables(self, key: str, *keys: str) -> list[_Table]:
        values = self.get(key, list) or []
        found = []
        for number, value in enumerate(values, start=1):
            name = f"{self.key(key)}[{number}]"
            if not isinstance(value, dict):
                raise PolicyInvalid(name, "must be a table")
            found.append(_Table(value, name))
            found[-1].allow(*keys)
        return found


def _git_sources(sources: _Table, folder: Path) -> tuple[GitSourcePolicy, ...]:
    found: list[GitSourcePolicy] = []
    for table in sources.tables("git", "name", "path", "branch", "commit_url", "accept_rewrites"):
        name = table.required("name", str)
        _check_line(table.key("name"), name, most_characters=MAX_SOURCE_NAME_CHARACTERS)
        if any(earlier.name == name for earlier in found):
            raise PolicyInvalid(table.key("name"), "names a source twice")
        found.append(
            GitSourcePolicy(
                name=name,
                path=_path(table, folder),
                branch=_optional_text(table, "branch", most_characters=MAX_IDENTIFIER_CHARACTERS),
                commit_url=_optional_text(table, "commit_url", most_characters=MAX_COMMIT_URL_CHARACTERS),
                accept_rewrites=table.get("accept_rewrites", bool) or False,
            )
        )
    return tuple(found)


def _path(table: _Table, folder: Path) -> Path:
    text = table.required("path", str)
    if not text or "\0" in text:
        raise PolicyInvalid(table.key("path"), "must be a path")
    try:
        return folder / Path(text).expanduser()
    except RuntimeError as error:
        raise PolicyInvalid(
            table.key("path"), "begins with ~ and a user that this machine doesn't know"
        ) from error


def _optional_text(table: _Table, key: str, *, most_characters: int) -> str | None:
    text = table.get(key, str)
    if text is not None:
        _check_line(table.key(key), text, most_characters=most_characters)
    return text


def _check_line(key: str, text: str, *, most_characters: int) -> None:
    _checked(key, lambda: check_text("it", text, most_characters=most_characters))
    if text[0].isspace() or text[-1].isspace():
        raise PolicyInvalid(key, "must not begin or end with a space")


def _node_id(root: _Table) -> NodeId:
    try:
        return NodeId(UUID(root.required("node_id", str)))
    except ValueError as error:
        raise PolicyInvalid("node_id", "must be a UUID") from error


def _interval_days(every: str) -> int:
    number = every.removesuffix("d")
    if (
        every == number
        or not number.isascii()
        or not number.isdigit()
        or len(number) > len(str(MAX_INTERVAL_DAYS))
    ):
        raise PolicyInvalid("schedule.every", "must be a number of days, like 7d")
    days = int(number)
    if not 1 <= days <= MAX_INTERVAL_DAYS:
        raise PolicyInvalid("schedule.every", f"must be 1d to {MAX_INTERVAL_DAYS}d")
    return days


def _checked(key: str, check: Callable[[], _T]) -> _T:
    try:
        return check()
    except InvalidValue as error:
        raise PolicyInvalid(key, f"has no meaning: {error}") from error


def _shown(key: str) -> str:
    return key if key.isprintable() and len(key) <= 60 else ascii(key[:60])  # noqa: PLR2004 - fits a line
