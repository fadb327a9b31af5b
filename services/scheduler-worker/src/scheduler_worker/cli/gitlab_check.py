"""`ledger source check` of a GitLab source: what its token sees."""

from __future__ import annotations

from collections.abc import Sequence

from ledger_core.ports.watcher import Watcher
from scheduler_worker.bootstrap import check_gitlab_source
from scheduler_worker.cli.output import print_table, say
from scheduler_worker.gitlab_policy import GitlabSourcePolicy
from scheduler_worker.sources.gitlab.check import CheckedProject

Checked = tuple[GitlabSourcePolicy, Sequence[CheckedProject]]


def checked_gitlab(policy: GitlabSourcePolicy, watcher: Watcher) -> Checked:
    """Return the policy with what its token sees."""
    watcher.tell(policy.source)
    return policy, check_gitlab_source(policy, watcher=watcher)


def is_readable(checked: Checked) -> bool:
    """Say whether everything that is named can be read."""
    return not any(project.problems for project in checked[1])


def print_gitlab(checked: Checked) -> None:
    """Print what a GitLab source's token sees."""
    policy, projects = checked
    say(f"{policy.source} at {policy.access.base_url}, read with the token in {policy.access.token_variable}")
    print_table(
        ["project", "stream", "state", "listed"],
        [
            (
                project.name,
                name,
                "readable" if found.problem is None else "not readable",
                _number(found.things),
            )
            for project in projects
            for name, found in project.streams.items()
        ],
        numbers=["listed"],
    )
    problems = [problem for project in projects for problem in project.problems]
    for problem in problems:
        say(f"NOT readable: {problem}")
    if not problems:
        say("everything named is readable")


def gitlab_as_json(checked: Checked) -> dict[str, object]:
    """Return the same for machines."""
    policy, projects = checked
    return {
        "source": policy.source,
        "base_url": policy.access.base_url,
        "streams": list(policy.streams),
        "readable": is_readable(checked),
        "projects": [
            {
                "name": project.name,
                "number": project.number,
                "problem": project.problem,
                "streams": {
                    name: {"listed": found.things, "problem": found.problem}
                    for name, found in project.streams.items()
                },
            }
            for project in projects
        ],
    }


def _number(number: int | None) -> str:
    return "-" if number is None else str(number)
