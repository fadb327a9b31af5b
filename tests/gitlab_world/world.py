"""Projects, merge requests, issues, notes and people of a GitLab, and everything that happens to them.

What moves an item's `updated_at`, by GitLab's own sources: every change saved; a note only if the last move is more
than a minute ago (ThrottledTouch). Times have microseconds, of which the API prints milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

BEGINNING = datetime(2026, 11, 2, 9, 0, 0, 123_456, tzinfo=UTC)
TOUCH_INTERVAL = timedelta(minutes=1)


@dataclass(slots=True, kw_only=True)
class Account:
    id: int
    login: str

    @property
    def is_told(self) -> bool:
        """Whether what it does is an event: not of a project's token, not of the operator's machine."""
        return "_bot" not in self.login and self.login != "acme-ci"


@dataclass(slots=True, kw_only=True)
class Note:
    id: int
    author: Account
    at: datetime
    is_system: bool = False


@dataclass(slots=True, kw_only=True)
class Item:
    id: int
    iid: int
    kind: str  # merge_requests or issues
    title: str
    author: Account
    created_at: datetime
    updated_at: datetime
    state: str = "opened"
    merged_at: datetime | None = None
    merged_by: Account | None = None
    closed_at: datetime | None = None
    closed_by: Account | None = None
    moved_to: int | None = None
    labels: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Project:
    id: int
    path: str
    items: list[Item] = field(default_factory=list)
    iids: count[int] = field(default_factory=lambda: count(1))

    def of_kind(self, kind: str) -> list[Item]:
        return [item for item in self.items if item.kind == kind]


class World:
    """Everything that happened so far; each act takes the clock's present."""

    def __init__(self) -> None:
        self.now = BEGINNING
        self.accounts: list[Account] = []
        self.projects: list[Project] = []
        self.old_paths: dict[str, int] = {}
        self.ever: set[str] = set()
        self._ids = count(3_000_000_000)  # beyond 31 bits

    def pass_time(self, seconds: float = 1) -> None:
        self.now += timedelta(seconds=seconds)

    def account(self, login: str) -> Account:
        made = Account(id=7_000 + len(self.accounts), login=login)
        self.accounts.append(made)
        return made

    def project(self, path: str) -> Project:
        made = Project(id=81 + len(self.projects), path=path)
        self.projects.append(made)
        return made

    def rename(self, project: Project, path: str) -> None:
        self.old_paths[project.path] = project.id
        self.old_paths.pop(path, None)
        project.path = path

    def open_item(self, project: Project, kind: str, author: Account) -> Item:
        item = Item(
            id=next(self._ids),
            iid=next(project.iids),
            kind=kind,
            title=f"{kind} of {author.login}",
            author=author,
            created_at=self.now,
            updated_at=self.now,
        )
        project.items.append(item)
        return self._saved(item)

    def edit(self, item: Item) -> None:
        item.title += "!"
        self._saved(item)

    def merge(self, item: Item, by: Account) -> None:
        item.state, item.merged_at, item.merged_by = "merged", self.now, by
        self.note(item, by, is_system=True)
        self._saved(item)

    def close(self, item: Item, by: Account) -> None:
        item.state, item.closed_at, item.closed_by = "closed", self.now, by
        self._saved(item)

    def reopen(self, item: Item) -> None:
        item.state, item.closed_at, item.closed_by = "opened", None, None
        self._saved(item)

    def note(self, item: Item, author: Account, *, is_system: bool = False) -> Note:
        made = Note(id=next(self._ids), author=author, at=self.now, is_system=is_system)
        item.notes.append(made)
        if self.now - item.updated_at > TOUCH_INTERVAL:
            item.updated_at = self.now
        self.remember()
        return made

    def delete_note(self, item: Item, note: Note) -> None:
        item.notes.remove(note)

    def delete(self, project: Project, item: Item) -> None:
        project.items.remove(item)

    def move(self, source: Project, item: Item, target: Project, by: Account) -> Item:
        """Close an issue here, and open it there with copies of its notes."""
        made = self.open_item(target, "issues", item.author)
        made.notes = [
            Note(id=next(self._ids), author=note.author, at=note.at, is_system=note.is_system)
            for note in item.notes
        ]
        item.moved_to = made.id
        self.close(item, by)
        self.remember()
        assert item in source.items
        return made

    def touch_all(self, project: Project) -> None:
        """Save every item in one statement, so that all have one instant."""
        for item in project.items:
            item.updated_at = self.now

    # --- the truth

    def remember(self) -> None:
        for project in self.projects:
            for ids in self.true_events(project).values():
                self.ever |= ids

    def true_events(self, project: Project) -> dict[str, set[str]]:
        """The ids of the events that the project holds now, by stream, written from the rules and no adapter."""
        told: dict[str, set[str]] = {
            name: set() for name in ("merge_requests", "merge_request_notes", "issues", "issue_notes")
        }
        for item in project.items:
            notes = {
                f"gitlab:note:{project.id}:{note.id}"
                for note in item.notes
                if not note.is_system and note.author.is_told
            }
            if item.kind == "merge_requests":
                told["merge_request_notes"] |= notes
                if item.state == "merged" and item.author.is_told:
                    told["merge_requests"].add(f"gitlab:mr:{project.id}:{item.iid}")
                continue
            told["issue_notes"] |= notes
            if item.author.is_told:
                told["issues"].add(f"gitlab:issue_opened:{project.id}:{item.iid}")
            closer_is_told = item.closed_by is not None and item.closed_by.is_told
            if item.state == "closed" and item.moved_to is None and closer_is_told:
                told["issues"].add(f"gitlab:issue_closed:{project.id}:{item.iid}")
        return told

    def _saved(self, item: Item) -> Item:
        item.updated_at = self.now
        self.remember()
        return item
