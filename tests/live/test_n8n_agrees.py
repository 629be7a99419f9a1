"""The stand-in says what the real n8n says. Where they differ, the stand-in is wrong."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from temoctl.engine.clock import VirtualClock
from temoctl.sandbox.real_n8n import Running
from temoctl.systems.fake_http import FakeRequest, InProcess
from temoctl.systems.n8n.fake import FakeN8n
from tests.live.conftest import Api, Served
from tests.systems.n8n.bot_api import BotApi
from tests.systems.n8n.dialogue import Transcript, converse, differences
from tests.systems.n8n.samples import API_KEY, BOT_API, TOKENS

pytestmark = [pytest.mark.anyio, pytest.mark.live]


async def with_the_real_one(n8n: Running, bots: Served) -> list[Any]:
    async with httpx.AsyncClient(base_url=n8n.url, timeout=60, trust_env=False) as client:

        async def ask(method: str, path: str, body: Any) -> tuple[int, Any]:
            whole = path if path.startswith("/webhook") else f"/api/v1{path}"
            key = {"Origin": "http://any"} if method == "OPTIONS" else {"X-N8N-API-KEY": n8n.api_key.reveal()}
            answer = await client.request(method, whole, json=body, headers=key)
            told = answer.headers["access-control-allow-methods"] if method == "OPTIONS" else answer.json()
            return answer.status_code, told

        async def settle() -> None:
            """Long enough for what works; five tries at a dead token take 16 s."""
            quiet = 0
            while quiet < 20:
                before = len(bots.fake.calls)
                await asyncio.sleep(0.5)
                quiet = quiet + 1 if len(bots.fake.calls) == before else 0
                if quiet >= 4 and not dead_tries(bots.fake.calls):
                    return

        talk = Transcript(ask, settle)
        await converse(talk, bots.url)
        return talk.lines


def dead_tries(calls: list[tuple[str, str]]) -> bool:
    """True while n8n is still trying a token that is refused."""
    return bool(calls) and calls[-1][0] not in TOKENS


async def with_the_stand_in() -> list[Any]:
    clock = VirtualClock()
    fake = FakeN8n(clock, api_key=API_KEY, bots=InProcess({BOT_API: BotApi(clock, TOKENS)}))

    async def ask(method: str, path: str, body: Any) -> tuple[int, Any]:
        whole = path if path.startswith("/webhook") else f"/api/v1{path}"
        bare, _, query = whole.partition("?")
        pairs = dict(pair.split("=") for pair in query.split("&")) if query else {}
        headers = {"x-n8n-api-key": API_KEY, "origin": "http://any"}
        answer = await fake.handle(FakeRequest(method, bare, pairs, headers, json.dumps(body).encode()))
        told = answer.headers["access-control-allow-methods"] if method == "OPTIONS" else json.loads(answer.payload())
        return answer.status, told

    async def settle() -> None:
        await clock.sleep(30)

    talk = Transcript(ask, settle)
    await converse(talk, BOT_API)
    return talk.lines


async def test_stand_in_and_real_agree(live_n8n: Running, bots: Served, api: Api) -> None:
    real, fake = await with_the_real_one(live_n8n, bots), await with_the_stand_in()
    differing = list(differences(real, fake))
    assert not differing, "\n".join(differing)
