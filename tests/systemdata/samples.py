"""Values for the store's tests."""

from __future__ import annotations

from temoctl.engine.ports import Begin, Ending, Fence, Finish, Intent
from temoctl.model.address import Address
from temoctl.model.diagnostic import Where
from temoctl.model.identity import Marker, Owner
from temoctl.model.resource import Recorded
from temoctl.systemdata.ports import LeaseState, Store

INSTALLATION = "0123456789"
ACME, BOLT, PLATFORM_UID = "acme" + "0" * 12, "b0" * 8, "p1atf0rm" + "0" * 8
CREDENTIAL = Address("acme", "n8n", "credential", "telegram")
WORKFLOW = Address("acme", "n8n", "workflow", "telegram-ingress")


def intent(
    name: str, address: Address = CREDENTIAL, uid: str = ACME, *, verb: str = "create", at: float = 1.0, **other: object
) -> Intent:
    marker = Marker(Owner(INSTALLATION, uid), address.kind, address.name, name)
    props = {"name": "Телеграм", "token": {"$secret": "telegram/token", "version": 1}}
    return Intent(name, address, verb, marker, props, at, **other)  # type: ignore[arg-type]


def record(address: Address = CREDENTIAL, *, ref: str = "c1", **other: object) -> Recorded:
    values: dict[str, object] = {
        "props": {"name": "x", "token": {"$secret": "telegram/token", "version": 1}},
        "resolved": {"name": "x"},
        "outputs": {"id": ref},
        "instance": "n8n-1",
        "label": "Telegram login",
        "where": Where("tenant_specs/acme.yaml", 3, 5, 8),
        "intent": "1ntent000001",
    } | other
    return Recorded(address, ref, **values)  # type: ignore[arg-type]


def done(fence: Fence, address: Address = CREDENTIAL, name: str = "", **other: object) -> Finish:
    return Finish(fence, address, Ending.DONE, name, **other)  # type: ignore[arg-type]


async def tenant(store: Store, uid: str = ACME, name: str = "acme", manager: str = "mia") -> LeaseState:
    """A registered tenant and its lease."""
    await store.register(name, uid, manager=manager, by="root")
    return await store.take_lease(uid, holder="test", operation="apply", ttl=60)


async def recorded(store: Store, lease: LeaseState, *records: Recorded) -> None:
    accepted = await store.journal.write([done(lease.fence(), one.address, record=one) for one in records])
    assert all(accepted)


def begin(lease: LeaseState, one: Intent) -> Begin:
    return Begin(lease.fence(), one)
