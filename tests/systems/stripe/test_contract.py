"""Every request temoctl sends and every answer the stand-in gives fits Stripe's own description and examples."""

from __future__ import annotations

from typing import Any

import pytest

from temoctl.engine.clock import VirtualClock
from temoctl.engine.protocol import Scope, Verb
from temoctl.engine.throttle import Throttle
from temoctl.model.errors import Refused
from temoctl.model.secret import Secret
from temoctl.systems.fake_http import InProcess
from temoctl.systems.stripe.client import StripeApi
from tests.conformance.bench import Bench, Freely
from tests.systems.stripe.described import MISSING, WHY, CheckedStripe
from tests.systems.stripe.rig import (
    BUSINESS,
    BUSINESS_EUR,
    CUSTOMER,
    KEY,
    OWNER,
    PAYMENT,
    SAMPLES,
    SUBSCRIPTION,
    URL,
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
    bench = Bench(rig, {one.address: one for one in SAMPLES}, BUSINESS_EUR)
    await bench.make_needs()
    price = (await bench.create()).ref
    api = StripeApi(URL, Secret(KEY), clock=rig.clock, slots=rig.slots, transport=InProcess({URL: fake}))
    v1 = api.v1
    assert await api.get(v1.customers.retrieve_async, "cus_nobody") is None
    assert await api.all(v1.events.list_async)
    for service, path, params in (
        (v1.prices.create_async, (), {"currency": "eur", "product": "nothing", "unit_amount": 1}),
        (v1.products.create_async, (), {"id": BUSINESS.props["id"], "name": "Again"}),
        (v1.billing_portal.sessions.create_async, (), {"customer": "cus_nobody"}),
        (v1.checkout.sessions.create_async, (), {"mode": "setup", "success_url": "https://a.example"}),
    ):
        with pytest.raises(Refused):
            await api.change(service, *path, permit=Freely(), key="", params=params)
    clock = {"frozen_time": 1_700_000_000}
    for service, path, params in (
        (v1.prices.update_async, (price,), {"nickname": "n", "active": True}),
        (v1.test_helpers.test_clocks.create_async, (), clock),
    ):
        await api.change(service, *path, permit=Freely(), key="", params=params)
    assert not fake.wrong, "\n".join(sorted(fake.wrong))
