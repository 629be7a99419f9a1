"""Connections that are kept between calls, as a transport for httpx. Knows neither vendors nor what is asked.

httpx's own pool looks at all of its connections at every request: at 48 calls at once that is ten times the work of
the call itself (measured: 6 ms instead of 0.6 ms of CPU). Our calls are limited by `Slots` already, so that a stack of
idle connections is all that is needed. The connections themselves, HTTP and TLS, are httpcore's.
"""

from __future__ import annotations

import ssl
from functools import cache

import httpcore
import httpx

_EXPIRY = 5.0
"""Seconds for which an idle connection is trusted: what Node's servers, and so n8n, allow."""


def _trust(scheme: bytes) -> ssl.SSLContext | None:
    """Loading the authorities takes some 75 ms: not at all for plain HTTP, once for all vendors together."""
    return _authorities() if scheme == b"https" else None


@cache
def _authorities() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


class KeptConnections(httpx.AsyncBaseTransport):
    """A stack of idle connections for each origin. Answers are read whole before they are handed on."""

    def __init__(self) -> None:
        self._idle: dict[tuple[bytes, bytes, int], list[httpcore.AsyncHTTPConnection]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._asked(request)
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            raise _as_httpx(error, request) from None

    async def aclose(self) -> None:
        for kept in self._idle.values():
            while kept:
                await kept.pop().aclose()

    async def _asked(self, request: httpx.Request) -> httpx.Response:
        if request.url.scheme not in ("http", "https"):
            raise httpx.UnsupportedProtocol("only http:// and https:// can be called", request=request)
        to = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        kept = self._idle.setdefault((to.origin.scheme, to.origin.host, to.origin.port), [])
        connection = await _connection(to.origin, kept)
        sent = httpcore.Request(
            request.method, to, headers=request.headers.raw, content=request.stream, extensions=request.extensions
        )
        response = await connection.handle_async_request(sent)
        try:
            content = await response.aread()
        finally:
            await response.aclose()
        if connection.is_idle():
            kept.append(connection)
        return httpx.Response(response.status, headers=response.headers, content=content)


async def _connection(
    origin: httpcore.Origin, kept: list[httpcore.AsyncHTTPConnection]
) -> httpcore.AsyncHTTPConnection:
    """The connection that rested last, or a new one where none is left that the server still holds open."""
    while kept:
        connection = kept.pop()
        if not connection.has_expired():
            return connection
        await connection.aclose()
    return httpcore.AsyncHTTPConnection(origin, ssl_context=_trust(origin.scheme), keepalive_expiry=_EXPIRY)


def _as_httpx(error: Exception, request: httpx.Request) -> httpx.TransportError:
    """httpx calls its errors as httpcore does."""
    kind: type[httpx.TransportError] = getattr(httpx, type(error).__name__, httpx.TransportError)
    return kind(str(error), request=request)
