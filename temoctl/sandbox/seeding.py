"""The sandbox's BotFather: gives every Telegram channel of the project a bot, and the platform its keys.

Only secrets that the vault lacks are made; a bot the stand-in has forgotten (its process ended) is made again with the
token the vault remembers. Must not plan or apply.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from temoctl.engine.clock import SystemClock
from temoctl.engine.ids import RandomIds
from temoctl.model.address import PLATFORM
from temoctl.model.errors import UserError
from temoctl.model.identity import UID_LENGTH
from temoctl.model.secret import Secret
from temoctl.sandbox.folder import PROFILE, Folder
from temoctl.sandbox.platform_file import LLM_SECRET
from temoctl.sandbox.remote import Remote
from temoctl.sandbox.world import World
from temoctl.spec import Project, load_project
from temoctl.spec.channels import TelegramChannel
from temoctl.systemdata.ports import Principal, Role, Store

BY = "sandbox"
_FOREIGN = "https://chat.another-agency.example/telegram/hook"


@dataclass(frozen=True, slots=True)
class SeededBot:
    """`made` is False when the bot was only made known again. `state` is "" or how it was spoiled on request."""

    tenant: str
    channel: str
    username: str
    bot_id: str
    made: bool
    state: str = ""


@dataclass(frozen=True, slots=True)
class Seeded:
    bots: tuple[SeededBot, ...]
    secrets: tuple[str, ...]  # vault paths that were filled, as tenant:path


async def seed(root: Path, world: World, *, dead: Collection[str] = (), foreign: Collection[str] = ()) -> Seeded:
    """Give bots and keys to whom they are missing. Tenants in `dead` get a revoked token, those in `foreign` a bot
    whose webhook already belongs to somebody else.
    """
    project = load_project(root, PROFILE, read_files=False)
    for tenant in (*dead, *foreign):
        if not telegram_channels(project, tenant):
            raise UserError("TEMO806", f"no tenant '{tenant}' with a Telegram channel", fix="see `temoctl validate`")
    bots: list[SeededBot] = []
    filled: list[str] = []
    async with open_vault(Folder(world.folder)) as store, world.remote() as remote:
        uid = await _uid(store, PLATFORM, "")
        if LLM_SECRET not in await store.vault.versions(uid):
            key = (Folder(world.folder).secrets / "llm-api-key").read_text()
            await store.vault.put(uid, LLM_SECRET, Secret(key), by=BY)
            filled.append(f"{PLATFORM}:{LLM_SECRET}")
        known = {bot["id"] for bot in await remote.call("GET", "/bots")}
        for tenant, spec in project.tenants.items():
            for channel, settings in telegram_channels(project, tenant).items():
                path = settings.token.vault_path
                uid = await _uid(store, tenant, spec.manager or "")
                made = path not in await store.vault.versions(uid)
                token = _token() if made else await store.vault.get(uid, path)
                if made:
                    await store.vault.put(uid, path, token, by=BY)
                    filled.append(f"{tenant}:{path}")
                number = token.reveal().partition(":")[0]
                username = _username(tenant, channel)
                if int(number) not in known:
                    await _make_bot(remote, token, username, spec.company.name)
                state = await _spoil(remote, number, tenant, dead, foreign)
                bots.append(SeededBot(tenant, channel, username, number, made, state))
    return Seeded(tuple(bots), tuple(filled))


@asynccontextmanager
async def open_vault(folder: Folder) -> AsyncIterator[Store]:
    """SystemData of this world, as admin."""
    from temoctl.systemdata import master_key, migrate, open_store

    dsn = Secret((folder.secrets / "systemdata-dsn").read_text())
    await migrate(dsn)
    key = master_key.load(folder.path, environ={})  # the world's own, whatever key real tenants have
    clock, ids = SystemClock(), RandomIds()
    store = await open_store(dsn, Principal(BY, Role.ADMIN), clock=clock, ids=ids, master_key=key)
    try:
        yield store
    finally:
        await store.close()


def telegram_channels(project: Project, tenant: str) -> dict[str, TelegramChannel]:
    """A tenant's Telegram channels by name; none for an unknown tenant."""
    spec = project.tenants.get(tenant)
    channels = spec.channels if spec else {}
    return {name: one for name, one in channels.items() if isinstance(one, TelegramChannel)}


async def _uid(store: Store, tenant: str, manager: str) -> str:
    """The tenant's uid. A tenant needs a row before it can have secrets; applying it later keeps the uid."""
    return await store.register(tenant, RandomIds().token(UID_LENGTH), manager=manager, by=BY)


async def _make_bot(remote: Remote, token: Secret, username: str, name: str) -> None:
    await remote.call("POST", "/bots", json={"token": token.reveal(), "username": username, "first_name": name})


async def _spoil(remote: Remote, number: str, tenant: str, dead: Collection[str], foreign: Collection[str]) -> str:
    if tenant in foreign:
        await remote.call("POST", f"/bots/{number}/webhook", json={"url": _FOREIGN})
        return "webhook elsewhere"
    if tenant in dead:
        await remote.call("POST", f"/bots/{number}/revoke")
        return "token revoked"
    return ""


def _token() -> Secret:
    return Secret(f"{5_000_000_000 + secrets.randbelow(4_000_000_000)}:AA{secrets.token_urlsafe(25)}")


def _username(tenant: str, channel: str) -> str:
    """Like the ones people choose: letters, digits, underscores, at most 32, ending in `bot`."""
    own = tenant if channel == "telegram" else f"{tenant}_{channel}"
    return f"{re.sub('[^a-z0-9]', '_', own)[:24]}_{secrets.token_hex(1)}_bot"
