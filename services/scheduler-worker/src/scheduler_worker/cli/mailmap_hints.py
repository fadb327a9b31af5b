"""What a mailmap comes to, beside the bindings that there are: suggestions, conflicts, and what it can't say."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ledger_core.domain.identity import IdentityBinding
from ledger_core.identifiers import user_id
from scheduler_worker.cli.binding_files import MailmapLine


@dataclass(frozen=True, slots=True, kw_only=True)
class MailmapHint:
    """A git address, and whose it is by the mailmap: None where none of that person's addresses is anybody's."""

    line: int
    account: str
    user_id: str | None
    is_bound: bool

    @property
    def state(self) -> str:
        """How it stands, in a word."""
        if self.is_bound:
            return "bound"
        return "nobody's yet" if self.user_id is None else "suggested"

    @property
    def binding(self) -> IdentityBinding | None:
        """The binding that is suggested, if any."""
        if self.user_id is None:
            return None
        return IdentityBinding(provider="git", external_id=self.account, user_id=user_id(self.user_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class MailmapReading:
    """What a mailmap comes to; conflicts and notes are sentences that begin with a line."""

    hints: tuple[MailmapHint, ...]
    conflicts: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_bindable(self) -> bool:
        """Say whether there is something to bind, and nothing in the way."""
        return not self.conflicts and any(hint.state == "suggested" for hint in self.hints)

    def document(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "accounts": [
                {
                    "line": hint.line,
                    "provider": "git",
                    "account": hint.account,
                    "user_id": hint.user_id,
                    "state": hint.state,
                }
                for hint in self.hints
            ],
            "conflicts": list(self.conflicts),
            "notes": list(self.notes),
        }


def read_hints(
    entries: Sequence[MailmapLine], odd: Sequence[int], owners: Mapping[str, str], *, new_users: bool
) -> MailmapReading:
    """Return whose each address is; owners are the users of the addresses that are bound.

    Holds: every address is in one group at most: lines that share an address are of one person.
    """
    notes = [f"line {number} is none of a mailmap" for number in odd]
    plain = [each for each in entries if each.name is None]
    notes += [
        f"line {each.line} is of one author's name alone: bind {each.alias} by hand"
        for each in entries
        if each.name is not None
    ]
    proper = {each.proper for each in plain}
    hints: list[MailmapHint] = []
    conflicts: list[str] = []
    for group in _groups(plain):
        users = sorted({owners[address] for address in group if address in owners})
        if len(users) > 1:
            first = min(group.values())
            merge = ("ledger", "identity", "merge", "--reason", "one person", "--", users[1], users[0])
            conflicts.append(
                f"line {first}: {', '.join(sorted(group))} are one person, and bound to {', '.join(users)};"
                f" if they are, {shlex.join(merge)}"
            )
            continue
        name = min((address for address in group if address in proper), default=None)
        user = users[0] if users else name if new_users else None
        hints += [
            MailmapHint(line=line, account=address, user_id=user, is_bound=address in owners)
            for address, line in group.items()
        ]
    hints.sort(key=lambda hint: (hint.line, hint.account))
    return MailmapReading(hints=tuple(hints), conflicts=tuple(sorted(conflicts)), notes=tuple(notes))


def _groups(entries: Iterable[MailmapLine]) -> list[dict[str, int]]:
    """Return the addresses of each person, with the first line that names them; lines with one in common are joined."""
    leads_to: dict[str, str] = {}
    first_line: dict[str, int] = {}

    def head(address: str) -> str:
        while leads_to.setdefault(address, address) != address:
            leads_to[address] = leads_to[leads_to[address]]  # halves the way of whoever asks next
            address = leads_to[address]
        return address

    for each in entries:
        for address in (each.proper, each.alias):
            first_line.setdefault(address, each.line)
        leads_to[head(each.alias)] = head(each.proper)
    groups: dict[str, dict[str, int]] = defaultdict(dict)
    for address, line in first_line.items():
        groups[head(address)][address] = line
    return list(groups.values())
