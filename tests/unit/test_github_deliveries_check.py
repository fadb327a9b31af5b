"""The check of published deliveries: each kind of problem is found, and what our own world sends passes it."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from scheduler_worker.sources.github.deliveries import EVENTS
from tests.github_world.acts import Player, populated
from tests.github_world.check_deliveries import main, problems
from tests.github_world.deliveries import deliveries_of


def examples_of_a_world() -> list[dict[str, Any]]:
    world = populated()
    Player(world).play_some()
    told: dict[str, list[Any]] = defaultdict(list)
    for each in deliveries_of(world):
        told[each.event].append(json.loads(each.body))
    return [{"name": name, "examples": found} for name, found in told.items()]


def test_our_world_s_deliveries_pass_and_are_of_every_event_that_is_read() -> None:
    examples = examples_of_a_world()

    assert list(problems(examples)) == []
    assert {event["name"] for event in examples} == set(EVENTS)


def test_a_delivery_that_can_not_be_read_is_named_and_ends_the_command_with_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    examples = examples_of_a_world()
    [issues] = [event for event in examples if event["name"] == "issues"]
    del issues["examples"][0]["issue"]["node_id"]
    path = tmp_path / "index.json"
    path.write_text(json.dumps(examples), encoding="utf-8")

    status = main([str(path)])

    assert status == 1
    assert (
        "issues opened: the delivery can't be read: delivery.issue.node_id is missing"
        in capsys.readouterr().err
    )


def test_events_and_streams_without_an_example_are_named() -> None:
    examples = [event for event in examples_of_a_world() if event["name"] != "push"]

    assert list(problems(examples)) == [
        "push: there is no example",
        "commits: no example names a thing of it",
    ]
    assert list(problems(examples_of_a_world(), fewest=10_000))[-1].endswith("examples only")


def test_a_registry_that_is_not_reached_is_said_and_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert main([]) == 0
    assert "NOT CHECKED" in capsys.readouterr().err
