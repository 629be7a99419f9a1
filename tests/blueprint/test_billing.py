"""Billing as resources: the catalogue from the plans, and what each tenant pays. Nothing where nobody bills."""

from __future__ import annotations

from typing import Any

import pytest

from temoctl.blueprint import Blueprint, platform_resources, tenant_resources
from temoctl.blueprint.catalogue import plan_name
from temoctl.model.money import Money
from temoctl.model.value import references
from temoctl.spec.plan_spec import PlanSpec
from temoctl.spec.platform_spec import PlatformSpec
from tests.blueprint.test_resources import _same_as_golden, tree
from tests.blueprint.world import ACME, PLATFORM_OWNER, context, plan, platform, tenant

STRIPE = {
    "api_key": {"env": "STRIPE_KEY"},
    "webhook_url": "https://temo.example/",
    "success_url": "https://temo.example/paid",
}
PRO = PlanSpec.model_validate(
    {
        **plan().model_dump(mode="json", exclude={"limits"}),
        "limits": plan().limits,
        "title": "Pro",
        "description": "Everything",
        "price": {"EUR": 199, "JPY": 30000, "ISK": 29000},
        "trial_days": 14,
        "features": {"comment_replies": True, "analytics": True},
    }
)


def billed(**changes: Any) -> PlatformSpec:
    return platform(systems={**platform().systems, "stripe": {**STRIPE, **changes}})


def of_tenant(one: PlanSpec = PRO, **changes: Any) -> Blueprint:
    return tenant_resources(tenant(**changes), context(platform=billed(), plan=one))


def of_platform(*plans: PlanSpec, where: PlatformSpec | None = None) -> Blueprint:
    offered = {one.id: one for one in plans or (PRO,)}
    return platform_resources(context(PLATFORM_OWNER, platform=where or billed(), plan=None, plans=offered))


def only_new(blueprint: Blueprint, before: Blueprint) -> dict[str, Any]:
    known = tree(before)
    return {address: one for address, one in tree(blueprint).items() if known.get(address) != one}


def test_the_catalogue() -> None:
    blueprint = of_platform()
    assert blueprint.problems == ()
    _same_as_golden("catalogue.json", only_new(blueprint, platform_resources(context(PLATFORM_OWNER))))


def test_what_the_example_tenant_pays() -> None:
    blueprint = of_tenant()
    assert blueprint.problems == ()
    _same_as_golden("billing.json", only_new(blueprint, tenant_resources(tenant(), context(plan=PRO))))
    money = {str(one.address): one.money for one in blueprint.resources if one.money is not None}
    assert money == {"acme/stripe.subscription.plan": Money(19900, "EUR", "month")}


def test_where_nobody_bills_nothing_is_asked_for_and_nothing_said() -> None:
    own, shared = tenant_resources(tenant(), context(plan=PRO)), of_platform(where=platform())
    for blueprint in (own, shared):
        assert blueprint.problems == ()
        assert not [one for one in blueprint.resources if one.address.system == "stripe"]
        assert not [one for one in blueprint.resources if one.address.kind == "standing"]


def test_every_reference_leads_somewhere() -> None:
    own, shared = of_tenant(), of_platform()
    known = {one.address for blueprint in (own, shared) for one in blueprint.resources}
    assert all(one.depends_on <= known for blueprint in (own, shared) for one in blueprint.resources)


def test_existing_subscriptions_keep_their_price_unless_the_plan_reprices() -> None:
    def subscription(one: PlanSpec) -> dict[str, Any]:
        return dict(tree(of_tenant(one))["acme/stripe.subscription.plan"]["props"])

    kept, moved = subscription(PRO), subscription(PRO.model_copy(update={"reprice": True}))
    assert "price" not in kept
    assert moved["price"] == moved["price_for_new"] == kept["price_for_new"]


def test_the_price_is_the_one_in_the_tenants_currency() -> None:
    props = tree(of_tenant(company={**ACME["company"], "currency": "JPY"}))["acme/stripe.subscription.plan"]["props"]
    assert props["currency"] == "jpy"
    assert [str(one) for one in references(props["price_for_new"])] == ["platform/stripe.price.pro-jpy"]


@pytest.mark.parametrize(("currency", "amount"), [("eur", 19900), ("jpy", 30000), ("isk", 2900000)])
def test_amounts_are_counted_as_stripe_counts_them(currency: str, amount: int) -> None:
    assert tree(of_platform())[f"platform/stripe.price.pro-{currency}"]["props"]["unit_amount"] == amount


def test_a_price_that_can_not_be_charged_is_told() -> None:
    wrong = PRO.model_copy(update={"price": PlanSpec.model_validate({**plan_tree(), "price": {"KWD": 8.995}}).price})
    (problem,) = of_platform(wrong).problems
    assert (problem.code, problem.fix) == ("TEMO460", "round it to two digits after the point")
    right = PRO.model_copy(update={"price": PlanSpec.model_validate({**plan_tree(), "price": {"KWD": 9}}).price})
    assert of_platform(right).problems == ()


def plan_tree() -> dict[str, Any]:
    return {**plan().model_dump(mode="json", exclude={"limits"}), "limits": plan().limits}


def test_events_are_sent_only_where_somebody_listens() -> None:
    assert "platform/stripe.endpoint.events" not in tree(of_platform(where=billed(webhook_url="")))
    props = tree(of_platform())["platform/stripe.endpoint.events"]["props"]
    assert props["url"] == "https://temo.example/stripe/events"


def test_no_two_plans_share_a_name() -> None:
    ids = ["PRO", "A_B", "A-B", "AB", "A_B-C", "A-B_C", "VERY-LONG-NAME-OF-A-PLAN-FOR-YOU", "P" * 15, "P" * 16]
    found = tree(of_platform(*(PRO.model_copy(update={"id": one}) for one in ids)))
    products = [one["props"]["id"] for address, one in found.items() if ".product." in address]
    assert len(set(products)) == len(ids)
    assert len({plan_name(one) for one in ids}) == len(ids)
    keys = [one["props"]["lookup_key"] for address, one in found.items() if ".price." in address]
    assert len(set(keys)) == 3 * len(ids)
    assert max(map(len, keys)) <= 200
    features = [one["props"]["lookup_key"] for address, one in found.items() if ".feature." in address]
    assert max(map(len, features)) <= 80
