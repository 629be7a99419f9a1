"""What changes on a subscription, what never does, and what is given only once."""

from __future__ import annotations

import pytest

from temoctl.model.errors import Conflict, Refused
from temoctl.model.resource import Presence
from temoctl.systems.stripe.fake_store import PRICES, SUBSCRIPTIONS
from tests.systems.stripe.account import DAY, Account
from tests.systems.stripe.rig import BUSINESS, START

pytestmark = pytest.mark.anyio


async def test_another_plan_is_another_price_on_the_same_item() -> None:
    tenant = await Account.open()
    item = (await tenant.subscribe("start")).outputs["item"]
    assert set(await tenant.differs("business")) == {"product"}
    outcome = await tenant.change("business")
    assert outcome.outputs["item"] == item
    assert [one["price"]["unit_amount"] for one in tenant.row()["items"]["data"]] == [7900]
    assert await tenant.differs("business") == {}


async def test_a_changed_plan_in_the_middle_of_a_month_costs_nothing_before_the_next() -> None:
    tenant = await Account.open()
    await tenant.fake.give_card(tenant.customer)
    await tenant.subscribe("start")
    await tenant.days(20)
    before = len(tenant.fake.ledger.table("invoices"))
    await tenant.change("business")
    assert len(tenant.fake.ledger.table("invoices")) == before
    bill = await tenant.bill()
    assert bill.next is not None
    assert bill.next.minor == 7900


async def test_a_new_price_leaves_the_subscription_alone_unless_asked_to_reprice() -> None:
    tenant = await Account.open()
    await tenant.subscribe("start")
    dearer = tenant.fake.catalogue.create_price(
        {"product": START.props["id"], "currency": "eur", "unit_amount": "3500", "recurring": {"interval": "month"}}
    )
    assert await tenant.differs("start", price_for_new=dearer["id"]) == {}
    assert set(await tenant.differs("start", price=dearer["id"])) == {"price"}
    await tenant.change("start", price=dearer["id"])
    assert tenant.row()["items"]["data"][0]["price"]["unit_amount"] == 3500
    assert await tenant.differs("start", price=dearer["id"]) == {}


async def test_another_interval_is_a_new_period_charged_at_once() -> None:
    tenant = await Account.open()
    await tenant.fake.give_card(tenant.customer)
    await tenant.subscribe("start")
    await tenant.days(20)
    yearly = tenant.fake.catalogue.create_price(
        {"product": START.props["id"], "currency": "eur", "unit_amount": "29000", "recurring": {"interval": "year"}}
    )
    assert set(await tenant.differs(interval="year", price_for_new=yearly["id"])) == {"interval"}
    outcome = await tenant.change(interval="year", price_for_new=yearly["id"])
    assert outcome.outputs["current_period_end"] > tenant.fake.ledger.now() + 360 * DAY
    assert tenant.status == "active"


async def test_a_trial_is_given_once() -> None:
    tenant = await Account.open()
    first = await tenant.subscribe("start")
    await tenant.cancel()
    again = await tenant.subscribe("start")
    assert first.outputs["trial_end"] == tenant.fake.ledger.now() + 14 * DAY
    assert again.outputs["trial_end"] <= tenant.fake.ledger.now() + DAY, "a day to enter a card, and no second trial"
    await tenant.days(1.1)
    assert tenant.status == "paused"


async def test_without_a_trial_but_with_a_card_it_is_charged_at_once() -> None:
    tenant = await Account.open()
    await tenant.fake.give_card(tenant.customer)
    outcome = await tenant.subscribe("business", trial_days=0)
    assert (outcome.outputs["status"], outcome.outputs["trial_end"]) == ("active", None)


async def test_a_declined_card_makes_no_subscription() -> None:
    tenant = await Account.open()
    await tenant.fake.give_card(tenant.customer, good=False)
    with pytest.raises(Refused, match="TEMO738"):
        await tenant.subscribe("business", trial_days=0)
    assert tenant.fake.ledger.table(SUBSCRIPTIONS) == {}


async def test_what_is_free_needs_no_card() -> None:
    tenant = await Account.open()
    outcome = await tenant.subscribe("free", trial_days=0)
    assert outcome.outputs["status"] == "active"
    assert (await tenant.gate()).presence is Presence.PRESENT
    await tenant.days(40)
    assert tenant.status == "active"


async def test_from_free_to_paid_the_gate_opens_again() -> None:
    tenant = await Account.open()
    await tenant.subscribe("free", trial_days=0)
    await tenant.change("start")
    assert tenant.status == "past_due"
    assert (await tenant.gate()).presence is Presence.ABSENT


async def test_an_item_added_by_hand_is_told_and_left_alone() -> None:
    tenant = await Account.open()
    await tenant.subscribe("start")
    tenant.fake.subscriptions.update({"items": [{"price": tenant.price("business")}]}, str(tenant.ref))
    seen = await tenant.seen()
    assert seen.note == "it has a further item that somebody added by hand"
    assert await tenant.differs("start") == {}
    await tenant.change("start", trial_end_behaviour="cancel")
    assert len(tenant.row()["items"]["data"]) == 2


async def test_nothing_is_written_on_a_subscription_that_is_not_ours() -> None:
    tenant = await Account.open()
    await tenant.subscribe("start")
    tenant.row()["metadata"]["temo"] = tenant.row()["metadata"]["temo"].replace(".subscription.", ".customer.")
    assert (await tenant.seen()).presence is Presence.UNKNOWN
    with pytest.raises(Conflict, match="TEMO737"):
        await tenant.change("business")
    with pytest.raises(Conflict, match="TEMO737"):
        await tenant.cancel()
    assert tenant.status == "trialing"


async def test_one_that_ended_is_not_there_and_can_not_be_changed() -> None:
    tenant = await Account.open()
    await tenant.subscribe("start")
    await tenant.cancel()
    seen = await tenant.seen()
    assert seen.presence is Presence.ABSENT
    assert seen.note.startswith("the subscription ended on")
    with pytest.raises(Conflict):
        await tenant.change("business")


async def test_an_archived_price_is_still_paid_by_who_has_it() -> None:
    tenant = await Account.open()
    await tenant.subscribe("start")
    tenant.fake.ledger.table(PRICES)[tenant.price("start")]["active"] = False
    assert await tenant.differs("start") == {}
    assert BUSINESS.props["id"] != START.props["id"]
