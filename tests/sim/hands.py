"""What people do behind our back: each changes one thing of a tenant's, if there is one, and says what it did."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from temoctl.model.identity import Marker
from temoctl.systems.telegram.fake_bot import Webhook
from tests.sim.land import Land

Hand = Callable[[Land, str, int], str]


def _of(land: Land, tenant: str, table: Mapping[str, dict[str, object]]) -> list[str]:
    row = land.state.living(tenant)
    marked = {ref: Marker.search(str(one["name"])) for ref, one in sorted(table.items())}
    return [ref for ref, marker in marked.items() if marker and row and marker.owner.uid == row.uid]


def _workflow(land: Land, tenant: str, pick: int) -> str:
    refs = _of(land, tenant, land.n8n.workflows)
    return refs[pick % len(refs)] if refs else ""


def _post(land: Land, method: str, path: str) -> None:
    """Through n8n's own interface, as its editor does."""
    import httpx

    from temoctl.systems.fake_http import InProcess
    from tests.sim.land import N8N_KEY

    async def send() -> None:
        transport = InProcess({"http://n8n.test": land.n8n})
        async with httpx.AsyncClient(transport=transport, headers={"x-n8n-api-key": N8N_KEY}) as client:
            await client.request(method, f"http://n8n.test/api/v1{path}")

    faults, land.n8n.faults = land.n8n.faults, []
    land.do(send())
    land.n8n.faults = faults


def rename_node(land: Land, tenant: str, pick: int) -> str:
    ref = _workflow(land, tenant, pick)
    if ref:
        row = land.n8n.workflows[ref]
        nodes = [dict(node) for node in row["nodes"]]
        nodes[-1]["parameters"] = {**nodes[-1].get("parameters", {}), "byHand": True}
        land.n8n.workflows[ref] = {**row, "nodes": nodes, "versionId": f"by-hand-{pick}"}
    return f"edited {ref}"


def switch_off(land: Land, tenant: str, pick: int) -> str:
    ref = _workflow(land, tenant, pick)
    if ref:
        _post(land, "POST", f"/workflows/{ref}/deactivate")
        land.pass_time(1.0)
    return f"switched off {ref}"


def delete_workflow(land: Land, tenant: str, pick: int) -> str:
    ref = _workflow(land, tenant, pick)
    if ref:
        _post(land, "POST", f"/workflows/{ref}/deactivate")
        land.pass_time(1.0)
        _post(land, "DELETE", f"/workflows/{ref}")
    return f"deleted {ref}"


def archive_workflow(land: Land, tenant: str, pick: int) -> str:
    ref = _workflow(land, tenant, pick)
    if ref:
        _post(land, "POST", f"/workflows/{ref}/archive")
        land.pass_time(1.0)
    return f"archived {ref}"


def delete_credential(land: Land, tenant: str, pick: int) -> str:
    refs = _of(land, tenant, land.n8n.credentials)
    if refs:
        _post(land, "DELETE", f"/credentials/{refs[pick % len(refs)]}")
    return "deleted a credential"


def _schemas(land: Land, tenant: str) -> list[str]:
    row = land.state.living(tenant)
    schemas = land.databases["knowledge"].schemas
    return [name for name in schemas if row is not None and row.uid in name]


def drop_table(land: Land, tenant: str, pick: int) -> str:
    for name in _schemas(land, tenant):
        tables = land.databases["knowledge"].schemas[name].tables
        if tables:
            gone = sorted(tables)[pick % len(tables)]
            del tables[gone]
            return f"dropped {gone}"
    return "nothing to drop"


def drop_schema(land: Land, tenant: str, pick: int) -> str:
    for name in _schemas(land, tenant):
        del land.databases["knowledge"].schemas[name]
    return "dropped the schema"


def drop_role(land: Land, tenant: str, pick: int) -> str:
    row = land.state.living(tenant)
    database = land.databases["knowledge" if pick % 2 else "sessions"]
    for name in [name for name in database.roles if row is not None and row.uid in name]:
        del database.roles[name]
    return "dropped a role"


def change_password(land: Land, tenant: str, pick: int) -> str:
    from temoctl.model.secret import Secret

    row = land.state.living(tenant)
    for database in land.databases.values():
        for name, role in database.roles.items():
            if row is not None and row.uid in name and role.can_login:
                role.password = Secret(f"by hand {pick}")
    return "changed passwords"


def delete_file(land: Land, tenant: str, pick: int) -> str:
    row = land.state.living(tenant)
    for bucket in land.storage.buckets.values():
        for name in [name for name in bucket.objects if row is not None and row.uid in name][: 1 + pick % 2]:
            del bucket.objects[name]
    return "deleted source files"


def bot_text(land: Land, tenant: str, pick: int) -> str:
    for bot in _bots(land, tenant):
        bot.texts["description", ""] = f"by hand {pick}"
    return "changed the bots' texts"


def bot_elsewhere(land: Land, tenant: str, pick: int) -> str:
    """Only a person can say whether that is right: see `bots_back`."""
    for bot in _bots(land, tenant)[: 1 + pick % 2]:
        bot.webhook = Webhook("https://elsewhere.example/hook")
    return "pointed a bot elsewhere"


def bot_silent(land: Land, tenant: str, pick: int) -> str:
    for bot in _bots(land, tenant):
        bot.webhook = None
    return "removed the webhooks"


def bots_back(land: Land, tenant: str, pick: int) -> str:
    for bot in _bots(land, tenant):
        if bot.webhook is not None and "elsewhere" in bot.webhook.url:
            bot.webhook = None
    return "took the bots back"


def _bots(land: Land, tenant: str) -> list[object]:
    return [land.telegram.bots[token] for (owner, _), token in sorted(land.tokens.items()) if owner == tenant]


HANDS: dict[str, Hand] = {
    hand.__name__: hand
    for hand in (
        rename_node,
        switch_off,
        delete_workflow,
        archive_workflow,
        delete_credential,
        drop_table,
        drop_schema,
        drop_role,
        change_password,
        delete_file,
        bot_text,
        bot_elsewhere,
        bot_silent,
        bots_back,
    )
}
