"""The live suite's world: a real n8n on an embedded PostgreSQL, and stand-ins for what it calls, on real sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from temoctl.engine.clock import SystemClock
from temoctl.sandbox.openai import FakeOpenAI
from temoctl.sandbox.real_n8n import RealN8n, Running
from temoctl.systemdata.embedded import EmbeddedPostgres, Server
from temoctl.systems.fake_http import FakeHttp
from tests.systems.n8n.bot_api import BotApi
from tests.systems.n8n.samples import TOKENS


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", action="store_true", help="record the cassettes of n8n anew")


@pytest.fixture(scope="session")
def recording(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--record", default=False))


@dataclass(frozen=True)
class Served:
    fake: Any
    url: str


class Serving:
    """A stand-in behind a real socket, in a thread of its own: it goes on while a test's event loop is away."""

    def __init__(self, fake: FakeHttp) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(fake, log_level="critical", lifespan="off", ws="none")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()


@pytest.fixture(scope="session")
def live_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("live")


@pytest.fixture(scope="session")
async def live_postgres(live_folder: Path, anyio_backend: str) -> AsyncIterator[Server]:
    postgres = EmbeddedPostgres(live_folder / "postgres", durable=False)
    server = await postgres.start()
    yield server
    await postgres.stop()


@pytest.fixture(scope="session")
async def live_n8n(live_folder: Path, live_postgres: Server, anyio_backend: str) -> AsyncIterator[Running]:
    """A real n8n, fetched from the npm registry where the cache has none."""
    n8n = RealN8n(live_folder / "n8n")
    yield await n8n.start(live_postgres, say=print)
    await n8n.stop()


@pytest.fixture(scope="session")
def bots() -> Iterator[Served]:
    fake = BotApi(SystemClock(), TOKENS)
    serving = Serving(fake)
    yield Served(fake, serving.url)
    serving.close()


@pytest.fixture(scope="session")
def model() -> Iterator[Served]:
    fake = FakeOpenAI(SystemClock(), key="sk-live")
    serving = Serving(fake)
    yield Served(fake, serving.url)
    serving.close()


class Api:
    """n8n's API as somebody beside temoctl uses it."""

    def __init__(self, n8n: Running) -> None:
        self._client = httpx.AsyncClient(
            base_url=f"{n8n.url}/api/v1",
            headers={"X-N8N-API-KEY": n8n.api_key.reveal(), "X-Stage": "yes"},
            timeout=60,
            trust_env=False,
        )

    async def __call__(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self._client.request(method, path, json=body)
        assert answer.status_code == 200, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        return answer.json()

    async def clear(self) -> None:
        """Delete every workflow and credential."""
        for one in (await self("GET", "/workflows?limit=250"))["data"]:
            await self("POST", f"/workflows/{one['id']}/deactivate")
            await self._delete(f"/workflows/{one['id']}")
        for one in (await self("GET", "/credentials?limit=250"))["data"]:
            await self("DELETE", f"/credentials/{one['id']}")

    async def _delete(self, path: str) -> None:
        """Through n8n's 409 ("still being unpublished") and the 500 it gives while it is still publishing."""
        for _ in range(300):
            if (await self._client.delete(path)).status_code in (200, 404):
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"n8n doesn't delete {path}")

    async def close(self) -> None:
        await self._client.aclose()


@pytest.fixture
async def api(live_n8n: Running) -> AsyncIterator[Api]:
    """An empty n8n."""
    api = Api(live_n8n)
    await api.clear()
    yield api
    await api.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Let a fixture know whether its test was skipped: nothing is kept of what wasn't tried."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped or report.failed:
        item.skipped = True  # type: ignore[attr-defined]
