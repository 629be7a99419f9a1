"""The stand-in's catalogue: products, prices, features and which product has which. Knows no customer."""

from __future__ import annotations

import re
from typing import Any

from temoctl.systems.stripe.fake_store import (
    FEATURES,
    GRANTS,
    PRICES,
    PRODUCTS,
    Ledger,
    Params,
    Refusal,
    Row,
    flag,
    merged_metadata,
    required,
    text,
    whole,
)

_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_INTERVALS = ("day", "week", "month", "year")


class Catalogue:
    """What the account sells."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    # -- products

    def create_product(self, params: Params) -> Row:
        ledger = self._ledger
        if not text(params, "name"):
            raise required("name")
        ident = str(params.get("id") or "")
        if ident and not _ID.fullmatch(ident):
            raise Refusal("Invalid id: only letters, digits, dashes and underscores.", param="id")
        if ident in ledger.table(PRODUCTS):
            raise Refusal("Product already exists.", code="resource_already_exists", param="id")
        now = ledger.now()
        row: Row = {
            "id": ident or ledger.new_id("prod"),
            "object": "product",
            "active": flag(params, "active", True),
            "created": now,
            "default_price": None,
            "description": text(params, "description"),
            "images": [],
            "livemode": ledger.livemode,
            "marketing_features": [],
            "metadata": merged_metadata({}, params),
            "name": text(params, "name"),
            "package_dimensions": None,
            "shippable": None,
            "statement_descriptor": None,
            "tax_code": None,
            "type": "service",
            "unit_label": None,
            "updated": now,
            "url": None,
        }
        ledger.add(PRODUCTS, row)
        ledger.tell("product.created", row)
        return row

    def update_product(self, params: Params, ident: str) -> Row:
        row = self._ledger.get(PRODUCTS, ident, "product")
        if "name" in params and not text(params, "name"):
            raise Refusal("You passed an empty string for 'name'.", code="parameter_invalid_empty", param="name")
        row["metadata"] = merged_metadata(row["metadata"], params)
        row["active"] = flag(params, "active", row["active"])
        for field in ("name", "description"):
            if field in params:
                row[field] = text(params, field)
        row["updated"] = self._ledger.now()
        self._ledger.tell("product.updated", row)
        return row

    def delete_product(self, params: Params, ident: str) -> Row:
        row = self._ledger.get(PRODUCTS, ident, "product")
        if any(price["product"] == ident for price in self._ledger.table(PRICES).values()):
            raise Refusal("This product cannot be deleted because it has one or more user-created prices.", param="id")
        del self._ledger.table(PRODUCTS)[ident]
        self._ledger.tell("product.deleted", row)
        return {"id": ident, "object": "product", "deleted": True}

    # -- prices

    def create_price(self, params: Params) -> Row:
        ledger = self._ledger
        for name in ("currency", "product"):
            if not params.get(name):
                raise required(name)
        product = ledger.get(PRODUCTS, params["product"], "product", param="product")
        if not product["active"]:
            raise Refusal(
                f"The product {product['id']} is inactive; prices can only be added to active products.",
                param="product",
            )
        amount = whole(params, "unit_amount")
        if amount is None:
            raise required("unit_amount")
        row = self._price(params, product["id"], amount)
        self._give_key(row, text(params, "lookup_key", limit=200), flag(params, "transfer_lookup_key"))
        ledger.add(PRICES, row)
        ledger.tell("price.created", row)
        return row

    def _price(self, params: Params, product: str, amount: int) -> Row:
        currency = str(params["currency"]).lower()
        if not re.fullmatch(r"[a-z]{3}", currency):
            raise Refusal(f"Invalid currency: {currency}.", param="currency")
        return {
            "id": self._ledger.new_id("price", 24),
            "object": "price",
            "active": flag(params, "active", True),
            "billing_scheme": "per_unit",
            "created": self._ledger.now(),
            "currency": currency,
            "custom_unit_amount": None,
            "livemode": self._ledger.livemode,
            "lookup_key": None,
            "metadata": merged_metadata({}, params),
            "nickname": text(params, "nickname"),
            "product": product,
            "recurring": _recurring(params.get("recurring")),
            "tax_behavior": "unspecified",
            "tiers_mode": None,
            "transform_quantity": None,
            "type": "recurring" if params.get("recurring") else "one_time",
            "unit_amount": amount,
            "unit_amount_decimal": str(amount),
        }

    def update_price(self, params: Params, ident: str) -> Row:
        row = self._ledger.get(PRICES, ident, "price")
        metadata = merged_metadata(row["metadata"], params)
        if "lookup_key" in params:
            self._give_key(row, text(params, "lookup_key", limit=200), flag(params, "transfer_lookup_key"))
        row["metadata"] = metadata
        row["active"] = flag(params, "active", row["active"])
        if "nickname" in params:
            row["nickname"] = text(params, "nickname")
        self._ledger.tell("price.updated", row)
        return row

    def _give_key(self, row: Row, key: str | None, transfer: bool) -> None:
        """A lookup key is one active price's own; moving it takes it from the price that had it."""
        for other in self._ledger.table(PRICES).values():
            if key and other is not row and other["lookup_key"] == key:
                if not transfer and other["active"]:
                    raise Refusal(
                        f"A price (`{other['id']}`) already uses that lookup key.",
                        code="resource_already_exists",
                        param="lookup_key",
                    )
                other["lookup_key"] = None
        row["lookup_key"] = key

    def prices(self, params: Params) -> list[Row]:
        """Active ones only, unless asked otherwise."""
        active, product = flag(params, "active", True), params.get("product")
        keys = params.get("lookup_keys")
        if keys is not None and len(keys) > 10:
            raise Refusal("You can look for up to 10 lookup keys.", param="lookup_keys")
        return self._ledger.newest(
            PRICES,
            lambda row: (
                row["active"] is active
                and product in (None, row["product"])
                and (keys is None or row["lookup_key"] in keys)
            ),
        )

    # -- features

    def create_feature(self, params: Params) -> Row:
        ledger = self._ledger
        for name in ("name", "lookup_key"):
            if not text(params, name):
                raise required(name)
        key = text(params, "lookup_key", limit=80)
        if any(one["lookup_key"] == key and one["active"] for one in ledger.table(FEATURES).values()):
            raise Refusal(
                f"A feature with lookup key `{key}` already exists.",
                code="resource_already_exists",
                param="lookup_key",
            )
        row: Row = {
            "id": ledger.new_id("feat_test" if not ledger.livemode else "feat", 40),
            "object": "entitlements.feature",
            "active": True,
            "livemode": ledger.livemode,
            "lookup_key": key,
            "metadata": merged_metadata({}, params),
            "name": text(params, "name", limit=80),
        }
        return ledger.add(FEATURES, row)

    def update_feature(self, params: Params, ident: str) -> Row:
        row = self._ledger.get(FEATURES, ident, "feature")
        active = flag(params, "active", row["active"])
        if active and not row["active"]:
            raise Refusal("This feature was deactivated for good.", param="active")
        row["metadata"] = merged_metadata(row["metadata"], params)
        row["active"] = active
        if "name" in params:
            row["name"] = text(params, "name", limit=80)
        return row

    def features(self, params: Params) -> list[Row]:
        archived, key = flag(params, "archived"), params.get("lookup_key")
        return self._ledger.newest(
            FEATURES, lambda row: row["active"] is not archived and key in (None, row["lookup_key"])
        )

    # -- which product has which feature

    def create_grant(self, params: Params, product: str) -> Row:
        ledger = self._ledger
        ledger.get(PRODUCTS, product, "product")
        if not params.get("entitlement_feature"):
            raise required("entitlement_feature")
        feature = ledger.get(FEATURES, params["entitlement_feature"], "feature", param="entitlement_feature")
        if not feature["active"]:
            raise Refusal("Inactive features can't be attached to products.", param="entitlement_feature")
        if any(one["_product"] == product and one["_feature"] == feature["id"] for one in self._grants()):
            raise Refusal(
                "This feature is already attached to the product.",
                code="resource_already_exists",
                param="entitlement_feature",
            )
        row: Row = {
            "id": ledger.new_id("prodft", 24),
            "object": "product_feature",
            "entitlement_feature": feature,
            "livemode": ledger.livemode,
            "_product": product,
            "_feature": feature["id"],
        }
        return ledger.add(GRANTS, row)

    def delete_grant(self, params: Params, product: str, ident: str) -> Row:
        self._ledger.get(PRODUCTS, product, "product")
        if self._ledger.get(GRANTS, ident, "product_feature")["_product"] != product:
            raise Refusal(f"No such product_feature: '{ident}'", status=404, code="resource_missing", param="id")
        del self._ledger.table(GRANTS)[ident]
        return {"id": ident, "object": "product_feature", "deleted": True}

    def grants(self, product: str) -> list[Row]:
        self._ledger.get(PRODUCTS, product, "product")
        return [one for one in reversed(self._grants()) if one["_product"] == product]

    def _grants(self) -> list[Row]:
        return list(self._ledger.table(GRANTS).values())


def _recurring(given: Any) -> Row | None:
    if given is None:
        return None
    interval = given.get("interval")
    if interval not in _INTERVALS:
        raise Refusal(f"Invalid recurring[interval]: must be one of {', '.join(_INTERVALS)}", param="recurring")
    return {
        "interval": interval,
        "interval_count": int(given.get("interval_count") or 1),
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }
