"""A customer writes to a tenant's bot: who took the message, and what the bot answered. Must not draw anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from temoctl.model.errors import Refused, UserError
from temoctl.model.secret import Secret
from temoctl.sandbox import vendors
from temoctl.sandbox.folder import PROFILE, Folder
from temoctl.sandbox.seeding import open_vault, telegram_channels
from temoctl.sandbox.world import FAKE, World, attach
from temoctl.spec import load_project

CUSTOMER = 7_000_001
"""The chat every message of the sandbox comes from, unless another one is asked for."""


@dataclass(frozen=True, slots=True)
class Said:
    """What became of a message. `took` is the readable name of the workflow that took it.

    `reply` is None where none came in time, or where nothing can answer (`runs` False: a stand-in runs no workflow).
    """

    tenant: str
    channel: str
    username: str
    text: str
    delivered: bool
    took: str = ""
    workflow: str = ""
    reply: str | None = None
    runs: bool = False
    why: str = ""


async def say(
    root: Path, tenant: str, text: str, *, channel: str = "", chat: int = CUSTOMER, wait: float = 30.0
) -> Said:
    """Deliver a customer's message to the tenant's bot. `wait` is how long a real n8n gets to answer."""
    world = await attach(root)
    channel, token = await bot_of(root, world, tenant, channel)
    number = token.reveal().partition(":")[0]
    async with world.remote() as remote, vendors.n8n(world) as n8n:
        told = await remote.call("POST", f"/bots/{number}/says", json={"chat_id": chat, "text": text})
        bot, deliveries = told["bot"], told["deliveries"]
        url = bot["webhook"]["url"]
        delivered = bool(deliveries) and 200 <= deliveries[-1]["status"] < 300
        workflow = await n8n.by_webhook(url) if url else None
        took = vendors.Named.of(workflow) if workflow else vendors.Named("", "")
        runs = world.n8n != FAKE
        reply = None
        if delivered and runs:
            after = told["said_before"]
            later = await remote.call("GET", f"/bots/{number}", params={"after": after, "wait": wait})
            reply = "\n".join(one["text"] for one in later["sent"][after:]) or None
    return Said(
        tenant,
        channel,
        bot["username"],
        text,
        delivered,
        took.name if delivered else "",
        took.id if delivered else "",
        reply,
        runs,
        "" if delivered else _why(bot, url),
    )


def _why(bot: dict[str, object], url: str) -> str:
    if bot["revoked"]:
        return "the bot's token was revoked: nobody is told about its messages"
    if not url:
        return "nobody has registered for this bot's messages; the message waits at Telegram"
    hook = bot["webhook"]
    problem = hook.get("last_error_message") if isinstance(hook, dict) else ""
    return f"{problem or 'the delivery failed'}; Telegram will try again"


async def bot_of(root: Path, world: World, tenant: str, channel: str = "") -> tuple[str, Secret]:
    """The tenant's Telegram channel (the first, or the one named) and its bot's token."""
    project = load_project(root, PROFILE, read_files=False)
    channels = telegram_channels(project, tenant)
    if tenant not in project.tenants or not channels or (channel and channel not in channels):
        raise UserError(
            "TEMO806",
            f"no tenant '{tenant}' with a Telegram channel{f' called {channel}' if channel else ''}",
            fix="check the tenant's id; `temoctl validate` shows what is wrong with its file",
        )
    name = channel or next(iter(channels))
    async with open_vault(Folder(world.folder)) as store:
        recorded = (await store.load([tenant]))[tenant]
        path = channels[name].token.vault_path
        if not recorded.uid or path not in await store.vault.versions(recorded.uid):
            raise Refused("TEMO807", f"the sandbox has no bot for {tenant} yet", fix="temoctl sandbox seed")
        return name, await store.vault.get(recorded.uid, path)
