"""Acts of people on a world, each chosen by small numbers: what a history is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from tests.github_world.world import Account, CommitAuthor, Repository, World

_Thing = TypeVar("_Thing")


@dataclass(frozen=True, slots=True)
class Act:
    """What is done, by whom, to which thing, and how many seconds later."""

    name: str
    who: int = 0
    which: int = 0
    seconds: int = 1


def populated() -> World:
    """Return a world with two repositories, people, a bot, a machine user, and somebody whose account is gone."""
    world = World()
    for name in ("acme/web", "acme/api"):
        world.repository(name)
    for login in ("ada", "bob", "acme-ci"):
        world.account(login)
    world.account("renovate", "Bot")
    world.account("imported", "Mannequin")
    world.machine_users.add("acme-ci")
    return world


class Player:
    """Plays acts on a world; an act that finds nothing to act on does nothing."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._renamed = 0

    def play(self, act: Act) -> None:
        self.world.pass_time(act.seconds)
        repository = self.world.repositories[act.which % 2]
        people: list[Account | None] = [*self.world.accounts, None]
        ACTS[act.name](self, repository, people[act.who % len(people)], act.which // 2)

    def play_some(self) -> None:
        """Give both repositories some of everything, over an afternoon."""
        for number in range(24):
            for name in ("open_pull", "review", "comment_line", "open_issue", "comment", "push"):
                self.play(Act(name, who=number, which=number, seconds=40))
            if number % 3 == 0:
                for name in ("start_discussion", "comment", "reply", "merge", "close", "release"):
                    self.play(Act(name, who=number, which=number + 1, seconds=40))

    def interrupting(self, acts: Sequence[Act], *, every: int) -> Callable[[int], None]:
        """Return what plays the acts one by one, at every so manyth request."""
        waiting = list(reversed(acts))

        def interrupt(number: int) -> None:
            if waiting and number % every == 0:
                self.play(waiting.pop())

        return interrupt

    def _open_pull(self, repository: Repository, who: Account | None, _: int) -> None:
        self.world.open_item(repository, "pull", who)

    def _open_issue(self, repository: Repository, who: Account | None, _: int) -> None:
        self.world.open_item(repository, "issue", who)

    def _start_discussion(self, repository: Repository, who: Account | None, _: int) -> None:
        self.world.open_item(repository, "discussion", who)

    def _merge(self, repository: Repository, who: Account | None, which: int) -> None:
        open_ones = [item for item in repository.of_kind("pull") if item.is_open]
        if item := chosen(open_ones, which):
            self.world.merge(item, who)

    def _review(self, repository: Repository, who: Account | None, which: int) -> None:
        if item := chosen(repository.of_kind("pull"), which):
            self.world.review(item, who, is_pending=which % 7 == 6)

    def _comment_line(self, repository: Repository, who: Account | None, which: int) -> None:
        if item := chosen(repository.of_kind("pull"), which):
            self.world.comment_line(item, who, chosen(item.threads, which) if which % 3 else None)

    def _comment(self, repository: Repository, who: Account | None, which: int) -> None:
        if item := chosen(repository.items, which):
            self.world.comment(item, who)

    def _reply(self, repository: Repository, who: Account | None, which: int) -> None:
        if item := chosen([item for item in repository.of_kind("discussion") if item.comments], which):
            self.world.reply(item, item.comments[which % len(item.comments)], who)

    def _edit(self, repository: Repository, who: Account | None, which: int) -> None:
        if item := chosen(repository.items, which):
            self.world.edit(item, f"edited by {who.login if who else 'nobody'}")

    def _close(self, repository: Repository, who: Account | None, which: int) -> None:
        if item := chosen([item for item in repository.of_kind("issue") if item.is_open], which):
            self.world.close(item, who)

    def _reopen(self, repository: Repository, who: Account | None, which: int) -> None:  # noqa: ARG002
        if item := chosen([item for item in repository.of_kind("issue") if not item.is_open], which):
            self.world.reopen(item)

    def _answer(self, repository: Repository, who: Account | None, which: int) -> None:  # noqa: ARG002
        unanswered = [
            item for item in repository.of_kind("discussion") if item.answer is None and item.comments
        ]
        if item := chosen(unanswered, which):
            self.world.answer(item, item.comments[-1])

    def _delete_item(self, repository: Repository, who: Account | None, which: int) -> None:  # noqa: ARG002
        deletable = [item for item in repository.items if item.kind != "pull"]
        if item := chosen(deletable, which):
            self.world.delete(repository, item)

    def _transfer(self, repository: Repository, who: Account | None, which: int) -> None:  # noqa: ARG002
        target = next(found for found in self.world.repositories if found is not repository)
        if item := chosen(repository.of_kind("issue"), which):
            self.world.transfer(repository, item, target)

    def _delete_comment(self, repository: Repository, who: Account | None, which: int) -> None:  # noqa: ARG002
        item = chosen([item for item in repository.items if item.comments], which)
        if item is not None and item.comments[0] is not item.answer:
            self.world.delete_comment(item, item.comments[0])

    def _rename(self, repository: Repository, who: Account | None, which: int) -> None:  # noqa: ARG002
        self._renamed += 1
        self.world.rename(repository, f"acme/renamed-{self._renamed}")

    def _release(self, repository: Repository, who: Account | None, which: int) -> None:
        drafts = [release for release in repository.releases if release.published_at is None]
        if drafts and which % 2:
            self.world.publish(drafts[0])
        else:
            self.world.release(repository, who, is_draft=which % 3 == 0)

    def _delete_release(self, repository: Repository, who: Account | None, which: int) -> None:  # noqa: ARG002
        if release := chosen(repository.releases, which):
            repository.releases.remove(release)

    def _push(self, repository: Repository, who: Account | None, which: int) -> None:
        self.world.commit(repository, *self._authors(who, which))

    def _merge_old_branch(self, repository: Repository, who: Account | None, which: int) -> None:
        """Push a merge of a branch that left the line long ago, with commits that claim to be older still."""
        if repository.head is None:
            return
        tip = chosen(repository.ancestors(repository.head), which)
        assert tip is not None
        for step in range(1 + which % 3):
            at = tip.at - timedelta(days=which % 5, seconds=step)
            authors = self._authors(who, which + step)
            tip = self.world.commit(repository, *authors, parents=(tip.oid,), at=at, is_pushed=False)
        self.world.commit(repository, *self._authors(who, which), parents=(repository.head, tip.oid))

    def _authors(self, who: Account | None, which: int) -> list[CommitAuthor]:
        people = [who, *self.world.accounts[: which % 4]]
        return [
            CommitAuthor(
                name=person.login + ("[bot]" if person.kind == "Bot" else "") if person else "Nobody",
                email=f"{person.login if person else 'nobody'}@example.org",
                account=person if person is not None and person.kind == "User" else None,
            )
            for person in people
        ]


def chosen(things: list[_Thing], which: int) -> _Thing | None:
    return things[which % len(things)] if things else None


ACTS: dict[str, Callable[[Player, Repository, Account | None, int], None]] = {
    name.removeprefix("_"): act
    for name, act in vars(Player).items()
    if name.startswith("_") and name != "_authors" and not name.startswith("__")
}
