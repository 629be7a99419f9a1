"""Kept connections against real sockets: what is used again, what isn't, and what a failure is called."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from temoctl.systems import kept_connections
from temoctl.systems.kept_connections import KeptConnections

pytestmark = pytest.mark.anyio

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Answers each request with `answer`; counts the connections it was given."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.connections, self.port = answer, 0, 0
        self.tasks: list[asyncio.Task[None] | None] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.tasks.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            while not writer.is_closing():
                await self.answer(await reader.readuntil(b"\r\n\r\n"), writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def stop(self) -> None:
        tasks = [task for task in self.tasks if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def served(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[Server, httpx.AsyncClient]]:
    server = Server(answer)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    base = f"{'https' if tls else 'http'}://127.0.0.1:{server.port}"
    async with listening:
        async with httpx.AsyncClient(base_url=base, transport=KeptConnections(), timeout=5.0) as client:
            yield server, client
        await server.stop()


def said(text: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join((b"HTTP/1.1 200 OK", b"content-length: %d" % len(text), *headers, b"", text))


async def path(request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(said(request.split()[1]))


async def test_one_after_the_other_goes_over_one_connection() -> None:
    async with served(path) as (server, client):
        assert [(await client.get(f"/{n}")).text for n in range(5)] == [f"/{n}" for n in range(5)]
        assert server.connections == 1


async def test_side_by_side_each_has_its_own_and_its_own_answer() -> None:
    everybody = asyncio.Barrier(30)

    async def together(request: bytes, writer: asyncio.StreamWriter) -> None:
        await everybody.wait()
        await path(request, writer)

    async with served(together) as (server, client):
        for _ in range(3):
            answers = await asyncio.gather(*(client.get(f"/{n}") for n in range(30)))
            assert [one.text for one in answers] == [f"/{n}" for n in range(30)]
        assert server.connections == 30


@pytest.mark.parametrize("farewell", [b"connection: close", b""])
async def test_what_the_server_closed_is_not_used_again(farewell: bytes) -> None:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(said(b"bye", farewell) if farewell else said(b"bye"))
        writer.close()

    async with served(answer) as (server, client):
        for turn in range(3):
            assert (await client.get("/")).text == "bye"
            await asyncio.sleep(0)  # the server's farewell is read by the event loop
            while server.connections <= turn:
                await asyncio.sleep(0.01)
        assert server.connections == 3


async def test_packed_answers_are_unpacked() -> None:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        assert b"gzip" in request
        writer.write(said(gzip.compress(b'{"a": 1}'), b"content-encoding: gzip"))

    async with served(answer) as (_, client):
        assert (await client.get("/")).json() == {"a": 1}


async def test_failures_have_httpx_names() -> None:
    async def cut(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf")
        writer.close()

    async def silent(request: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with served(cut) as (server, client):
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/")
        refused = server.port
    async with served(silent) as (server, client):
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/", timeout=0.05)
    async with httpx.AsyncClient(transport=KeptConnections()) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{refused}/")
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get("ftp://127.0.0.1/")


async def test_an_abandoned_call_leaves_no_connection_behind() -> None:
    """Its answer would be taken for the next one's."""
    arrived = asyncio.Event()

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        if b"/slow" in request:
            arrived.set()
            await asyncio.Event().wait()
        await path(request, writer)

    async with served(answer) as (server, client):
        call = asyncio.create_task(client.get("/slow"))
        await arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await client.get("/next")).text == "/next"
        assert server.connections == 2


async def test_tls_is_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server_side, its_authority = _own_certificate(tmp_path)
    async with served(path, server_side) as (_, client):
        with pytest.raises(httpx.ConnectError, match="certificate"):
            await client.get("/")
    monkeypatch.setattr(kept_connections, "_authorities", lambda: its_authority)
    async with served(path, server_side) as (server, client):
        assert [(await client.get(f"/{n}")).text for n in range(3)] == ["/0", "/1", "/2"]
        assert server.connections == 1


def _own_certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "own")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "own.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(pem)
    return server_side, ssl.create_default_context(cafile=str(pem))
