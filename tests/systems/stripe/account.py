"""A tenant at Stripe to try things with: catalogue made, customer and subscription as a blueprint asks for them."""

from __future__ import annotations

from typing import Any, Self

from temoctl.engine.clock import VirtualClock
from temoctl.engine.protocol import Bill, Link, Outcome, Target, Verb
from temoctl.model.resource import Observed
from temoctl.model.value import Json, Props
from temoctl.systems.stripe.fake_store import SUBSCRIPTIONS, Row
from tests.conformance.bench import Bench, Freely
from tests.conformance.rig import Sample
from tests.systems.stripe.rig import (
    BUSINESS,
    BUSINESS_EUR,
    CUSTOMER,
    FREE,
    FREE_EUR,
    PAYMENT,
    PORTAL,
    START,
    START_EUR,
    SUBSCRIPTION,
    FakeRig,
    a_subscription,
    fake_rig,
)

DAY = 86400
PLANS = {"start": (START, START_EUR), "business": (BUSINESS, BUSINESS_EUR), "free": (FREE, FREE_EUR)}
_MADE = (START, START_EUR, BUSINESS, BUSINESS_EUR, FREE, FREE_EUR, PORTAL, CUSTOMER, SUBSCRIPTION, PAYMENT)


class Account:
    """One tenant's billing. `subscribe`, `change` and `settle` do what plans of temoctl would have done."""

    def __init__(self, rig: FakeRig) -> None:
        self.rig, self.system, self.fake, self.clock = rig, rig.system, rig.fake, rig.clock
        samples = {one.address: one for one in _MADE}
        self.benches = {one.address: Bench(rig, samples, one) for one in _MADE}
        self._outputs: dict[Any, Any] = {}
        for bench in self.benches.values():
            bench._outputs = self._outputs
        self._intents = 0
        self.ref: str | None = None

    @classmethod
    async def open(cls, clock: VirtualClock | None = None, **options: Any) -> Self:
        made = cls(await fake_rig(clock, **options))
        for sample in _MADE[:-2]:
            await made.benches[sample.address].create(intent=made.intent())
        return made

    def intent(self) -> str:
        self._intents += 1
        return f"{self._intents:012d}"

    @property
    def customer(self) -> str:
        return str(self._outputs[CUSTOMER.address]["id"])

    def price(self, plan: str) -> str:
        return str(self._outputs[PLANS[plan][1].address]["id"])

    def wanted(self, plan: str, **more: Any) -> dict[str, Any]:
        return a_subscription(*PLANS[plan], **more)

    def row(self) -> Row:
        return self.fake.ledger.table(SUBSCRIPTIONS)[str(self.ref)]

    @property
    def status(self) -> str:
        return str(self.row()["status"])

    def target(self, sample: Sample = SUBSCRIPTION, props: Props | None = None, ref: str | None = None) -> Target:
        return self.benches[sample.address].target(props=props, ref=ref)

    async def subscribe(self, plan: str = "start", **more: Any) -> Outcome:
        outcome = await self.benches[SUBSCRIPTION.address].create(props=self.wanted(plan, **more), intent=self.intent())
        self.ref = outcome.ref
        return outcome

    async def seen(self, plan: str = "start", **more: Any) -> Observed:
        return await self.benches[SUBSCRIPTION.address].observe(self.ref, props=self.wanted(plan, **more))

    async def differs(self, plan: str = "start", **more: Any) -> dict[str, tuple[Json, Json]]:
        """What a plan would show: field -> (there, wanted)."""
        bench, props = self.benches[SUBSCRIPTION.address], self.wanted(plan, **more)
        there = bench.comparable((await self.seen(plan, **more)).props)
        want = bench.comparable(bench.tree(SUBSCRIPTION, props))
        return {name: (there.get(name), value) for name, value in want.items() if there.get(name) != value}

    async def change(self, plan: str = "start", **more: Any) -> Outcome:
        """What an update step does."""
        bench, props = self.benches[SUBSCRIPTION.address], self.wanted(plan, **more)
        return await self.system.execute(bench.call(Verb.UPDATE, props=props, ref=self.ref, intent=self.intent()))

    async def cancel(self) -> None:
        bench = self.benches[SUBSCRIPTION.address]
        await self.system.execute(bench.call(Verb.DELETE, ref=self.ref, intent=self.intent()))

    async def gate(self) -> Observed:
        bench = self.benches[PAYMENT.address]
        return await bench.observe()

    async def link(self) -> Link:
        return await self.system.link(self.target(PAYMENT), Freely())

    async def bill(self) -> Bill:
        found = await self.system.bill(self.target(ref=self.ref))
        assert found is not None
        return found

    async def days(self, number: float) -> None:
        await self.fake.advance(number * DAY)
