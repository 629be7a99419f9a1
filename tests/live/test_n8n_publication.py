"""What n8n hides after it said yes, on the real one: dead tokens, new tokens, webhooks that only look registered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from temoctl.engine.clock import SystemClock
from temoctl.engine.protocol import Readiness, Verb
from temoctl.model.errors import Refused
from temoctl.sandbox.real_n8n import Running
from tests.live.conftest import Api, Served
from tests.systems.n8n.samples import DEAD_TOKEN, HOOK, INGRESS, NEW_TOKEN, TOKEN, at, ingress
from tests.systems.n8n.stage import Stage
from tests.systems.n8n.wire import wire_rig

pytestmark = [pytest.mark.anyio, pytest.mark.live]


@pytest.fixture
async def live(live_n8n: Running, bots: Served, api: Api) -> Any:
    bots.fake.webhooks.clear()
    bots.fake.calls.clear()
    rig: Any = await wire_rig(live_n8n.url, live_n8n.api_key.reveal(), SystemClock(), api)
    rig.bots = bots.fake
    yield Stage(rig, telegram=at(bots.url)[0])
    await rig.close()


async def answering(live: Any) -> Any:
    await live.create(live.telegram, INGRESS)
    assert (await live.ready(INGRESS)).state is Readiness.READY
    live.bot_calls()
    return live


async def test_a_dead_token_is_shown_red(live: Any, api: Api) -> None:
    await live.create(live.telegram, INGRESS, token=DEAD_TOKEN)
    ready = await live.ready(INGRESS)
    assert ready.state is Readiness.BROKEN
    assert "Telegram refused the token" in ready.why
    row = await api("GET", f"/workflows/{live.made[INGRESS.address].ref}")
    assert row["active"] is True, "n8n itself still says that all is well"
    assert row["triggerCount"] == 0


async def test_a_new_token_lets_the_old_bot_go_first(live: Any, bots: Served) -> None:
    await answering(live)
    await live.new_token(NEW_TOKEN)
    assert (await live.ready(INGRESS)).state is Readiness.READY
    calls = live.bot_calls()
    assert calls[0] == (TOKEN, "deleteWebhook")
    assert calls[-1] == (NEW_TOKEN, "setWebhook")
    assert list(bots.fake.webhooks) == [NEW_TOKEN]


async def test_a_token_that_dies_is_seen_although_the_count_stays(live: Any, api: Api, bots: Served) -> None:
    await answering(live)
    await live.new_token(DEAD_TOKEN)
    assert (await api("GET", f"/workflows/{live.made[INGRESS.address].ref}"))["triggerCount"] == 1
    assert (await live.ready(INGRESS)).state is Readiness.BROKEN
    await live.new_token(TOKEN)
    assert (await live.ready(INGRESS)).state is Readiness.READY
    assert bots.fake.webhooks[TOKEN]["url"].endswith(f"/webhook/{HOOK}/webhook")


async def test_looking_at_a_webhook_leaves_its_path_free_for_the_next_workflow(live: Any) -> None:
    """n8n keeps what a POST found in a cache: one that came while the webhook went made the path refuse for an hour."""
    knocking = True

    async def knock() -> None:
        while knocking:
            assert await live.rig.system._api.knock(HOOK) is not None

    for _ in range(3):
        await answering(live)
        looks = [asyncio.create_task(knock()) for _ in range(2)]
        await live.do(Verb.DELETE, INGRESS)
        live.made.pop(INGRESS.address)
        knocking = False
        await asyncio.gather(*looks)
        knocking = True
        await live.do(Verb.DELETE, live.telegram)
        live.made.pop(live.telegram.address)


async def test_repair_registers_again_what_only_looks_registered(live: Any, bots: Served) -> None:
    await answering(live)
    bots.fake.webhooks.clear()
    await live.do(Verb.UPDATE, INGRESS)
    assert not bots.fake.webhooks
    await live.do(Verb.UPDATE, INGRESS, repair=True)
    assert (await live.ready(INGRESS)).state is Readiness.READY
    assert list(bots.fake.webhooks) == [TOKEN]


async def test_a_change_behind_the_trigger_leaves_the_webhook_alone(live: Any) -> None:
    await answering(live)
    await live.do(Verb.UPDATE, INGRESS, ingress("other", ["message"]))
    assert (await live.ready(INGRESS)).state is Readiness.READY
    assert live.bot_calls() == []


async def test_a_credential_in_use_is_not_deleted(live: Any, api: Api) -> None:
    await answering(live)
    with pytest.raises(Refused) as caught:
        await live.do(Verb.DELETE, live.telegram)
    assert caught.value.code == "TEMO706"
    await live.do(Verb.DELETE, INGRESS)
    await live.do(Verb.DELETE, live.telegram)
    assert (await api("GET", "/credentials"))["data"] == []


async def test_archived_by_hand_is_brought_back(live: Any, api: Api) -> None:
    await answering(live)
    await api("POST", f"/workflows/{live.made[INGRESS.address].ref}/archive")
    assert (await live.seen(INGRESS)).props["active"] is False
    await live.do(Verb.UPDATE, INGRESS)
    assert (await live.ready(INGRESS)).state is Readiness.READY


async def test_an_older_version_that_runs_shows(live: Any, api: Api) -> None:
    await answering(live)
    ref = live.made[INGRESS.address].ref
    row = await api("GET", f"/workflows/{ref}")
    kept = {key: row[key] for key in ("name", "connections", "settings")}
    moved = [{**node, "position": [9, 9]} for node in row["nodes"]]
    await api("PUT", f"/workflows/{ref}", {**kept, "nodes": moved})
    await api("PUT", f"/workflows/{ref}?publishIfActive=false", {**kept, "nodes": row["nodes"]})
    assert (await live.seen(INGRESS)).props["nodes"][0]["position"] == [9, 9]
    await live.do(Verb.UPDATE, INGRESS)
    assert (await live.seen(INGRESS)).props["nodes"][0]["position"] == [0, 0]
    assert (await live.ready(INGRESS)).state is Readiness.READY
