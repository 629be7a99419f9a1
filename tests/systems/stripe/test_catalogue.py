"""Products, prices and features over time: archived, put back, replaced; and what somebody else made."""

from __future__ import annotations

import pytest

from temoctl.engine.clock import VirtualClock
from temoctl.engine.protocol import Verb, Verdict
from temoctl.model.errors import Conflict, Refused
from temoctl.model.resource import Presence
from temoctl.systems.stripe.fake_store import FEATURES, PRICES, PRODUCTS
from tests.conformance.bench import Bench
from tests.conformance.rig import Sample
from tests.systems.stripe.rig import BUSINESS, FEATURE, GRANT, SAMPLES, START, START_EUR, FakeRig, fake_rig

pytestmark = pytest.mark.anyio


async def made(*samples: Sample) -> tuple[FakeRig, list[Bench]]:
    rig = await fake_rig(VirtualClock())
    benches = [Bench(rig, {one.address: one for one in SAMPLES}, one) for one in samples]
    for number, bench in enumerate(benches):
        bench._outputs = benches[0]._outputs
        await bench.make_needs()
        if bench.sample.address not in bench._outputs:
            await bench.create(intent=f"{number:012d}")
    return rig, benches


async def test_an_archived_product_is_absent_and_put_back_by_making_it() -> None:
    rig, (product,) = await made(START)
    ref = str(START.props["id"])
    await product.delete(ref)
    assert (await rig.system.gone(product.target(ref=ref))).verdict is Verdict.ARCHIVED
    seen = await product.observe(ref)
    assert (seen.presence, seen.note) == (Presence.ABSENT, "it was archived at Stripe")
    await product.create(intent="e" * 12)
    assert rig.fake.ledger.table(PRODUCTS)[ref]["active"] is True
    assert (await product.observe(ref)).presence is Presence.PRESENT


async def test_a_product_of_that_id_which_is_not_ours_is_left_alone() -> None:
    rig, (product,) = await made(START)
    row = rig.fake.ledger.table(PRODUCTS)[str(START.props["id"])]
    row["metadata"] = {"temo": str(row["metadata"]["temo"]).replace("0123456789", "9876543210", 1)}
    assert (await product.observe()).presence is Presence.UNKNOWN
    with pytest.raises(Conflict, match="TEMO737"):
        await product.create(intent="e" * 12)
    assert row["name"] == "Start"


async def test_a_new_price_takes_the_key_over_and_the_old_one_only_stops_being_sold() -> None:
    rig, (price,) = await made(START_EUR)
    old = str(price.output(START_EUR.address, "id"))
    dearer = {**START_EUR.props, "unit_amount": 3900}
    new = await price.create(props=dearer, intent="e" * 12)
    table = rig.fake.ledger.table(PRICES)
    assert (table[old]["lookup_key"], table[new.ref]["lookup_key"]) == (None, START_EUR.props["lookup_key"])
    assert table[old]["active"] is True, "it goes when its successor is on record"
    seen = await price.observe(new.ref, props=dearer)
    assert (seen.ref, [twin.ref for twin in seen.twins]) == (new.ref, [old])
    await price.delete(old)
    assert table[old]["active"] is False
    assert not (await price.observe(new.ref, props=dearer)).twins


async def test_a_key_that_another_price_has_is_not_taken_from_it() -> None:
    rig, (product,) = await made(START)
    money = {"currency": "eur", "unit_amount": "1", "recurring": {"interval": "month"}}
    theirs = rig.fake.catalogue.create_price(
        {"product": START.props["id"], "lookup_key": START_EUR.props["lookup_key"], **money}
    )
    price = Bench(rig, {one.address: one for one in SAMPLES}, START_EUR)
    price._outputs = product._outputs
    with pytest.raises(Conflict, match="TEMO737"):
        await price.create()
    assert theirs["lookup_key"] == START_EUR.props["lookup_key"]


async def test_a_feature_that_was_put_away_is_made_anew() -> None:
    rig, (feature,) = await made(FEATURE)
    first = str(feature.output(FEATURE.address, "id"))
    await feature.delete(first)
    assert (await feature.observe(first)).presence is Presence.ABSENT
    again = await feature.create(intent="e" * 12)
    assert again.ref != first
    assert len(rig.fake.ledger.table(FEATURES)) == 2


async def test_a_grant_that_is_there_already_is_the_grant() -> None:
    rig, (grant,) = await made(GRANT)
    first = await grant.observe()
    assert (await grant.create(intent="e" * 12)).ref == first.ref
    rig.fake.ledger.table(PRODUCTS)[str(BUSINESS.props["id"])]["metadata"] = {}
    with pytest.raises(Conflict, match="TEMO737"):
        await grant.create(intent="f" * 12)


async def test_what_stripe_refuses_is_told_in_its_words() -> None:
    _, (price,) = await made(START_EUR)
    with pytest.raises(Refused) as caught:
        await price.create(props={**START_EUR.props, "interval": "fortnight", "lookup_key": "x"}, intent="e" * 12)
    assert caught.value.code == "TEMO735"
    assert "interval" in caught.value.detail


async def test_a_description_can_be_taken_away() -> None:
    rig, (product,) = await made(START)
    assert START.changed is not None
    await rig.system.execute(
        product.call(Verb.UPDATE, props=START.changed, ref=str(START.props["id"]), intent="e" * 12)
    )
    assert rig.fake.ledger.table(PRODUCTS)[str(START.props["id"])]["description"] is None
