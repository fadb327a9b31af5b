"""The comparison of our part of GitHub's schema with a published one: each kind of difference is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import build_schema

from tests.github_world.check_schema import QUERIES, differences, main, query_problems
from tests.github_world.server import SCHEMA_PATH

OURS = SCHEMA_PATH.read_text(encoding="utf-8")


def test_a_published_schema_that_says_more_is_no_difference() -> None:
    more = OURS.replace("  isFork: Boolean!", "  isFork: Boolean!\n  isSomething(why: String): Boolean!")
    more = more.replace("first: Int,", "first: Int, before: String,").replace(
        "COMPLETED", "COMPLETED INVENTED"
    )

    assert list(differences(build_schema(OURS), build_schema(more))) == []
    assert list(query_problems(build_schema(more))) == []


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ("mergedAt: DateTime\n", "mergedAt: DateTime!\n", "PullRequest.mergedAt: is DateTime here and DateTime! there"),
        ("  mergedAt: DateTime\n", "", "PullRequest.mergedAt: is not there"),
        ("followRenames: Boolean = true", "followRenames: Boolean = false", "Query.repository(followRenames): is Boolean = true here"),
        ("node(id: ID!)", "node(id: ID!, why: String!)", "Query.node(why): is required there"),
        ("enum OrderDirection { ASC DESC }", "enum OrderDirection { ASC }", "OrderDirection: value DESC is not there"),
        ("union Closer = Commit | PullRequest", "union Closer = Commit", "Closer: member PullRequest is not there"),
        ("type Bot implements Actor & Node", "type Bot implements Node", "Bot: interface Actor is not there"),
        ("scalar BigInt", "enum BigInt { ONE }", "BigInt: is ScalarType here and EnumType there"),
    ],
)  # fmt: skip
def test_a_difference_is_named(was: str, becomes: str, told: str) -> None:
    assert OURS.count(was) >= 1
    published = build_schema(OURS.replace(was, becomes), assume_valid=True)

    found = list(differences(build_schema(OURS), published))

    assert any(line.startswith(told) for line in found), found


def test_a_query_that_does_not_fit_is_named_and_ends_the_command_with_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "schema.graphql"
    path.write_text(OURS.replace("  mergedAt: DateTime\n", ""), encoding="utf-8")

    status = main([str(path)])

    told = capsys.readouterr().err
    assert status == 1
    assert "GitHub's schema: PullRequest.mergedAt: is not there" in told
    assert "query PullRequests: Cannot query field 'mergedAt' on type 'PullRequest'" in told


def test_a_registry_that_is_not_reached_is_said_and_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert main([]) == 0
    assert "NOT CHECKED" in capsys.readouterr().err


def test_our_part_holds_every_query_and_nothing_that_no_query_touches() -> None:
    assert list(query_problems(build_schema(OURS))) == []
    assert len(QUERIES) == len(set(QUERIES))
