"""The history in MongoDB: only where the platform has one, and strictly this tenant's; else nothing changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from temoctl.assets import templates
from temoctl.blueprint import Blueprint, platform_resources, tenant_resources
from temoctl.blueprint.parts import without
from temoctl.model.resource import Desired
from temoctl.model.value import secrets
from temoctl.spec.plan_spec import PlanSpec
from tests.blueprint.world import PLATFORM_OWNER, context, plan, platform, tenant

MONGO_NODES = {"History", "Exchange", "Message keys", "Remember history"}


def with_mongodb(**section: Any) -> Any:
    systems = {"n8n": {"url": "http://n8n"}, "telegram": {"url": "http://t"}, "supabase": {}, "mongodb": section}
    return platform(systems=systems)


def made(platform: Any, spec: Any = None, **changes: Any) -> dict[str, Desired]:
    blueprint = tenant_resources(spec or tenant(), context(platform=platform, templates=templates(), **changes))
    assert blueprint.problems == ()
    return by_address(blueprint)


def plan_with(history_days: int | None) -> PlanSpec:
    return plan().model_copy(update={"limits": plan().limits.model_copy(update={"history_days": history_days})})


def by_address(blueprint: Blueprint) -> dict[str, Desired]:
    return {str(one.address): one for one in blueprint.resources}


def nodes(found: dict[str, Desired]) -> dict[str, Any]:
    return {node["name"]: node for node in found["acme/n8n.workflow.tenant"].props["nodes"]}


def after(found: dict[str, Desired], name: str) -> list[list[str]]:
    links = found["acme/n8n.workflow.tenant"].props["connections"].get(name, {"main": []})
    return [[link["node"] for link in port] for port in links["main"]]


def test_without_mongodb_nothing_of_it_is_there() -> None:
    found = made(platform())
    assert not [address for address in found if "mongodb" in address or "history" in address]
    assert nodes(found).keys().isdisjoint(MONGO_NODES)
    assert after(found, "Conversation") == [["Knowledge base"]]
    assert after(found, "Remember answer") == []
    code = nodes(found)["Context"]["parameters"]["jsCode"]
    assert "history: conversation.history ?? []," in code and "$('History')" not in code


def test_with_mongodb_the_tenants_workflow_reads_and_writes_it() -> None:
    found = made(with_mongodb())
    assert after(found, "Conversation") == [["History"]] and after(found, "History") == [["Knowledge base"]]
    assert after(found, "Remember answer") == [["Exchange"]]
    assert after(found, "Message keys") == [["Remember history"]]
    for name in ("History", "Remember history"):
        node = nodes(found)[name]
        assert node["credentials"]["mongoDb"]["id"] == {"$ref": "acme/n8n.credential.history", "output": "id"}
        assert node["parameters"]["collection"] == "messages"
    workflow = found["acme/n8n.workflow.tenant"]
    assert {str(one) for one in workflow.depends_on} >= {
        "acme/mongodb.collection.messages",
        "acme/n8n.credential.history",
    }
    ingress = json.dumps(found["acme/n8n.workflow.telegram-ingress"].props)
    assert "mongodb" not in ingress.lower(), "only the tenant's own workflow holds its logins"


def test_the_login_is_the_tenants_own_and_its_password_stays_a_reference() -> None:
    found = made(with_mongodb())
    login, user = found["acme/n8n.credential.history"], found["acme/mongodb.user.n8n"]
    assert login.props["type"] == "mongoDb"
    assert login.props["data"]["configurationType"] == "connectionString"
    assert [one.path for one in secrets(dict(login.props))] == ["mongodb/history-user"]
    assert user.props["password"] == {"$secret": "mongodb/history-user", "version": 1, "generate": True}
    parts = login.props["data"]["connectionString"]["$join"]
    assert parts[-2:] == ["&authSource=", {"$ref": "acme/mongodb.user.n8n", "output": "auth_source"}]


def test_a_server_without_users_gives_no_login() -> None:
    found = made(with_mongodb(users=False))
    assert "acme/mongodb.user.n8n" not in found
    assert secrets(dict(found["acme/n8n.credential.history"].props)) == ()
    stored = {"telegram/token": 3, "mongodb/history-uri": 2}
    own = made(with_mongodb(users=False), secret_versions=stored)["acme/n8n.credential.history"]
    assert own.props["data"]["connectionString"] == {"$secret": "mongodb/history-uri", "version": 2}


@pytest.mark.parametrize(
    ("asked", "allowed", "kept"),
    [(14, 30, 14), (None, 30, 30), (None, None, 24_855), (90_000, None, 24_855), (14, None, 14)],
)
def test_messages_are_kept_as_long_as_spec_and_plan_say(asked: Any, allowed: Any, kept: Any) -> None:
    spec = tenant(retention={"history_days": asked})
    found = made(with_mongodb(), spec, plan=plan_with(allowed))
    assert found["acme/mongodb.collection.messages"].props["retention_days"] == kept


def test_a_plan_without_history_has_none() -> None:
    assert not [address for address in made(with_mongodb(), plan=plan_with(0)) if "mongodb" in address]


def test_an_archive_is_a_resource_that_is_there_before_a_retention_is_shortened() -> None:
    assert "acme/supabase.archive.history" not in made(with_mongodb())
    found = made(with_mongodb(), tenant(retention={"history_days": 7, "archive": True}))
    archive = found["acme/supabase.archive.history"]
    assert archive.props["bucket"] == {"$ref": "platform/supabase.bucket.archives", "output": "id"}
    assert archive.address in found["acme/mongodb.collection.messages"].after
    shared = by_address(platform_resources(context(PLATFORM_OWNER, platform=with_mongodb(), templates=templates())))
    assert shared["platform/supabase.bucket.archives"].props["public"] is False
    assert "platform/supabase.bucket.archives" not in by_address(platform_resources(context(PLATFORM_OWNER)))


@pytest.mark.parametrize(("where", "limit"), [(platform(), 30), (with_mongodb(), 0)])
def test_asking_to_archive_what_is_not_kept_is_told(where: Any, limit: int) -> None:
    spec = tenant(retention={"archive": True})
    [problem] = tenant_resources(spec, context(platform=where, plan=plan_with(limit))).problems
    assert problem.code == "TEMO459" and problem.fix


def test_what_is_left_out_is_bridged() -> None:
    def to(*names: str) -> list[dict[str, Any]]:
        return [{"node": name, "type": "main", "index": 0} for name in names]

    links = {
        "a": {"main": [to("x"), to("b", "x")]},
        "x": {"main": [to("y")]},
        "y": {"main": [to("c", "d")]},
        "c": {"main": [to("z")]},
    }
    whole = {"nodes": [{"name": name} for name in "abcdxyz"], "connections": links, "settings": {}}
    left = without(whole, frozenset("xyz"))
    assert [node["name"] for node in left["nodes"]] == ["a", "b", "c", "d"]
    assert left["connections"] == {"a": {"main": [to("c", "d"), to("b", "c", "d")]}}
    assert without(whole, frozenset()) == whole
