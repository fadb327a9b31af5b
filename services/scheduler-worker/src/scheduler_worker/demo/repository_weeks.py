"""What the demo wants to know of a repository before it begins: its commits by window, and its mailmap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.identity import IdentityBinding, UnresolvedIdentity
from ledger_core.errors import LedgerError
from ledger_core.identifiers import UserId
from scheduler_worker.demo.demo_folder import source_name
from scheduler_worker.policy import Policy
from scheduler_worker.sources.git.commit_events import commit_seconds, email_identity, parse_coauthor
from scheduler_worker.sources.git.repository import Repository, open_repository


class NoActivity(LedgerError):
    """The repository has no commit that lies in a window up to now."""

    code = "no-activity"

    def __init__(self) -> None:
        super().__init__("the repository has no commits yet, so there is nothing to pay for")


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryWeeks:
    """Commits of HEAD's branch by window, the oldest window first."""

    commits: int
    windows: tuple[EpochWindow, ...]


def read_weeks(path: Path, policy: Policy, *, now: datetime) -> RepositoryWeeks:
    """Count the commits of HEAD's branch by the policy's windows; what lies in the future is left out.

    Raises: NoActivity, and the refusals of the git source.
    """
    days: Counter[datetime] = Counter()
    with open_repository(path, source_ref=source_name(path)) as repository:
        tip = repository.find_tip(None)
        if tip is None:
            raise NoActivity
        rest = b""
        with closing(repository.log("%ct%x00", tip=tip, excluded=())) as chunks:
            for chunk in chunks:
                *times, rest = (rest + chunk).split(b"\0")
                days.update(_days(times))
    windows = {policy.window_of(day) for day in days}
    begun = sorted(window for window in windows if window.period_start <= now)
    if not begun:
        raise NoActivity
    return RepositoryWeeks(commits=sum(days.values()), windows=tuple(begun))


def mailmap_bindings(path: Path, identities: Sequence[UnresolvedIdentity]) -> tuple[IdentityBinding, ...]:
    """Return whom the repository's mailmap takes identities for: the user is the canonical e-mail address.

    Holds: an identity that the mailmap doesn't name is a user of its own; one without an e-mail address
           is left out, and stays unresolved.
    """
    named = [identity for identity in identities if identity.external_id is not None]
    with open_repository(path, source_ref=source_name(path)) as repository:
        canonical = _canonical_emails(repository, named)
    return tuple(
        IdentityBinding(
            provider=identity.provider,
            external_id=identity.external_id,
            user_id=UserId(canonical.get(identity.external_id) or identity.external_id),
        )
        for identity in named
        if identity.external_id is not None
    )


def _days(times: Iterable[bytes]) -> Iterable[datetime]:
    for time in times:
        seconds = commit_seconds(time.strip())
        if seconds is not None:
            yield datetime.fromtimestamp(seconds - seconds % 86_400, tz=UTC)  # whole days are enough, and few


def _canonical_emails(repository: Repository, identities: Iterable[UnresolvedIdentity]) -> dict[str, str]:
    tip = repository.find_tip(None)
    asked = [
        identity
        for identity in identities
        if identity.external_id is not None and not set("<>\n") & set(identity.external_id)
    ]
    if tip is None or not asked:
        return {}
    answer = repository.history.answer(
        "-c", f"mailmap.blob={tip}:.mailmap", "check-mailmap", "--stdin",
        lines=[f"{_name(identity)} <{identity.external_id}>" for identity in asked],
    )  # fmt: skip
    people = answer.output.splitlines()
    if answer.status != 0 or len(people) != len(asked):
        return {}  # without a mailmap everybody is a user of their own
    found: dict[str, str] = {}
    for identity, line in zip(asked, people, strict=True):
        person = parse_coauthor(line)
        email = None if person is None else email_identity(person.email)
        if identity.external_id is not None and email is not None:
            found[identity.external_id] = email
    return found


def _name(identity: UnresolvedIdentity) -> str:
    return "".join(character for character in identity.login or "" if character not in "<>\n") or "unknown"
