"""The Bot API's stand-in behaves as Telegram does where temoctl and n8n can notice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from temoctl.engine.clock import VirtualClock
from temoctl.systems.fake_http import InProcess
from temoctl.systems.telegram.fake import FakeTelegram
from tests.systems.telegram.rig import HOOK, TOKEN, URL

pytestmark = pytest.mark.anyio


class Hook:
    """A webhook's receiving end: statuses to answer with, and what came."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.got: list[tuple[Mapping[str, str], Any]] = []

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        self.got.append((headers, json.loads(body)))
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 0:
            raise OSError("refused")
        if status == 1:
            raise TimeoutError
        return status


class Api:
    """Calls the stand-in as a program would."""

    def __init__(self, **options: Any) -> None:
        self.clock = VirtualClock()
        self.fake = FakeTelegram(self.clock, **options)
        self.fake.add_bot(TOKEN, "acme_coffee_bot")
        self._client = httpx.AsyncClient(transport=InProcess({URL: self.fake}), base_url=URL)

    async def __call__(self, method: str, token: str = TOKEN, **params: Any) -> dict[str, Any]:
        response = await self._client.post(f"/bot{token}/{method}", json=params)
        answer: dict[str, Any] = response.json()
        assert answer["ok"] is (response.status_code == 200)
        return answer


async def test_tokens() -> None:
    api = Api()
    assert (await api("getMe", "garbage"))["error_code"] == 404
    assert (await api("getMe", "1:unknownunknown"))["error_code"] == 401
    assert (await api("GETME"))["result"]["username"] == "acme_coffee_bot"
    assert (await api("noSuchMethod"))["error_code"] == 404
    api.fake.revoke("@acme_coffee_bot")
    assert await api("getMe") == {"ok": False, "error_code": 401, "description": "Unauthorized"}


async def test_a_webhook_is_set_kept_and_removed() -> None:
    api = Api()
    assert (await api("setWebhook", url=HOOK, allowed_updates=["message"], secret_token="a_b-1"))["description"] == (
        "Webhook was set"
    )
    assert (await api("setWebhook", url=HOOK))["description"] == "Webhook is already set"
    info = (await api("getWebhookInfo"))["result"]
    assert info["url"] == HOOK
    assert info["allowed_updates"] == ["message"], "left out means as before"
    assert "a_b-1" not in json.dumps(info)
    await api("setWebhook", url=HOOK, allowed_updates=[])
    assert "allowed_updates" not in (await api("getWebhookInfo"))["result"]
    assert (await api("setWebhook", url=""))["description"] == "Webhook was deleted"
    assert (await api("deleteWebhook"))["description"] == "Webhook is already deleted"
    assert (await api("getWebhookInfo"))["result"]["url"] == ""


@pytest.mark.parametrize(
    ("url", "cloud", "words"),
    [
        ("nonsense", False, "invalid webhook URL"),
        ("http://n8n.test/x", True, "An HTTPS URL must be provided"),
        ("https://n8n.test:5678/x", True, "only on ports 80, 88, 443 or 8443"),
        ("https://n8n.test:8443/x", True, ""),
        ("http://127.0.0.1:5678/x", False, ""),
    ],
)
async def test_addresses_telegram_takes(url: str, cloud: bool, words: str) -> None:
    answer = await Api(cloud=cloud)("setWebhook", url=url)
    assert answer["ok"] is (not words)
    assert words in answer["description"]


async def test_a_message_is_delivered_with_the_secret_header() -> None:
    hook = Hook()
    api = Api(poster=hook)
    await api("setWebhook", url=HOOK, secret_token="wf_node")
    update = await api.fake.customer_says(TOKEN, 42, "/start now", name="Ann")
    [(headers, body)] = hook.got
    assert headers["x-telegram-bot-api-secret-token"] == "wf_node"
    assert body["update_id"] == update
    assert body["message"]["text"] == "/start now"
    assert body["message"]["chat"] == {"id": 42, "first_name": "Ann", "type": "private"}
    assert body["message"]["entities"] == [{"offset": 0, "length": 6, "type": "bot_command"}]
    assert (await api("getWebhookInfo"))["result"]["pending_update_count"] == 0


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "Wrong response from the webhook: 404"), (0, "Connection refused"), (1, "Read timeout expired")],
)
async def test_a_failed_delivery_is_noted_and_tried_again_in_order(status: int, words: str) -> None:
    hook = Hook(status, status)
    api = Api(poster=hook)
    await api("setWebhook", url=HOOK)
    first = await api.fake.customer_says(TOKEN, 42, "one")
    info = (await api("getWebhookInfo"))["result"]
    assert info["pending_update_count"] == 1
    assert info["last_error_message"] == words
    assert info["last_error_date"] == int(api.clock.now())
    second = await api.fake.customer_says(TOKEN, 42, "two")
    await api.fake.deliver_due()
    assert len(hook.got) == 2, "the next try has its time"
    api.clock.advance(60)
    await api.fake.deliver_due()
    assert [body["update_id"] for _, body in hook.got[2:]] == [first, second]
    assert (await api("getWebhookInfo"))["result"]["pending_update_count"] == 0


async def test_what_waits_can_be_dropped_or_fetched() -> None:
    api = Api()
    first = await api.fake.customer_says(TOKEN, 42, "one")
    second = await api.fake.customer_says(TOKEN, 42, "two")
    assert [one["update_id"] for one in (await api("getUpdates"))["result"]] == [first, second]
    assert [one["update_id"] for one in (await api("getUpdates", offset=second))["result"]] == [second]
    await api("setWebhook", url=HOOK)
    assert (await api("getUpdates"))["error_code"] == 409
    await api("deleteWebhook", drop_pending_updates=True)
    assert (await api("getUpdates"))["result"] == []


async def test_a_bot_that_wants_no_messages_gets_none() -> None:
    hook = Hook()
    api = Api(poster=hook)
    await api("setWebhook", url=HOOK, allowed_updates=["callback_query"])
    assert await api.fake.customer_says(TOKEN, 42, "hello") == 0
    assert not hook.got


async def test_texts_have_languages_limits_and_a_trim() -> None:
    api = Api()
    await api("setMyDescription", description="  Hello\r\nthere ")
    await api("setMyDescription", description="Hallo", language_code="de")
    assert (await api("getMyDescription"))["result"] == {"description": "Hello\nthere"}
    assert (await api("getMyDescription", language_code="de"))["result"] == {"description": "Hallo"}
    assert (await api("getMyDescription", language_code="fr"))["result"] == {"description": "Hello\nthere"}
    assert (await api("setMyName", name="x" * 65))["error_code"] == 400
    assert (await api("setMyDescription", description="x" * 513))["error_code"] == 400
    assert (await api("setMyShortDescription", short_description="x" * 121))["error_code"] == 400
    await api("setMyName", name="Acme")
    assert (await api("getMe"))["result"]["first_name"] == "Acme"
    await api("setMyName", name="")
    assert (await api("getMyName"))["result"] == {"name": "acme_coffee_bot"}


async def test_commands_per_scope() -> None:
    api = Api()
    menu = [{"command": "menu", "description": "Menu"}]
    await api("setMyCommands", commands=menu)
    await api("setMyCommands", commands=[], scope={"type": "all_private_chats"})
    assert (await api("getMyCommands"))["result"] == menu
    assert (await api("getMyCommands", scope={"type": "all_private_chats"}))["result"] == []
    assert not (await api("setMyCommands", commands=menu * 101))["ok"]
    assert not (await api("setMyCommands", commands=[{"command": "menu", "description": ""}]))["ok"]
    await api("deleteMyCommands")
    assert (await api("getMyCommands"))["result"] == []


async def test_flood_of_text_changes() -> None:
    api = Api(flood=2)
    for name in ("one", "two"):
        assert (await api("setMyName", name=name))["ok"]
    refused = await api("setMyName", name="three")
    assert refused["error_code"] == 429
    assert refused["parameters"]["retry_after"] > 50
    assert (await api("setMyDescription", description="another setter"))["ok"]
    api.clock.advance(refused["parameters"]["retry_after"])
    assert (await api("setMyName", name="three"))["ok"]


async def test_what_the_bot_says_is_kept() -> None:
    api = Api()
    assert (await api("sendMessage", chat_id=42, text="hi"))["description"] == "Bad Request: chat not found"
    await api.fake.customer_says(TOKEN, 42, "hello")
    said = (await api("sendMessage", chat_id="42", text="hi"))["result"]
    assert said["from"]["is_bot"] is True
    assert api.fake.bot(TOKEN).sent == [said]
    assert not (await api("sendMessage", chat_id=42, text=" "))["ok"]
    assert not (await api("sendMessage", chat_id=42, text="x" * 4097))["ok"]


async def test_forms_and_queries_are_understood() -> None:
    api = Api()
    client = api._client
    await client.post(f"/bot{TOKEN}/setWebhook", data={"url": HOOK, "allowed_updates": '["message"]'})
    info = (await client.get(f"/bot{TOKEN}/getWebhookInfo")).json()["result"]
    assert info["allowed_updates"] == ["message"]
    await client.get(f"/bot{TOKEN}/setMyName", params={"name": "By query"})
    assert (await api("getMyName"))["result"] == {"name": "By query"}
    broken = await client.post(f"/bot{TOKEN}/setMyName", content=b"{", headers={"content-type": "application/json"})
    assert broken.json()["description"] == "Bad Request: can't parse JSON object"
