"""TLS in front of a plain server on loopback, with certificates of an authority made for the test.

What a client checks is real: authority, host name, validity, its own certificate. Behind it the
bytes go on in clear to the server that the wheels brought, which knows no TLS of its own.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hpack import Decoder

LOOPBACK: Final = "127.0.0.1"
CHUNK: Final = 65_536
CLOSING_SECONDS: Final = 0.05
SSL_REQUEST: Final = bytes.fromhex("0000000804d2162f")  # PostgreSQL's protocol, 55.2.11
HTTP2_PREFACE_BYTES: Final = 24
HTTP2_HEADERS: Final = 0x1
HTTP2_PADDED, HTTP2_PRIORITY = 0x8, 0x20


class Authority:
    """A certificate authority of the test's own; its files are in the folder."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(self._name, self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = folder / "authority.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *hosts: str, days: int = 1) -> tuple[Path, Path]:
        """Return the files of a certificate for the hosts, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(subject, self._name, key.public_key(), days=days)
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False
            )
        certificate = builder.sign(self._key, hashes.SHA256())
        files = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        files[1].chmod(0o600)
        return files


@dataclass(slots=True, kw_only=True)
class Terminator:
    """A running terminator: its port, how many connections came through TLS, and gRPC headers that it saw."""

    port: int
    encrypted: int = 0
    headers: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def postgres_tls(server_port: int, certificate: tuple[Path, Path]) -> Iterator[Terminator]:
    """Serve a PostgreSQL server through TLS alone, as `hostssl` lines would."""
    context = _server_context(certificate)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Terminator) -> None:
        if await reader.readexactly(len(SSL_REQUEST)) != SSL_REQUEST:
            return  # a client that would go on in clear
        writer.write(b"S")
        await writer.drain()
        await writer.start_tls(context)
        seen.encrypted += 1
        await _pipe(reader, writer, server_port)

    with _served(serve, context=None) as terminator:
        yield terminator


@contextmanager
def temporal_tls(
    server_port: int, certificate: tuple[Path, Path], *, clients_of: Authority | None = None
) -> Iterator[Terminator]:
    """Serve a Temporal server through TLS, to clients with a certificate of an authority if one is named."""
    context = _server_context(certificate)
    context.set_alpn_protocols(["h2"])
    if clients_of is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients_of.file)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Terminator) -> None:
        seen.encrypted += 1
        await _pipe(reader, writer, server_port, watch=_HeaderWatch(seen.headers))

    with _served(serve, context=context) as terminator:
        yield terminator


class _HeaderWatch:
    """Reads the headers in what an HTTP/2 client sends."""

    def __init__(self, found: list[dict[str, str]]) -> None:
        self._found = found
        self._decoder = Decoder()
        self._data = b""
        self._skipped = 0

    def __call__(self, data: bytes) -> None:
        skip = min(HTTP2_PREFACE_BYTES - self._skipped, len(data))
        self._skipped += skip
        self._data += data[skip:]
        while len(self._data) >= 9 and len(self._data) >= 9 + int.from_bytes(self._data[:3]):
            length, kind, flags = int.from_bytes(self._data[:3]), self._data[3], self._data[4]
            payload, self._data = self._data[9 : 9 + length], self._data[9 + length :]
            if kind == HTTP2_HEADERS:
                assert not flags & HTTP2_PADDED
                block = payload[5:] if flags & HTTP2_PRIORITY else payload
                self._found.append({str(name): str(value) for name, value in self._decoder.decode(block)})


_Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Terminator], Coroutine[Any, Any, None]]


@contextmanager
def _served(serve: _Serve, *, context: ssl.SSLContext | None) -> Iterator[Terminator]:
    """Run a server in a thread of its own for the length of the block."""
    terminator = Terminator(port=0)
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer, terminator)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client went away, or did not like the certificate
        finally:
            writer.transport.abort()

    async def run() -> None:
        server = await asyncio.start_server(handle, LOOPBACK, 0, ssl=context)
        terminator.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await asyncio.sleep(CLOSING_SECONDS)  # transports close a turn of the loop after they were told to

    def work() -> None:
        loop.set_exception_handler(lambda _, __: None)  # handshakes that fail are what tests are about
        loop.run_until_complete(run())
        loop.close()

    thread = threading.Thread(target=work, name="tls-terminator")
    thread.start()
    assert ready.wait(10)
    try:
        yield terminator
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


async def _pipe(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    server_port: int,
    *,
    watch: Callable[[bytes], None] | None = None,
) -> None:
    server_reader, server_writer = await asyncio.open_connection(LOOPBACK, server_port)
    try:
        await asyncio.gather(
            _copy(reader, server_writer, watch=watch), _copy(server_reader, writer, watch=None)
        )
    finally:
        server_writer.transport.abort()


async def _copy(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    *,
    watch: Callable[[bytes], None] | None,
) -> None:
    while data := await reader.read(CHUNK):
        if watch is not None:
            watch(data)
        writer.write(data)
        await writer.drain()
    writer.close()


def _server_context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, days: int = 1
) -> x509.CertificateBuilder:
    now = datetime.now(tz=UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=days))
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
