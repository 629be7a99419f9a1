"""Secrets of a tenant: stored, listed without their values, removed. Values never stand in a command's words."""

from __future__ import annotations

import os
from collections.abc import Sequence

from temoctl.app.selection import known_tenant
from temoctl.app.world import World
from temoctl.model.address import PLATFORM
from temoctl.model.errors import Refused, UserError
from temoctl.model.identity import UID_LENGTH
from temoctl.model.secret import Secret
from temoctl.systemdata.ports import Role, SecretRow

_LONGEST = 64_000


async def set_secret(world: World, tenant: str, path: str, value: Secret) -> int:
    """Store a new version and return its number. A tenant that has never been applied gets its row now."""
    known_tenant(world.project, tenant, [one.tenant for one in await world.store.tenants()])
    _check(tenant, value, world)
    spec = world.project.tenants.get(tenant)
    manager = (spec.manager if spec is not None else None) or _own_name(world)
    uid = await world.store.register(tenant, world.ids.token(UID_LENGTH), manager=manager, by=world.principal.name)
    return await world.store.vault.put(uid, path, value, by=world.principal.name)


async def list_secrets(world: World, tenant: str) -> Sequence[SecretRow]:
    return await world.store.vault.listing(await uid_of(world, tenant))


async def remove_secret(world: World, tenant: str, path: str) -> int:
    """Remove every version; returns how many there were."""
    removed = await world.store.vault.remove(await uid_of(world, tenant), path, by=world.principal.name)
    if not removed:
        raise UserError(
            "TEMO131",
            f"{tenant} has no secret {path}",
            fix=f"`temoctl secrets list {tenant}` shows what there is",
        )
    return removed


async def uid_of(world: World, tenant: str) -> str:
    """The living tenant's uid. Raises UserError where nothing was ever stored or applied for it."""
    found = (await world.store.load([tenant]))[tenant]
    if not found.uid:
        known_tenant(world.project, tenant, [one.tenant for one in await world.store.tenants()])
        raise UserError(
            "TEMO132",
            f"nothing is on record of {tenant} yet",
            fix=f"`temoctl apply {tenant}` or `temoctl secrets set {tenant} …` begins it",
        )
    return found.uid


def from_environment(name: str) -> tuple[str, Secret]:
    """DECISIONS 25: a variable is read once, by this explicit command. The vault path and the value."""
    text = os.environ.get(name, "")
    if not text:
        raise UserError(
            "TEMO105", f"the environment variable {name} is not set", fix=f"set it first: `export {name}=…`"
        )
    return f"env/{name.lower()}", Secret(text)


def _check(tenant: str, value: Secret, world: World) -> None:
    text = value.reveal()
    if not text.strip():
        raise UserError("TEMO123", "the secret is empty, so nothing was stored", fix="give the value and try again")
    if len(text) > _LONGEST:
        raise UserError("TEMO123", "this is too long for a secret", fix="store the secret itself, not a whole file")
    if tenant == PLATFORM and world.principal.role is Role.MANAGER:
        raise Refused("TEMO117", "only an admin or CI may change what all tenants share", fix="ask an admin")


def _own_name(world: World) -> str:
    return world.principal.name if world.principal.role is Role.MANAGER else ""
