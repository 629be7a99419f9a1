"""What n8n does after it said yes: registered, never registered, registered with the wrong token, let go."""

from __future__ import annotations

import httpx
import pytest

from temoctl.engine.protocol import Readiness, Verb
from temoctl.model.errors import Conflict, Refused
from temoctl.systems.fake_http import Fault
from tests.systems.n8n.samples import DEAD_TOKEN, HOOK, INGRESS, KNOWLEDGE, NEW_TOKEN, TELEGRAM, TENANT, TOKEN, ingress
from tests.systems.n8n.stage import answering, stage

pytestmark = pytest.mark.anyio


async def test_active_is_not_ready_until_the_trigger_is_registered() -> None:
    made = await stage(TELEGRAM, INGRESS)
    assert made.row(INGRESS)["active"] is True
    assert (await made.rig.system.ready(made.target(INGRESS))).state is Readiness.PENDING
    assert (await made.ready(INGRESS)).state is Readiness.READY
    hook = made.rig.bots.webhooks[TOKEN]
    assert hook["url"].endswith(f"/webhook/{HOOK}/webhook")
    assert hook["secret_token"] == f"{made.made[INGRESS.address].ref}_{INGRESS.props['nodes'][0]['id']}"


async def test_a_dead_token_is_broken_at_once_with_words_for_its_owner() -> None:
    made = await stage(TELEGRAM, INGRESS, token=DEAD_TOKEN)
    ready = await made.ready(INGRESS)
    assert ready.state is Readiness.BROKEN
    assert "Telegram refused the token" in ready.why
    assert "@BotFather" in ready.fix
    await made.rig.clock.sleep(60)
    assert made.row(INGRESS)["active"] is True, "n8n never takes it back"
    assert made.row(INGRESS)["triggerCount"] == 0


async def test_a_trigger_that_stays_away_is_told_with_its_reason() -> None:
    """n8n's test of the credential is asked only then: Telegram itself is the witness of a token that works."""
    made = await answering()
    assert not made.tests(TELEGRAM), "a trigger that is registered needs no test"
    made.rig.bots.tokens.discard(TOKEN)
    made.rig.fake.workflows[str(made.made[INGRESS.address].ref)]["triggerCount"] = 0
    assert (await made.ready(INGRESS)).why.startswith("Telegram refused the token")
    assert made.tests(TELEGRAM)


async def test_a_new_token_lets_the_old_bot_go_first() -> None:
    made = await answering()
    await made.new_token(NEW_TOKEN)
    assert (await made.ready(INGRESS)).state is Readiness.READY
    assert made.bot_calls() == [
        (TOKEN, "deleteWebhook"),
        (NEW_TOKEN, "getWebhookInfo"),
        (NEW_TOKEN, "setWebhook"),
    ]
    assert TOKEN not in made.rig.bots.webhooks


async def test_a_new_token_that_is_dead_leaves_a_workflow_that_is_red() -> None:
    made = await answering()
    await made.new_token(DEAD_TOKEN)
    assert made.row(INGRESS)["triggerCount"] == 1, "stale, as in the real one"
    assert (await made.ready(INGRESS)).state is Readiness.BROKEN


async def test_a_credential_is_not_changed_before_the_old_bot_was_let_go() -> None:
    made = await answering()
    made.rig.fake.publication.delay = 3600.0
    with pytest.raises(Conflict) as caught:
        await made.new_token(NEW_TOKEN)
    assert caught.value.code == "TEMO707"
    assert made.row(TELEGRAM)["data"]["accessToken"] == TOKEN


async def test_a_renamed_credential_disturbs_no_workflow() -> None:
    from temoctl.model.step import FieldChange

    made = await answering()
    await made.do(Verb.UPDATE, TELEGRAM, TELEGRAM.changed, changes=(FieldChange("name", "a", "b"),))
    assert made.bot_calls() == []
    seen = await made.seen(INGRESS)
    workflow = made.rig.system.kinds["workflow"]
    wanted = workflow.normalise(made.target(INGRESS).props)["nodes"]
    assert workflow.normalise(seen.props)["nodes"] == wanted, "n8n keeps the old name beside the id"


async def test_a_database_password_changes_under_running_workflows() -> None:
    made = await stage(TELEGRAM, KNOWLEDGE, INGRESS)
    await made.ready(INGRESS)
    made.bot_calls()
    await made.do(Verb.UPDATE, KNOWLEDGE)
    assert made.bot_calls() == []


async def test_a_change_behind_the_trigger_leaves_the_webhook_alone() -> None:
    made = await answering()
    await made.do(Verb.UPDATE, INGRESS, ingress("other", ["message"]))
    assert (await made.ready(INGRESS)).state is Readiness.READY
    assert made.bot_calls() == []
    assert "other" in str(made.row(INGRESS)["activeVersion"]["nodes"])


async def test_a_changed_trigger_is_registered_anew() -> None:
    made = await answering()
    await made.do(Verb.UPDATE, INGRESS, INGRESS.changed)
    assert (await made.ready(INGRESS)).state is Readiness.READY
    assert [method for _, method in made.bot_calls()] == ["deleteWebhook", "getWebhookInfo", "setWebhook"]
    assert made.rig.bots.webhooks[TOKEN]["allowed_updates"] == ["message", "callback_query"]


async def test_repair_registers_again_what_only_looks_registered() -> None:
    made = await answering()
    made.rig.bots.webhooks.clear()  # somebody called deleteWebhook with the bot's token
    await made.do(Verb.UPDATE, INGRESS)
    assert not made.rig.bots.webhooks, "an update alone changes nothing for n8n"
    await made.do(Verb.UPDATE, INGRESS, repair=True)
    assert (await made.ready(INGRESS)).state is Readiness.READY
    assert made.rig.bots.webhooks[TOKEN]["url"].endswith(f"/webhook/{HOOK}/webhook")


async def test_looking_at_a_webhook_leaves_its_path_free_for_the_next_workflow() -> None:
    """A POST while n8n takes it back would stay in n8n's cache, and the next workflow with that path refused."""
    made = await answering()
    await made.new_token(NEW_TOKEN)  # looks until the webhook is gone
    await made.do(Verb.DELETE, INGRESS)
    made.made.pop(INGRESS.address)
    await made.do(Verb.CREATE, INGRESS, token=NEW_TOKEN)
    assert (await made.ready(INGRESS)).state is Readiness.READY


async def test_without_a_way_to_the_webhooks_the_count_has_to_do() -> None:
    made = await answering()
    made.rig.fake.faults.append(Fault("refuse", match="/webhook/", count=-1))
    assert (await made.ready(INGRESS)).state is Readiness.READY


async def test_the_key_is_never_shown_to_the_webhooks() -> None:
    made = await answering()
    asked: list[httpx.Request] = []
    inner = made.rig.system._api._webhooks._client._transport  # type: ignore[attr-defined]

    class Watched(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            asked.append(request)
            return await inner.handle_async_request(request)  # type: ignore[no-any-return]

    made.rig.system._api._webhooks._client._transport = Watched()  # type: ignore[attr-defined]
    await made.ready(INGRESS)
    assert asked
    assert not any("x-n8n-api-key" in request.headers for request in asked)


async def test_what_n8n_refuses_to_publish_is_recorded_and_told() -> None:
    props = {**ingress("one", ["message"])}
    call = {"__rl": True, "mode": "id", "value": "notThereAtAll123"}
    more = {**props["nodes"][1], "type": "n8n-nodes-base.executeWorkflow", "parameters": {"workflowId": call}}
    made = await stage(TELEGRAM)
    outcome = await made.do(Verb.CREATE, INGRESS, {**props, "nodes": [props["nodes"][0], more]})
    assert outcome.ref in made.rig.fake.workflows
    ready = await made.ready(INGRESS)
    assert ready.state is Readiness.BROKEN
    assert "is not published" in ready.why


async def test_a_called_workflow_is_ready_as_soon_as_it_is_published() -> None:
    made = await stage(TENANT)
    assert (await made.rig.system.ready(made.target(TENANT))).state is Readiness.READY
    assert made.row(TENANT)["triggerCount"] == 0
    await made.rig.call("POST", f"/workflows/{made.made[TENANT.address].ref}/deactivate")
    assert (await made.ready(TENANT)).state is Readiness.BROKEN


async def test_deleting_waits_until_n8n_believes_that_it_is_off() -> None:
    made = await answering()
    await made.do(Verb.DELETE, INGRESS)
    assert made.rig.fake.requests.count(("DELETE", f"/api/v1/workflows/{made.made[INGRESS.address].ref}")) > 1
    assert not made.rig.fake.workflows
    assert made.bot_calls() == [(TOKEN, "deleteWebhook")]


async def test_a_credential_in_use_is_not_deleted() -> None:
    made = await answering()
    with pytest.raises(Refused) as caught:
        await made.do(Verb.DELETE, TELEGRAM)
    assert caught.value.code == "TEMO706"
    assert "Acme Coffee: Telegram messages" in caught.value.summary
    await made.do(Verb.DELETE, INGRESS)
    await made.do(Verb.DELETE, TELEGRAM)
    assert not made.rig.fake.credentials


async def test_a_missing_credential_is_red() -> None:
    made = await answering()
    await made.rig.call("DELETE", f"/credentials/{made.made[TELEGRAM.address].ref}")
    made.rig.clock.advance(61)
    failed = {one.name: one.why for one in await made.probe(INGRESS) if not one.ok}
    assert set(failed) == {"has all its credentials"}


async def test_a_switched_off_workflow_below_is_red() -> None:
    made = await stage(TENANT, TELEGRAM)
    props = ingress("one", ["message"])
    value = {"__rl": True, "mode": "id", "value": made.made[TENANT.address].ref}
    call = {**props["nodes"][1], "type": "n8n-nodes-base.executeWorkflow", "parameters": {"workflowId": value}}
    await made.do(Verb.CREATE, INGRESS, {**props, "nodes": [props["nodes"][0], call]})
    await made.ready(INGRESS)
    assert all(one.ok for one in await made.probe(INGRESS))
    await made.rig.call("POST", f"/workflows/{made.made[TENANT.address].ref}/deactivate")
    assert all(one.ok for one in await made.probe(INGRESS)), "what was proven a moment ago is not asked again"
    made.rig.clock.advance(61)
    assert [one.name for one in await made.probe(INGRESS) if not one.ok] == ["reaches the workflows it calls"]


async def test_credentials_are_tried_where_n8n_has_a_way() -> None:
    made = await stage(TELEGRAM, KNOWLEDGE)
    assert await made.probe(TELEGRAM) == [], "its webhook at Telegram is the better proof"
    for _ in range(3):
        assert [one.ok for one in await made.probe(KNOWLEDGE)] == [True]
    assert made.tests(KNOWLEDGE) == 1, "none twice within a minute"
    made.rig.clock.advance(61)
    await made.probe(KNOWLEDGE)
    assert made.tests(KNOWLEDGE) == 2


async def test_a_changed_credential_is_tried_again() -> None:
    made = await stage(KNOWLEDGE)
    await made.probe(KNOWLEDGE)
    await made.do(Verb.UPDATE, KNOWLEDGE, intent="b" * 12)
    await made.probe(KNOWLEDGE)
    assert made.tests(KNOWLEDGE) == 2
