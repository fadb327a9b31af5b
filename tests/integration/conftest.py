"""A GitHub on loopback, with a world of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.github_world.collecting import Collector, collector_on
from tests.github_world.server import GithubWorldServer
from tests.github_world.world import Account, Repository, World


@pytest.fixture(scope="module")
def running() -> Iterator[GithubWorldServer]:
    with GithubWorldServer().running() as server:
        yield server


@pytest.fixture
def server(running: GithubWorldServer) -> GithubWorldServer:
    running.reset(World())
    return running


@pytest.fixture
def world(server: GithubWorldServer) -> World:
    return server.world


@pytest.fixture
def collector(server: GithubWorldServer) -> Iterator[Collector]:
    with collector_on(server) as collector:
        yield collector


@pytest.fixture
def repository(world: World) -> Repository:
    return world.repository("acme/web")


@pytest.fixture
def ada(world: World) -> Account:
    return world.account("ada")
