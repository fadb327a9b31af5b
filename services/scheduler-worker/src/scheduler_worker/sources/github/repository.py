"""One repository as it is now: its stable ids, and its name, which may change under us."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from scheduler_worker.sources.github import queries
from scheduler_worker.sources.github.client import Reading
from scheduler_worker.sources.github.fields import Fields
from scheduler_worker.sources.github.refusals import GithubNotFound

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}", re.ASCII)


@frozen(kw_only=True)
class RepositoryFacts:
    """A repository: `node` finds it whatever it is called, `number` is in event ids for ever."""

    node: str
    number: int
    name: str
    is_archived: bool
    is_fork: bool
    is_private: bool


def read_repository(fields: Fields) -> RepositoryFacts:
    """Return the facts of an answer.

    Raises: GithubAnswerUnreadable.
    """
    return RepositoryFacts(
        node=fields.text("id"),
        number=fields.whole("databaseId"),
        name=read_name(fields),
        is_archived=fields.flag("isArchived"),
        is_fork=fields.flag("isFork"),
        is_private=fields.flag("isPrivate"),
    )


def read_name(fields: Fields, field: str = "nameWithOwner") -> str:
    """Return `owner/name`, which goes into searches and paths as it is.

    Raises: GithubAnswerUnreadable.
    """
    name = fields.text(field)
    if _NAME.fullmatch(name) is None:
        raise fields.unreadable(field, "is no repository's name")
    return name


def find_repository(reading: Reading, source_ref: str) -> RepositoryFacts:
    """Return the repository that `owner/name` leads to, also after a rename.

    Raises: GithubNotFound; SourceUnavailable, GithubRefusals.
    """
    owner, _, name = source_ref.partition("/")
    data = reading.query(queries.REPOSITORY, what=source_ref, owner=owner, name=name)
    found = data.find_fields("repository")
    if found is None:
        raise GithubNotFound(source_ref)
    return read_repository(found)


def current_name(reading: Reading, repository: RepositoryFacts) -> str:
    """Return what the repository is called by now.

    Raises: GithubNotFound; SourceUnavailable, GithubRefusals.
    """
    data = reading.query(queries.REPOSITORY_NAME, what=repository.name, repository=repository.node)
    return read_name(found_node(data, repository))


def found_node(data: Fields, repository: RepositoryFacts) -> Fields:
    """Return the repository's part of an answer that was asked by its node id.

    Raises: GithubNotFound when it vanished meanwhile.
    """
    node = data.find_fields("node")
    if node is None:
        raise GithubNotFound(repository.name)
    if node.whole("databaseId") != repository.number:
        raise node.unreadable("databaseId", "is another repository's")
    return node
