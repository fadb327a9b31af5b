"""Who did a thing: an account by its stable number, a deleted account, a bot, or a machine user."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from attrs import frozen

from ledger_core.identifiers import is_identifier
from scheduler_worker.sources.github.fields import Fields

BOT: Final = "bot"
MACHINE_USER: Final = "machine-user"

USER: Final = "user"
DELETED: Final = "deleted account"
NO_ACCOUNT: Final = "no account"


@frozen(kw_only=True)
class Actor:
    """An account: what kind it is of, its number, its login.

    Holds: `user_id` is a user's bare number, which stays when the login changes. Another kind's is marked
           with the kind, so that it is never taken for a user's; who is gone has none.
    """

    kind: str
    user_id: str | None
    login: str | None


NOBODY: Final = Actor(kind=DELETED, user_id=None, login=None)
ACCOUNTLESS: Final = Actor(kind=NO_ACCOUNT, user_id=None, login=None)


def read_actor(fields: Fields | None) -> Actor:
    """Return the actor of a field; GitHub says null once an account is deleted.

    Raises: GithubAnswerUnreadable.
    """
    if fields is None:
        return NOBODY
    kind = fields.text("__typename")
    login = _login(fields)
    if kind == "EnterpriseUserAccount":
        user = fields.find_fields("user")
        return (
            NOBODY
            if user is None
            else Actor(kind=USER, user_id=str(user.whole("databaseId")), login=_login(user))
        )
    if kind == "User":
        return Actor(kind=USER, user_id=str(fields.whole("databaseId")), login=login)
    number = fields.find_whole("databaseId")
    name = kind.lower() if kind.isascii() and kind.isalpha() else "unknown"
    return Actor(kind=name, user_id=None if number is None else f"{name}:{number}", login=login)


def skip_reason(actor: Actor, machine_users: Collection[str]) -> str | None:
    """Return why nothing that the actor does is an event, or None; machine_users are logins in small letters."""
    if actor.kind == BOT:
        return BOT
    if actor.kind == USER and actor.login is not None and actor.login.casefold() in machine_users:
        return MACHINE_USER
    return None


def _login(fields: Fields) -> str:
    login = fields.text("login")
    if not is_identifier(login):
        raise fields.unreadable("login", "is no login")
    return login
