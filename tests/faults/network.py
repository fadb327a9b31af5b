"""The wire between a ledger and its PostgreSQL, cut where a test says: before a request arrives, or after its reply left.

It knows just enough of PostgreSQL's protocol (version 3, unencrypted) to tell where a request and its reply end. A
reply that is lost is the nastiest fault: the server has done what it was asked, also a COMMIT, and nobody hears of it.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LOOPBACK: Final = "127.0.0.1"
CHUNK_BYTES: Final = 65_536
CONNECT_SECONDS: Final = 30.0
RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset, as a cut wire looks
BEGIN, READ_ONLY, COMMIT = b"BEGIN ", b"READ ONLY", b"COMMIT"
QUERY, SYNC, READY = b"Q", b"S", b"Z"
COPY_IN, COPY_DONE, COPY_FAIL = b"G", b"c", b"f"  # what is copied is a turn of its own
PING: Final = (
    b"Q\0\0\0\x06;\0"  # the pool asks whether a connection lives: if not it takes another, unnoticed
)


class Side(StrEnum):
    """Which half of a turn is lost."""

    REQUEST = "request"
    REPLY = "reply"


def nothing() -> None:
    """Do no more than cut the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Lose one half of a turn, and do `action` at that very moment; turns are counted from 1.

    The turns that count are those whose request holds `only` (`COMMIT`, for one); with `writing`, those alone that
    belong to a transaction which may write.
    """

    turn: int
    side: Side
    action: Callable[[], None] = nothing
    only: bytes = b""
    writing: bool = False


class Wire:
    """Carries connections to a server's port, and cuts them; one turn is a request and its reply."""

    def __init__(self, server_port: Callable[[], int]) -> None:
        self._server_port = server_port
        self._lock = threading.Lock()
        self._cut: Cut | None = None
        self.turns = 0
        self.cuts = 0
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]

    def arm(self, cut: Cut | None) -> None:
        """Count turns anew, and cut at the one that is named."""
        with self._lock:
            self.turns = 0
            self._cut = cut

    def accept(self) -> None:
        """Serve connections until the listener is closed."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self, client: socket.socket) -> None:
        with closing(client):
            try:
                server = socket.create_connection((LOOPBACK, self._server_port()), CONNECT_SECONDS)
            except OSError:
                _reset(client)
                return
            with closing(server):
                server.settimeout(None)
                with suppress(OSError):
                    self._carry(client, server)
                _reset(client)

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        """Carry a connection: the handshake as it comes, then turn by turn."""
        replies = _Messages(server)
        if not _shake_hands(client, server, replies):
            return
        requests = _Messages(client)
        is_writing = False
        while request := requests.until(QUERY, SYNC, COPY_DONE, COPY_FAIL):
            if BEGIN in request:
                is_writing = READ_ONLY not in request
            cut = self._cut_of(request, is_writing=is_writing)
            if cut is not None and cut.side is Side.REQUEST:
                cut.action()
                return
            server.sendall(request)
            reply = replies.until(READY, COPY_IN)
            if cut is not None:
                cut.action()
            if not reply or cut is not None:
                return
            client.sendall(reply)

    def _cut_of(self, request: bytes, *, is_writing: bool) -> Cut | None:
        """What is to be cut of this turn."""
        with self._lock:
            cut = self._cut
            if request == PING:
                return None
            if cut is not None and (cut.only not in request or cut.writing > is_writing):
                return None
            self.turns += 1
            if cut is None or self.turns != cut.turn:
                return None
            self._cut = None
            self.cuts += 1
            return cut


def _shake_hands(client: socket.socket, server: socket.socket, replies: _Messages) -> bool:
    """Carry everything up to the server's first `ready`; whether it came to that.

    Holds: the client speaks only when it is asked, so that nothing of its first request is taken here.
    """
    while True:
        readable, _, _ = select.select([client, server], [], [])
        if client in readable:
            data = client.recv(CHUNK_BYTES)
            if not data:
                return False
            server.sendall(data)
        if server in readable:
            if not replies.fill():
                return False
            while message := replies.taken():
                client.sendall(message)
                if message[:1] == READY:
                    return True


class _Messages:
    """The typed messages that a socket sends: a letter, four bytes of length, and the rest."""

    def __init__(self, source: socket.socket) -> None:
        self._source = source
        self._buffer = bytearray()

    def fill(self) -> bool:
        """Wait for more bytes; False at the end."""
        data = self._source.recv(CHUNK_BYTES)
        self._buffer += data
        return bool(data)

    def taken(self) -> bytes:
        """The next message as it came; nothing if it is not whole yet."""
        size = 1 + int.from_bytes(self._buffer[1:5], "big")
        if len(self._buffer) < max(size, 5):
            return b""
        message = bytes(self._buffer[:size])
        del self._buffer[:size]
        return message

    def until(self, *kinds: bytes) -> bytes:
        """All messages up to one of a kind; nothing at the end."""
        messages = bytearray()
        while True:
            while message := self.taken():
                messages += message
                if message[:1] in kinds:
                    return bytes(messages)
            if not self.fill():
                return b""


def _reset(client: socket.socket) -> None:
    with suppress(OSError):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


@contextmanager
def wire_to(server_port: Callable[[], int]) -> Iterator[Wire]:
    """Run a wire to whatever port the server has when somebody connects."""
    wire = Wire(server_port)
    accepting = threading.Thread(target=wire.accept, daemon=True)
    accepting.start()
    try:
        yield wire
    finally:
        wire.close()
        accepting.join()
