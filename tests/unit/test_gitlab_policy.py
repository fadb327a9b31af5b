"""`[[sources.gitlab]]`: projects, streams, and a server's own name for its accounts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scheduler_worker.bootstrap import create_sources
from scheduler_worker.gitlab_policy import GitlabAccess, GitlabSourcePolicy
from scheduler_worker.policy import Policy, parse_policy
from scheduler_worker.policy_table import PolicyInvalid
from scheduler_worker.sources.gitlab.stream_names import STREAM_NAMES

NODE = "6f9619ff-8b86-d011-b42d-00c04fc964ff"


def parsed(*tables: Any, **others: Any) -> Policy:
    sources = {"gitlab": list(tables), **others}
    return parse_policy({"node_id": NODE, "sources": sources}, folder=Path("/etc/ledger"))


def test_projects_are_enough_and_become_streams() -> None:
    policy = parsed({"projects": ["acme/web", "acme/tools/cli_2"]})

    assert policy.gitlab_sources == (
        GitlabSourcePolicy(source="gitlab", access=GitlabAccess(), projects=("acme/web", "acme/tools/cli_2")),
    )
    assert [(ref.source_ref, ref.stream) for ref in create_sources(policy)] == [
        (project, name) for project in ("acme/web", "acme/tools/cli_2") for name in STREAM_NAMES
    ]


def test_every_key_sets_its_own() -> None:
    (found,) = parsed(
        {
            "projects": ["acme/web"],
            "streams": ["issues", "merge_requests"],
            "machine_users": ["Acme-CI"],
            "source": "forge",
            "base_url": "https://forge.example/api/v4/",
            "token_variable": "FORGE_TOKEN",
        }
    ).gitlab_sources

    assert found == GitlabSourcePolicy(
        source="forge",
        access=GitlabAccess(base_url="https://forge.example/api/v4", token_variable="FORGE_TOKEN"),
        projects=("acme/web",),
        streams=("merge_requests", "issues"),
        machine_users=("acme-ci",),
    )


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"projects": []}, "sources.gitlab[1].projects is missing"),
        ({"projects": ["web"]}, "sources.gitlab[1].projects[1] must be like group/name"),
        ({"projects": ["a/../b"]}, "sources.gitlab[1].projects[1] must be like group/name"),
        ({"projects": ["a/b?c"]}, "sources.gitlab[1].projects[1] must be like group/name"),
        ({"projects": ["a/b", "A/B"]}, "sources.gitlab[1].projects names A/B twice"),
        ({"streams": ["wikis"]}, f"sources.gitlab[1].streams[1] must be of {', '.join(STREAM_NAMES)}"),
        ({"machine_users": ["a b"]}, "sources.gitlab[1].machine_users[1] must be a login"),
        ({"token_variable": "glpat-1"}, "sources.gitlab[1].token_variable must name a variable"),
        ({"source": "github"}, "sources.gitlab[1].source is the name of another kind of source"),
        (
            {"base_url": "http://forge.example/api/v4", "source": "forge"},
            "sources.gitlab[1].base_url must be like https://HOST/api/v4; a token goes there",
        ),
        (
            {"base_url": "https://forge.example/api/v4"},
            "sources.gitlab[1].source must be a name of the server's own, as its numbers of accounts",
        ),
        ({"token": "x"}, "sources.gitlab[1].token is unknown; did you mean token_variable?"),
    ],
)
def test_what_has_no_meaning_is_refused_by_its_key(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        parsed({"projects": ["acme/web"]} | changed)

    assert str(refused.value).removeprefix("ledger.toml: ").startswith(sentence.split("; did", maxsplit=1)[0])


def test_one_name_is_one_server_s_and_one_kind_s() -> None:
    forge = {"projects": ["a/b"], "source": "forge", "base_url": "https://forge.example/api/v4"}
    other = {"projects": ["c/d"], "source": "forge", "base_url": "https://other.example/api/v4"}
    with pytest.raises(PolicyInvalid, match=r"gitlab\[2\].source is another server's"):
        parsed(forge, other)
    github = {"repos": ["a/b"], "source": "forge", "base_url": "https://forge.example/api/v3"}
    with pytest.raises(PolicyInvalid, match=r"sources.gitlab has the source forge, as sources.github has"):
        parsed(forge, github=[github])
