"""A small GitHub: repositories, people and what they do, with a clock of its own; and the truth about it.

What an item's `updated_at` follows is GitHub's documented or assumed behaviour: whatever happens to an item,
its reviews and comments included, moves it to the present.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count

BEGINNING = datetime(2026, 11, 2, 9, tzinfo=UTC)
FIRST_ID = 2**31 + 7  # what no 32-bit number holds


Fact = tuple[str, "Account | None", int | None]  # an event's name, whose it is, and what it tells of


def text_of(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True, kw_only=True)
class Account:
    kind: str
    id: int
    login: str


@dataclass(slots=True, kw_only=True)
class Comment:
    id: int
    author: Account | None
    at: datetime
    replies: list[Comment] = field(default_factory=list)  # of a discussion's
    deleted_at: datetime | None = None  # while replies keep its place
    fact: int = 0  # what it is, whatever its id becomes

    def __post_init__(self) -> None:
        self.fact = self.fact or self.id


@dataclass(slots=True, kw_only=True)
class Review(Comment):
    state: str = "APPROVED"
    is_pending: bool = False


@dataclass(slots=True, kw_only=True)
class Thread:
    id: int
    path: str = "src/widget.py"
    comments: list[Comment] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Closing:
    actor: Account | None
    at: datetime


@dataclass(slots=True, kw_only=True)
class Item:
    """A pull request, an issue or a discussion."""

    id: int
    number: int
    kind: str
    author: Account | None
    title: str
    created_at: datetime
    updated_at: datetime
    comments: list[Comment] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    merged_at: datetime | None = None
    merged_by: Account | None = None
    reviews: list[Review] = field(default_factory=list)
    threads: list[Thread] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)
    is_open: bool = True
    moved_at: list[datetime] = field(default_factory=list)  # when it came from another repository
    is_imported: bool = False  # its timeline was left behind
    answer: Comment | None = None
    answered_at: datetime | None = None
    fact: int = 0

    def __post_init__(self) -> None:
        self.fact = self.fact or self.id

    @property
    def closed_at(self) -> datetime | None:
        """When it was closed last; nothing while it is open, also again."""
        return None if self.is_open or not self.closings else self.closings[-1].at


@dataclass(slots=True, kw_only=True)
class Release:
    id: int
    tag: str
    author: Account | None
    created_at: datetime
    published_at: datetime | None


@dataclass(slots=True, kw_only=True)
class CommitAuthor:
    name: str
    email: str
    account: Account | None


@dataclass(slots=True, kw_only=True)
class Commit:
    oid: str
    parents: tuple[str, ...]
    authors: tuple[CommitAuthor, ...]
    at: datetime
    headline: str


@dataclass(slots=True, kw_only=True)
class Repository:
    id: int
    name: str
    items: list[Item] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)
    commits: dict[str, Commit] = field(default_factory=dict)
    head: str | None = None
    branch: str = "main"
    numbers: count[int] = field(default_factory=lambda: count(1))
    is_archived: bool = False
    is_fork: bool = False
    is_private: bool = False

    @property
    def owner(self) -> str:
        return self.name.partition("/")[0]

    def of_kind(self, kind: str) -> list[Item]:
        return [item for item in self.items if item.kind == kind]

    def ancestors(self, oid: str | None) -> list[Commit]:
        """Every commit that oid reaches, by date, as git lists them."""
        found: dict[str, Commit] = {}
        waiting = [] if oid is None else [oid]
        while waiting:
            commit = self.commits[waiting.pop()]
            if commit.oid not in found:
                found[commit.oid] = commit
                waiting.extend(commit.parents)
        return sorted(found.values(), key=lambda commit: (commit.at, commit.oid), reverse=True)


class World:
    """Everything that happened so far; each act takes the clock's present."""

    def __init__(self) -> None:
        self.now = BEGINNING
        self.accounts: list[Account] = []
        self.repositories: list[Repository] = []
        self.old_names: dict[str, int] = {}
        self.ever: dict[
            str, str
        ] = {}  # ids of all events that were true at some time, and what each tells of
        self.machine_users: set[str] = set()
        self.search_lag = timedelta()
        self._ids = count(FIRST_ID)

    # --- the clock

    def pass_time(self, seconds: float = 1) -> None:
        self.now += timedelta(seconds=round(seconds))

    # --- people and repositories

    def account(self, login: str, kind: str = "User") -> Account:
        made = Account(kind=kind, id=next(self._ids), login=login)
        if kind in {"User", "Bot", "Mannequin", "Organization"}:
            made.id = 5_000 + len(self.accounts)  # accounts' numbers are GraphQL Ints
        self.accounts.append(made)
        return made

    def repository(self, name: str) -> Repository:
        made = Repository(id=9_000 + len(self.repositories), name=name)
        self.repositories.append(made)
        return made

    def rename(self, repository: Repository, name: str) -> None:
        self.old_names[repository.name.casefold()] = repository.id
        self.old_names.pop(name.casefold(), None)
        repository.name = name

    def find(self, name: str) -> Repository | None:
        """The repository that a name leads to: its present one first, then an old one."""
        for repository in self.repositories:
            if repository.name.casefold() == name.casefold():
                return repository
        number = self.old_names.get(name.casefold())
        return next((found for found in self.repositories if found.id == number), None)

    # --- items

    def open_item(self, repository: Repository, kind: str, author: Account | None) -> Item:
        item = Item(
            id=next(self._ids),
            number=next(repository.numbers),
            kind=kind,
            author=author,
            title=f"{kind} of {author.login if author else 'nobody'}",
            created_at=self.now,
            updated_at=self.now,
        )
        repository.items.append(item)
        return self._done(item)

    def edit(self, item: Item, title: str) -> None:
        item.title = title
        self._done(item)

    def comment(self, item: Item, author: Account | None) -> Comment:
        made = Comment(id=next(self._ids), author=author, at=self.now)
        item.comments.append(made)
        self._done(item)
        return made

    def reply(self, item: Item, comment: Comment, author: Account | None) -> Comment:
        made = Comment(id=next(self._ids), author=author, at=self.now)
        comment.replies.append(made)
        self._done(item)
        return made

    def delete_comment(self, item: Item, comment: Comment) -> None:
        """Delete a comment; its place is kept where there are replies to it."""
        if comment.replies:
            comment.deleted_at, comment.author = self.now, None
        else:
            item.comments.remove(comment)
        self._done(item)

    def merge(self, item: Item, by: Account | None) -> None:
        item.merged_at, item.merged_by, item.is_open = self.now, by, False
        self._done(item)

    def review(self, item: Item, author: Account | None, *, is_pending: bool = False) -> Review:
        made = Review(id=next(self._ids), author=author, at=self.now, is_pending=is_pending)
        item.reviews.append(made)
        self._done(item)
        return made

    def comment_line(self, item: Item, author: Account | None, thread: Thread | None = None) -> Comment:
        if thread is None:
            thread = Thread(id=next(self._ids))
            item.threads.append(thread)
        made = Comment(id=next(self._ids), author=author, at=self.now)
        thread.comments.append(made)
        self._done(item)
        return made

    def close(self, item: Item, actor: Account | None) -> None:
        item.is_open = False
        item.closings.append(Closing(actor=actor, at=self.now))
        self._done(item)

    def reopen(self, item: Item) -> None:
        item.is_open = True
        self._done(item)

    def answer(self, item: Item, comment: Comment) -> None:
        item.answer, item.answered_at = comment, self.now
        self._done(item)

    def delete(self, repository: Repository, item: Item) -> None:
        repository.items.remove(item)

    def transfer(self, source: Repository, item: Item, target: Repository) -> None:
        """Move an issue: it keeps its comments and its timeline, and is a new one with new comments by every id."""
        source.items.remove(item)
        item.id, item.number = next(self._ids), next(target.numbers)
        item.moved_at.append(self.now)
        item.comments = [replace(comment, id=next(self._ids)) for comment in item.comments]
        target.items.append(item)
        self._done(item)

    # --- releases and commits

    def release(self, repository: Repository, author: Account | None, *, is_draft: bool = False) -> Release:
        made = Release(
            id=next(self._ids) % 2**31,
            tag=f"v{len(repository.releases)}",
            author=author,
            created_at=self.now,
            published_at=None if is_draft else self.now,
        )
        repository.releases.append(made)
        self.remember()
        return made

    def publish(self, release: Release) -> None:
        release.published_at = self.now
        self.remember()

    def commit(
        self,
        repository: Repository,
        *authors: CommitAuthor,
        parents: tuple[str, ...] | None = None,
        at: datetime | None = None,
        is_pushed: bool = True,
    ) -> Commit:
        if parents is None:
            parents = () if repository.head is None else (repository.head,)
        number = len(repository.commits)
        oid = hashlib.sha1(f"{repository.id} {number} {parents}".encode()).hexdigest()
        made = Commit(
            oid=oid, parents=parents, authors=authors, at=at or self.now, headline=f"Change {number}"
        )
        repository.commits[oid] = made
        if is_pushed:
            repository.head = oid
        self.remember()
        return made

    # --- the truth

    def remember(self) -> None:
        """Add what is true now to what was ever true."""
        for repository in self.repositories:
            self.ever |= self._true_facts(repository)

    def true_events(self, repository: Repository) -> set[str]:
        """The ids of the events that the repository holds now, written from the rules and from no adapter."""
        return set(self._true_facts(repository))

    def _true_facts(self, repository: Repository) -> dict[str, str]:
        """The same ids, each with what it tells of: whatever has two ids is one thing that would be paid twice."""
        facts: list[Fact] = []
        for item in repository.items:
            facts += self._facts(item)
        for made in repository.releases:
            if made.published_at:  # a bot is no User, and no author then
                is_user = made.author is not None and made.author.kind == "User"
                facts.append((f"release:*:{made.id}", made.author if is_user else None, None))
        for commit in repository.ancestors(repository.head):
            facts += [(name, account, None) for name, account in commit_facts(commit)]
        found: dict[str, str] = {}
        for name, account, fact in facts:
            event_id = f"github:{name.replace('*', str(repository.id))}"
            if account is None or (account.kind != "Bot" and account.login not in self.machine_users):
                found[event_id] = event_id if fact is None else f"{name.partition(':')[0]} {fact}"
        return found

    def _facts(self, item: Item) -> list[Fact]:
        if item.kind == "issue":
            return self._issue_facts(item)
        return [(name, account, None) for name, account in self._item_facts(item)]

    def _issue_facts(self, item: Item) -> list[Fact]:
        """What happened up to the second of a move belongs to the repository that the issue came from."""
        moved_at = item.moved_at[-1] if item.moved_at else datetime.min.replace(tzinfo=UTC)
        facts: list[Fact] = []
        if not item.moved_at:
            facts.append((f"issue_opened:*:{item.number}", item.author, item.fact))
        facts += [
            (f"issue_closed:*:{item.number}", made.actor, item.fact)
            for made in item.closings[:1]
            if made.at > moved_at and not item.is_imported
        ]
        facts += [
            (f"issue_comment:*:{made.id}", made.author, made.fact)
            for made in item.comments
            if made.at > moved_at
        ]
        return facts

    def _item_facts(self, item: Item) -> list[tuple[str, Account | None]]:
        number = item.number
        facts: list[tuple[str, Account | None]] = []
        if item.kind == "pull":
            if item.merged_at is not None:
                facts.append((f"pr:*:{number}", item.author))
            facts += [(f"review:*:{made.id}", made.author) for made in item.reviews if not made.is_pending]
            facts += [
                (f"review_comment:*:{made.id}", made.author)
                for thread in item.threads
                for made in thread.comments
            ]
            facts += [(f"pr_comment:*:{made.id}", made.author) for made in item.comments]
        else:
            facts.append((f"discussion:*:{number}", item.author))
            if item.answer is not None:
                facts.append((f"discussion_answer:*:{number}", item.answer.author))
            facts += [
                (f"discussion_comment:*:{made.id % 2**31}", made.author)
                for comment in item.comments
                for made in (comment, *comment.replies)
                if made.deleted_at is None
            ]
        return facts

    def _done(self, item: Item) -> Item:
        item.updated_at = self.now
        self.remember()
        return item


def commit_facts(commit: Commit) -> list[tuple[str, Account | None]]:
    facts: list[tuple[str, Account | None]] = []
    seen: set[object] = set()
    for number, author in enumerate(commit.authors):
        account_id = None if author.account is None else author.account.id
        if author.email in seen or (account_id is not None and account_id in seen):
            continue
        seen |= {author.email, account_id} - {None}
        if author.account is None and author.name.endswith("[bot]"):
            continue
        digest = hashlib.sha256(author.email.casefold().encode()).hexdigest()[:16]
        name = f"coauthor:*:{commit.oid}:{digest}" if number else f"commit:*:{commit.oid}"
        facts.append((name, author.account))
    return facts
