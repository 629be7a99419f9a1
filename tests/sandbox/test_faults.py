"""Faults as a client meets them through a real socket."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from temoctl.model.errors import UserError
from temoctl.sandbox import faults, world
from temoctl.systems.fake_http import Fault

pytestmark = pytest.mark.anyio
TOKEN = "77001:AAfaultsfaultsfaults"


@pytest.fixture
async def bot(running: tuple[Path, world.World]) -> AsyncIterator[httpx.AsyncClient]:
    """The Bot API as a client, for one known bot."""
    root, up = running
    async with up.remote() as remote:
        await remote.call("POST", "/bots", json={"token": TOKEN, "username": "faulty_bot"})
    async with httpx.AsyncClient(base_url=f"{up.urls['telegram']}/bot{TOKEN}", trust_env=False) as client:
        yield client
    await faults.clear(root)
    await faults.slow(root, 0)


async def name_of(bot: httpx.AsyncClient) -> str:
    return str((await bot.get("/getMyName")).json()["result"]["name"])


async def test_a_lost_answer_is_a_cut_connection_after_the_effect(
    bot: httpx.AsyncClient, running: tuple[Path, world.World]
) -> None:
    await faults.add(running[0], "telegram", Fault("lost", writes=True))
    with pytest.raises(httpx.RemoteProtocolError):
        await bot.post("/setMyName", json={"name": "Lost"})
    assert await name_of(bot) == "Lost"
    assert not await faults.listing(running[0])


async def test_a_refused_connection_has_no_effect(bot: httpx.AsyncClient, running: tuple[Path, world.World]) -> None:
    before = await name_of(bot)
    await faults.add(running[0], "telegram", Fault("refuse", match="setMyName"))
    with pytest.raises(httpx.RemoteProtocolError):
        await bot.post("/setMyName", json={"name": "Refused"})
    assert await name_of(bot) == before


@pytest.mark.parametrize(("kind", "happened"), [("500-before", False), ("500-after", True)])
async def test_a_500_before_or_after_the_effect(
    bot: httpx.AsyncClient, running: tuple[Path, world.World], kind: str, happened: bool
) -> None:
    await faults.add(running[0], "telegram", Fault(kind, writes=True))
    assert (await bot.post("/setMyName", json={"name": f"Named {kind}"})).status_code == 500
    assert (await name_of(bot) == f"Named {kind}") is happened


async def test_429_says_how_long_or_nothing(bot: httpx.AsyncClient, running: tuple[Path, world.World]) -> None:
    root, up = running
    await faults.add(root, "telegram", Fault("429", seconds=7))
    assert (await bot.get("/getMe")).json()["parameters"]["retry_after"] == 7
    await faults.add(root, "telegram", Fault("429", retry_after=False))
    silent = await bot.get("/getMe")
    assert silent.status_code == 429
    assert "parameters" not in silent.json()
    await faults.add(root, "storage", Fault("429", seconds=3))
    async with httpx.AsyncClient(base_url=up.urls["storage"], trust_env=False) as storage:
        assert (await storage.get("/bucket")).headers["retry-after"] == "3"


async def test_a_late_effect_lands_later(bot: httpx.AsyncClient, running: tuple[Path, world.World]) -> None:
    before = await name_of(bot)
    await faults.add(running[0], "telegram", Fault("late", seconds=0.4, writes=True))
    with pytest.raises(httpx.RemoteProtocolError):
        await bot.post("/setMyName", json={"name": "Late"})
    assert await name_of(bot) == before
    deadline = time.monotonic() + 10
    while await name_of(bot) != "Late":
        assert time.monotonic() < deadline


async def test_answers_are_slow_when_told(bot: httpx.AsyncClient, running: tuple[Path, world.World]) -> None:
    await faults.slow(running[0], 0.3, "telegram")
    started = time.monotonic()
    await bot.get("/getMe")
    assert time.monotonic() - started >= 0.3


async def test_calls_are_counted(bot: httpx.AsyncClient, running: tuple[Path, world.World]) -> None:
    await faults.counts(running[0], forget=True)
    await bot.get("/getMe")
    await bot.post("/setMyName", json={"name": "Counted"})
    assert (await faults.counts(running[0]))["telegram"] == {"reads": 1, "writes": 1}


async def test_an_unknown_fault_is_told(running: tuple[Path, world.World]) -> None:
    with pytest.raises(UserError, match="no such fault: earthquake"):
        await faults.add(running[0], "telegram", Fault("earthquake"))
