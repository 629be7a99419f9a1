"""n8n's own tests of credentials, many at once, on the real one: which of them disturb each other."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from temoctl.engine.clock import SystemClock
from temoctl.sandbox.mongo.engine import Engine
from temoctl.sandbox.mongo.listener import MongoListener
from temoctl.systemdata.embedded import Server
from tests.live.conftest import Api, Served
from tests.systems.n8n.samples import TOKEN

pytestmark = [pytest.mark.anyio, pytest.mark.live]

_DATABASES, _ROUNDS = 24, 4


async def _credential(api: Api, name: str, kind: str, data: dict[str, Any]) -> str:
    made = await api("POST", "/credentials", {"name": name, "type": kind, "data": data})
    return str(made["id"])


async def test_logins_to_databases_are_tried_side_by_side(api: Api, live_postgres: Server, bots: Served) -> None:
    """They go by a function of their node's; only tests that are a described request share n8n's one table.

    So each answer is its own credential's, whoever else is being tried: right ones, wrong ones, and one bot after the
    other beside them.
    """

    async def login(number: int) -> tuple[str, bool]:
        wrong = number % 3 == 0
        user = f"nobody_{number}" if wrong else live_postgres.user
        data = {
            "host": live_postgres.host,
            "port": live_postgres.port,
            "database": "postgres",
            "user": user,
            "password": live_postgres.password.reveal(),
            "ssl": "disable",
            "sshTunnel": False,
        }
        return await _credential(api, f"login {number}", "postgres", data), not wrong

    logins = [await login(number) for number in range(_DATABASES)]
    bot = await _credential(api, "bot", "telegramApi", {"accessToken": TOKEN, "baseUrl": bots.url})

    async def bots_in_turn() -> list[str]:
        return [(await api("POST", f"/credentials/{bot}/test"))["status"] for _ in range(6)]

    for _ in range(_ROUNDS):
        *answers, in_turn = await asyncio.gather(
            *(api("POST", f"/credentials/{ref}/test") for ref, _ in logins), bots_in_turn()
        )
        assert [one["status"] == "OK" for one in answers] == [right for _, right in logins]
        told = [one["message"] for one, (_, right) in zip(answers, logins, strict=True) if not right]
        assert all("nobody_" in words or "authentication" in words for words in told), told
        assert in_turn == ["OK"] * 6


async def test_logins_to_mongodb_too(api: Api) -> None:
    clock = SystemClock()
    engine = Engine(clock, rounds=4096)
    engine.add_user("reader", "canary-0123456789", ["root"])
    listener, listening = MongoListener(clock, engine), socket.create_server(("127.0.0.1", 0))
    await listener.start(listening)
    hand = engine.session()
    hand.user = engine.users.find("admin", "reader")
    assert engine.run(hand, {"insert": "messages", "documents": [{"_id": 1}], "$db": "history"})["ok"]

    async def login(number: int) -> tuple[str, bool]:
        wrong = number % 3 == 0
        password = f"wrong-{number}" if wrong else "canary-0123456789"
        address = f"mongodb://reader:{password}@127.0.0.1:{listening.getsockname()[1]}/?authSource=admin"
        data = {"configurationType": "connectionString", "connectionString": address, "database": "history"}
        return await _credential(api, f"history {number}", "mongoDb", data), not wrong

    try:
        logins = [await login(number) for number in range(_DATABASES)]
        for _ in range(_ROUNDS):
            answers = await asyncio.gather(*(api("POST", f"/credentials/{ref}/test") for ref, _ in logins))
            assert [one["status"] == "OK" for one in answers] == [right for _, right in logins]
            assert not [one for one in answers if "canary" in str(one) or "wrong-" in str(one)]
    finally:
        await listener.stop()
