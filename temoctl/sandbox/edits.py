"""Changes by hand, as somebody makes them behind our back: for showing drift. Each uses the vendor's own interface.

Must not write SystemData: that is the point.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from temoctl.model.errors import UserError
from temoctl.model.identity import Marker, Owner, object_name
from temoctl.sandbox import vendors
from temoctl.sandbox.folder import Folder
from temoctl.sandbox.messages import bot_of
from temoctl.sandbox.seeding import open_vault
from temoctl.sandbox.world import World, attach

_DELETE_TRIES, _DELETE_PAUSE = 40, 0.25


@dataclass(frozen=True, slots=True)
class Edited:
    """What was changed, in words."""

    tenant: str
    what: str
    words: str


@dataclass(frozen=True, slots=True)
class Scene:
    """Where an edit happens."""

    root: Path
    world: World
    tenant: str
    owner: Owner
    n8n: vendors.N8n

    async def ingress(self) -> dict[str, Any]:
        """The tenant's first ingress workflow."""
        found = [one for marker, one in await self.n8n.of(self.owner.uid, "workflows") if "ingress" in marker.name]
        if not found:
            raise UserError("TEMO808", f"{self.tenant} has no ingress workflow", fix=f"temoctl apply {self.tenant}")
        return found[0]


async def edit(root: Path, tenant: str, what: str) -> Edited:
    """Make one change by hand. Raises UserError TEMO809 for an unknown one."""
    if what not in EDITS:
        raise UserError("TEMO809", f"no such edit: {what}", fix=f"there are: {', '.join(EDITS)}")
    world = await attach(root)
    async with open_vault(Folder(world.folder)) as store:
        uid = (await store.load([tenant]))[tenant].uid
        owner = Owner(await store.installation(), uid)
    if not uid:
        raise UserError("TEMO806", f"nothing is known of a tenant '{tenant}'", fix="see `temoctl status`")
    async with vendors.n8n(world) as n8n:
        words = await EDITS[what](Scene(root, world, tenant, owner, n8n))
    return Edited(tenant, what, words)


async def _rename_node(scene: Scene) -> str:
    """In the n8n editor: double-click a node's name and type another one."""
    workflow = await scene.ingress()
    old = str(workflow["nodes"][-1]["name"])
    new = f"{old} (copy)"
    renamed: dict[str, Any] = {"nodes": [_renamed(node, old, new) for node in workflow["nodes"]]}
    renamed["connections"] = {
        (new if source == old else source): _retargeted(ways, old, new)
        for source, ways in workflow["connections"].items()
    }
    await scene.n8n.call("PUT", f"/workflows/{workflow['id']}", json=_body(workflow) | renamed)
    return f"renamed the node “{old}” of “{vendors.Named.of(workflow).name}” to “{new}”"


async def _deactivate(scene: Scene) -> str:
    workflow = await scene.ingress()
    await scene.n8n.call("POST", f"/workflows/{workflow['id']}/deactivate")
    return f"switched off “{vendors.Named.of(workflow).name}”"


async def _delete_workflow(scene: Scene) -> str:
    workflow = await scene.ingress()
    await scene.n8n.call("POST", f"/workflows/{workflow['id']}/deactivate")
    for attempt in range(_DELETE_TRIES):
        try:
            await scene.n8n.call("DELETE", f"/workflows/{workflow['id']}")
            break
        except UserError:  # "still being unpublished"
            if attempt == _DELETE_TRIES - 1:
                raise
            await asyncio.sleep(_DELETE_PAUSE)
    return f"deleted “{vendors.Named.of(workflow).name}”"


async def _delete_credential(scene: Scene) -> str:
    found = await scene.n8n.of(scene.owner.uid, "credentials")
    if not found:
        raise UserError("TEMO808", f"{scene.tenant} has no credentials at n8n", fix=f"temoctl apply {scene.tenant}")
    _, credential = sorted(found, key=_by_name)[0]
    await scene.n8n.call("DELETE", f"/credentials/{credential['id']}")
    return f"deleted the credential “{vendors.Named.of(credential).name}”"


async def _change_bot_text(scene: Scene) -> str:
    await _bot_call(scene, "setMyDescription", {"description": "Changed by hand in the sandbox."})
    return "changed the bot's description"


async def _point_bot_elsewhere(scene: Scene) -> str:
    await _bot_call(scene, "setWebhook", {"url": "https://chat.another-agency.example/telegram/hook"})
    return "let another program take the bot's messages"


async def _revoke_token(scene: Scene) -> str:
    _, token = await bot_of(scene.root, scene.world, scene.tenant)
    async with scene.world.remote() as remote:
        await remote.call("POST", f"/bots/{token.reveal().partition(':')[0]}/revoke")
    return "revoked the bot's token in BotFather"


async def _drop_table(scene: Scene) -> str:
    from psycopg import AsyncConnection, sql

    schema = object_name(scene.owner, "k")
    dsn = (Folder(scene.world.folder).secrets / "knowledge-dsn").read_text()
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        found = await connection.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = %s AND c.relkind IN ('r', 'v', 'p') ORDER BY c.relkind DESC, c.relname LIMIT 1",
            [schema],
        )
        row = await found.fetchone()
        if row is None:
            raise UserError("TEMO808", f"{scene.tenant} has no knowledge table", fix=f"temoctl apply {scene.tenant}")
        name = sql.Identifier(schema, row[0])
        kind = await connection.execute(
            "SELECT relkind = 'v' FROM pg_class WHERE oid = %s::regclass", [name.as_string()]
        )
        view = (await kind.fetchone() or (False,))[0]
        await connection.execute(sql.SQL("DROP VIEW {} CASCADE" if view else "DROP TABLE {} CASCADE").format(name))
    return f"dropped “{row[0]}” from the knowledge base"


EDITS: dict[str, Callable[[Scene], Awaitable[str]]] = {
    "rename-node": _rename_node,
    "switch-off": _deactivate,
    "delete-workflow": _delete_workflow,
    "delete-credential": _delete_credential,
    "bot-text": _change_bot_text,
    "bot-elsewhere": _point_bot_elsewhere,
    "revoke-token": _revoke_token,
    "drop-table": _drop_table,
}


async def _bot_call(scene: Scene, method: str, params: dict[str, Any]) -> None:
    _, token = await bot_of(scene.root, scene.world, scene.tenant)
    async with httpx.AsyncClient(timeout=10.0, trust_env=False) as client:
        response = await client.post(f"{scene.world.urls['telegram']}/bot{token.reveal()}/{method}", json=params)
    if not response.json().get("ok"):
        raise UserError("TEMO803", f"Telegram says no: {response.json().get('description')}")


def _by_name(found: tuple[Marker, dict[str, Any]]) -> str:
    return found[0].name


def _body(workflow: dict[str, Any]) -> dict[str, Any]:
    """What n8n takes back of a workflow it gave."""
    return {key: workflow[key] for key in ("name", "nodes", "connections", "settings")}


def _renamed(node: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {**node, "name": new} if node["name"] == old else node


def _retargeted(ways: Any, old: str, new: str) -> Any:
    """Connections with every way to the old name leading to the new one."""
    if isinstance(ways, list):
        return [_retargeted(one, old, new) for one in ways]
    if isinstance(ways, dict):
        return {key: new if key == "node" and one == old else _retargeted(one, old, new) for key, one in ways.items()}
    return ways
