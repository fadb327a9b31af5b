"""Whose an unresolved account may be: hints for a person who decides, never a binding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from ledger_core.domain.identity import UnresolvedIdentity, like_names
from ledger_core.identifiers import UserId

_GITHUB_HIDDEN: Final = "@users.noreply.github.com"  # `ID+login@`, or `login@` of old accounts
# What many call an address, and nobody is called.
_ANYBODY: Final = frozenset(
    {
        "admin",
        "bot",
        "contact",
        "dev",
        "git",
        "github",
        "hello",
        "hi",
        "info",
        "mail",
        "me",
        "noreply",
        "root",
    }
)


class Likeness(IntEnum):
    """How alike two accounts are, the strongest first."""

    SAME_EMAIL = 1
    SAME_LOGIN = 2
    ALIKE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundAccount:
    """An account that is somebody's, with the login of its newest event, if it has one."""

    provider: str
    external_id: str
    login: str | None
    user_id: UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A user whose an unresolved account may be, and the account that it is like."""

    user_id: UserId
    likeness: Likeness
    account: BoundAccount


def alike_names(text: str | None) -> frozenset[str]:
    """Return what accounts are looked up by: `like_names`, and what follows a `+` before the `@`.

    Holds: numbers, and names that anybody has, are left out: two platforms' account 7 are two people.
    """
    names = like_names(text)
    tagged = {name.partition("@")[0].partition("+")[2] for name in names}
    return frozenset(
        name for name in names | tagged if name and not name.isdecimal() and name not in _ANYBODY
    )


def suggest_users(account: UnresolvedIdentity, bound: Iterable[BoundAccount]) -> tuple[Suggestion, ...]:
    """Return whose the account may be: a user once, by the strongest likeness, the strongest first."""
    best: dict[UserId, Suggestion] = {}
    for other in bound:
        likeness = _likeness(account, other)
        if likeness is None:
            continue
        found = best.get(other.user_id)
        if found is None or (likeness, other.provider, other.external_id) < (
            found.likeness,
            found.account.provider,
            found.account.external_id,
        ):
            best[other.user_id] = Suggestion(user_id=other.user_id, likeness=likeness, account=other)
    return tuple(sorted(best.values(), key=lambda each: (each.likeness, each.user_id)))


def _likeness(account: UnresolvedIdentity, other: BoundAccount) -> Likeness | None:
    mine = _wholes(account.external_id, account.login)
    theirs = _wholes(other.external_id, other.login, other.user_id)
    same = mine & theirs
    if any("@" in name for name in same):
        return Likeness.SAME_EMAIL
    if same:
        return Likeness.SAME_LOGIN
    mine_alike = frozenset[str]().union(*map(alike_names, (account.external_id, account.login)))
    theirs_alike = frozenset[str]().union(*map(alike_names, (other.external_id, other.login, other.user_id)))
    return Likeness.ALIKE if mine_alike & theirs_alike else None


def _wholes(*texts: str | None) -> frozenset[str]:
    """Return the names as they are whole; an address that GitHub hides stands for its login."""
    found: set[str] = set()
    for text in texts:
        if text is None:
            continue
        whole = max(like_names(text), key=len, default="")
        local = whole.removesuffix(_GITHUB_HIDDEN)
        found.add(whole if local == whole else local.partition("+")[2] or local)
    return frozenset(name for name in found if name in alike_names(name))
