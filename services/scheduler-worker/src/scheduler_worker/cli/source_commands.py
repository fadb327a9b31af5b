"""`ledger source`: look at sources before anything is collected."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from ledger_core.ports.watcher import Watcher
from scheduler_worker.bootstrap import check_github_source, system_clock
from scheduler_worker.cli.command_group import CommandGroup
from scheduler_worker.cli.exits import Exit
from scheduler_worker.cli.gitlab_check import checked_gitlab, gitlab_as_json, is_readable, print_gitlab
from scheduler_worker.cli.named_sources import github_sources_of
from scheduler_worker.cli.output import json_option, print_json, print_table, say
from scheduler_worker.cli.progress import Progress, Watch
from scheduler_worker.cli.session import current_policy
from scheduler_worker.cli.validate_command import validate
from scheduler_worker.github_policy import GithubSourcePolicy
from scheduler_worker.gitlab_policy import GitlabSourcePolicy
from scheduler_worker.sources.github.check import CheckedRepository, CheckReport


@click.group(cls=CommandGroup)
def source() -> None:
    """Look at sources before collecting."""


source.add_command(validate)


@source.command()
@click.argument("source_name", metavar="SOURCE")
@json_option
@click.pass_obj
def check(config: Path | None, source_name: str, as_json: bool) -> Exit:
    """Show what a source's credentials see, and what a window will cost.

    SOURCE is `github` or `gitlab`, or the name that ledger.toml gives a server of
    one's own. What a window costs is known of GitHub only.
    Nothing is collected. Exit status 3 if something named can't be read.

    \b
    Examples:
      ledger source check github
      ledger source check gitlab --json
    """
    policy = current_policy(config)
    gitlab = [found for found in policy.gitlab_sources if found.source == source_name]
    if gitlab:
        return _check_gitlab(gitlab, as_json=as_json)
    chosen = github_sources_of(policy, source_name)
    window = policy.window_of(system_clock())
    with Progress(is_quiet=as_json) as progress:
        watch = Watch(progress, "looking at")
        checked = [_checked_github(found, window.period_start, watch) for found in chosen]
    if as_json:
        print_json([_as_json(found, report) for found, report in checked])
    else:
        for found, report in checked:
            _print(found, report)
    return Exit.DONE if all(report.is_readable for _, report in checked) else Exit.INCOMPLETE


def _checked_github(
    policy: GithubSourcePolicy, window_start: datetime, watcher: Watcher
) -> tuple[GithubSourcePolicy, CheckReport]:
    watcher.tell(policy.source)
    return policy, check_github_source(policy, window_start=window_start, watcher=watcher)


def _check_gitlab(chosen: Sequence[GitlabSourcePolicy], *, as_json: bool) -> Exit:
    with Progress(is_quiet=as_json) as progress:
        watch = Watch(progress, "looking at")
        checked = [checked_gitlab(found, watch) for found in chosen]
    if as_json:
        print_json([gitlab_as_json(found) for found in checked])
    else:
        for found in checked:
            print_gitlab(found)
    return Exit.DONE if all(map(is_readable, checked)) else Exit.INCOMPLETE


def _print(policy: GithubSourcePolicy, report: CheckReport) -> None:
    access = policy.access
    with_what = f"GitHub App {access.app_id}" if access.app_id else f"the token in {access.token_variable}"
    say(f"{policy.source} at {access.base_url}, read with {with_what}")
    print_table(
        ["owner", "scopes", "points/h", "left"],
        [
            (
                found.owner,
                "unknown" if found.problem else found.scopes or "not told",
                _number(found.points_an_hour),
                _number(found.points_left),
            )
            for found in report.rights
        ],
        numbers=["points/h", "left"],
    )
    print_table(
        ["repository", "state", "first", "window"],
        [
            (found.name, _state(found), found.first_points or "-", found.window_points or "-")
            for found in report.repositories
        ],
        numbers=["first", "window"],
    )
    first, window = _sums(report)
    say(
        f"points to read everything from its beginning: about {first}; for what this window touched: about {window}"
    )
    problems = [(found.owner, found.problem) for found in report.rights if found.problem is not None]
    problems += [(found.name, found.problem) for found in report.repositories if found.problem is not None]
    for name, problem in problems:
        say(f"NOT readable: {name}: {problem}")
    if not problems:
        say("everything named is readable")


def _state(found: CheckedRepository) -> str:
    if found.problem is not None:
        return "not readable"
    if found.left_out is not None:
        return f"left out: {found.left_out}"
    return "private" if found.is_private else "public"


def _number(number: int | None) -> str:
    return "-" if number is None else str(number)


def _sums(report: CheckReport) -> tuple[int, int]:
    return (
        sum(found.first_points for found in report.repositories),
        sum(found.window_points for found in report.repositories),
    )


def _as_json(policy: GithubSourcePolicy, report: CheckReport) -> dict[str, object]:
    first, window = _sums(report)
    rights: Sequence[object] = [
        {
            "owner": found.owner,
            "scopes": found.scopes,
            "points_an_hour": found.points_an_hour,
            "points_left": found.points_left,
            "problem": found.problem,
        }
        for found in report.rights
    ]
    return {
        "source": policy.source,
        "base_url": policy.access.base_url,
        "app_id": policy.access.app_id,
        "streams": list(policy.streams),
        "readable": report.is_readable,
        "first_points": first,
        "window_points": window,
        "rights": rights,
        "repositories": [
            {
                "name": found.name,
                "private": found.is_private,
                "items": dict(found.items),
                "first_points": found.first_points,
                "window_points": found.window_points,
                "left_out": found.left_out,
                "problem": found.problem,
            }
            for found in report.repositories
        ],
    }
