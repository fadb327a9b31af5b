from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from ledger_core.identifiers import StreamRef
from scheduler_worker.bootstrap import create_directories, create_sources
from scheduler_worker.github_policy import (
    DEFAULT_APP_KEY,
    DEFAULT_BASE_URL,
    DEFAULT_TOKEN,
    GithubAccess,
    GithubSourcePolicy,
)
from scheduler_worker.sources.github.directory import matches
from scheduler_worker.sources.github.stream_names import STREAM_NAMES
from tests.unit.test_policy import parsed, refusal

ENTERPRISE = {"source": "ghe", "base_url": "https://ghe.example.org/api/v3"}


def github(*tables: dict[str, Any]) -> dict[str, Any]:
    return {"github": [{"repos": ["acme/web"]} | table for table in tables]}


def test_repositories_are_enough() -> None:
    (found,) = parsed(sources=github({"repos": ["acme/web", "acme/*", "acme-labs/tool-?"]})).github_sources

    assert found == GithubSourcePolicy(
        source="github",
        access=GithubAccess(
            base_url=DEFAULT_BASE_URL,
            token_variable=DEFAULT_TOKEN,
            app_id=None,
            app_key_variable=DEFAULT_APP_KEY,
        ),
        repos=("acme/web",),
        patterns=("acme/*", "acme-labs/tool-?"),
        archived=True,
        forks=False,
        streams=STREAM_NAMES,
    )


def test_every_key_sets_its_own() -> None:
    (found,) = parsed(
        sources=github(
            ENTERPRISE
            | {
                "exclude": ["acme/secret-*"],
                "archived": False,
                "forks": True,
                "streams": ["reviews", "pull_requests"],
                "machine_users": ["Acme-CI"],
                "token_variable": "GHE_TOKEN",
                "app_id": "12345",
                "app_key_variable": "GHE_KEY",
                "accept_rewrites": True,
            }
        )
    ).github_sources

    assert found == GithubSourcePolicy(
        source="ghe",
        access=GithubAccess(
            base_url="https://ghe.example.org/api/v3",
            token_variable="GHE_TOKEN",
            app_id="12345",
            app_key_variable="GHE_KEY",
        ),
        repos=("acme/web",),
        patterns=(),
        exclude=("acme/secret-*",),
        archived=False,
        forks=True,
        streams=("pull_requests", "reviews"),
        machine_users=("acme-ci",),
        accept_rewrites=True,
    )


def test_names_become_streams_and_patterns_directories_without_any_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(DEFAULT_TOKEN, raising=False)
    policy = parsed(
        sources=github(
            {"repos": ["acme/web", "acme/*"], "streams": ["issues", "commits"], "exclude": ["acme/x"]}
        )
    )

    directories = create_directories(policy)
    (directory,) = directories.values()

    assert set(create_sources(policy)) == {
        StreamRef(source="github", source_ref="acme/web", stream=stream) for stream in ("issues", "commits")
    }
    assert list(directories) == [StreamRef(source="github", source_ref="acme/*", stream="repositories")]
    found = {
        (name, stream): directory.find_source(StreamRef(source="github", source_ref=name, stream=stream))
        is not None
        for name in ("acme/api", "ACME/api", "acme/web", "acme/x", "other/api")
        for stream in ("issues", "reviews")
    }
    assert {key for key, is_found in found.items() if is_found} == {
        ("acme/api", "issues"),
        ("ACME/api", "issues"),
    }


@pytest.mark.parametrize(
    ("pattern", "name", "is_match"),
    [
        ("acme/*", "Acme/Web.js", True),
        ("acme/*", "acme-labs/web", False),
        ("acme/w?b", "acme/wab", True),
        ("acme/w?b", "acme/wb", False),
        ("acme/web.js", "acme/webxjs", False),
        ("acme/*-[a]", "acme/x-a", False),
    ],
)
def test_patterns_match_names_letter_by_letter(pattern: str, name: str, is_match: bool) -> None:  # noqa: FBT001
    assert matches(pattern, name) is is_match


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        ([{"repos": []}], "sources.github[1].repos is missing"),
        ([{"repos": ["web"]}], "sources.github[1].repos[1] must be like owner/name or owner/*"),
        ([{"repos": ["*/web"]}], "sources.github[1].repos[1] must be like owner/name or owner/*"),
        ([{"repos": ["acme/web\n"]}], "sources.github[1].repos[1] must be like owner/name or owner/*"),
        ([{"repos": ["acme/we\u0301b"]}], "sources.github[1].repos[1] must be like owner/name or owner/*"),
        ([{"repos": [7]}], "sources.github[1].repos[1] must be like owner/name or owner/*"),
        ([{"repos": ["a/b", "A/B"]}], "sources.github[1].repos names A/B twice"),
        ([{}, {}], "sources.github[2].repos names acme/web twice"),
        ([{"exclude": ["x"]}], "sources.github[1].exclude[1] must be like owner/name or owner/*"),
        ([{"archived": 1}], "sources.github[1].archived must be true or false, not a whole number"),
        ([{"machine_users": ["a b"]}], "sources.github[1].machine_users[1] must be a login"),
        ([{"source": "git"}], "sources.github[1].source is the name of another kind of source"),
        ([{"token_variable": "a-b"}], "sources.github[1].token_variable must name a variable"),
        (
            [{"tokenvariable": "X"}],
            "sources.github[1].tokenvariable is unknown; did you mean token_variable?",
        ),
        (
            [{"base_url": "http://ghe.example.org"}],
            "sources.github[1].base_url must be like https://HOST/api/v3; a token goes there",
        ),
        (
            [{"base_url": "https://me:secret@ghe.example.org"}],
            "sources.github[1].base_url must be like https://HOST/api/v3; a token goes there",
        ),
        (
            [{"base_url": "https://ghe.example.org/api/v3"}],
            "sources.github[1].source must be a name of the server's own, as its numbers of accounts and repositories are not GitHub's",
        ),
        (
            [ENTERPRISE, ENTERPRISE | {"base_url": "https://other.example.org", "repos": ["b/c"]}],
            "sources.github[2].source is another server's; accounts of two servers must not mix",
        ),
    ],
)
def test_what_has_no_meaning_is_refused_by_its_key(tables: list[dict[str, Any]], sentence: str) -> None:
    assert refusal(sources=github(*tables)) == sentence


def test_an_unknown_stream_is_refused_with_those_that_there_are() -> None:
    told = refusal(sources=github({"streams": ["pull_request"]}))

    assert told.startswith("sources.github[1].streams[1] must be of pull_requests, reviews, ")


def test_a_policy_without_github_loads_no_client_library() -> None:
    program = (
        "import sys; from scheduler_worker.bootstrap import create_sources, create_directories;"
        "from scheduler_worker.policy import parse_policy; from pathlib import Path;"
        "policy = parse_policy({'node_id': '6f9619ff-8b86-d011-b42d-00c04fc964ff'}, folder=Path());"
        "create_sources(policy), create_directories(policy); print('httpx' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ
    )

    assert done.stdout == "False\n"
