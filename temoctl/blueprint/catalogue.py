"""The plans as Stripe's catalogue: a product, its prices and what it entitles to. Shared by all tenants.

Asked for only where platform.yaml has `systems.stripe`. Must not know any tenant.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from temoctl.blueprint.builder import Builder
from temoctl.model.identity import ALPHABET, object_name
from temoctl.model.money import Money, minor_digits
from temoctl.spec.plan_spec import PlanFeatures, PlanSpec

SYSTEM = "stripe"
PRODUCT, PRICE, FEATURE, GRANT = "stripe.product", "stripe.price", "stripe.feature", "stripe.grant"
ENDPOINT, PORTAL = "stripe.endpoint", "stripe.portal"
EVENTS_PATH = "/stripe/events"
EVENTS = (
    "checkout.session.completed",
    "customer.deleted",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.trial_will_end",
    "customer.subscription.updated",
    "invoice.paid",
    "invoice.payment_failed",
)
_IN_HUNDREDTHS = frozenset({"ISK", "UGX"})
"""Currencies without a minor unit that Stripe counts in hundredths all the same."""


def build(builder: Builder) -> None:
    """Ask for everything of the catalogue, for events where somebody listens, and for the customers' portal."""
    section = builder.context.platform.systems[SYSTEM]
    plans = sorted(builder.context.plans.values(), key=lambda plan: plan.id)
    for feature in PlanFeatures.model_fields:
        _feature(builder, feature)
    for plan in plans:
        _plan(builder, plan)
    where = builder.context.platform.where("systems.stripe")
    listens = str(section.get("webhook_url") or "").rstrip("/")
    if listens:
        builder.add(
            builder.address(ENDPOINT, "events"),
            {"url": listens + EVENTS_PATH, "events": list(EVENTS), "description": "Subscriptions and payments"},
            "Delivery of Stripe's events",
            builder.context.platform.where("systems.stripe.webhook_url"),
        )
    builder.add(builder.address(PORTAL, "default"), _portal(), "Customer portal at Stripe", where)


def plan_name(plan: str) -> str:
    """A plan's part of an address: its id in lower case. Ids with `_` get an ending, so that none share a name."""
    plain = plan.lower()
    return f"{plain.replace('_', '-')}-{_short(plan)[:6]}" if "_" in plain else plain


def price_name(plan: PlanSpec, currency: str) -> str:
    return f"{plan_name(plan.id)}-{currency.lower()}"


def _product_part(plan: str) -> str:
    """A plan's part of an object's name, which takes letters and digits only, and 16 of them."""
    plain = plan.lower()
    return plain if re.fullmatch(r"[a-z0-9]{1,15}", plain) else _short(plan)


def _short(text: str) -> str:
    """16 letters of base 32 that stand for a text."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:10], "big")
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(0, 80, 5))


def _plan(builder: Builder, plan: PlanSpec) -> None:
    name = plan_name(plan.id)
    product = builder.ref(PRODUCT, name)
    builder.add(
        builder.address(PRODUCT, name),
        {
            "id": object_name(builder.owner, _product_part(plan.id)),
            "name": plan.title or plan.id,
            "description": plan.description or "",
            "active": True,
        },
        f"Plan {plan.id}",
        plan.where("id"),
        field_where={"name": plan.where("title"), "description": plan.where("description")},
    )
    for currency in sorted(plan.price):
        _price(builder, plan, currency)
    for feature, granted in plan.features:
        if granted:
            builder.add(
                builder.address(GRANT, f"{name}-{_dashed(feature)}"),
                {"product": product, "feature": builder.ref(FEATURE, _dashed(feature))},
                f"{_words(feature)} in {plan.id}",
                plan.where(f"features.{feature}"),
            )


def _price(builder: Builder, plan: PlanSpec, currency: str) -> None:
    cost, where = plan.cost(currency), plan.where(f"price.{currency}")
    assert cost is not None  # it is one of the plan's own currencies
    if minor_digits(currency) == 3 and cost.minor % 10:
        builder.problem(
            "TEMO460",
            f"plan {plan.id} has a price in {currency} that can't be charged",
            where,
            detail=f"Stripe charges {currency} in hundredths only.",
            fix="round it to two digits after the point",
        )
        return
    name = price_name(plan, currency)
    builder.add(
        builder.address(PRICE, name),
        {
            "product": builder.ref(PRODUCT, plan_name(plan.id)),
            "currency": currency.lower(),
            "unit_amount": _charged(cost),
            "interval": plan.interval,
            "lookup_key": f"{object_name(builder.owner, 'price')}_{name}",
            "active": True,
        },
        f"Price of {plan.id} in {currency}",
        where,
        detail=str(cost).removeprefix("+"),
        field_where={"unit_amount": where, "interval": plan.where("interval")},
    )


def _charged(cost: Money) -> int:
    """The amount in the unit that Stripe counts in."""
    return cost.minor * 100 if cost.currency in _IN_HUNDREDTHS else cost.minor


def _feature(builder: Builder, feature: str) -> None:
    builder.add(
        builder.address(FEATURE, _dashed(feature)),
        {"lookup_key": f"{object_name(builder.owner, 'feature')}_{feature}", "name": _words(feature), "active": True},
        f"Feature {_words(feature)}",
        None,
    )


def _portal() -> Mapping[str, Any]:
    """Customers see their invoices and change their card. What they are subscribed to, their spec says."""
    return {
        "headline": "Your subscription",
        "features": {
            "customer_update": {"enabled": True, "allowed_updates": ["address", "email", "tax_id"]},
            "invoice_history": {"enabled": True},
            "payment_method_update": {"enabled": True},
            "subscription_cancel": {"enabled": False},
            "subscription_update": {"enabled": False},
        },
    }


def _dashed(feature: str) -> str:
    return feature.replace("_", "-")


def _words(feature: str) -> str:
    plain = feature.replace("_", " ")
    return plain[:1].upper() + plain[1:]
