"""The kinds of resource at Stripe, as pure data for the planner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from temoctl.model.identity import Identity
from temoctl.model.kind import Impact, Kind, ReplaceOrder
from temoctl.model.value import Props, is_ref

WEBHOOK_SECRET = "stripe/webhook-secret"  # noqa: S105
"""Where the endpoint's signing secret lies in the platform's vault."""

IN_ORDER = "in order"
CARD_UNUSED = "a card was given, but isn't used yet"
PAUSED_WITH_CARD = "paused although there is a card"

_ONLY_AT_CREATION = ("price_for_new", "trial_days")


def _lower(props: Props, *fields: str) -> dict[str, Any]:
    """The props with those texts in lower case, as Stripe gives them back."""
    return {key: value.lower() if key in fields and isinstance(value, str) else value for key, value in props.items()}


def normalise_product(props: Props) -> Props:
    """Stripe trims texts and has no description rather than an empty one."""
    return {key: value.strip() if isinstance(value, str) else value for key, value in props.items()}


def normalise_price(props: Props) -> Props:
    return _lower(props, "currency")


def normalise_customer(props: Props) -> Props:
    """Texts as Stripe keeps them; the country in capitals."""
    plain = normalise_product(props)
    country = plain.get("country")
    return {**plain, "country": country.upper()} if isinstance(country, str) else plain


def normalise_endpoint(props: Props) -> Props:
    """Events in order, because theirs has no meaning; and switched on, which nobody has to ask for."""
    events = props.get("events")
    plain = {**props, "enabled": props.get("enabled", True)}
    if isinstance(events, list | tuple) and not any(is_ref(one) for one in events):
        plain["events"] = sorted(set(events))
    return plain


def normalise_subscription(props: Props) -> Props:
    """Without what only counts at creation; with how its payment should stand, which nobody has to ask for."""
    plain = {key: value for key, value in _lower(props, "currency").items() if key not in _ONLY_AT_CREATION}
    return {**plain, "payment": props.get("payment", IN_ORDER)}


PRODUCT = Kind(
    system="stripe",
    name="product",
    label="plan at Stripe",
    identity=Identity.CHOSEN,
    immutable=frozenset({"id"}),
    impact={"name": Impact.CUSTOMERS, "description": Impact.CUSTOMERS, "delete": Impact.MONEY},
    ready=0.0,
    archive_only=True,
    normalise=normalise_product,
)

PRICE = Kind(
    system="stripe",
    name="price",
    label="price at Stripe",
    identity=Identity.LOOKUP,
    immutable=frozenset({"product", "currency", "unit_amount", "interval"}),
    impact={"replace": Impact.MONEY, "delete": Impact.MONEY},
    ready=0.0,
    archive_only=True,
    normalise=normalise_price,
)

FEATURE = Kind(
    system="stripe",
    name="feature",
    label="feature at Stripe",
    identity=Identity.LOOKUP,
    immutable=frozenset({"lookup_key"}),
    ready=0.0,
    archive_only=True,
    normalise=normalise_product,
)

GRANT = Kind(
    system="stripe",
    name="grant",
    label="feature of a plan at Stripe",
    identity=Identity.CHOSEN,  # a product has a feature or hasn't: attaching it again is refused, and harmless
    immutable=frozenset({"product", "feature"}),
    ready=0.0,
    calls=1,  # one list of features for each product
)

ENDPOINT = Kind(
    system="stripe",
    name="endpoint",
    label="delivery of Stripe's events",
    identity=Identity.ISSUED_ONCE,
    impact={"url": Impact.PAUSE, "delete": Impact.PAUSE},
    ready=0.0,
    normalise=normalise_endpoint,
)

PORTAL = Kind(
    system="stripe",
    name="portal",
    label="customer portal at Stripe",
    identity=Identity.LOOKUP,
    partial=frozenset({"features"}),
    impact={"features": Impact.CUSTOMERS, "headline": Impact.CUSTOMERS},
    ready=0.0,
    archive_only=True,
)

CUSTOMER = Kind(
    system="stripe",
    name="customer",
    label="customer at Stripe",
    identity=Identity.LOOKUP,
    impact={"delete": Impact.MONEY},
    reversible=False,
    ready=0.0,
    normalise=normalise_customer,
)

SUBSCRIPTION = Kind(
    system="stripe",
    name="subscription",
    label="subscription",
    identity=Identity.LOOKUP,
    immutable=frozenset({"customer", "currency"}),
    foreseen=frozenset({"payment"}),
    replace=ReplaceOrder.DELETE_FIRST,  # a customer has one currency at a time, and never pays twice
    impact={
        "create": Impact.MONEY,
        "product": Impact.MONEY,
        "price": Impact.MONEY,
        "interval": Impact.MONEY,
        "payment": Impact.MONEY,
        "replace": Impact.MONEY,
        "delete": Impact.MONEY,
    },
    reversible=False,
    ready=0.0,
    normalise=normalise_subscription,
)

PAYMENT = Kind(
    system="stripe",
    name="payment",
    label="way to pay",
    identity=Identity.GATE,
    ready=0.0,
)

KINDS: Mapping[str, Kind] = {
    kind.name: kind for kind in (PRODUCT, PRICE, FEATURE, GRANT, ENDPOINT, PORTAL, CUSTOMER, SUBSCRIPTION, PAYMENT)
}
