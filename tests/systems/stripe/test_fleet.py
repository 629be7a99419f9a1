"""Many tenants at once: what it costs to look at them, and that nobody is lost from view."""

from __future__ import annotations

from dataclasses import replace

import pytest

from temoctl.engine.ids import SeededIds
from temoctl.engine.protocol import Scope, Target, Verb, Verdict
from temoctl.model.address import PLATFORM, Address
from temoctl.model.identity import UID_LENGTH, Marker, Owner
from temoctl.model.resource import Doubt, Presence
from temoctl.systems.fake_http import Fault
from temoctl.systems.stripe.fake_store import CUSTOMERS
from tests.conformance.bench import Bench, Freely
from tests.systems.stripe.account import DAY, Account
from tests.systems.stripe.rig import BUSINESS, CUSTOMER, GRANT, OWNER, SAMPLES, FakeRig, fake_rig

pytestmark = pytest.mark.anyio


def fleet(rig: FakeRig, number: int) -> tuple[list[Target], dict[str, Owner]]:
    """Tenants with customer, subscription and card, made as people of long ago made them: behind our back."""
    fake, ids = rig.fake, SeededIds(1)
    fake.catalogue.create_product({"id": "p", "name": "P"})
    money = {"currency": "eur", "unit_amount": "2900", "recurring": {"interval": "month"}}
    price = fake.catalogue.create_price({"product": "p", **money})
    targets, owners = [], {}
    for count in range(number):
        tenant, owner = f"t{count}", Owner(OWNER.installation, ids.token(UID_LENGTH))
        owners[tenant] = owner
        marks = {kind: Marker(owner, kind, name, "0" * 12) for kind, name in _OWN}
        customer = fake.people.create_customer({"name": tenant, "metadata": {"temo": marks["customer"].text}})
        fake.people.give_card(customer["id"], default=True)
        row = fake.subscriptions.create(
            {
                "customer": customer["id"],
                "items": [{"price": price["id"]}],
                "trial_period_days": "14",
                "metadata": {"temo": marks["subscription"].text},
            }
        )
        refs = {"customer": customer["id"], "subscription": row["id"]}
        props = {"customer": customer["id"], "subscription": row["id"], "product": "p"}
        for kind, name in _OWN:
            marker = replace(marks[kind], intent=None)
            targets.append(Target(Address(tenant, "stripe", kind, name), marker, refs.get(kind), props))
    return targets, owners


_OWN = (("customer", "billing"), ("subscription", "plan"), ("payment", "subscribe"))


async def test_a_fleet_is_a_few_pages() -> None:
    rig = await fake_rig()
    targets, owners = fleet(rig, 250)
    snapshot = await rig.system.observe(Scope(tuple(targets), owners))
    assert {one.presence for one in snapshot.observed.values()} == {Presence.PRESENT}
    assert snapshot.strays == ()
    asked = [path for _, path in rig.fake.requests]
    assert sorted(asked) == sorted(["/v1/test_helpers/test_clocks", *["/v1/customers"] * 3, *["/v1/subscriptions"] * 3])


async def test_a_tenants_look_reads_no_catalogue_and_the_platforms_no_customers() -> None:
    rig = await fake_rig()
    await rig.system.observe(Scope((), {PLATFORM: OWNER}))
    assert not any("customers" in path or "subscriptions" in path for _, path in rig.fake.requests)
    rig.fake.requests.clear()
    await rig.system.observe(Scope((), {"acme": OWNER}))
    assert not any("products" in path or "prices" in path for _, path in rig.fake.requests)


async def test_strays_are_seen_and_what_ended_is_none() -> None:
    rig = await fake_rig()
    targets, owners = fleet(rig, 3)
    gone, left = targets[0], [one for one in targets[3:] if one.address.tenant != "t2"]
    rig.fake.people.delete_customer({}, str(gone.ref))
    rig.fake.subscriptions.end_all(str(gone.ref))
    snapshot = await rig.system.observe(Scope(tuple(left), owners))
    assert {str(one.address) for one in snapshot.strays} == {
        "t2/stripe.customer.billing",
        "t2/stripe.subscription.plan",
    }
    (customer,) = (one for one in snapshot.strays if one.address.kind == "customer")
    assert customer.referenced, "a subscription needs it"


async def test_a_deleted_customer_is_absent_and_proven_so() -> None:
    tenant = await Account.open()
    bench = tenant.benches[CUSTOMER.address]
    tenant.fake.people.delete_customer({}, tenant.customer)
    for seen in (await bench.observe(tenant.customer), await tenant.system.read(bench.target(ref=tenant.customer))):
        assert seen.presence is Presence.ABSENT
    proof = await tenant.system.gone(bench.target(ref=tenant.customer))
    assert proof.verdict is Verdict.DELETED
    assert "invoices stay" in proof.evidence


async def test_whoever_stands_on_a_test_clock_is_seen() -> None:
    rig = await fake_rig()
    clock = rig.fake.people.create_clock({"frozen_time": str(int(rig.clock.now()))})
    tenant = Account(await fake_rig(rig.clock, settings={"test_clock": clock["id"]}))
    tenant.fake.ledger.add("clocks", clock)
    for address, bench in tenant.benches.items():
        if address.kind not in ("payment", "subscription"):
            await bench.create(intent=tenant.intent())
    await tenant.subscribe()
    assert tenant.fake.ledger.table(CUSTOMERS)[tenant.customer]["test_clock"] == clock["id"]
    assert (await tenant.seen()).presence is Presence.PRESENT
    bench = tenant.benches[CUSTOMER.address]
    for ref in (tenant.customer, None):
        assert (await bench.observe(ref)).ref == tenant.customer
    assert [one.ref for one in await tenant.system.find(bench.target(), "x")] == [tenant.customer]
    scope = Scope((), {"acme": OWNER})
    assert {one.address.kind for one in (await tenant.system.observe(scope)).strays} == {"customer", "subscription"}
    tenant.fake.billing.advance(clock["id"], int(rig.clock.now()) + 15 * DAY)
    assert (await tenant.seen()).outputs["status"] == "paused"


async def test_one_list_that_fails_leaves_the_others_believed() -> None:
    rig = await fake_rig()
    targets, owners = fleet(rig, 2)
    rig.fake.faults.append(Fault("500-before", match="/v1/subscriptions", count=-1))
    snapshot = await rig.system.observe(Scope(tuple(targets), owners))
    for address, seen in snapshot.observed.items():
        if address.kind == "customer":
            assert seen.presence is Presence.PRESENT
        else:
            assert (seen.presence, seen.doubt) == (Presence.UNKNOWN, Doubt.OUTAGE)


async def test_cards_that_can_not_be_asked_for_make_unknown_and_not_unpaid() -> None:
    tenant = await Account.open()
    await tenant.subscribe()
    tenant.fake.faults.append(Fault("denied", match="/v1/checkout/sessions", count=-1))
    for seen in (await tenant.gate(), await tenant.seen()):
        assert (seen.presence, seen.doubt) == (Presence.UNKNOWN, Doubt.DENIED)
    await tenant.fake.give_card(tenant.customer)
    for seen in (await tenant.gate(), await tenant.seen()):
        assert seen.presence is Presence.PRESENT, "who has a card needs no other"


async def test_an_ended_subscription_costs_no_call_of_its_own() -> None:
    tenant = await Account.open()
    await tenant.subscribe()
    await tenant.cancel()
    tenant.fake.requests.clear()
    assert (await tenant.seen()).note.startswith("the subscription ended on")
    assert len(tenant.fake.requests) == 3


async def test_finished_pages_are_asked_for_only_while_somebody_has_no_card() -> None:
    tenant = await Account.open()
    await tenant.subscribe()
    await tenant.seen()
    assert "/v1/checkout/sessions" in {path for _, path in tenant.fake.requests}
    await tenant.fake.give_card(tenant.customer)
    tenant.fake.requests.clear()
    await tenant.seen()
    assert "/v1/checkout/sessions" not in {path for _, path in tenant.fake.requests}


async def test_a_second_customer_of_ours_is_a_twin_of_the_older_one() -> None:
    tenant = await Account.open()
    bench = tenant.benches[CUSTOMER.address]
    tenant.clock.advance(5)
    again = await tenant.system.execute(bench.call(Verb.CREATE, intent="f" * 12))
    seen = await bench.observe(None)
    assert seen.ref == tenant.customer
    assert [one.ref for one in seen.twins] == [again.ref]
    assert not seen.twins[0].referenced


async def test_an_endpoint_that_stripe_switched_off_is_seen_and_put_on() -> None:
    rig = await fake_rig()
    sample = next(one for one in SAMPLES if one.address.kind == "endpoint")
    bench = Bench(rig, {one.address: one for one in SAMPLES}, sample)
    outcome = await bench.create()
    assert list(outcome.issued) == ["stripe/webhook-secret"]
    rig.fake.events.update_endpoint({"disabled": "true"}, outcome.ref)
    (probe,) = await rig.system.probe(bench.target(ref=outcome.ref), ())
    assert not probe.ok
    assert (await bench.observe(outcome.ref)).props["enabled"] is False
    updated = await rig.system.execute(bench.call(Verb.UPDATE, ref=outcome.ref, intent="e" * 12, permit=Freely()))
    assert not updated.issued
    (probe,) = await rig.system.probe(bench.target(ref=outcome.ref), ())
    assert probe.ok


async def test_features_of_plans_cost_a_list_for_each_plan() -> None:
    rig = await fake_rig()
    bench = Bench(rig, {one.address: one for one in SAMPLES}, GRANT)
    await bench.make_needs()
    outcome = await bench.create()
    rig.fake.requests.clear()
    assert (await bench.observe(outcome.ref)).presence is Presence.PRESENT
    asked = [path for _, path in rig.fake.requests]
    assert asked.count(f"/v1/products/{BUSINESS.props['id']}/features") == 1
    assert len(asked) == 6, "and one for each kind of the catalogue"
