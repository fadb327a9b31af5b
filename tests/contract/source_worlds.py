"""What the sources of this project read, for the source contract: each by what the test itself did."""

from __future__ import annotations

import json
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ledger_core.identifiers import StreamRef
from ledger_core.testing import FixedClock
from scheduler_worker.sources.git.commit_events import MAX_COAUTHORS
from scheduler_worker.sources.git.git_source import MAX_PAGE_EVENTS, GitSource
from scheduler_worker.sources.github.github_source import GithubSource
from scheduler_worker.sources.gitlab.gitlab_source import MAX_PAGE_EVENTS as GITLAB_PAGE_EVENTS
from scheduler_worker.sources.gitlab.gitlab_source import GitlabSource
from scheduler_worker.sources.jsonl.jsonl_source import JsonlSource
from tests.git_repositories import GitRepository
from tests.github_world.collecting import Collector
from tests.github_world.world import CommitAuthor
from tests.gitlab_world.collecting import Collector as GitlabCollector

UNTIL = datetime(2027, 1, 1, tzinfo=UTC)
STREAM_OF_GITHUB = {
    "pr": "pull_requests",
    "review": "reviews",
    "review_comment": "review_comments",
    "pr_comment": "pull_request_comments",
    "issue_opened": "issues",
    "issue_closed": "issues",
    "issue_comment": "issue_comments",
    "discussion": "discussions",
    "discussion_answer": "discussions",
    "discussion_comment": "discussion_comments",
    "release": "releases",
    "commit": "commits",
    "coauthor": "commits",
}


class GitWorld:
    """A branch of commits, with a side line that was merged."""

    until = UNTIL
    most_page_events = MAX_PAGE_EVENTS + MAX_COAUTHORS

    def __init__(self, folder: Path) -> None:
        self._repository = GitRepository(folder / "repository.git")
        trunk = self._repository.chain(5)
        side = self._repository.chain(4, parent=trunk[1])
        merge = self._repository.commit(parents=(trunk[-1], side[-1]))
        self._commits = [*trunk, *side, merge]
        self._repository.point("main", merge)

    def source(self) -> GitSource:
        path = self._repository.folder
        return GitSource(name="acme/web", path=path, clock=FixedClock(), page_commits=3)

    def expected_ids(self, stream: StreamRef) -> AbstractSet[str]:
        return {f"git:commit:{stream.source_ref}:{commit}" for commit in self._commits}

    def act(self) -> None:
        """Merge a commit that is older than any other."""
        old = self._repository.commit(parents=(self._commits[0],), seconds=1)
        self._commits += [old, self._repository.commit(parents=(self._commits[-1], old))]
        self._repository.point("main", self._commits[-1])


class JsonlWorld:
    """A file of records; some lines are empty, and the last lacks its end."""

    until = UNTIL
    most_page_events = 2

    def __init__(self, folder: Path) -> None:
        self._path = folder / "work.jsonl"
        self._numbers = list(range(7))
        self._path.write_text("\n\n".join(map(self._line, self._numbers)), encoding="utf-8")

    def _line(self, number: int) -> str:
        record = {
            "id": f"work-{number}",
            "event_type": "talk_given",
            "event_time": "2026-11-18T15:00:00Z",
            "platform_user_id": "ada",
        }
        return json.dumps(record)

    def source(self) -> JsonlSource:
        return JsonlSource(name="community", path=self._path, clock=FixedClock(), page_lines=2)

    def expected_ids(self, stream: StreamRef) -> AbstractSet[str]:
        return {f"jsonl:work:{stream.source_ref}:work-{number}" for number in self._numbers}

    def act(self) -> None:
        """Add a line."""
        self._numbers.append(len(self._numbers))
        with self._path.open("a", encoding="utf-8") as file:
            file.write("\n" + self._line(self._numbers[-1]))


class GithubRepositoryWorld:
    """A repository with something in each stream, on the loopback server."""

    until = UNTIL
    most_page_events = 100

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._world = collector.server.world
        self._repository = self._world.repository("acme/web")
        self._ada = self._world.account("ada")
        self._author = CommitAuthor(name="Ada", email="ada@example.org", account=self._ada)
        for _ in range(5):
            self.act()

    def source(self, **options: Any) -> GithubSource:
        return self._collector.source(page_items=2, **options)

    def expected_ids(self, stream: StreamRef) -> AbstractSet[str]:
        return {
            event_id
            for event_id in self._world.true_events(self._repository)
            if STREAM_OF_GITHUB[event_id.split(":")[1]] == stream.stream
        }

    def act(self) -> None:
        """Do one of each thing."""
        world, ada = self._world, self._ada
        world.pass_time(3_600)
        pull = world.open_item(self._repository, "pull", ada)
        world.review(pull, ada)
        world.comment(pull, ada)
        world.comment_line(pull, ada)
        world.merge(pull, ada)
        issue = world.open_item(self._repository, "issue", ada)
        world.comment(issue, ada)
        world.close(issue, ada)
        discussion = world.open_item(self._repository, "discussion", ada)
        world.answer(discussion, world.comment(discussion, ada))
        world.release(self._repository, ada)
        world.commit(self._repository, self._author)
        world.pass_time(3_600)


class GitlabProjectWorld:
    """A project with something in each stream, on the loopback server; some of it of one instant."""

    until = UNTIL
    most_page_events = GITLAB_PAGE_EVENTS + 5_000  # and as many notes as GitLab allows of one thing

    def __init__(self, collector: GitlabCollector) -> None:
        self._collector = collector
        self._world = collector.server.world
        self._project = self._world.project("acme/web")
        self._ada = self._world.account("ada")
        for _ in range(5):
            self.act()
        self._world.touch_all(self._project)
        self.act()

    def source(self) -> GitlabSource:
        return self._collector.source(page_items=2)

    def expected_ids(self, stream: StreamRef) -> AbstractSet[str]:
        return self._world.true_events(self._project)[stream.stream]

    def act(self) -> None:
        """Do one of each thing."""
        world, ada = self._world, self._ada
        world.pass_time(3_600)
        merge_request = world.open_item(self._project, "merge_requests", ada)
        world.note(merge_request, ada)
        world.merge(merge_request, ada)
        issue = world.open_item(self._project, "issues", ada)
        for _ in range(3):
            world.note(issue, ada)
        world.close(issue, ada)
        world.pass_time(3_600)
