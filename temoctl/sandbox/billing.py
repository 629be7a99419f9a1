"""The customers at the sandbox's till: who pays, with what card, and how time passes there. Must not draw anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temoctl.model.errors import UserError
from temoctl.model.identity import Marker
from temoctl.sandbox.folder import Folder
from temoctl.sandbox.seeding import open_vault
from temoctl.sandbox.world import World, attach


@dataclass(frozen=True, slots=True)
class Account:
    """One tenant as Stripe's stand-in knows it. `open` are unpaid invoices, as (amount in minor units, currency)."""

    tenant: str
    customer: str
    status: str = ""
    trial_end: int | None = None
    period_end: int | None = None
    open: tuple[tuple[int, str], ...] = ()


async def accounts(root: Path) -> tuple[float, Sequence[Account]]:
    """How far Stripe's time is ahead, in seconds, and everybody who is its customer."""
    world = await attach(root)
    async with world.remote() as remote:
        seen = await remote.call("GET", "/till")
    names = await _names(world)
    return float(seen["shift"]), [_account(one, names) for one in seen["customers"]]


async def pay(root: Path, tenant: str, *, link: str = "", good: bool = True) -> Account:
    """Open a tenant's Checkout link (the newest that still works, unless one is given) and enter a card."""
    return await _do(root, tenant, "pay", {"session": link, "good": good})


async def card(root: Path, tenant: str, *, good: bool = True, away: bool = False) -> Account:
    """Change the card in the customer portal, or take it away."""
    return await _do(root, tenant, "card", {"good": good, "away": away})


async def be_ready(root: Path, *, ready: bool) -> None:
    """Whether clients give a card by themselves as soon as they are customers. Kept over a stop."""
    world = await attach(root)
    async with world.remote() as remote:
        await remote.call("POST", "/till-habits", json={"ready": ready})


async def settle(root: Path, tenant: str) -> Account:
    """Pay everything that is due on the pages of the invoices."""
    return await _do(root, tenant, "settle", {})


async def advance(root: Path, seconds: float) -> tuple[float, Sequence[Account]]:
    """Let Stripe's time pass, with all that happens in it. Waits until its events have been heard."""
    world = await attach(root)
    async with world.remote() as remote:
        await remote.call("POST", "/till-time", json={"seconds": seconds})
        await remote.call("POST", "/till-events")
    return await accounts(root)


async def _do(root: Path, tenant: str, what: str, told: Mapping[str, Any]) -> Account:
    """What one customer does; its events have been heard when this returns."""
    world = await attach(root)
    names = await _names(world)
    uid = next((uid for uid, name in names.items() if name == tenant), "")
    if not uid:
        raise UserError(
            "TEMO806", f"there is no tenant {tenant} in this sandbox", fix=f"apply it: temoctl apply {tenant}"
        )
    async with world.remote() as remote:
        await remote.call("POST", f"/till/{uid}/{what}", json=dict(told))
        await remote.call("POST", "/till-events")
        return _account(await remote.call("GET", f"/till/{uid}"), names)


async def _names(world: World) -> dict[str, str]:
    async with open_vault(Folder(world.folder)) as store:
        return {one.uid: one.tenant for one in await store.tenants()}


def _account(seen: Mapping[str, Any], names: Mapping[str, str]) -> Account:
    markers = [marker for value in seen["metadata"].values() if (marker := Marker.search(str(value)))]
    tenant = next((names[one.owner.uid] for one in markers if one.owner.uid in names), str(seen["name"]))
    subscription = seen["subscription"] or {}
    due = tuple((int(one["amount_due"]), str(one["currency"])) for one in seen["invoices"] if one["status"] == "open")
    return Account(
        tenant,
        str(seen["id"]),
        str(subscription.get("status", "")),
        subscription.get("trial_end"),
        subscription.get("period_end"),
        due,
    )
