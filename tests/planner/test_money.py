"""What a plan says of money: the difference that a step makes, from what things cost now."""

from __future__ import annotations

from typing import Any

import pytest

from temoctl.model.address import Address
from temoctl.model.identity import Identity, Marker, Owner
from temoctl.model.kind import Impact, Kind, ReplaceOrder
from temoctl.model.money import Money
from temoctl.model.plan import Mode, RecordedTenant, TenantPlan, View
from temoctl.model.resource import Desired, Observed, Presence, Recorded
from temoctl.model.value import UNKNOWN
from temoctl.planner import plan_tenant

PLAN = Address("acme", "pay", "subscription", "plan")
OWNER = Owner("0123456789", "acme000000000000")
KIND = Kind(
    "pay",
    "subscription",
    "subscription",
    Identity.LOOKUP,
    immutable=frozenset({"currency"}),
    replace=ReplaceOrder.DELETE_FIRST,
    impact={"product": Impact.MONEY, "price": Impact.MONEY, "payment": Impact.MONEY, "currency": Impact.MONEY},
    normalise=lambda props: {"payment": "in order", **props},
)
SMALL, BIG = Money(2900, "EUR", "month"), Money(7900, "EUR", "month")


def wish(money: Money | None = SMALL, **props: Any) -> Desired:
    return Desired(PLAN, {"product": "small", "currency": "eur", **props}, "Subscription", money=money)


def seen(money: Money | None = SMALL, **props: Any) -> Observed:
    outputs = {"id": "sub_1"} | ({"money": money.tree()} if money is not None else {})
    there = {"product": "small", "currency": "eur", "payment": "in order", **props}
    marker = Marker(OWNER, PLAN.kind, PLAN.name)
    return Observed(PLAN, Presence.PRESENT, "sub_1", there, outputs, "f", marker)


def recorded(money: Money | None = SMALL, **props: Any) -> Recorded:
    sent = {"product": "small", "currency": "eur", **props}
    outputs = {"id": "sub_1"} | ({"money": money.tree()} if money is not None else {})
    return Recorded(PLAN, "sub_1", sent, sent, outputs, label="Subscription")


def planned(
    want: Desired | None, there: Observed, record: Recorded | None = None, mode: Mode = Mode.APPLY
) -> TenantPlan:
    records = {PLAN: record} if record is not None else {}
    other = Desired(Address("acme", "pay", "other", "one"), {}, "")  # an empty spec would read as an accident
    views = {PLAN: there, other.address: Observed.absent(other.address)}
    return plan_tenant(
        "acme",
        uid=OWNER.uid,
        new=False,
        desired={other.address: other} | ({PLAN: want} if want is not None else {}),
        recorded=RecordedTenant("acme", OWNER.uid, resources=records),
        view=View(views),
        kinds={KIND.key: KIND, "pay.other": Kind("pay", "other", "other", Identity.CHOSEN)},
        mode=mode,
        known=lambda address, output: UNKNOWN,
    )


def money(plan: TenantPlan) -> list[str]:
    return [str(step.money) for step in plan.steps if step.money is not None]


ABSENT = Observed.absent(PLAN)


def test_a_new_one_costs_its_price() -> None:
    assert money(planned(wish(), ABSENT)) == ["+29.00 EUR / month"]


@pytest.mark.parametrize(
    ("want", "said"),
    [
        (wish(BIG, product="big"), ["+50.00 EUR / month"]),
        (wish(Money(1900, "EUR", "month"), product="tiny"), ["-10.00 EUR / month"]),
        (wish(Money(0, "EUR", "month"), product="free"), ["-29.00 EUR / month"]),
        (wish(SMALL, product="other"), []),
        (wish(Money(35000, "EUR", "year"), product="big"), ["+350.00 EUR / year"]),
    ],
)
def test_another_plan_costs_the_difference(want: Desired, said: list[str]) -> None:
    assert money(planned(want, seen(), recorded())) == said


def test_the_difference_is_from_what_is_paid_and_not_from_todays_price() -> None:
    """Somebody who kept an old price moves from that one."""
    assert money(planned(wish(BIG, product="big"), seen(Money(1900, "EUR", "month")), recorded())) == [
        "+60.00 EUR / month"
    ]


def test_a_price_raised_for_new_ones_changes_nothing_for_the_others() -> None:
    assert planned(wish(BIG), seen(), recorded()).changes[1:] == ()
    assert money(planned(wish(BIG), seen(), recorded())) == []


def test_nor_does_a_change_that_means_money_but_no_other_price() -> None:
    plan = planned(wish(BIG), seen(payment="a card was given, but isn't used yet"), recorded())
    (step,) = [step for step in plan.steps if step.address == PLAN]
    assert (step.impact, step.money) == (Impact.MONEY, None)


def test_repricing_shows_what_it_adds() -> None:
    assert money(planned(wish(BIG, price="new"), seen(price="old"), recorded(price="old"))) == ["+50.00 EUR / month"]


@pytest.mark.parametrize("there", [seen(), seen(None)])
def test_cancelling_saves_what_is_paid(there: Observed) -> None:
    assert money(planned(None, there, recorded())) == ["-29.00 EUR / month"]
    assert money(planned(None, there, recorded(), Mode.DESTROY)) == ["-29.00 EUR / month"]


def test_what_is_gone_already_saves_nothing() -> None:
    assert money(planned(None, ABSENT, recorded())) == []


def test_another_currency_is_one_less_and_one_more() -> None:
    dollars = Money(3200, "USD", "month")
    plan = planned(wish(dollars, currency="usd"), seen(), recorded())
    assert sorted(money(plan)) == ["+32.00 USD / month", "-29.00 EUR / month"]


def test_amounts_as_outputs() -> None:
    assert Money.read(SMALL.tree()) == SMALL
    for wrong in (None, "29", {}, {"minor": "29", "currency": "EUR"}, {"minor": 29, "currency": "EUR", "per": 1}):
        assert Money.read(wrong) is None
