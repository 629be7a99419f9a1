"""Addresses for people: to enter a card, to subscribe again, to look after what is paid. And what a tenant owes."""

from __future__ import annotations

import pytest

from temoctl.engine.protocol import Bills, Links
from temoctl.model.errors import LeaseLost, Refused
from temoctl.model.identity import Marker
from temoctl.model.money import Money
from temoctl.model.resource import Presence
from temoctl.systems.stripe.fake_store import PRICES, SESSIONS
from temoctl.systems.stripe.seen import marker_of
from tests.conformance.bench import LostAfter
from tests.systems.stripe.account import DAY, Account
from tests.systems.stripe.rig import AFTER, PAYMENT, SUBSCRIPTION

pytestmark = pytest.mark.anyio


async def test_it_can_do_both() -> None:
    tenant = await Account.open()
    assert isinstance(tenant.system, Links)
    assert isinstance(tenant.system, Bills)


async def test_without_a_card_it_is_a_page_to_enter_one() -> None:
    tenant = await Account.open()
    await tenant.subscribe()
    link = await tenant.link()
    (session,) = tenant.fake.ledger.table(SESSIONS).values()
    assert (session["mode"], session["success_url"], session["customer"]) == ("setup", AFTER, tenant.customer)
    assert session["metadata"]["subscription"] == tenant.ref
    assert link.url == session["url"]
    assert link.expires == tenant.fake.ledger.now() + DAY


async def test_each_link_is_a_new_one_and_the_newest_card_counts() -> None:
    tenant = await Account.open()
    await tenant.subscribe()
    first, second = await tenant.link(), await tenant.link()
    assert first.url != second.url
    await tenant.fake.pay(first.url)
    await tenant.days(0.1)
    await tenant.fake.pay(second.url)
    await tenant.change()
    newest = max(tenant.fake.people.methods(tenant.customer), key=lambda card: card["created"])
    owner = tenant.fake.people.customer({}, tenant.customer)
    assert owner["invoice_settings"]["default_payment_method"] == newest["id"]


async def test_with_a_card_it_is_the_portal_as_we_set_it_up() -> None:
    tenant = await Account.open()
    await tenant.subscribe()
    await tenant.fake.give_card(tenant.customer)
    assert (await tenant.link()).url.startswith("https://billing.stripe.com/p/session/")


async def test_where_the_subscription_ended_the_client_subscribes_again_and_it_is_ours() -> None:
    tenant = await Account.open()
    await tenant.subscribe()
    await tenant.cancel()
    link = await tenant.link()
    await tenant.fake.pay(link.url)
    made = tenant.fake.subscription_of(tenant.customer)
    assert made is not None
    assert made["status"] == "active"
    marker = marker_of(made)
    assert marker == Marker(tenant.rig.owner, "subscription", "plan")
    seen = await tenant.seen()
    assert (seen.presence, seen.ref) == (Presence.PRESENT, made["id"])


async def test_where_its_price_is_no_longer_sold_only_apply_helps() -> None:
    tenant = await Account.open()
    await tenant.subscribe()
    await tenant.cancel()
    tenant.fake.ledger.table(PRICES)[tenant.price("start")]["active"] = False
    with pytest.raises(Refused, match="TEMO739"):
        await tenant.link()


async def test_before_there_is_a_subscription_there_is_nothing_to_pay() -> None:
    tenant = await Account.open()
    target = tenant.target(SUBSCRIPTION)
    assert await tenant.system.bill(target) is None
    with pytest.raises(Refused, match="TEMO739"):
        await tenant.system.link(target, LostAfter(1))


async def test_a_browser_has_to_go_somewhere() -> None:
    tenant = await Account.open()
    await tenant.subscribe()
    target = tenant.target(PAYMENT, {**PAYMENT.props, "success_url": ""})
    with pytest.raises(Refused, match=r"success_url|TEMO739") as caught:
        await tenant.system.link(target, LostAfter(1))
    assert "success_url" in caught.value.fix


async def test_without_a_permit_no_page_is_made() -> None:
    tenant = await Account.open()
    await tenant.subscribe()
    with pytest.raises(LeaseLost):
        await tenant.system.link(tenant.target(PAYMENT), LostAfter(0))
    assert tenant.fake.ledger.table(SESSIONS) == {}


async def test_a_card_that_was_taken_away_again_is_no_card() -> None:
    tenant = await Account.open()
    await tenant.subscribe()
    await tenant.fake.pay((await tenant.link()).url)
    await tenant.fake.take_card_away(tenant.customer)
    assert (await tenant.gate()).presence is Presence.ABSENT
    assert await tenant.differs() == {}


async def test_a_bill_tells_what_comes_and_what_is_due() -> None:
    tenant = await Account.open()
    await tenant.subscribe()
    bill = await tenant.bill()
    assert (bill.status, bill.next, bill.due) == ("trialing", Money(2900, "EUR", "month"), None)
    assert bill.trial_ends == bill.next_at == tenant.fake.ledger.now() + 14 * DAY
    await tenant.fake.give_card(tenant.customer, good=False)
    await tenant.days(14.1)
    bill = await tenant.bill()
    assert (bill.status, bill.due, bill.trial_ends) == ("past_due", Money(2900, "EUR"), None)
    await tenant.days(8)
    bill = await tenant.bill()
    assert (bill.status, bill.next) == ("canceled", None)
    assert bill.ends_at is not None
