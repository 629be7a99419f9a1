"""A base for stateful HTTP stand-ins: routing, faults, and two ways to be reached (in process, or by a real socket).

A vendor's `fake.py` subclasses `FakeHttp` and registers routes. Faults are generic: they need no help from the fake,
except stale lists, which a fake offers by routing reads of lists through `self.listing(...)`. Knows no vendor.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx

from temoctl.engine.ports import Clock


@dataclass(slots=True)
class FakeRequest:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"null")


@dataclass(slots=True)
class FakeResponse:
    status: int = 200
    json: Any = None
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def payload(self) -> bytes:
        if self.body is not None:
            return self.body
        return b"" if self.json is None else json.dumps(self.json).encode()


class Dropped(Exception):
    """The connection was cut: the caller gets no answer."""


@dataclass(slots=True)
class Fault:
    """One way to misbehave, for the next `count` matching requests (-1: until cleared).

    `kind`: latency, 429, 500-before, 500-after, lost (effect, no answer), late (no answer now, effect after
    `seconds`), refuse (connection cut before any effect), denied (a credential isn't accepted), stale (lists are
    `seconds` old). `match` is a regular expression over "METHOD /path"; `writes` restricts it to requests that change
    something; `skip` lets that many matching requests through first.
    """

    kind: str
    match: str = ".*"
    count: int = 1
    seconds: float = 0.0
    retry_after: bool = True
    writes: bool = False
    skip: int = 0


Handler = Callable[..., Awaitable[FakeResponse]]


class FakeHttp:
    """Subclass it, set `name`, and register `routes` with `route(method, pattern)`; `{x}` in a pattern is one segment.

    `unable` names the kinds of faults that its vendor can't have.

    `is_write(request)` tells requests that change state (default: any method but GET and HEAD). `latency` is the
    time every answer takes, on top of what a fault of kind `latency` adds to single ones.
    """

    name = "fake"
    unable: frozenset[str] = frozenset()

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.latency = 0.0
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []  # every request, as (method, path)
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []
        self._late: list[tuple[float, FakeRequest]] = []
        self._snapshots: dict[str, list[tuple[float, list[Any]]]] = {}

    def route(self, method: str, pattern: str, handler: Handler) -> None:
        shape = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern))
        self._routes.append((method, shape, handler))

    def is_write(self, request: FakeRequest) -> bool:
        return request.method not in ("GET", "HEAD")

    def not_found(self, request: FakeRequest) -> FakeResponse:
        return FakeResponse(404, {"message": "not found"})

    def too_many(self, request: FakeRequest, fault: Fault) -> FakeResponse:
        headers = {"retry-after": str(int(fault.seconds or 1))} if fault.retry_after else {}
        return FakeResponse(429, {"message": "too many requests"}, headers=headers)

    def failed(self, request: FakeRequest) -> FakeResponse:
        return FakeResponse(500, {"message": "internal error"})

    def denied(self, request: FakeRequest) -> FakeResponse:
        return FakeResponse(401, {"message": "unauthorized"})

    def listing(self, name: str, rows: Iterable[Any]) -> list[Any]:
        """The rows a list call shows: the present ones, or those of `seconds` ago under a `stale` fault."""
        now, current = self.clock.now(), list(rows)
        history = self._snapshots.setdefault(name, [])
        history.append((now, current))
        stale = next((fault for fault in self.faults if fault.kind == "stale"), None)
        if stale is None:
            del history[:-1]
            return current
        old: list[list[Any]] = [seen for at, seen in history if at <= now - stale.seconds]
        return old[-1] if old else []

    async def land_late_effects(self) -> None:
        """Let effects happen whose time has come. Called before every request."""
        due = [request for at, request in self._late if at <= self.clock.now()]
        self._late = [(at, request) for at, request in self._late if at > self.clock.now()]
        for request in due:
            await self._dispatch(request)

    async def handle(self, request: FakeRequest) -> FakeResponse:
        """Answer one request, misbehaving as the faults say. Raises Dropped for a cut connection."""
        if self.latency:
            await self.clock.sleep(self.latency)
        await self.land_late_effects()
        self.requests.append((request.method, request.path))
        fault = self._fault_for(request)
        if fault is None or fault.kind == "stale":
            return await self._dispatch(request)
        if fault.kind == "latency":
            await self.clock.sleep(fault.seconds)
            return await self._dispatch(request)
        if fault.kind == "429":
            return self.too_many(request, fault)
        if fault.kind == "denied":
            return self.denied(request)
        if fault.kind == "500-before":
            return self.failed(request)
        if fault.kind == "refuse":
            raise Dropped
        if fault.kind == "late":
            self._late.append((self.clock.now() + fault.seconds, request))
            raise Dropped
        answer = await self._dispatch(request)
        if fault.kind == "500-after":
            return self.failed(request)
        if fault.kind == "lost":
            raise Dropped
        return answer

    def _fault_for(self, request: FakeRequest) -> Fault | None:
        line = f"{request.method} {request.path}"
        for fault in self.faults:
            if fault.count == 0 or fault.kind == "stale" or not re.search(fault.match, line):
                continue
            if fault.writes and not self.is_write(request):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.count > 0:
                fault.count -= 1
            return fault
        return None

    async def _dispatch(self, request: FakeRequest) -> FakeResponse:
        for method, shape, handler in self._routes:
            found = shape.fullmatch(request.path)
            if found and method == request.method:
                return await handler(request, **{key: unquote(text) for key, text in found.groupdict().items()})
        return self.not_found(request)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI interface, for a real socket. A cut connection is an answer that ends before its body."""
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        request = FakeRequest(scope["method"], scope["raw_path"].decode().split("?")[0], query, headers, body)
        try:
            answer = await self.handle(request)
        except Dropped:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1048576")]})
            return
        payload = answer.payload()
        fields = {"content-type": "application/json", "content-length": str(len(payload)), **answer.headers}
        raw = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": payload})


class InProcess(httpx.AsyncBaseTransport):
    """An httpx transport that reaches fakes without a socket: `{"http://n8n.test": fake}` by scheme and host."""

    def __init__(self, fakes: dict[str, FakeHttp]) -> None:
        self._fakes = fakes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        origin = f"{request.url.scheme}://{request.url.netloc.decode()}"
        fake = self._fakes.get(origin)
        if fake is None:
            raise httpx.ConnectError(f"no fake at {origin}", request=request)
        raw_path = request.url.raw_path.decode().split("?")[0]
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = dict(parse_qsl(request.url.query.decode(), keep_blank_values=True))
        ask = FakeRequest(request.method, raw_path, query, headers, await request.aread())
        await asyncio.sleep(0)
        try:
            answer = await fake.handle(ask)
        except Dropped:
            raise httpx.ReadError("connection cut", request=request) from None
        fields = {"content-type": "application/json", **answer.headers}
        return httpx.Response(answer.status, headers=fields, content=answer.payload(), request=request)
