"""A bot's token never shows, although every URL holds it."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn

from temoctl.engine.clock import SystemClock
from temoctl.engine.protocol import Limits
from temoctl.engine.throttle import Throttle
from temoctl.model.errors import Refused, Retryable, TemoError, Unavailable, UnknownOutcome, UserError
from temoctl.model.secret import Secret
from temoctl.systems.fake_http import Fault
from temoctl.systems.telegram.client import TelegramApi, TokenInPath
from temoctl.systems.telegram.fake import FakeTelegram
from temoctl.systems.telegram.settings import TelegramSettings
from temoctl.systems.telegram.tokens import bot_id, without_tokens
from tests.conformance.bench import Freely
from tests.systems.telegram.rig import TOKEN

SECRET_PART = TOKEN.partition(":")[2]


class Everything(logging.Handler):
    """All log lines of all libraries, at the finest level."""

    def __init__(self) -> None:
        super().__init__(0)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {record.args!r}")


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch) -> Everything:
    handler = Everything()
    names = ["", *(name for name in logging.root.manager.loggerDict if name.startswith(("http", "temoctl")))]
    for name in names:
        monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)
        logging.getLogger(name).manager._clear_cache()  # type: ignore[attr-defined]
    logging.root.addHandler(handler)
    monkeypatch.setattr(logging.root, "handlers", [handler])
    return handler


@pytest.fixture
async def served() -> AsyncIterator[tuple[str, FakeTelegram]]:
    """The stand-in behind a real socket."""
    fake = FakeTelegram(SystemClock())
    fake.add_bot(TOKEN, "acme_coffee_bot")
    server = uvicorn.Server(
        uvicorn.Config(fake, host="127.0.0.1", port=0, lifespan="off", log_config=None, log_level="critical")
    )
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", fake
    server.should_exit = True
    await running


def api(url: str) -> TelegramApi:
    clock = SystemClock()
    return TelegramApi(url, clock=clock, slots=Throttle(Limits(), clock), timeout=5.0, patience=0.0)


@pytest.mark.anyio
async def test_no_log_line_of_any_library_shows_it(served: tuple[str, FakeTelegram], everything: Everything) -> None:
    url, fake = served
    client = api(url)
    await client.get(Secret(TOKEN), "getMe")
    await client.set(Secret(TOKEN), "setMyName", Freely(), name="Acme")
    fake.faults.append(Fault("lost", writes=True))
    with pytest.raises(UnknownOutcome):
        await client.set(Secret(TOKEN), "setMyName", Freely(), name="Acme 2")
    await client.close()
    assert any("/bot5512345678/getMe" in line for line in everything.lines), "httpx logged something else than thought"
    assert not [line for line in everything.lines if SECRET_PART in line]


@pytest.mark.anyio
async def test_a_redirect_that_repeats_the_address_shows_nothing(everything: Everything) -> None:
    async def redirect(scope: object, receive: object, send: object) -> None:
        location = f"https://api.telegram.org/bot{TOKEN}/getMe".encode()
        await send({"type": "http.response.start", "status": 301, "headers": [(b"location", location)]})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": b""})  # type: ignore[operator]

    server = uvicorn.Server(uvicorn.Config(redirect, host="127.0.0.1", port=0, lifespan="off", log_config=None))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    client = api(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
    with pytest.raises(Unavailable) as caught:
        await client.get(Secret(TOKEN), "getMe")
    await client.close()
    server.should_exit = True
    await running
    told = "\n".join([*everything.lines, *traceback.format_exception(caught.value)])
    assert "api.telegram.org" in told, "the debug line with the header was expected"
    assert SECRET_PART not in told


FAILURES = {
    "refuse": Unavailable,
    "500-before": Unavailable,
    "denied": Refused,
    "429": Retryable,
}


@pytest.mark.anyio
@pytest.mark.parametrize("kind", FAILURES)
async def test_no_error_with_its_whole_traceback_shows_it(served: tuple[str, FakeTelegram], kind: str) -> None:
    url, fake = served
    fake.faults.append(Fault(kind, count=-1))
    client = api(url)
    with pytest.raises(FAILURES[kind]) as caught:
        await client.get(Secret(TOKEN), "getMe")
    await client.close()
    assert SECRET_PART not in everything_told(caught.value)


@pytest.mark.anyio
async def test_nobody_listening_shows_nothing() -> None:
    client = api("http://127.0.0.1:1")
    with pytest.raises(Unavailable) as read:
        await client.get(Secret(TOKEN), "getMe")
    with pytest.raises(Retryable) as write:
        await client.set(Secret(TOKEN), "setMyName", Freely(), name="x")
    await client.close()
    assert SECRET_PART not in everything_told(read.value) + everything_told(write.value)


def everything_told(error: TemoError) -> str:
    """The error with all that hangs on it, local variables included, as an eager error reporter prints it."""
    told: list[str] = [error.detail, error.fix]
    seen: BaseException | None = error
    while seen is not None:
        told += traceback.TracebackException.from_exception(seen, capture_locals=True).format()
        told.append(repr(getattr(seen, "request", "") if hasattr(seen, "_request") and seen._request else ""))
        seen = seen.__cause__ or seen.__context__
    return "\n".join(told)


@pytest.mark.anyio
async def test_httpx_errors_carry_the_harmless_request() -> None:
    def cut(request: httpx.Request) -> httpx.Response:
        assert TOKEN in str(request.url), "the wire must get the real one"
        raise httpx.ReadError(f"cut while reading {request.url}", request=request)

    transport = TokenInPath(httpx.MockTransport(cut))
    async with httpx.AsyncClient(transport=transport, base_url="http://bots.test/api") as client:
        with pytest.raises(httpx.ReadError) as caught:
            await client.get("/bot5512345678/getMe", extensions={"temoctl.token": Secret(TOKEN)})
    assert SECRET_PART not in str(caught.value)
    assert str(caught.value.request.url) == "http://bots.test/api/bot5512345678/getMe"
    assert caught.value.__context__ is None


def test_the_bots_number_is_known_without_a_call() -> None:
    assert bot_id(Secret(TOKEN)) == "5512345678"


@pytest.mark.parametrize("text", ["", "acme_bot", "987", "987:short", f"{TOKEN}/x", f" {TOKEN}", "١٢٣:AAAAAAAAAAAA"])
def test_what_is_no_token_is_told_without_showing_it(text: str) -> None:
    with pytest.raises(UserError) as caught:
        bot_id(Secret(text))
    assert caught.value.code == "TEMO724"
    assert not text.strip() or text not in f"{caught.value} {caught.value.detail}"


def test_tokens_in_longer_texts_are_masked() -> None:
    assert without_tokens(f"GET /bot{TOKEN}/getMe") == "GET /bot5512345678:<secret>/getMe"


@pytest.mark.parametrize("url", ["http://api.telegram.org", "ftp://x", "telegram", ""])
def test_an_address_that_would_show_tokens_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        TelegramSettings(url=url)
