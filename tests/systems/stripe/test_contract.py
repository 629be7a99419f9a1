"""Every request temoctl sends and every answer the stand-in gives fits Stripe's own description and examples."""

from __future__ import annotations

from typing import Any

import pytest

from temoctl.engine.clock import VirtualClock
from temoctl.engine.protocol import Scope, Verb
from temoctl.engine.throttle import Throttle
from tests.conformance.bench import Bench, Freely
from tests.systems.stripe.described import MISSING, WHY, CheckedStripe
from tests.systems.stripe.rig import (
    BUSINESS,
    BUSINESS_EUR,
    CUSTOMER,
    KEY,
    OWNER,
    PAYMENT,
    PORTAL,
    SAMPLES,
    SUBSCRIPTION,
    FakeRig,
    connected,
)

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(MISSING, reason=WHY)]


async def checked_rig(**options: Any) -> tuple[FakeRig, CheckedStripe]:
    clock = VirtualClock()
    fake = CheckedStripe(clock, key=KEY, **options)
    system, slots = await connected(fake, clock)
    assert isinstance(slots, Throttle)
    return FakeRig(system, fake, clock, slots), fake


async def test_a_whole_life_fits_the_description() -> None:
    rig, fake = await checked_rig()
    samples = {one.address: one for one in SAMPLES}
    await rig.system.instance()
    benches = {one.address: Bench(rig, samples, one) for one in SAMPLES}
    outputs: dict[Any, Any] = {}
    refs: dict[Any, str] = {}
    for sample in SAMPLES:
        bench = benches[sample.address]
        bench._outputs = outputs
        if not bench.kind.watched_only:
            refs[sample.address] = (await bench.create()).ref
        await bench.observe(refs.get(sample.address))
        await rig.system.read(bench.target())
    link = await rig.system.link(benches[PAYMENT.address].target(), Freely())
    await rig.system.bill(benches[SUBSCRIPTION.address].target(ref=refs[SUBSCRIPTION.address]))
    await fake.pay(link.url)
    for sample in SAMPLES:
        if sample.changed is not None:
            bench = benches[sample.address]
            await rig.system.execute(
                bench.call(Verb.UPDATE, props=sample.changed, ref=refs[sample.address], intent="b" * 12)
            )
    await rig.system.link(benches[PAYMENT.address].target(), Freely())
    await rig.system.observe(Scope((), {"acme": OWNER, "platform": OWNER}))
    for sample in reversed(SAMPLES):
        bench = benches[sample.address]
        if not bench.kind.watched_only:
            await bench.delete(refs[sample.address])
            await bench.until_gone(refs[sample.address])
    assert not fake.wrong, "\n".join(sorted(fake.wrong))
    assert len(fake.seen) >= 40, sorted(fake.seen)


async def test_a_year_of_billing_fits_the_description() -> None:
    rig, fake = await checked_rig()
    samples = {one.address: one for one in SAMPLES}
    bench = Bench(rig, samples, SUBSCRIPTION)
    await bench.make_needs()
    await bench.create()
    customer = str(bench.output(CUSTOMER.address, "id"))
    card = await fake.give_card(customer, good=False)
    for days in (14, 1, 40, 30):
        await fake.advance(days * 86400)
        await bench.observe()
        await rig.system.bill(bench.target(ref=str(bench.output(SUBSCRIPTION.address, "id"))))
    assert card["object"] == "payment_method"
    assert {"invoice.payment_failed", "customer.subscription.updated"} <= {
        row["type"] for row in fake.ledger.table("events").values()
    }
    assert not fake.wrong, "\n".join(sorted(fake.wrong))


async def test_refusals_and_what_only_people_use_fit_the_description() -> None:
    rig, fake = await checked_rig()
    samples = {one.address: one for one in SAMPLES}
    bench = Bench(rig, samples, BUSINESS_EUR)
    await bench.make_needs()
    await bench.create()
    v1 = rig.system._api.v1
    for call in (
        v1.customers.retrieve_async("cus_nobody"),
        v1.prices.create_async({"currency": "eur", "product": "nothing", "unit_amount": 1}),
        v1.prices.update_async(str(bench.output(BUSINESS_EUR.address, "id")), {"nickname": "n", "active": True}),
        v1.products.create_async({"id": str(BUSINESS.props["id"]), "name": "Again"}),
        v1.events.list_async({"limit": 3}),
        v1.test_helpers.test_clocks.create_async({"frozen_time": 1_700_000_000}),
        v1.billing_portal.sessions.create_async({"customer": "cus_nobody"}),
    ):
        from temoctl.systems.stripe.client import _ASKING, _Asking

        _ASKING.set(_Asking(Freely()))
        with __import__("contextlib").suppress(Exception):
            await call
    assert PORTAL.address.kind == "portal"
    assert not fake.wrong, "\n".join(sorted(fake.wrong))
