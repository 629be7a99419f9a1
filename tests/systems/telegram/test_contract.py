"""Every request temoctl sends and every answer the stand-in gives fits the published Bot API."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from temoctl.engine.clock import VirtualClock
from temoctl.engine.protocol import Context, Verb
from temoctl.engine.throttle import Throttle
from temoctl.systems.fake_http import InProcess
from temoctl.systems.telegram import plugin
from temoctl.systems.telegram.settings import TelegramSettings
from tests.conformance.bench import Bench
from tests.systems.telegram.botapi import BotApi, CheckedTelegram
from tests.systems.telegram.rig import BOT, HOOK, SAMPLES, TOKEN, URL, WEBHOOK, FakeRig


async def checked_rig(**options: Any) -> tuple[FakeRig, CheckedTelegram]:
    clock = VirtualClock()
    fake = CheckedTelegram(clock, **options)
    fake.add_bot(TOKEN, "acme_coffee_bot", "Acme")
    slots = Throttle(plugin.limits, clock)
    context = Context(clock=clock, slots=slots, secrets={}, transport=InProcess({URL: fake}))
    return FakeRig(await plugin.connect(TelegramSettings(url=URL), context), fake, clock, slots), fake


@pytest.mark.anyio
async def test_a_whole_life_fits_the_description() -> None:
    rig, fake = await checked_rig()
    samples = {one.address: one for one in SAMPLES}
    bot, hook = Bench(rig, samples, BOT), Bench(rig, samples, WEBHOOK)
    outcome = await bot.create()
    await bot.observe(outcome.ref)
    await rig.system.execute(bot.call(Verb.UPDATE, props=BOT.changed, ref=outcome.ref))
    await rig.arrange(WEBHOOK)
    await hook.observe()
    await rig.system.probe(hook.target(), ())  # type: ignore[attr-defined]
    fake.revoke(TOKEN)
    await bot.observe(outcome.ref)
    fake.bot(TOKEN).revoked = False
    await bot.delete(outcome.ref)
    await bot.until_gone(outcome.ref)
    assert {"getMe", "getMyName", "setMyName", "getMyCommands", "setMyCommands", "deleteMyCommands"} <= fake.checked
    assert {"setMyDescription", "setMyShortDescription", "getWebhookInfo", "setWebhook"} <= fake.checked


@pytest.mark.anyio
async def test_what_n8n_and_customers_do_fits_the_description() -> None:
    delivered: list[bytes] = []

    async def poster(url: str, headers: Any, body: bytes) -> int:
        delivered.append(body)
        return 200

    _, fake = await checked_rig(poster=poster, flood=1)
    async with httpx.AsyncClient(transport=InProcess({URL: fake}), base_url=f"{URL}/bot{TOKEN}") as client:
        await client.post("/setWebhook", json={"url": HOOK, "allowed_updates": ["message"], "secret_token": "w_n"})
        await fake.customer_says(TOKEN, 77, "/menu please")
        await client.post("/sendMessage", json={"chat_id": 77, "text": "Here you are"})
        await client.post("/sendMessage", json={"chat_id": 78, "text": "Nobody knows me"})
        await client.post("/sendChatAction", json={"chat_id": 77, "action": "typing"})
        await client.post("/setMyName", json={"name": "One"})
        assert (await client.post("/setMyName", json={"name": "Two"})).status_code == 429
        assert (await client.get("/getUpdates")).status_code == 409
        await client.post("/deleteWebhook", json={"drop_pending_updates": True})
        fake.poster = None
        await fake.customer_says(TOKEN, 77, "still there?")
        await client.post("/getUpdates", json={"limit": 5})
    assert {"sendMessage", "sendChatAction", "getUpdates", "deleteWebhook"} <= fake.checked
    api = BotApi()
    for body in delivered:
        api.check(json.loads(body), ["Update"], "update")
    assert delivered
