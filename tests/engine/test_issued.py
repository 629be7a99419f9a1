"""Secrets that a vendor tells one time: in the vault before their intent ends, made anew when nobody kept them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from temoctl.engine.ports import Fence
from temoctl.engine.protocol import Call
from temoctl.engine.run import run_tenant
from temoctl.model.errors import Unavailable
from temoctl.model.resource import Desired
from temoctl.model.secret import Secret, SecretRef
from temoctl.systemdata.ports import Vault
from tests.crash.faults import Kind as Fault
from tests.crash.toy import HOOK_SECRET
from tests.crash.toy_stage import address
from tests.engine.bench import UID, Bench, failures

pytestmark = pytest.mark.anyio


def hook(url: str = "u1") -> Sequence[Desired]:
    return [Desired(address("hook"), {"url": url}, "hook")]


async def bench(**extra: object) -> Bench:
    return await Bench(parallelism=1, **extra).begin()  # type: ignore[arg-type]


def told(b: Bench) -> Secret:
    (thing,) = b.vendor.things.values()
    return Secret(thing.issued)


async def test_what_was_issued_is_in_the_vault_and_nowhere_else() -> None:
    b = await bench()
    result = await b.apply(hook())
    assert result.ok
    assert await b.store.vault.get(UID, HOOK_SECRET) == told(b)
    shown = f"{result!r} {await b.recorded()!r} {b.events!r} {list(b.state.intents.values())!r}"
    assert told(b).reveal() not in shown


async def test_what_is_issued_again_is_a_newer_version() -> None:
    b = await bench()
    await b.apply(hook())
    first = told(b)
    await b.apply(hook("u2"))
    assert await b.store.vault.get(UID, HOOK_SECRET, 1) == first
    assert await b.store.vault.get(UID, HOOK_SECRET) == told(b) != first


async def test_a_secret_set_by_hand_in_the_meantime_is_not_overwritten() -> None:
    b = await bench()
    by_hand = Secret("typed-in-by-somebody")
    versions = b.store.vault.versions

    async def late(uid: str) -> dict[str, int]:
        known = dict(await versions(uid))
        await b.store.vault.put(UID, HOOK_SECRET, by_hand, by="somebody")
        return known

    b.store.vault.versions = late  # type: ignore[method-assign]
    assert (await b.apply(hook())).ok
    assert await b.store.vault.get(UID, HOOK_SECRET, 1) == by_hand
    assert await b.store.vault.get(UID, HOOK_SECRET) == told(b)


class _Down:
    """A vault that can't be written to."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def __getattr__(self, name: str) -> object:
        return getattr(self._vault, name)

    async def ensure(self, fence: Fence, ref: SecretRef, fresh: Secret) -> Secret:
        raise Unavailable("TEMO690", "the database refused the connection")


async def test_an_object_whose_secret_could_not_be_kept_is_made_anew() -> None:
    b = await bench()
    plan, hold = await b.plan(hook()), await b.hold()
    world = replace(b.world(), vault=_Down(b.store.vault))
    result = await run_tenant(plan, world, recorded=await b.recorded(), hold=hold)
    assert failures(result) == {"hook.main": "TEMO690"}
    first = told(b)
    assert b.open_intents() == [f"create {address('hook')}"]
    assert (await b.apply(hook())).ok
    assert await b.store.vault.get(UID, HOOK_SECRET) == told(b) != first
    assert b.open_intents() == []


async def test_a_lost_answer_is_a_lost_secret() -> None:
    b = await bench(faults=((0, Fault.LOST),))
    issued: list[str] = []

    def note(call: Call) -> None:
        issued.extend(thing.issued for thing in b.vendor.things.values() if thing.issued not in issued)

    b.toy.before = note
    assert (await b.apply(hook())).ok
    assert len(issued) == 1, "the first one was made, and its secret was told to nobody"
    assert (await b.store.vault.get(UID, HOOK_SECRET)).reveal() not in issued
    assert b.there() == ["hook.main"]
