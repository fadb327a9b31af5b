"""A GitLab on loopback: REST v4 of what the adapter asks, by GitLab's documentation and its own sources.

Pages by number (20, at most 100), of whatever the order is at that request. Things of one instant are in the order of
their ids (GitLab's `order_options_with_tie_breaker`), or, as on old servers, in none that lasts. Beyond what is asked
here, everything is 404.
"""

from __future__ import annotations

import json
import random
import re
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.gitlab_world.world import Account, Item, Note, Project, World

TOKEN = "glpat-world"
MOST_A_PAGE = 100
MOST_COUNTED = 10_000  # then GitLab tells no total
_PROJECT = re.compile(r"/projects/([^/]+)")
_ITEMS = re.compile(r"/projects/(\d+)/(merge_requests|issues)")
_NOTES = re.compile(r"/projects/(\d+)/(merge_requests|issues)/(\d+)/notes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is sent back, and how it breaks on the way: `reset` or `truncate`."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    breaks: str | None = None


class GitlabWorldServer:
    """One server; a test gives it a world, and may script what happens at each request."""

    def __init__(self) -> None:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._lock = threading.Lock()
        self.host = f"http://127.0.0.1:{self._http.server_port}"
        self.url = f"{self.host}/api/v4"
        self.reset(World())

    def reset(self, world: World) -> None:
        self.world = world
        self.faults: deque[Reply | None] = deque()
        self.before_request: Callable[[int], None] | None = None
        self.requests = 0
        self.paths: list[str] = []
        self.seconds_a_request = 0.0
        self.forbidden: set[str] = set()  # kinds of items that the project has switched off
        self.has_tie_breaker = True
        self.ignores_updated_after = False
        self.chance = random.Random(1)

    @contextmanager
    def running(self) -> Iterator[GitlabWorldServer]:
        thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()
            thread.join()

    def answer(self, target: str, token: str) -> Reply:
        with self._lock:
            self.requests += 1
            self.paths.append(target)
            self.world.pass_time(self.seconds_a_request)
            if self.before_request is not None:
                self.before_request(self.requests)
            fault = self.faults.popleft() if self.faults else None
            if fault is not None:
                return fault
            if token != TOKEN:
                return _json(401, {"message": "401 Unauthorized"})
            parts = urlsplit(target)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            return self._route(parts.path.removeprefix("/api/v4"), query)

    def _route(self, path: str, query: Mapping[str, str]) -> Reply:
        if found := _PROJECT.fullmatch(path):
            return self._project(unquote(found[1]))
        if (found := _ITEMS.fullmatch(path)) and (project := self._numbered(found[1])):
            if found[2] in self.forbidden:
                return _json(403, {"message": "403 Forbidden"})
            return self._page(self._items(project, found[2], query), query, _item_view(project, self.host))
        if (found := _NOTES.fullmatch(path)) and (project := self._numbered(found[1])):
            for item in project.of_kind(found[2]):
                if item.iid == int(found[3]):
                    assert query.get("sort") in {"asc", None}
                    return self._page(self._ordered(item.notes, lambda note: note.at), query, _note_view)
        return _json(404, {"message": "404 Not Found"})

    def _project(self, name: str) -> Reply:
        for project in self.world.projects:
            if name in {project.path, str(project.id)}:
                return _json(200, {"id": project.id, "path_with_namespace": project.path})
        if name in self.world.old_paths:
            address = f"{self.url}/projects/{self.world.old_paths[name]}"
            return Reply(status=301, body=b"moved", headers={"Location": address})
        return _json(404, {"message": "404 Project Not Found"})

    def _numbered(self, number: str) -> Project | None:
        return next((found for found in self.world.projects if found.id == int(number)), None)

    def _items(self, project: Project, kind: str, query: Mapping[str, str]) -> Sequence[Item]:
        assert (query.get("order_by"), query.get("sort")) in {("updated_at", "asc"), (None, None)}
        state = query["state"]
        after = None if self.ignores_updated_after else query.get("updated_after")
        since = datetime.min.replace(tzinfo=UTC) if after is None else datetime.fromisoformat(after)
        chosen = [
            item
            for item in project.of_kind(kind)
            if state in {"all", item.state} and item.updated_at >= since
        ]
        return self._ordered(chosen, lambda item: item.updated_at)

    def _ordered(self, things: Sequence[Any], key: Callable[[Any], datetime]) -> list[Any]:
        if self.has_tie_breaker:
            return sorted(things, key=lambda thing: (key(thing), thing.id))
        shuffled = list(things)
        self.chance.shuffle(shuffled)
        return sorted(shuffled, key=key)

    def _page(
        self, things: Sequence[Any], query: Mapping[str, str], view: Callable[[Any], dict[str, Any]]
    ) -> Reply:
        size = min(int(query.get("per_page", "20")), MOST_A_PAGE)
        page = int(query.get("page", "1"))
        shown = things[(page - 1) * size : page * size]
        following = str(page + 1) if len(things) > page * size else ""
        headers = {"X-Next-Page": following, "X-Page": str(page)}
        if len(things) <= MOST_COUNTED:
            headers["X-Total"] = str(len(things))
        return _json(200, [view(thing) for thing in shown], headers)


def time_view(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _account_view(account: Account | None) -> dict[str, Any] | None:
    if account is None:
        return None
    return {"id": account.id, "username": account.login, "name": account.login.title(), "state": "active"}


def _item_view(project: Project, host: str) -> Callable[[Item], dict[str, Any]]:
    def view(item: Item) -> dict[str, Any]:
        told: dict[str, Any] = {
            "id": item.id,
            "iid": item.iid,
            "project_id": project.id,
            "title": item.title,
            "state": item.state,
            "author": _account_view(item.author),
            "created_at": time_view(item.created_at),
            "updated_at": time_view(item.updated_at),
            "closed_at": time_view(item.closed_at),
            "closed_by": _account_view(item.closed_by),
            "labels": item.labels,
            "user_notes_count": sum(not note.is_system for note in item.notes),
            "web_url": f"{host}/{project.path}/-/{item.kind}/{item.iid}",
        }
        if item.kind == "merge_requests":
            merged_by = _account_view(item.merged_by)
            told |= {"merged_at": time_view(item.merged_at), "merge_user": merged_by, "target_branch": "main"}
        else:
            told["moved_to_id"] = item.moved_to
        return told

    return view


def _note_view(note: Note) -> dict[str, Any]:
    return {
        "id": note.id,
        "body": "secret words",
        "author": _account_view(note.author),
        "created_at": time_view(note.at),
        "system": note.is_system,
        "internal": False,
    }


def _json(status: int, value: object, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status=status, body=json.dumps(value).encode(), headers=headers or {})


def _handler(server: GitlabWorldServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            told = server.answer(self.path, self.headers.get("PRIVATE-TOKEN", ""))
            if told.breaks == "reset":
                # Closing with a linger of nothing sends a reset instead of an orderly end.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
                return
            self.send_response_only(told.status)
            self.send_header("Date", format_datetime(server.world.now.astimezone(UTC), usegmt=True))
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body) + (7 if told.breaks == "truncate" else 0)))
            self.end_headers()
            self.wfile.write(told.body)
            self.close_connection = told.breaks is not None

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the library's name
            pass

    return Handler
