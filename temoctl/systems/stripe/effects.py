"""Creating, changing and ending at Stripe. What is ours was decided before; here it is checked once more.

Every change goes under the intent as its idempotency key, followed by what is done, for whoever reads Stripe's log.
Where one effect needs several changes each has a key of its own; the first is the one that makes the object.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from temoctl.engine.protocol import Call, Outcome
from temoctl.model.errors import Conflict, Refused
from temoctl.model.value import Json
from temoctl.systems.stripe.client import StripeApi, is_taken
from temoctl.systems.stripe.kinds import CARD_UNUSED, WEBHOOK_SECRET, normalise_endpoint
from temoctl.systems.stripe.lists import Lists
from temoctl.systems.stripe.seen import (
    ENDED,
    FOREIGN,
    KEY,
    MARK,
    TENANT,
    Row,
    is_free,
    is_there,
    item_of,
    marker_of,
    payer,
    payment_of,
    price_outputs,
    subscription_outputs,
    trial_end_of,
)

_SHORTEST_TRIAL = 1
"""Days in which somebody may give a card where no trial is due. Stripe would give a subscription without trial and
card up after 23 hours; one whose trial ended is only paused, and waits."""


Create = Callable[[Call], Awaitable[Outcome]]
Update = Callable[[Call, str], Awaitable[Outcome]]


class Effects:
    """`create` and `update` are what to do for each kind. New customers are put on `test_clock`; "" is none."""

    def __init__(self, api: StripeApi, lists: Lists, test_clock: str) -> None:
        self._api, self._lists, self._test_clock = api, lists, test_clock
        self.create: Mapping[str, Create] = {
            "product": self.create_product,
            "price": self.create_price,
            "feature": self.create_feature,
            "grant": self.create_grant,
            "endpoint": self.create_endpoint,
            "portal": self.create_portal,
            "customer": self.create_customer,
            "subscription": self.create_subscription,
        }
        self.update: Mapping[str, Update] = {
            "product": self.update_product,
            "price": self.update_price,
            "feature": self.update_feature,
            "grant": self.update_grant,
            "endpoint": self.update_endpoint,
            "portal": self.update_portal,
            "customer": self.update_customer,
            "subscription": self.update_subscription,
        }

    # --- the catalogue

    async def create_product(self, call: Call) -> Outcome:
        """The id is ours, so one that is there already is the same product: put back in use, as wanted."""
        products, props = self._api.v1.products, _described(call)
        params = {"id": call.props["id"], **props, "metadata": _mark(call)}
        try:
            row = await self._change(products.create_async, call=call, params=params)
        except Refused as error:
            there = await self._api.get(products.retrieve_async, str(call.props["id"])) if is_taken(error) else None
            if there is None:
                raise
            _check_owner(call, there, unmarked=False)
            row = await self._change(
                products.update_async, str(there["id"]), call=call, params=props, key=_key(call, "again")
            )
        return Outcome(row["id"], {"id": row["id"]})

    async def update_product(self, call: Call, ref: str) -> Outcome:
        products = self._api.v1.products
        _check_owner(call, await self._api.get(products.retrieve_async, ref))
        row = await self._change(products.update_async, ref, call=call, params=_described(call))
        return Outcome(ref, {"id": row["id"]})

    async def create_price(self, call: Call) -> Outcome:
        """The lookup key moves to the new price at once: whoever asks for the key never finds none."""
        prices, props = self._api.v1.prices, call.props
        for one in await self._api.all(prices.list_async, lookup_keys=[str(props["lookup_key"])]):
            _check_owner(call, one, unmarked=False)
        params = {
            "product": props["product"],
            "currency": str(props["currency"]).lower(),
            "unit_amount": props["unit_amount"],
            "recurring": {"interval": props["interval"]},
            "lookup_key": props["lookup_key"],
            "transfer_lookup_key": True,
            "metadata": {**_mark(call), KEY: props["lookup_key"]},
        }
        row = await self._change(prices.create_async, call=call, params=params)
        return Outcome(row["id"], price_outputs(row))

    async def update_price(self, call: Call, ref: str) -> Outcome:
        prices, props = self._api.v1.prices, call.props
        _check_owner(call, await self._api.get(prices.retrieve_async, ref))
        params = {
            "lookup_key": props["lookup_key"],
            "transfer_lookup_key": True,
            "active": bool(props.get("active", True)),
            "metadata": {KEY: props["lookup_key"]},
        }
        return Outcome(ref, price_outputs(await self._change(prices.update_async, ref, call=call, params=params)))

    async def create_feature(self, call: Call) -> Outcome:
        params = {"name": call.props["name"], "lookup_key": call.props["lookup_key"], "metadata": _mark(call)}
        row = await self._change(self._api.v1.entitlements.features.create_async, call=call, params=params)
        return Outcome(row["id"], {"id": row["id"]})

    async def update_feature(self, call: Call, ref: str) -> Outcome:
        features = self._api.v1.entitlements.features
        _check_owner(call, await self._api.get(features.retrieve_async, ref))
        await self._change(features.update_async, ref, call=call, params={"name": call.props["name"]})
        return Outcome(ref, {"id": ref})

    async def create_grant(self, call: Call) -> Outcome:
        grants, product = self._api.v1.products.features, str(call.props["product"])
        feature = str(call.props["feature"])
        _check_owner(
            call, await self._api.get(self._api.v1.products.retrieve_async, product), unmarked=False, part=True
        )
        try:
            row = await self._change(grants.create_async, product, call=call, params={"entitlement_feature": feature})
        except Refused as error:
            if not is_taken(error):
                raise
            there = await self._lists.grants(product)
            same = [one for one in there if one["entitlement_feature"]["id"] == feature]
            if not same:
                raise
            row = dict(same[0])
        return Outcome(row["id"], {"id": row["id"]})

    async def update_grant(self, call: Call, ref: str) -> Outcome:
        """A grant is there or isn't: nothing of it can differ."""
        return Outcome(ref, {"id": ref})

    async def delete_grant(self, call: Call, ref: str) -> None:
        props = call.props if "product" in call.props else call.target.props
        product = await self._api.get(self._api.v1.products.retrieve_async, str(props.get("product")))
        if product is not None:
            _check_owner(call, product, part=True)
            features = self._api.v1.products.features
            await self._api.remove(features.delete_async, str(product["id"]), ref, permit=call.permit)

    # --- events and the portal

    async def create_endpoint(self, call: Call) -> Outcome:
        wanted = normalise_endpoint(call.props)
        row, secret = await self._api.change_and_hear(
            self._api.v1.webhook_endpoints.create_async,
            permit=call.permit,
            key=_key(call),
            params={
                "url": wanted["url"],
                "enabled_events": wanted["events"],
                "description": wanted.get("description", ""),
                "metadata": _mark(call),
            },
        )
        return Outcome(row["id"], {"id": row["id"]}, {WEBHOOK_SECRET: secret} if secret is not None else {})

    async def update_endpoint(self, call: Call, ref: str) -> Outcome:
        endpoints, wanted = self._api.v1.webhook_endpoints, normalise_endpoint(call.props)
        _check_owner(call, await self._api.get(endpoints.retrieve_async, ref))
        params = {
            "url": wanted["url"],
            "enabled_events": wanted["events"],
            "description": wanted.get("description", ""),
            "disabled": not wanted["enabled"],
        }
        await self._change(endpoints.update_async, ref, call=call, params=params)
        return Outcome(ref, {"id": ref})

    async def create_portal(self, call: Call) -> Outcome:
        params = {**_portal(call), "metadata": _mark(call)}
        row = await self._change(self._api.v1.billing_portal.configurations.create_async, call=call, params=params)
        return Outcome(row["id"], {"id": row["id"]})

    async def update_portal(self, call: Call, ref: str) -> Outcome:
        portals = self._api.v1.billing_portal.configurations
        _check_owner(call, await self._api.get(portals.retrieve_async, ref))
        params = {**_portal(call), "active": bool(call.props.get("active", True))}
        await self._change(portals.update_async, ref, call=call, params=params)
        return Outcome(ref, {"id": ref})

    # --- a tenant's own

    async def create_customer(self, call: Call) -> Outcome:
        params = {**_person(call), "metadata": _mark(call)}
        if self._test_clock:
            params["test_clock"] = self._test_clock
        row = await self._change(self._api.v1.customers.create_async, call=call, params=params)
        return Outcome(row["id"], {"id": row["id"]})

    async def update_customer(self, call: Call, ref: str) -> Outcome:
        customers = self._api.v1.customers
        _check_owner(call, await self._api.get(customers.retrieve_async, ref))
        await self._change(customers.update_async, ref, call=call, params=_person(call))
        return Outcome(ref, {"id": ref})

    async def create_subscription(self, call: Call) -> Outcome:
        props = call.props
        params: dict[str, Any] = {
            "customer": props["customer"],
            "items": [{"price": props.get("price") or props["price_for_new"]}],
            "trial_settings": _trial_settings(props),
            # A card of the subscription's own would go before the one that the customer chooses in the portal.
            "payment_settings": {"save_default_payment_method": "off"},
            "metadata": _mark(call),
            "expand": ["latest_invoice"],
            **await self._beginning(call),
        }
        row = await self._change(self._api.v1.subscriptions.create_async, call=call, params=params)
        return Outcome(row["id"], subscription_outputs(row, item_of(row)))

    async def _beginning(self, call: Call) -> dict[str, Any]:
        """With a trial, or with a charge. A trial is given once: whoever cancels doesn't get another."""
        props, customer = call.props, str(call.props["customer"])
        had = await self._lists.subscriptions_of(customer)
        days = int(props.get("trial_days") or 0)
        if days > 0 and not any(_is_of(call, row) for row in had):
            return {"trial_period_days": days}
        owner = await self._api.get(self._api.v1.customers.retrieve_async, customer) or {}
        price = await self._api.get(
            self._api.v1.prices.retrieve_async, str(props.get("price") or props["price_for_new"])
        )
        if (price or {}).get("unit_amount") == 0 or (owner.get("invoice_settings") or {}).get("default_payment_method"):
            return {"payment_behavior": "error_if_incomplete"}
        return {"trial_period_days": _SHORTEST_TRIAL}

    async def update_subscription(self, call: Call, ref: str) -> Outcome:
        """Plan, trial's end, a card not yet used, a pause that can end: whatever isn't as it should be."""
        subscriptions = self._api.v1.subscriptions
        row = await self._api.get(subscriptions.retrieve_async, ref, expand=["customer", "latest_invoice"])
        _check_owner(call, row)
        assert row is not None
        if row["status"] in ENDED:
            raise Conflict(FOREIGN, "the subscription has ended", fix="plan again: a new one will be made")
        cards = await self._lists.cards_of(row)
        params = _changes(call.props, row)
        if payment_of(row, row["customer"], cards) == CARD_UNUSED:
            row["customer"] = await self._use_card(call, str(row["customer"]["id"]), cards.by_subscription[ref])
        expand = {"expand": ["customer", "latest_invoice"]}
        if params:
            row = await self._change(subscriptions.update_async, ref, call=call, params={**params, **expand})
        if row["status"] == "paused" and (is_free(row) or payer(row, row["customer"])):
            row = await self._change(
                subscriptions.resume_async,
                ref,
                call=call,
                key=_key(call, "resume"),
                params={"proration_behavior": "none", "expand": ["latest_invoice"]},
            )
        return Outcome(ref, subscription_outputs(row, item_of(row, call.props["product"])))

    async def _use_card(self, call: Call, customer: str, card: str) -> dict[str, Any]:
        """A card becomes the customer's, not the subscription's: so another one, given in the portal, takes over."""
        return await self._change(
            self._api.v1.customers.update_async,
            customer,
            call=call,
            key=_key(call, "card"),
            params={"invoice_settings": {"default_payment_method": card}},
        )

    # --- ending

    async def archive(self, call: Call, ref: str, service: Any) -> None:
        """What Stripe never deletes is put out of use. Like a deletion it does no harm twice, so no answer is kept."""
        row = await self._api.get(service.retrieve_async, ref)
        if row is not None and is_there(row):
            _check_owner(call, row)
            await self._api.change(service.update_async, ref, permit=call.permit, key="", params={"active": False})

    async def remove(self, call: Call, ref: str, service: Any) -> None:
        row = await self._api.get(service.retrieve_async, ref)
        if row is not None and not row.get("deleted"):
            _check_owner(call, row)
            await self._api.remove(service.delete_async, ref, permit=call.permit)

    async def cancel(self, call: Call, ref: str) -> None:
        """At once, and without giving money back."""
        subscriptions = self._api.v1.subscriptions
        row = await self._api.get(subscriptions.retrieve_async, ref)
        if row is not None and row["status"] not in ENDED:
            _check_owner(call, row)
            await self._api.remove(subscriptions.cancel_async, ref, permit=call.permit)

    async def _change(
        self, service: Any, *path: str, call: Call, params: Mapping[str, Any], key: str = ""
    ) -> dict[str, Any]:
        return await self._api.change(service, *path, permit=call.permit, key=key or _key(call), params=params)


def _key(call: Call, part: str = "") -> str:
    """`0123456789ab.create.subscription.plan`: the same for every try of one intent, and nobody else's."""
    words = [call.intent, call.verb.value, call.target.address.tail, part]
    return ".".join(word for word in words if word)


def _mark(call: Call) -> dict[str, str]:
    return {MARK: call.marker.text, TENANT: call.target.address.tenant}


def _check_owner(call: Call, row: Row | None, *, unmarked: bool = True, part: bool = False) -> None:
    """Never write on an object that is gone or is another owner's. `part`: it only has to be our owner's."""
    if row is None or row.get("deleted"):
        raise Conflict(
            FOREIGN, "the object is no longer at Stripe", fix="somebody deleted it: run the same command again"
        )
    marker = marker_of(row)
    if marker is None:
        theirs = not unmarked
    else:
        theirs = marker.owner != call.marker.owner if part else not marker.same_object(call.marker)
    if theirs:
        raise Conflict(
            FOREIGN,
            f"{row['id']} at Stripe isn't ours",
            fix="look at its metadata in Stripe's Dashboard: somebody else made it, or took our mark off it",
        )


def _is_of(call: Call, row: Row) -> bool:
    marker = marker_of(row)
    return marker is not None and marker.same_object(call.marker)


def _described(call: Call) -> dict[str, Json]:
    """A product's texts; no description at all rather than an empty one, which Stripe doesn't take at creation."""
    props = call.props
    params: dict[str, Json] = {"name": props["name"], "active": bool(props.get("active", True))}
    if props.get("description") or call.target.ref is not None:
        params["description"] = props.get("description") or ""
    return params


def _portal(call: Call) -> dict[str, Json]:
    props = call.props
    params: dict[str, Json] = {
        "business_profile": {"headline": props.get("headline") or ""},
        "features": props["features"],
    }
    if "return_url" in props:
        params["default_return_url"] = props["return_url"]
    return params


def _person(call: Call) -> dict[str, Json]:
    props = call.props
    params: dict[str, Json] = {"name": props.get("name", ""), "email": props.get("email", "")}
    if props.get("country"):
        params["address"] = {"country": str(props["country"]).upper()}
    return params


def _trial_settings(props: Mapping[str, Any]) -> dict[str, Json]:
    return {"end_behavior": {"missing_payment_method": props.get("trial_end_behaviour", "pause")}}


def _changes(props: Mapping[str, Any], row: Row) -> dict[str, Any]:
    """The parameters that make a subscription what is wanted. The item keeps its id: without it Stripe adds another."""
    params: dict[str, Any] = {}
    item = item_of(row, props["product"])
    other = item["price"]["product"] != props["product"] or item["price"]["recurring"]["interval"] != props["interval"]
    asked = props.get("price") or (props["price_for_new"] if other else None)
    if asked is not None and asked != item["price"]["id"]:
        params["items"] = [{"id": item["id"], "price": asked}]
        params["proration_behavior"] = "none"
    if trial_end_of(row) != props.get("trial_end_behaviour", "pause"):
        params["trial_settings"] = _trial_settings(props)
    return params
