"""A tenant's year at Stripe, with time given by hand: trial, paid, late, unpaid, paid again, another plan, the end."""

from __future__ import annotations

import pytest

from temoctl.model.money import Money
from temoctl.model.resource import Presence
from temoctl.systems.stripe.fake_billing import Dunning
from temoctl.systems.stripe.fake_store import INVOICES
from temoctl.systems.stripe.kinds import CARD_UNUSED, IN_ORDER, PAUSED_WITH_CARD
from tests.systems.stripe.account import Account

pytestmark = pytest.mark.anyio


async def test_a_year() -> None:
    tenant = await Account.open(dunning=Dunning(retry_days=(3, 5), at_last="unpaid"))
    story: list[tuple[str, str, Money | None]] = []

    async def note(what: str) -> None:
        story.append((what, tenant.status, (await tenant.bill()).due))

    await tenant.subscribe("business")
    await note("subscribed")
    await tenant.fake.give_card(tenant.customer)
    await tenant.days(14.1)
    await note("the trial is over")
    await tenant.fake.take_card_away(tenant.customer)
    await tenant.fake.give_card(tenant.customer, good=False)
    await tenant.days(31)
    await note("the card is declined")
    await tenant.days(8)
    await note("declined to the end")
    assert await tenant.fake.pay_due(tenant.customer) == 1
    await note("paid on Stripe's page")
    await tenant.fake.give_card(tenant.customer)
    await tenant.change("start")
    await note("a smaller plan")
    await tenant.days(62)
    await note("two months later")
    await tenant.cancel()
    story.append(("cancelled", tenant.status, None))
    late = Money(7900, "EUR")
    assert story == [
        ("subscribed", "trialing", None),
        ("the trial is over", "active", None),
        ("the card is declined", "past_due", late),
        ("declined to the end", "unpaid", late),
        ("paid on Stripe's page", "active", None),
        ("a smaller plan", "active", None),
        ("two months later", "active", None),
        ("cancelled", "canceled", None),
    ]
    paid = [row["amount_paid"] for row in tenant.fake.ledger.table(INVOICES).values() if row["status"] == "paid"]
    assert paid == [0, 7900, 7900, 2900, 2900], "the trial costs nothing, and nothing is charged between periods"


async def test_a_trial_without_a_card_pauses_and_goes_on_when_one_is_given() -> None:
    tenant = await Account.open()
    await tenant.subscribe()
    gate = await tenant.gate()
    assert gate.presence is Presence.ABSENT
    assert "28 Nov 2023" in gate.why
    assert "--link" in gate.fix
    await tenant.days(15)
    assert tenant.status == "paused"
    assert await tenant.differs() == {}, "nobody but the client can do anything now"
    await tenant.fake.pay((await tenant.link()).url)
    assert (await tenant.gate()).presence is Presence.PRESENT
    assert await tenant.differs() == {"payment": (CARD_UNUSED, IN_ORDER)}
    outcome = await tenant.change()
    assert tenant.status == outcome.outputs["status"] == "active"
    assert await tenant.differs() == {}
    assert (await tenant.bill()).due is None


async def test_a_card_given_in_time_is_charged_when_the_trial_ends() -> None:
    tenant = await Account.open()
    await tenant.subscribe()
    await tenant.fake.pay((await tenant.link()).url)
    assert await tenant.differs() == {"payment": (CARD_UNUSED, IN_ORDER)}
    await tenant.change()
    assert tenant.status == "trialing"
    await tenant.days(14.1)
    assert tenant.status == "active"
    assert (await tenant.bill()).next == Money(2900, "EUR", "month")


async def test_a_card_from_the_portal_needs_nothing_but_to_end_a_pause() -> None:
    tenant = await Account.open()
    await tenant.subscribe()
    await tenant.days(15)
    await tenant.fake.give_card(tenant.customer)
    assert await tenant.differs() == {"payment": (PAUSED_WITH_CARD, IN_ORDER)}
    await tenant.change()
    assert tenant.status == "active"


async def test_a_card_that_fails_at_the_end_of_a_pause_leaves_the_bill_open() -> None:
    tenant = await Account.open()
    await tenant.subscribe()
    await tenant.days(15)
    await tenant.fake.give_card(tenant.customer, good=False)
    await tenant.change()
    assert tenant.status == "past_due"
    assert (await tenant.bill()).due == Money(2900, "EUR")


async def test_dunning_that_ends_in_cancelling_leaves_nothing_to_use() -> None:
    tenant = await Account.open()
    await tenant.subscribe()
    await tenant.fake.give_card(tenant.customer, good=False)
    await tenant.days(14.1)
    assert tenant.status == "past_due"
    seen = await tenant.seen()
    assert (seen.outputs["due"], seen.outputs["status"]) == (2900, "past_due")
    assert seen.outputs["due_since"] == tenant.row()["trial_end"] + 3600
    await tenant.days(8)
    assert tenant.status == "canceled"
    seen = await tenant.seen()
    assert seen.presence is Presence.ABSENT
    assert "because nobody paid" in seen.note


async def test_months_end_on_their_last_day() -> None:
    tenant = await Account.open()
    tenant.clock.advance(1_706_659_200 - tenant.clock.now())  # 31 January 2024
    await tenant.fake.give_card(tenant.customer)
    await tenant.subscribe(trial_days=0)
    ends = []
    for _ in range(3):
        ends.append(tenant.row()["items"]["data"][0]["current_period_end"])
        await tenant.days((ends[-1] - tenant.fake.ledger.now()) / 86400 + 0.1)
    assert ends == [1_709_164_800, 1_711_843_200, 1_714_435_200]  # 29 February, 31 March, 30 April


async def test_what_is_unpaid_draws_no_further_money() -> None:
    tenant = await Account.open(dunning=Dunning(retry_days=(3,), at_last="unpaid"))
    await tenant.fake.give_card(tenant.customer, good=False)
    await tenant.subscribe()
    await tenant.days(14 + 70)
    assert tenant.status == "unpaid"
    assert (await tenant.bill()).due == Money(2900, "EUR"), "drafts pile up, and nobody is asked for them"
    assert (await tenant.bill()).next is None
