"""What the stand-in does with messages: takes them in for the right workflow, runs nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from temoctl.engine.protocol import Verb
from temoctl.systems.fake_http import FakeRequest, FakeResponse
from tests.systems.n8n.samples import API_KEY, HOOK, INGRESS, TOKEN
from tests.systems.n8n.stage import Stage, answering

pytestmark = pytest.mark.anyio

UPDATE = {"update_id": 1, "message": {"text": "How much is a latte?", "chat": {"id": 7, "type": "private"}}}


async def deliver(made: Stage, secret: str | None, method: str = "POST") -> FakeResponse:
    headers = {} if secret is None else {"x-telegram-bot-api-secret-token": secret}
    path = f"/webhook/{HOOK}/webhook"
    return await made.rig.fake.handle(FakeRequest(method, path, {}, headers, json.dumps(UPDATE).encode()))


async def executions(made: Stage, **query: str) -> list[Any]:
    headers = {"x-n8n-api-key": API_KEY}
    answer = await made.rig.fake.handle(FakeRequest("GET", "/api/v1/executions", query, headers, b""))
    return list(answer.json["data"])


async def test_a_message_is_kept_for_the_workflow_that_took_it() -> None:
    made = await answering()
    secret = made.rig.bots.webhooks[TOKEN]["secret_token"]
    assert (await deliver(made, secret)).status == 200
    ref = made.made[INGRESS.address].ref
    (kept,) = await executions(made, workflowId=ref, includeData="true")
    assert (kept["workflowId"], kept["finished"], kept["status"]) == (ref, False, "new")
    run = kept["data"]["resultData"]["runData"]
    assert run["Telegram Trigger"][0]["data"]["main"][0][0]["json"] == UPDATE
    assert "data" not in (await executions(made))[0]
    assert await executions(made, status="success") == [], "it never pretends to have run"
    assert await executions(made, workflowId="another") == []


@pytest.mark.parametrize("secret", [None, "", "wrong"])
async def test_a_message_without_the_secret_is_turned_away(secret: str | None) -> None:
    made = await answering()
    assert (await deliver(made, secret)).status == 403
    assert await executions(made) == []


async def test_another_method_is_not_found() -> None:
    made = await answering()
    answer = await deliver(made, None, "GET")
    assert answer.status == 404
    assert "Did you mean to make a POST request?" in answer.json["message"]


async def test_nothing_is_taken_before_it_is_registered_and_after_it_is_gone() -> None:
    made = await answering()
    secret = made.rig.bots.webhooks[TOKEN]["secret_token"]
    await made.do(Verb.DELETE, INGRESS)
    assert (await deliver(made, secret)).status == 404
