"""The shipped templates: what the editor opens, what n8n takes, and what they must never do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from temoctl.blueprint.template import render
from temoctl.blueprint.text import FreeText
from temoctl.model.value import leaves
from temoctl.systems.n8n.fake_rules import unpublishable, wrong_workflow
from temoctl.systems.n8n.workflows import called_workflows, credential_ids, outside_triggers

TEMPLATES = Path(__file__).parents[3] / "templates" / "n8n"
NAMES = ("core.json", "tenant.json", "telegram-ingress.json")
NASTY = FreeText("={{ $env }} '; drop table x; -- [[ y ]] ${z} `\"\\ $1")

VALUES: dict[str, Any] = {
    "tenant_id": "acme",
    "tenant_uid": "abcdefghjkmnpqrs",
    "company": NASTY,
    "tone": NASTY,
    "profile": NASTY,
    "language": "en",
    "time_zone": "Europe/Berlin",
    "currency": "EUR",
    "channel": "telegram",
    "history_days": 30,
    "history": True,
    "history_collection": "messages",
    "knowledge_schema": "temo_k",
    "sessions_schema": "temo_s",
    "webhook_id": "3b0d6a3e-8a55-5a44-9c6e-0f6f4f0c8d01",
    "core_workflow": "CoreCoreCoreCore",
    "tenant_workflow": "TenantTenantTena",
    "knowledge_tables": [
        {"table": "products_menu", "title": NASTY, "group": "products"},
        {"table": "services_rooms", "title": FreeText("Rooms"), "group": "services"},
    ],
    "llm_url": "https://llm.example/v1",
    "llm_model": FreeText("model-1"),
}
for _name in ("telegram", "knowledge", "sessions", "history", "llm"):
    VALUES |= {f"credential_{_name}": f"{_name}-id", f"credential_{_name}_name": _name}


def filled(name: str, **more: Any) -> dict[str, Any]:
    done: dict[str, Any] = render(TEMPLATES / name, {**VALUES, **more})
    return done


def code(workflow: dict[str, Any]) -> Iterator[str]:
    for node in workflow["nodes"]:
        yield from (one for key, one in node["parameters"].items() if key in ("jsCode", "query"))


@pytest.mark.parametrize("name", NAMES)
def test_n8n_takes_them(name: str) -> None:
    workflow = filled(name)
    body = {"name": "x", **{key: workflow[key] for key in ("nodes", "connections", "settings")}}
    assert wrong_workflow(body) is None
    published = {one: {"activeVersionId": "v"} for one in ("CoreCoreCoreCore", "TenantTenantTena")}
    assert unpublishable(workflow, published) is None


@pytest.mark.parametrize("name", NAMES)
def test_they_are_plain_workflows_with_fixed_ids(name: str) -> None:
    raw = json.loads((TEMPLATES / name).read_text())
    ids = [node["id"] for node in raw["nodes"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[0-9a-f-]{36}", one) for one in ids)
    assert {"name", "nodes", "connections", "settings"} <= raw.keys()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_a_conversation_is_kept_by_n8n_when_all_went_well(name: str) -> None:
    assert filled(name)["settings"]["saveDataSuccessExecution"] == "none"


@pytest.mark.parametrize("name", NAMES)
def test_no_placeholder_is_left_and_no_word_of_a_tenant_is_code(name: str) -> None:
    workflow = filled(name)
    for leaf in leaves(workflow):
        if isinstance(leaf, str):
            assert "[[ " not in leaf.replace("[[ y ]]", "")
            assert "[%" not in leaf
    for text in code(workflow):
        assert "{{" not in text
        assert "={{ $env" not in text
    for node in workflow["nodes"]:
        for leaf in leaves(node["parameters"]):
            if isinstance(leaf, str) and "$env" in leaf and leaf.startswith("="):
                assert re.fullmatch(r'=\{\{ ".*" \}\}', leaf, re.DOTALL), "a tenant's words only as a quoted text"


def test_the_core_holds_no_tenants_credential_and_the_ingress_no_database() -> None:
    assert set(credential_ids(filled("core.json")["nodes"])) == {"llm-id"}
    assert set(credential_ids(filled("tenant.json")["nodes"])) == {"knowledge-id", "sessions-id", "history-id"}
    assert set(credential_ids(filled("telegram-ingress.json")["nodes"])) == {"telegram-id"}


def test_the_ingress_names_what_it_calls_so_that_probes_see_it() -> None:
    nodes = filled("telegram-ingress.json")["nodes"]
    assert called_workflows(nodes) == ["CoreCoreCoreCore", "TenantTenantTena"]
    assert [node["webhookId"] for node in outside_triggers(nodes)] == [VALUES["webhook_id"]]


def test_customers_words_reach_sql_only_as_parameters() -> None:
    queries = [node for node in filled("tenant.json")["nodes"] if node["type"] == "n8n-nodes-base.postgres"]
    assert len(queries) == 3
    for node in queries:
        assert "$json" not in node["parameters"]["query"]
        assert node["parameters"]["options"]["queryReplacement"].startswith("={{ [")


def test_customers_words_reach_mongodb_only_as_values() -> None:
    nodes = {node["name"]: node["parameters"] for node in filled("tenant.json")["nodes"]}
    assert not nodes["History"]["query"].startswith("=") and "{{" not in nodes["History"]["query"]
    assert nodes["History"]["queryParameters"].startswith("={{ [")
    assert not [one for one in leaves(nodes["Remember history"]) if isinstance(one, str) and one.startswith("=")]


def test_a_message_is_written_under_a_key_of_its_own_however_often_it_comes() -> None:
    nodes = {node["name"]: node["parameters"] for node in filled("tenant.json")["nodes"]}
    assert nodes["Remember history"]["operation"] == "update" and nodes["Remember history"]["upsert"] is True
    assert nodes["Remember history"]["updateKey"] == "_id"
    [key] = nodes["Message keys"]["assignments"]["assignments"]
    assert all(part in key["value"] for part in ("session", "trace", "role", "sha256"))


def test_queries_follow_the_list_of_tables() -> None:
    def knowledge(**more: Any) -> str:
        nodes = {node["name"]: node for node in filled("tenant.json", **more)["nodes"]}
        return str(nodes["Knowledge base"]["parameters"]["query"])

    both = knowledge()
    assert '"temo_k"."products_menu"' in both
    assert '"temo_k"."services_rooms"' in both
    assert "where false" in knowledge(knowledge_tables=[])
    kept = {node["name"]: node for node in filled("tenant.json", history_days=None)["nodes"]}["Remember answer"]
    assert "delete from" not in kept["parameters"]["query"]
