"""What specs come to: the example tenant as golden JSON, and what must hold for every tenant."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temoctl.assets import templates
from temoctl.blueprint import Blueprint, platform_resources, tenant_resources
from temoctl.model.identity import ALPHABET, INSTALLATION_LENGTH, UID_LENGTH, Owner
from temoctl.model.resource import Desired
from temoctl.model.value import canonical, leaves, references, secrets
from tests.blueprint.world import ACME, OWNER, PLATFORM_OWNER, context, platform, tenant

GOLDEN = Path(__file__).parent / "golden"
OWNERS = st.builds(
    Owner,
    st.text(ALPHABET, min_size=INSTALLATION_LENGTH, max_size=INSTALLATION_LENGTH),
    st.text(ALPHABET, min_size=UID_LENGTH, max_size=UID_LENGTH),
)


def tree(blueprint: Blueprint) -> dict[str, Any]:
    return {str(one.address): _resource(one) for one in blueprint.resources}


def _resource(one: Desired) -> dict[str, Any]:
    return {
        "label": one.label,
        "detail": one.detail,
        "props": one.props,
        "after": [str(address) for address in one.after],
        "witness_of": str(one.witness_of) if one.witness_of else None,
        "protect": one.protect,
    }


def _same_as_golden(name: str, found: Any) -> None:
    """Goldens are reviewed by eye; TEMOCTL_GOLDEN=write renews them."""
    path = GOLDEN / name
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("TEMOCTL_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8")) == json.loads(text)


def test_the_example_tenant() -> None:
    blueprint = tenant_resources(tenant(), context())
    assert blueprint.problems == () and blueprint.not_applied == ("instagram",)
    _same_as_golden("acme.json", tree(blueprint))


def test_the_platform() -> None:
    blueprint = platform_resources(context(PLATFORM_OWNER))
    assert blueprint.problems == ()
    _same_as_golden("platform.json", tree(blueprint))


def _texts(blueprint: Blueprint, keys: frozenset[str]) -> Iterator[str]:
    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            for key, one in node.items():
                if key in keys and isinstance(one, str):
                    yield one
                yield from walk(one)
        elif isinstance(node, list):
            for one in node:
                yield from walk(one)

    for resource in blueprint.resources:
        yield from walk(dict(resource.props))


NAMES = frozenset({"schema", "role", "path", "id", "webhookId", "url"})


@settings(max_examples=40, deadline=None)
@given(OWNERS, OWNERS)
def test_two_tenants_never_share_a_name(one: Owner, other: Owner) -> None:
    def names(owner: Owner) -> set[str]:
        found = set(_texts(tenant_resources(tenant(), context(owner)), NAMES))
        return {name for name in found if name not in {"a1", "a2", "b1", "b2", "b3"}}

    assert names(one)
    if one != other:
        assert names(one).isdisjoint(names(other))


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(chance: random.Random) -> None:
    def mixed(node: Any) -> Any:
        if isinstance(node, dict):
            keys = list(node)
            chance.shuffle(keys)
            return {key: mixed(node[key]) for key in keys}
        return [mixed(one) for one in node] if isinstance(node, list) else node

    plain = tenant_resources(tenant(), context())
    shuffled = tenant_resources(tenant(**mixed(ACME)), context())
    assert canonical(tree(plain)) == canonical(tree(shuffled))


def test_every_reference_leads_somewhere_and_nothing_holds_a_secret() -> None:
    own = tenant_resources(tenant(), context())
    shared = platform_resources(context(PLATFORM_OWNER))
    known = {one.address for blueprint in (own, shared) for one in blueprint.resources}
    for one in own.resources:
        assert one.depends_on <= known
        assert {ref.path for ref in secrets(dict(one.props))} <= {
            "telegram/token",
            "supabase/knowledge-role",
            "supabase/sessions-role",
        }
    assert references([dict(one.props) for one in own.resources])


def test_the_shipped_templates_can_be_filled_in() -> None:
    for changes in ({}, {"knowledge_base": {}}, {"company": {**ACME["company"], "name": '=1 {{ $env }} "x" $1'}}):
        own = tenant_resources(tenant(**changes), context(templates=templates()))
        shared = platform_resources(context(PLATFORM_OWNER, templates=templates()))
        assert own.problems == () and shared.problems == ()
        for one in (*own.resources, *shared.resources):
            texts = [leaf for leaf in leaves(one.props.get("nodes", [])) if isinstance(leaf, str)]
            assert not [text for text in texts if "[[ " in text or "[% " in text or text.startswith("=1")]
            assert not [text for text in texts if text.startswith("=") and "{{ $env" in text]


def test_the_tenants_query_follows_its_tables() -> None:
    def queries(**changes: Any) -> str:
        found = tree(tenant_resources(tenant(**changes), context(templates=templates())))
        return json.dumps(found["acme/n8n.workflow.tenant"]["props"]["nodes"])

    assert "products_catalogue" in queries() and "services_today_s_offers" in queries()
    assert "products_catalogue" not in queries(knowledge_base={"services": ACME["knowledge_base"]["services"]})


def test_a_file_of_another_content_is_another_stored_file_and_the_same_table() -> None:
    one = tree(tenant_resources(tenant(), context()))
    other = tree(tenant_resources(tenant(), context(digests={"kb/menu.csv": "cd" * 32})))
    changed = {address for address in one if one[address] != other[address]}
    assert changed == {"acme/supabase.file.products-catalogue", "acme/supabase.table.products-catalogue"}


def test_an_upload_has_a_table_and_no_file() -> None:
    found = tree(tenant_resources(tenant(), context()))
    assert "acme/supabase.file.services-today-s-offers" not in found
    assert found["acme/supabase.table.services-today-s-offers"]["props"].keys().isdisjoint({"file", "digest"})


def test_two_bots_of_one_tenant_share_nothing() -> None:
    second = {"kind": "telegram", "token": {"env": "SECOND_BOT"}}
    spec = tenant(channels={**ACME["channels"], "shop": second})
    versions = {"telegram/token": 3, "env/second_bot": 1}
    found = tree(tenant_resources(spec, context(secret_versions=versions)))
    ingress = [found[f"acme/n8n.workflow.{name}-ingress"]["props"] for name in ("telegram", "shop")]
    assert ingress[0]["nodes"][0]["webhookId"] != ingress[1]["nodes"][0]["webhookId"]
    assert ingress[1]["nodes"][0]["credentials"]["telegramApi"]["id"]["$ref"] == "acme/n8n.credential.shop"
    assert found["acme/telegram.webhook.shop"]["witness_of"] == "acme/n8n.workflow.shop-ingress"
    assert found["acme/telegram.bot.shop"]["props"] == {"token": {"$secret": "env/second_bot", "version": 1}}


def test_protection_covers_everything_but_the_witness() -> None:
    found = tree(tenant_resources(tenant(protect=True), context()))
    assert {address for address, one in found.items() if not one["protect"]} == {"acme/telegram.webhook.telegram"}


def test_the_webhook_is_where_n8n_is_reached_from_outside() -> None:
    systems = {"n8n": {"url": "http://inside", "webhook_url": "https://hooks.example/"}, "telegram": {}, "supabase": {}}
    found = tree(tenant_resources(tenant(), context(platform=platform(systems=systems))))
    assert found["acme/telegram.webhook.telegram"]["props"]["url"].startswith("https://hooks.example/webhook/")
    data = found["acme/n8n.credential.telegram"]["props"]["data"]
    assert data["baseUrl"] == "https://api.telegram.org"


@pytest.mark.parametrize(
    ("changes", "given_context", "code"),
    [
        ({}, {"secret_versions": {}}, "TEMO450"),
        ({}, {"templates": Path("nowhere")}, "TEMO451"),
        ({}, {"platform": platform(systems={"n8n": {}, "supabase": {}})}, "TEMO453"),
        ({}, {"platform": platform(systems={"telegram": {}, "supabase": {}})}, "TEMO453"),
        ({}, {"digests": {}}, "TEMO456"),
        ({"channels": {"knowledge": {"kind": "telegram", "token": {"secret": "t"}}}}, {}, "TEMO458"),
    ],
)
def test_what_is_missing_is_told_once_with_a_way_out(
    changes: dict[str, Any], given_context: dict[str, Any], code: str
) -> None:
    problems = tenant_resources(tenant(**changes), context(**given_context)).problems
    assert {one.code for one in problems} == {code}
    assert all(one.fix and one.tenant == "acme" for one in problems)
    assert len({(one.summary, one.detail) for one in problems}) == len(problems)


def test_a_missing_secret_says_which_command_sets_it() -> None:
    [problem] = tenant_resources(tenant(), context(secret_versions={})).problems
    assert problem.summary == "secret telegram/token of acme is not set"
    assert problem.fix == "run: temoctl secrets set acme telegram/token"


def test_the_platform_without_a_language_model_says_so() -> None:
    blueprint = platform_resources(context(PLATFORM_OWNER, platform=platform(shared={})))
    assert [one.code for one in blueprint.problems] == ["TEMO454"]


def test_files_are_read_once_and_in_pieces(tmp_path: Path) -> None:
    (tmp_path / "kb").mkdir()
    (tmp_path / "kb" / "menu.csv").write_bytes(b"name;price\nTea;2\n")
    found = tree(tenant_resources(tenant(), context(OWNER, root=tmp_path, digests={})))
    digest = found["acme/supabase.table.products-catalogue"]["props"]["digest"]
    assert digest == hashlib.sha256(b"name;price\nTea;2\n").hexdigest()
