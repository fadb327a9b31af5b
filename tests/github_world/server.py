"""A GitHub on loopback: GraphQL over the world, REST where the adapter needs it, credentials, limits and faults."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from graphql import DocumentNode, GraphQLError, GraphQLSchema, build_schema, execute_sync, parse, validate

from tests.github_world.rules import MOST_A_PAGE, MOST_NODES, query_cost
from tests.github_world.views import Views
from tests.github_world.world import Repository, World, text_of

SCHEMA_PATH = Path(__file__).with_name("schema.graphql")
TOKEN = "ghp_" + "t" * 36
APP_ID = "4711"
HOURLY_POINTS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What answers a request instead of the world: bytes, a broken connection, or a part of the data."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    breaks: str | None = None  # `reset`, `truncate` or `partial`


@dataclass(slots=True, kw_only=True)
class Installation:
    id: int
    owner: str
    is_suspended: bool = False
    tokens: dict[str, datetime] = field(default_factory=dict)  # and when each expires


@dataclass(slots=True, kw_only=True)
class Bucket:
    remaining: int = HOURLY_POINTS
    reset_at: datetime | None = None


@cache
def published_schema() -> GraphQLSchema:
    return build_schema(SCHEMA_PATH.read_text(encoding="utf-8"))


@cache
def app_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def app_key_pem() -> str:
    return (
        app_key()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        .decode()
    )


@cache
def parsed(query: str) -> DocumentNode:
    document = parse(query)
    errors = validate(published_schema(), document)
    if errors:
        raise errors[0]
    return document


class GithubWorldServer:
    """One server; a test gives it a world, and may script what happens at each request."""

    def __init__(self) -> None:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self.reset(World())

    def reset(self, world: World) -> None:
        """Begin anew with a world; nobody's token is known but TOKEN's."""
        self.world = world
        self.faults: deque[Fault | None] = deque()  # for the next requests of GraphQL, in order
        self.before_request: Callable[[int], None] | None = None
        self.requests = 0
        self.log: list[tuple[str, dict[str, Any]]] = []  # the queries' names, and their variables
        self.paths: list[str] = []
        self.costs: list[int] = []
        self.tokens: dict[str, Callable[[Repository], bool]] = {TOKEN: lambda _: True}
        self.scopes = "repo, read:org"
        self.installations: list[Installation] = []
        self.buckets: dict[str, Bucket] = {}
        self.rest_faults: deque[Fault | None] = deque()
        self.seconds_a_request = 0
        self.prefix = ""
        self.unauthorized = 0  # requests with a token that is unknown, revoked or expired
        self.most_a_page = MOST_A_PAGE  # of any connection, however many were asked for

    @contextmanager
    def running(self) -> Iterator[GithubWorldServer]:
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

    def answer(self, method: str, target: str, authorization: str, body: bytes) -> Fault:
        with self._lock:
            self.world.pass_time(self.seconds_a_request)
            path = urlsplit(target).path
            self.paths.append(f"{method} {target}")
            if path == f"{self.prefix}/graphql":
                self.requests += 1
                if self.before_request is not None:
                    self.before_request(self.requests)
                fault = self.faults.popleft() if self.faults else None
                if fault is not None and fault.breaks != "partial":
                    return fault
                return self._graphql(authorization, body, is_partial=fault is not None)
            fault = self.rest_faults.popleft() if self.rest_faults else None
            if fault is not None:
                return fault
            rest_prefix = f"{self.prefix}/v3" if self.prefix else ""
            if not path.startswith(rest_prefix):
                return _json(404, {"message": "Not Found"})
            return self._rest(method, path.removeprefix(rest_prefix), urlsplit(target).query, authorization)

    # --- GraphQL

    def _graphql(self, authorization: str, body: bytes, *, is_partial: bool) -> Fault:
        found = self._credentials(authorization)
        if found is None:
            self.unauthorized += 1
            return _json(401, {"message": "Bad credentials"})
        name, sees = found
        asked = json.loads(body)
        try:
            document = parsed(asked["query"])
        except GraphQLError as error:
            return _json(
                200, {"errors": [{"message": error.message, "extensions": {"code": "undefinedField"}}]}
            )
        variables = asked.get("variables") or {}
        self.log.append((_operation(document), variables))
        cost, nodes = query_cost(document, variables)
        self.costs.append(cost)
        if nodes > MOST_NODES:
            return _json(200, {"errors": [{"type": "MAX_NODE_LIMIT_EXCEEDED", "message": "too many nodes"}]})
        bucket = self._bucket(name)
        assert bucket.reset_at is not None
        limits = {
            "x-ratelimit-limit": str(HOURLY_POINTS),
            "x-ratelimit-reset": str(int(bucket.reset_at.timestamp())),
        }
        if bucket.remaining < cost:
            limited = {"type": "RATE_LIMITED", "message": "API rate limit exceeded"}
            return _json(200, {"errors": [limited]}, limits | {"x-ratelimit-remaining": "0"})
        bucket.remaining -= cost
        budget = {
            "cost": cost,
            "limit": HOURLY_POINTS,
            "remaining": bucket.remaining,
            "resetAt": text_of(bucket.reset_at),
        }
        result = execute_sync(
            published_schema(),
            document,
            Views(self.world, sees, budget),
            context_value=self.most_a_page,
            variable_values=variables,
        )
        told: dict[str, Any] = {"data": result.data}
        if result.errors:
            told["errors"] = [_error(error) for error in result.errors]
        if is_partial:
            told["errors"] = [{"message": "Something went wrong while executing your query."}]
        return _json(200, told, limits | {"x-ratelimit-remaining": str(bucket.remaining)})

    def _bucket(self, name: str) -> Bucket:
        bucket = self.buckets.setdefault(name, Bucket())
        if bucket.reset_at is None or bucket.reset_at <= self.world.now:
            if bucket.reset_at is not None:
                bucket.remaining = HOURLY_POINTS
            bucket.reset_at = self.world.now + timedelta(hours=1)
        return bucket

    def _credentials(self, authorization: str) -> tuple[str, Callable[[Repository], bool]] | None:
        token = authorization.removeprefix("Bearer ")
        if token in self.tokens:
            return token, self.tokens[token]
        for installation in self.installations:
            expires_at = installation.tokens.get(token)
            if expires_at is not None and expires_at > self.world.now:
                return f"installation-{installation.id}", partial(_is_owned, installation.owner)
        return None

    # --- REST

    def _rest(self, method: str, path: str, query: str, authorization: str) -> Fault:
        parts = path.strip("/").split("/")
        if parts[0] == "app":
            if not self._is_app(authorization):
                return _json(401, {"message": "A JSON web token could not be decoded"})
            return self._app(method, parts, parse_qs(query))
        found = self._credentials(authorization)
        if found is None:
            return _json(401, {"message": "Bad credentials"})
        if path == "/rate_limit":
            return self._limits(found[0])
        is_compare = len(parts) == 5 and (parts[0], parts[3]) == ("repos", "compare")
        repository = self.world.find(f"{parts[1]}/{parts[2]}") if is_compare else None
        if repository is None or not found[1](repository):
            return _json(404, {"message": "Not Found"})
        return self._compare(repository, *parts[4].split("..."))

    def _limits(self, name: str) -> Fault:
        headers = {"x-oauth-scopes": self.scopes} if name in self.tokens else {}
        bucket = self._bucket(name)
        assert bucket.reset_at is not None
        reset = int(bucket.reset_at.timestamp())
        told = {"limit": HOURLY_POINTS, "remaining": bucket.remaining, "reset": reset}
        return _json(200, {"resources": {"graphql": told}}, headers)

    def _compare(self, repository: Repository, base: str, head: str) -> Fault:
        if base not in repository.commits or head not in repository.commits:
            return _json(404, {"message": "Not Found"})
        below = {commit.oid for commit in repository.ancestors(base)}
        above = {commit.oid for commit in repository.ancestors(head)}
        ahead, behind = len(above - below), len(below - above)
        status = {(True, False): "ahead", (False, True): "behind", (True, True): "diverged"}.get(
            (ahead > 0, behind > 0), "identical"
        )
        return _json(200, {"status": status, "ahead_by": ahead, "behind_by": behind, "commits": []})

    def _app(self, method: str, parts: list[str], query: dict[str, list[str]]) -> Fault:
        if method == "GET" and parts == ["app", "installations"]:
            size, page = int(query["per_page"][0]), int(query["page"][0])
            listed = self.installations[(page - 1) * size : page * size]
            return _json(
                200,
                [
                    {
                        "id": found.id,
                        "account": {"login": found.owner},
                        "suspended_at": text_of(self.world.now) if found.is_suspended else None,
                    }
                    for found in listed
                ],
            )
        for installation in self.installations:
            if method == "POST" and parts == ["app", "installations", str(installation.id), "access_tokens"]:
                token = f"ghs_{installation.id}_{len(installation.tokens)}"
                expires_at = self.world.now + timedelta(hours=1)
                installation.tokens[token] = expires_at
                return _json(201, {"token": token, "expires_at": text_of(expires_at)})
        return _json(404, {"message": "Not Found"})

    def _is_app(self, authorization: str) -> bool:
        """Check the app's web token as GitHub does: its key, its issuer, and ten minutes at most."""
        try:
            claims = jwt.decode(
                authorization.removeprefix("Bearer "),
                app_key().public_key(),
                algorithms=["RS256"],
                issuer=APP_ID,
                options={"verify_exp": False, "verify_iat": False},
            )
        except jwt.PyJWTError:
            return False
        now = self.world.now.timestamp()
        return bool(claims["iat"] <= now < claims["exp"] <= now + 600)


def _handler(server: GithubWorldServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def _answer(self, body: bytes) -> None:
            told = server.answer(self.command, self.path, self.headers.get("Authorization", ""), body)
            if told.breaks == "reset":
                # Closing with a linger of nothing sends a reset instead of an orderly end.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
                return
            self.send_response_only(told.status)
            if "date" not in told.headers:
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


def _is_owned(owner: str, repository: Repository) -> bool:
    return repository.owner == owner


def _json(status: int, value: object, headers: dict[str, str] | None = None) -> Fault:
    return Fault(
        status=status,
        headers={"content-type": "application/json", **(headers or {})},
        body=json.dumps(value).encode(),
    )


def _error(error: GraphQLError) -> dict[str, Any]:
    told: dict[str, Any] = {"message": error.message, "path": error.path}
    more = dict(error.extensions or {})
    if "type" in more:
        told["type"] = more["type"]
    else:
        told["extensions"] = {"code": "world-fault"} | more
    return told


def _operation(document: DocumentNode) -> str:
    name = document.definitions[0].name  # type: ignore[attr-defined]  # the operation stands first
    return str(name.value)
