"""The people around the systems: BotFather, customers, and whoever edits by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from temoctl.model.errors import Refused, UserError
from temoctl.model.identity import Marker, Owner
from temoctl.sandbox import edits, messages, seeding, vendors, world
from temoctl.sandbox.folder import Folder
from temoctl.systems.telegram.tokens import bot_id

pytestmark = pytest.mark.anyio
HOOK_ID = "9b2e6f0e-7f0f-5d1e-9b63-1d6f6b0f7c11"


async def ingress_by_hand(root: Path, up: world.World, tenant: str) -> str:
    """What an apply leaves at n8n, as little of it as a message needs: a credential and a switched-on trigger."""
    _, token = await messages.bot_of(root, up, tenant)
    async with seeding.open_vault(Folder(up.folder)) as store:
        owner = Owner(await store.installation(), (await store.load([tenant]))[tenant].uid)
    async with vendors.n8n(up) as n8n:
        data = {"accessToken": token.reveal(), "baseUrl": up.urls["telegram"]}
        marker = Marker(owner, "credential", "telegram").text
        made = await n8n.call(
            "POST", "/credentials", json={"name": f"Bot [{marker}]", "type": "telegramApi", "data": data}
        )
        trigger: dict[str, Any] = {
            "id": "8d3c1c2e-0000-4000-8000-000000000001",
            "name": "Customer",
            "type": "n8n-nodes-base.telegramTrigger",
            "typeVersion": 1.2,
            "position": [0, 0],
            "webhookId": HOOK_ID,
            "parameters": {"updates": ["message"], "additionalFields": {}},
            "credentials": {"telegramApi": {"id": made["id"], "name": made["name"]}},
        }
        marker = Marker(owner, "workflow", "telegram-ingress").text
        workflow = await n8n.call(
            "POST",
            "/workflows",
            json={"name": f"Aurora: Telegram [{marker}]", "nodes": [trigger], "connections": {}, "settings": {}},
        )
        await n8n.call("POST", f"/workflows/{workflow['id']}/activate")
    return str(workflow["id"])


async def bots(up: world.World) -> list[dict[str, Any]]:
    async with up.remote() as remote:
        found: list[dict[str, Any]] = await remote.call("GET", "/bots")
        return found


async def test_botfather_gives_each_channel_one_bot(running: tuple[Path, world.World]) -> None:
    root, up = running
    again = await seeding.seed(root, up)
    assert {bot.tenant for bot in again.bots} == {"aurora", "nordwind"}
    assert not any(bot.made for bot in again.bots)
    assert again.secrets == ()
    assert {str(bot["id"]) for bot in await bots(up)} == {bot.bot_id for bot in again.bots}
    _, token = await messages.bot_of(root, up, "aurora")
    assert bot_id(token) in {bot.bot_id for bot in again.bots}
    assert token.reveal() not in json.dumps(await bots(up))


async def test_a_message_shows_who_took_it(running: tuple[Path, world.World]) -> None:
    root, up = running
    nobody = await messages.say(root, "aurora", "hello?")
    assert not nobody.delivered
    assert "nobody has registered" in nobody.why
    workflow = await ingress_by_hand(root, up, "aurora")
    async with up.remote() as remote:
        seen = await remote.call("GET", "/state")
    assert seen["n8n"]["workflows"][0]["id"] == workflow
    await registered(up)
    said = await messages.say(root, "aurora", "How much is an espresso?")
    assert said.delivered, said.why
    assert (said.took, said.workflow) == ("Aurora: Telegram", workflow)
    assert said.reply is None
    assert not said.runs
    other = await messages.say(root, "nordwind", "not for aurora")
    assert not other.delivered


async def registered(up: world.World) -> None:
    """n8n registers a moment after it was told to."""
    import asyncio

    for _ in range(200):
        if any(bot["webhook"]["url"] for bot in await bots(up)):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("never registered")


async def test_edits_by_hand(running: tuple[Path, world.World]) -> None:
    root, up = running
    async with vendors.n8n(up) as n8n:
        if not await n8n.everything("workflows"):  # another test leaves one, where both run in one process
            await ingress_by_hand(root, up, "aurora")
        renamed = await edits.edit(root, "aurora", "rename-node")
        assert "“Customer” of “Aurora: Telegram”" in renamed.words
        [workflow] = await n8n.everything("workflows")
        assert workflow["nodes"][0]["name"] == "Customer (copy)"
        await edits.edit(root, "aurora", "switch-off")
        assert (await n8n.everything("workflows"))[0]["active"] is False
        await edits.edit(root, "aurora", "delete-credential")
        assert await n8n.everything("credentials") == []
        await edits.edit(root, "aurora", "delete-workflow")
        assert await n8n.everything("workflows") == []
    for what in ("rename-node", "delete-credential", "drop-table"):
        with pytest.raises(UserError) as caught:
            await edits.edit(root, "aurora", what)
        assert caught.value.code == "TEMO808"
    await edits.edit(root, "aurora", "bot-text")
    await edits.edit(root, "aurora", "bot-elsewhere")
    await edits.edit(root, "nordwind", "revoke-token")
    by_name = {bot["username"].split("_")[0]: bot for bot in await bots(up)}
    assert by_name["aurora"]["texts"] == {"description": "Changed by hand in the sandbox."}
    assert "another-agency" in by_name["aurora"]["webhook"]["url"]
    assert by_name["nordwind"]["revoked"]


async def test_wrong_names_are_told(running: tuple[Path, world.World]) -> None:
    root, _ = running
    for code, work in {
        "TEMO806": messages.say(root, "nobody", "hi"),
        "TEMO809": edits.edit(root, "aurora", "set-on-fire"),
    }.items():
        with pytest.raises(UserError) as caught:
            await work
        assert caught.value.code == code


async def test_bots_can_be_spoiled_and_a_stop_forgets_nothing(project: Path) -> None:
    up = await world.start(project)
    with pytest.raises(Refused) as caught:
        await messages.say(project, "aurora", "too early")
    assert caught.value.code == "TEMO807"
    first = await seeding.seed(project, up, dead=["aurora"], foreign=["nordwind"])
    assert {bot.tenant: bot.state for bot in first.bots} == {"aurora": "token revoked", "nordwind": "webhook elsewhere"}
    before = await bots(up)
    await world.stop(project)
    up = await world.start(project)
    assert await bots(up) == before
    again = await seeding.seed(project, up)
    assert [bot.bot_id for bot in again.bots] == [bot.bot_id for bot in first.bots]
    with pytest.raises(UserError):
        await seeding.seed(project, up, dead=["nobody"])
