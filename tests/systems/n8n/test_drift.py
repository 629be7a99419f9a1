"""What people do in n8n's editor, and how it is seen and undone."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from temoctl.engine.protocol import Readiness, Scope, Verb
from temoctl.model.errors import Conflict
from temoctl.model.resource import Doubt, Presence
from temoctl.systems.fake_http import FakeRequest
from tests.systems.n8n.samples import API_KEY, INGRESS, OWNER, TELEGRAM, TENANT
from tests.systems.n8n.stage import Stage, answering, stage

pytestmark = pytest.mark.anyio

SCOPE = Scope((), {"acme": OWNER})


async def save(made: Stage, path: str, **changed: Any) -> None:
    """What the editor saves: a draft, unless `publishIfActive` says otherwise."""
    row = made.row(INGRESS)
    body = {key: row[key] for key in ("name", "nodes", "connections", "settings")} | changed
    query = {"publishIfActive": "false"}
    headers = {"x-n8n-api-key": API_KEY}
    answer = await made.rig.fake.handle(
        FakeRequest("PUT", f"/api/v1/workflows/{path}", query, headers, json.dumps(body).encode())
    )
    assert answer.status == 200


async def test_a_draft_by_hand_shows_and_is_put_back() -> None:
    made = await answering()
    ref = made.made[INGRESS.address].ref
    nodes = [made.row(INGRESS)["nodes"][0]]
    await save(made, ref, nodes=nodes, connections={})
    seen = await made.seen(INGRESS)
    assert [node["name"] for node in seen.props["nodes"]] == ["Telegram Trigger"]
    assert seen.props["active"] is True
    await made.do(Verb.UPDATE, INGRESS)
    assert (await made.ready(INGRESS)).state is Readiness.READY
    assert len((await made.seen(INGRESS)).props["nodes"]) == 2


async def test_an_older_version_that_runs_shows_although_the_saved_one_is_ours() -> None:
    made = await answering()
    ref = made.made[INGRESS.address].ref
    ours = made.row(INGRESS)["nodes"]
    edited = [{**node, "position": [9, 9]} for node in ours]
    row = {key: made.row(INGRESS)[key] for key in ("name", "connections", "settings")}
    await made.rig.call("PUT", f"/workflows/{ref}", {**row, "nodes": edited})  # published
    await save(made, ref, nodes=ours)  # and the draft put back to ours
    seen = await made.seen(INGRESS)
    assert seen.props["nodes"][0]["position"] == [9, 9]
    await made.do(Verb.UPDATE, INGRESS)
    assert (await made.seen(INGRESS)).props["nodes"][0]["position"] == [0, 0]
    assert (await made.ready(INGRESS)).state is Readiness.READY


async def test_switched_off_and_archived_by_hand_is_brought_back() -> None:
    made = await answering()
    await made.rig.call("POST", f"/workflows/{made.made[INGRESS.address].ref}/archive")
    seen = await made.seen(INGRESS)
    assert seen.presence is Presence.PRESENT
    assert seen.props["active"] is False
    await made.do(Verb.UPDATE, INGRESS)
    assert (await made.ready(INGRESS)).state is Readiness.READY


async def test_a_name_without_our_mark_is_still_the_object_on_record() -> None:
    made = await stage(TELEGRAM)
    ref = made.made[TELEGRAM.address].ref
    await made.rig.call("PATCH", f"/credentials/{ref}", {"name": "my bot"})
    seen = (await made.rig.system.observe(Scope((made.target(TELEGRAM),), {"acme": OWNER}))).observed[TELEGRAM.address]
    assert (seen.ref, seen.marker, seen.props["name"]) == (ref, None, "my bot")
    await made.do(Verb.UPDATE, TELEGRAM)
    assert (await made.seen(TELEGRAM)).props["name"] == TELEGRAM.props["name"]


async def test_a_name_with_another_owners_mark_is_never_written_on() -> None:
    made = await stage(TELEGRAM)
    row = made.row(TELEGRAM)
    theirs = row["name"].replace("abcdefghjkmnpqrs", "zzzzzzzzzzzzzzzz")
    await made.rig.call("PATCH", f"/credentials/{row['id']}", {"name": theirs})
    assert (await made.seen(TELEGRAM)).doubt is Doubt.FOREIGN
    for verb in (Verb.UPDATE, Verb.DELETE):
        with pytest.raises(Conflict) as caught:
            await made.do(verb, TELEGRAM)
        assert caught.value.code == "TEMO708"


async def test_twins_know_who_uses_them() -> None:
    made = await answering()
    row = made.row(TELEGRAM)
    body = {"name": row["name"], "type": row["type"], "data": {}}
    await made.rig.call("POST", "/credentials", body)
    target = made.target(TELEGRAM)
    snapshot = await made.rig.system.observe(Scope((target,), {"acme": OWNER}))
    seen = snapshot.observed[TELEGRAM.address]
    assert seen.ref == row["id"]
    assert [(twin.referenced, twin.active) for twin in seen.twins] == [(False, None)]
    other = replace(target, ref=seen.twins[0].ref)
    turned = (await made.rig.system.observe(Scope((other,), {"acme": OWNER}))).observed[TELEGRAM.address]
    assert [(twin.ref, twin.referenced) for twin in turned.twins] == [(row["id"], True)]


async def test_a_copy_made_in_the_editor_is_not_ours() -> None:
    made = await stage(TENANT)
    row = made.row(TENANT)
    body = {key: row[key] for key in ("nodes", "connections", "settings")}
    await made.rig.call("POST", "/workflows", {**body, "name": f"{row['name'][:110]} copy"})
    snapshot = await made.rig.system.observe(Scope((made.target(TENANT),), {"acme": OWNER}))
    assert not snapshot.observed[TENANT.address].twins
    assert not snapshot.strays


async def test_strays_say_what_they_are_and_whether_they_run() -> None:
    made = await stage(TELEGRAM, TENANT)
    strays = {one.address.tail: one for one in (await made.rig.system.observe(SCOPE)).strays}
    assert set(strays) == {"credential.telegram", "workflow.tenant"}
    assert strays["workflow.tenant"].active is True
    assert not strays["credential.telegram"].referenced


async def test_when_workflows_cant_be_read_credentials_count_as_used() -> None:
    from temoctl.systems.fake_http import Fault

    made = await stage(TELEGRAM)
    made.rig.fake.faults.append(Fault("500-before", match="/workflows", count=-1))
    snapshot = await made.rig.system.observe(Scope((made.target(TENANT),), {"acme": OWNER}))
    assert snapshot.observed[TENANT.address].presence is Presence.UNKNOWN
    assert [one.referenced for one in snapshot.strays] == [True]


async def test_settings_that_people_added_stay() -> None:
    made = await answering()
    ref = made.made[INGRESS.address].ref
    row = {key: made.row(INGRESS)[key] for key in ("name", "nodes", "connections")}
    await made.rig.call("PUT", f"/workflows/{ref}", {**row, "settings": {"errorWorkflow": "abc", "timezone": "UTC"}})
    await made.do(Verb.UPDATE, INGRESS)
    assert made.row(INGRESS)["settings"] == {"executionOrder": "v1", "errorWorkflow": "abc", "timezone": "UTC"}
