"""Which of the stand-in's doings answers which call, and the parameters each call takes. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from temoctl.systems.stripe import fake_shapes as shapes
from temoctl.systems.stripe.fake_billing import Billing
from temoctl.systems.stripe.fake_catalogue import Catalogue
from temoctl.systems.stripe.fake_checkout import Checkout
from temoctl.systems.stripe.fake_events import Events
from temoctl.systems.stripe.fake_invoices import Invoices
from temoctl.systems.stripe.fake_people import People
from temoctl.systems.stripe.fake_store import (
    CLOCKS,
    CUSTOMERS,
    ENDPOINTS,
    EVENTS,
    FEATURES,
    GRANTS,
    INTENTS,
    INVOICES,
    METHODS,
    PORTALS,
    PRICES,
    PRODUCTS,
    SESSIONS,
    SUBSCRIPTIONS,
    Ledger,
    Params,
    Refusal,
    Row,
    required,
)
from temoctl.systems.stripe.fake_subscriptions import Subscriptions


@dataclass(frozen=True, slots=True)
class Parts:
    """What the stand-in is made of."""

    account: str
    ledger: Ledger
    catalogue: Catalogue
    people: People
    subscriptions: Subscriptions
    invoices: Invoices
    billing: Billing
    checkout: Checkout
    events: Events


Find = Callable[..., Row]
FindAll = Callable[..., list[Row]]


def _found(table: str, noun: str) -> Find:
    def find(parts: Parts, params: Params, ident: str) -> Row:
        return parts.ledger.get(table, ident, noun)

    return find


def _delete_customer(parts: Parts, params: Params, ident: str) -> Row:
    if not parts.ledger.table(CUSTOMERS).get(ident, {}).get("deleted"):
        parts.subscriptions.end_all(ident)
    return parts.people.delete_customer(params, ident)


def _advance(parts: Parts, params: Params, ident: str) -> Row:
    if not params.get("frozen_time"):
        raise required("frozen_time")
    return parts.billing.advance(ident, int(params["frozen_time"]))


def _preview(parts: Parts, params: Params) -> Row:
    if not params.get("subscription"):
        raise required("subscription")
    row = parts.ledger.get(SUBSCRIPTIONS, params["subscription"], "subscription", param="subscription")
    return parts.invoices.preview(params, row)


def _pay(parts: Parts, params: Params, ident: str) -> Row:
    subscription = parts.ledger.get(SUBSCRIPTIONS, parts.invoices.subscription_of(ident), "subscription")
    paid = parts.invoices.pay(params, ident, subscription)
    parts.subscriptions.settle(subscription, parts.ledger.now_for(subscription["customer"]))
    return paid


def _entitlements(parts: Parts, params: Params) -> list[Row]:
    """What a customer may use by its living subscriptions."""
    if not params.get("customer"):
        raise required("customer")
    parts.ledger.get(CUSTOMERS, params["customer"], "customer", param="customer")
    products = {
        item["price"]["product"]
        for row in parts.ledger.table(SUBSCRIPTIONS).values()
        if row["customer"] == params["customer"] and row["status"] in ("trialing", "active", "past_due")
        for item in row["items"]["data"]
    }
    return [
        {
            "id": f"ent_test_{one['id'].rpartition('_')[2]}",
            "object": "entitlements.active_entitlement",
            "feature": one["_feature"],
            "livemode": parts.ledger.livemode,
            "lookup_key": one["entitlement_feature"]["lookup_key"],
        }
        for one in parts.ledger.table(GRANTS).values()
        if one["_product"] in products
    ]


def _cards(parts: Parts, params: Params, ident: str) -> list[Row]:
    return parts.people.methods(ident)


def _clocks(parts: Parts, params: Params) -> list[Row]:
    if parts.ledger.livemode:
        raise Refusal("Test clocks exist in test mode only.", status=403)
    return parts.ledger.newest(CLOCKS)


def _expire(parts: Parts, params: Params, ident: str) -> Row:
    return parts.checkout.expire_session(params, ident)


def _products(parts: Parts, params: Params) -> list[Row]:
    active = params.get("active")
    return parts.ledger.newest(PRODUCTS, lambda row: active in (None, str(row["active"]).lower()))


FINDS: Mapping[str, Find] = {
    "/v1/account": lambda parts, params: shapes.account(parts.account),
    "/v1/products/{ident}": _found(PRODUCTS, "product"),
    "/v1/prices/{ident}": _found(PRICES, "price"),
    "/v1/entitlements/features/{ident}": _found(FEATURES, "feature"),
    "/v1/customers/{ident}": lambda parts, params, ident: parts.people.customer(params, ident),
    "/v1/subscriptions/{ident}": _found(SUBSCRIPTIONS, "subscription"),
    "/v1/invoices/{ident}": _found(INVOICES, "invoice"),
    "/v1/payment_methods/{ident}": _found(METHODS, "PaymentMethod"),
    "/v1/setup_intents/{ident}": _found(INTENTS, "setupintent"),
    "/v1/checkout/sessions/{ident}": _found(SESSIONS, "checkout.session"),
    "/v1/billing_portal/configurations/{ident}": _found(PORTALS, "configuration"),
    "/v1/webhook_endpoints/{ident}": _found(ENDPOINTS, "webhook endpoint"),
    "/v1/events/{ident}": _found(EVENTS, "event"),
    "/v1/test_helpers/test_clocks/{ident}": _found(CLOCKS, "test clock"),
}

LISTS: Mapping[str, tuple[str, FindAll]] = {
    "/v1/products": (PRODUCTS, _products),
    "/v1/prices": (PRICES, lambda parts, params: parts.catalogue.prices(params)),
    "/v1/entitlements/features": (FEATURES, lambda parts, params: parts.catalogue.features(params)),
    "/v1/entitlements/active_entitlements": ("", _entitlements),
    "/v1/products/{ident}/features": (GRANTS, lambda parts, params, ident: parts.catalogue.grants(ident)),
    "/v1/customers": (CUSTOMERS, lambda parts, params: parts.people.customers(params)),
    "/v1/customers/{ident}/payment_methods": (METHODS, _cards),
    "/v1/subscriptions": (SUBSCRIPTIONS, lambda parts, params: parts.subscriptions.listing(params)),
    "/v1/invoices": (INVOICES, lambda parts, params: parts.invoices.listing(params)),
    "/v1/checkout/sessions": (SESSIONS, lambda parts, params: parts.checkout.sessions(params)),
    "/v1/billing_portal/configurations": (PORTALS, lambda parts, params: parts.checkout.configurations(params)),
    "/v1/webhook_endpoints": (ENDPOINTS, lambda parts, params: parts.ledger.newest(ENDPOINTS)),
    "/v1/events": (EVENTS, lambda parts, params: parts.events.listing(params)),
    "/v1/test_helpers/test_clocks": (CLOCKS, _clocks),
}

POSTS: Mapping[str, Find] = {
    "/v1/products": lambda parts, params: parts.catalogue.create_product(params),
    "/v1/products/{ident}": lambda parts, params, ident: parts.catalogue.update_product(params, ident),
    "/v1/prices": lambda parts, params: parts.catalogue.create_price(params),
    "/v1/prices/{ident}": lambda parts, params, ident: parts.catalogue.update_price(params, ident),
    "/v1/entitlements/features": lambda parts, params: parts.catalogue.create_feature(params),
    "/v1/entitlements/features/{ident}": lambda parts, params, ident: parts.catalogue.update_feature(params, ident),
    "/v1/products/{ident}/features": lambda parts, params, ident: parts.catalogue.create_grant(params, ident),
    "/v1/customers": lambda parts, params: parts.people.create_customer(params),
    "/v1/customers/{ident}": lambda parts, params, ident: parts.people.update_customer(params, ident),
    "/v1/subscriptions": lambda parts, params: parts.subscriptions.create(params),
    "/v1/subscriptions/{ident}": lambda parts, params, ident: parts.subscriptions.update(params, ident),
    "/v1/subscriptions/{ident}/resume": lambda parts, params, ident: parts.subscriptions.resume(params, ident),
    "/v1/invoices/create_preview": _preview,
    "/v1/invoices/{ident}/pay": _pay,
    "/v1/checkout/sessions": lambda parts, params: parts.checkout.create_session(params),
    "/v1/checkout/sessions/{ident}/expire": _expire,
    "/v1/billing_portal/configurations": lambda parts, params: parts.checkout.create_configuration(params),
    "/v1/billing_portal/configurations/{ident}": lambda parts, params, ident: parts.checkout.update_configuration(
        params, ident
    ),
    "/v1/billing_portal/sessions": lambda parts, params: parts.checkout.create_portal_session(params),
    "/v1/webhook_endpoints": lambda parts, params: parts.events.create_endpoint(params),
    "/v1/webhook_endpoints/{ident}": lambda parts, params, ident: parts.events.update_endpoint(params, ident),
    "/v1/test_helpers/test_clocks": lambda parts, params: parts.people.create_clock(params),
    "/v1/test_helpers/test_clocks/{ident}/advance": _advance,
}

DELETES: Mapping[str, Find] = {
    "/v1/products/{ident}": lambda parts, params, ident: parts.catalogue.delete_product(params, ident),
    "/v1/products/{ident}/features/{grant}": lambda parts, params, ident, grant: parts.catalogue.delete_grant(
        params, ident, grant
    ),
    "/v1/customers/{ident}": _delete_customer,
    "/v1/subscriptions/{ident}": lambda parts, params, ident: parts.subscriptions.cancel(params, ident),
    "/v1/webhook_endpoints/{ident}": lambda parts, params, ident: parts.events.delete_endpoint(params, ident),
    "/v1/test_helpers/test_clocks/{ident}": lambda parts, params, ident: parts.people.delete_clock(params, ident),
}


def _names(*texts: str) -> frozenset[str]:
    return frozenset(" ".join(texts).split())


_SUBSCRIBED = "payment_behavior items default_payment_method trial_end trial_settings cancel_at_period_end description"
_PORTAL = "business_profile default_return_url features name"
ALLOWED: Mapping[str, frozenset[str]] = {
    "/v1/products": _names("id name description active"),
    "/v1/products/{ident}": _names("name description active"),
    "/v1/prices": _names("active currency product unit_amount recurring lookup_key transfer_lookup_key nickname"),
    "/v1/prices/{ident}": _names("active lookup_key transfer_lookup_key nickname"),
    "/v1/entitlements/features": _names("name lookup_key"),
    "/v1/entitlements/features/{ident}": _names("name active"),
    "/v1/products/{ident}/features": _names("entitlement_feature"),
    "/v1/customers": _names("name email description address test_clock"),
    "/v1/customers/{ident}": _names("name email description address invoice_settings"),
    "/v1/subscriptions": _names(_SUBSCRIBED, "customer trial_period_days payment_settings"),
    "/v1/subscriptions/{ident}": _names(_SUBSCRIBED, "proration_behavior payment_settings"),
    "/v1/subscriptions/{ident}/resume": _names("billing_cycle_anchor proration_behavior payment_behavior"),
    "/v1/invoices/create_preview": _names("subscription customer"),
    "/v1/invoices/{ident}/pay": _names("paid_out_of_band payment_method"),
    "/v1/checkout/sessions": _names(
        "mode customer success_url cancel_url currency line_items client_reference_id setup_intent_data",
        "subscription_data payment_method_collection expires_at",
    ),
    "/v1/checkout/sessions/{ident}/expire": _names(),
    "/v1/billing_portal/configurations": _names(_PORTAL),
    "/v1/billing_portal/configurations/{ident}": _names(_PORTAL, "active"),
    "/v1/billing_portal/sessions": _names("customer configuration return_url"),
    "/v1/webhook_endpoints": _names("url enabled_events description api_version"),
    "/v1/webhook_endpoints/{ident}": _names("url enabled_events description disabled"),
    "/v1/test_helpers/test_clocks": _names("frozen_time name"),
    "/v1/test_helpers/test_clocks/{ident}/advance": _names("frozen_time"),
}
"""What the stand-in takes. Anything else is refused, as Stripe refuses what can't be changed."""
