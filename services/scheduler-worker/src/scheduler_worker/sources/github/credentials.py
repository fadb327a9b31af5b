"""Who asks: a personal token, or a GitHub App with an installation for each owner of repositories.

Secrets come from the environment when they are first needed, and leave in one header; no text shows them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

import jwt

from scheduler_worker.sources.github.fields import Fields
from scheduler_worker.sources.github.refusals import (
    GithubAppNotInstalled,
    GithubCredentialsUnusable,
    GithubNotFound,
)
from scheduler_worker.sources.server_clock import ServerClock

JWT_LIFE: Final = timedelta(minutes=9)  # GitHub takes ten at most
JWT_BACKDATED: Final = timedelta(seconds=60)  # what its documentation advises against clock drift
RENEW_BEFORE: Final = timedelta(minutes=5)  # a walk's next request must not meet an expired token
INSTALLATIONS_A_PAGE: Final = 100
MAX_INSTALLATION_PAGES: Final = 1_000
_TOKEN: Final = re.compile("[!-~]{1,4096}", re.ASCII)

RestCall = Callable[[str, str, str], object]
"""Method, path and authorization in; the parsed answer out."""


class Credentials(Protocol):
    """What makes the Authorization header of a request about an owner's repositories."""

    def authorization(self, owner: str, call: RestCall) -> str:
        """Return the header's value.

        Raises: GithubCredentialsUnusable, GithubAppNotInstalled; what `call` raises.
        """

    def forget(self, owner: str, refused: str) -> bool:
        """Drop the header's value that was refused; say whether asking again may give another."""

    def bucket(self, owner: str) -> str:
        """Return the name of the rate limit that requests about the owner count against."""


class PersonalToken:
    """A personal access token, classic or fine-grained, from a variable of the environment."""

    def __init__(self, environment: Mapping[str, str], variable: str) -> None:
        self._environment = environment
        self.variable = variable

    def authorization(self, owner: str, call: RestCall) -> str:  # noqa: ARG002 - one token for all owners
        """Return the header's value."""
        return f"Bearer {_secret(self._environment, self.variable, 'a GitHub token')}"

    def forget(self, owner: str, refused: str) -> bool:  # noqa: ARG002 - one token for all owners
        """Say that there is no other token."""
        return False

    def bucket(self, owner: str) -> str:  # noqa: ARG002 - one token for all owners
        """Return the one bucket."""
        return "token"


class AppInstallations:
    """A GitHub App: finds the installation of each owner, and renews its tokens, which live an hour."""

    def __init__(
        self, environment: Mapping[str, str], *, app_id: str, key_variable: str, clock: ServerClock
    ) -> None:
        self._environment = environment
        self._app_id = app_id
        self._clock = clock
        self._lock = threading.Lock()
        self._installations: dict[str, int] = {}
        self._tokens: dict[int, tuple[str, datetime]] = {}
        self.variable = key_variable

    def authorization(self, owner: str, call: RestCall) -> str:
        """Return the header's value, with a token that lives five minutes or more."""
        with self._lock:  # one thread asks; the others find what it got
            installation = self._installation(owner, call)
            kept = self._tokens.get(installation)
            if kept is None or kept[1] - RENEW_BEFORE <= self._clock.now():
                try:
                    kept = self._renewed(installation, call)
                except GithubNotFound:  # the app was installed anew, under another number
                    del self._installations[owner.casefold()]
                    kept = self._renewed(self._installation(owner, call), call)
            return f"Bearer {kept[0]}"

    def forget(self, owner: str, refused: str) -> bool:
        """Drop the owner's token and installation, so that the next request finds them anew.

        Holds: what another thread, refused alike, has got meanwhile is kept.
        """
        with self._lock:
            installation = self._installations.get(owner.casefold())
            kept = None if installation is None else self._tokens.get(installation)
            if installation is not None and kept is not None and f"Bearer {kept[0]}" == refused:
                del self._installations[owner.casefold()], self._tokens[installation]
        return True

    def bucket(self, owner: str) -> str:
        """Return the owner: each installation has a limit of its own."""
        return owner.casefold()

    def _renewed(self, installation: int, call: RestCall) -> tuple[str, datetime]:
        path = f"/app/installations/{installation}/access_tokens"
        answer = Fields(call("POST", path, self._app_authorization()), "access_tokens")
        token, expires_at = answer.text("token"), answer.instant("expires_at")
        if _TOKEN.fullmatch(token) is None:
            raise answer.unreadable("token", "is no token")
        self._tokens[installation] = token, expires_at
        return token, expires_at

    def _installation(self, owner: str, call: RestCall) -> int:
        name = owner.casefold()
        if self._installations.get(name, -1) < 0:  # a suspension may be over
            self._installations.update(self._listed(call))
        if name not in self._installations:
            raise GithubAppNotInstalled(owner)
        if self._installations[name] < 0:
            raise GithubAppNotInstalled(owner, "is suspended")
        return self._installations[name]

    def _listed(self, call: RestCall) -> dict[str, int]:
        """Return the installations by their owners' logins; a suspended one is negative."""
        found: dict[str, int] = {}
        for page in range(1, MAX_INSTALLATION_PAGES + 1):
            path = f"/app/installations?per_page={INSTALLATIONS_A_PAGE}&page={page}"
            listed = list(Fields({"page": call("GET", path, self._app_authorization())}, "app").each("page"))
            for installation in listed:
                sign = 1 if installation.find_text("suspended_at") is None else -1
                found[installation.fields("account").text("login").casefold()] = sign * installation.whole(
                    "id"
                )
            if len(listed) < INSTALLATIONS_A_PAGE:
                break
        return found

    def _app_authorization(self) -> str:
        key = _secret(self._environment, self.variable, "a GitHub App's private key in PEM").replace(
            "\\n", "\n"
        )
        now = self._clock.now()
        claims = {"iat": now - JWT_BACKDATED, "exp": now + JWT_LIFE, "iss": self._app_id}
        try:
            return f"Bearer {jwt.encode(claims, key, algorithm='RS256')}"
        except (jwt.PyJWTError, ValueError, TypeError):
            raise GithubCredentialsUnusable(self.variable, "is no RSA private key in PEM") from None


def _secret(environment: Mapping[str, str], variable: str, meaning: str) -> str:
    text = environment.get(variable, "").strip()
    if not text:
        raise GithubCredentialsUnusable(variable, f"is not set; it must hold {meaning}")
    if not text.isascii() or ("PRIVATE KEY" not in text and _TOKEN.fullmatch(text) is None):
        raise GithubCredentialsUnusable(variable, f"is not {meaning}")
    return text
