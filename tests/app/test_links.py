"""Addresses for paying: a fresh one whenever somebody asks, for who may ask, and never kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from temoctl.app.links import link_in
from temoctl.app.world import World
from temoctl.engine.protocol import Link
from temoctl.model.errors import TemoError
from temoctl.systemdata.memory import MemoryStore
from temoctl.systemdata.ports import Principal, Role
from tests.sim import play as commands
from tests.sim.specs import Wish
from tests.year.world import Year, play


async def link(year: Year, tenant: str, principal: Principal | None = None) -> Link | str:
    """The address, or the code of why there is none."""

    async def work(world: World) -> Link | str:
        store = MemoryStore(year.state, principal, clock=year.clock, ids=year.ids) if principal else world.store
        try:
            return await link_in(replace(world, store=store, principal=principal or world.principal), tenant)
        except TemoError as error:
            return error.code

    found: Link | str = await year.command(work)
    return found


def test_who_gets_which_address(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    async def story(year: Year) -> None:
        year.write(Wish("acme"))
        year.write(Wish("bolt"))
        for tenant in ("acme", "bolt"):
            await year.give_secrets(tenant, "telegram")
        seen["never applied"] = await link(year, "bolt")
        seen["unknown"] = await link(year, "nobody")
        await year.command(commands.apply("platform", "acme"))
        await year.command(lambda world: world.store.assign("acme", "mia", by="root"))
        seen["first"], seen["second"] = await link(year, "acme"), await link(year, "acme")
        seen["its manager"] = await link(year, "acme", Principal("mia", Role.MANAGER))
        seen["another manager"] = await link(year, "acme", Principal("zoe", Role.MANAGER))
        await year.stripe.pay(seen["first"].url)
        await year.command(commands.apply("acme"))
        seen["once paid"] = await link(year, "acme")
        seen["reads"] = [(by, what) for _, _, by, what in year.state.reads]
        seen["kept"] = str([year.state.resources, year.state.intents, year.state.audit, year.state.reads])

    play(story, tmp_path)
    assert isinstance(seen["first"], Link) and isinstance(seen["second"], Link)
    assert seen["first"].url != seen["second"].url
    assert seen["first"].expires and "card" in seen["first"].instructions
    assert isinstance(seen["its manager"], Link)
    assert isinstance(seen["another manager"], str), "somebody else's tenant"
    assert seen["unknown"] == "TEMO101"
    assert isinstance(seen["never applied"], str)
    assert "billing.stripe.com" in seen["once paid"].url and "checkout.stripe.com" in seen["first"].url
    assert ("mia", "payment link") in seen["reads"]
    assert not any(one.url in seen["kept"] for one in seen.values() if isinstance(one, Link))
