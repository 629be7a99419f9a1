"""The stand-in's Checkout and customer portal: the sessions, and what a person does there. Sends nothing anywhere."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from temoctl.systems.stripe import fake_shapes as shapes
from temoctl.systems.stripe.fake_people import People
from temoctl.systems.stripe.fake_store import (
    CUSTOMERS,
    PORTALS,
    PRICES,
    SESSIONS,
    Ledger,
    Params,
    Refusal,
    Row,
    flag,
    merged_metadata,
    required,
    text,
)
from temoctl.systems.stripe.fake_subscriptions import Subscriptions

_LONGEST, _SHORTEST = 86400, 1800
_FEATURES: Mapping[str, Any] = {
    "customer_update": {"allowed_updates": [], "enabled": False},
    "invoice_history": {"enabled": False},
    "payment_method_update": {"enabled": False, "payment_method_configuration": None},
    "subscription_pause": {"duration": {"interval_options": [], "type": "indefinite"}, "enabled": False},
    "subscription_cancel": {
        "cancellation_reason": {"enabled": False, "options": []},
        "enabled": False,
        "mode": "at_period_end",
        "proration_behavior": "none",
    },
    "subscription_update": {
        "billing_cycle_anchor": None,
        "default_allowed_updates": [],
        "enabled": False,
        "proration_behavior": "none",
        "schedule_at_period_end": {"conditions": []},
        "trial_update_behavior": "end_trial",
    },
}


class Checkout:
    def __init__(self, ledger: Ledger, people: People, subscriptions: Subscriptions) -> None:
        self._ledger, self._people, self._subscriptions = ledger, people, subscriptions

    # -- sessions

    def create_session(self, params: Params) -> Row:
        ledger, mode = self._ledger, params.get("mode")
        if mode not in ("setup", "subscription"):
            raise Refusal("Invalid mode: the stand-in knows setup and subscription.", param="mode")
        if not params.get("success_url"):
            raise required("success_url")
        customer = params.get("customer")
        if customer:
            ledger.get(CUSTOMERS, customer, "customer", param="customer")
        if mode == "setup" and not params.get("currency"):
            raise required("currency")
        if mode == "subscription" and not params.get("line_items"):
            raise required("line_items")
        now = ledger.now_for(customer)
        ends = int(params.get("expires_at") or now + _LONGEST)
        if not now + _SHORTEST <= ends <= now + _LONGEST:
            raise Refusal(
                "The `expires_at` timestamp must be between 30 minutes and 24 hours away.", param="expires_at"
            )
        ident = ledger.new_id("cs_test_a1" if not ledger.livemode else "cs_live_a1", 56).replace("a1_", "a1")
        row = shapes.session(ident, ledger.livemode) | {
            "client_reference_id": text(params, "client_reference_id", limit=200),
            "created": now,
            "currency": params.get("currency"),
            "customer": customer or None,
            "expires_at": ends,
            "metadata": merged_metadata({}, params),
            "mode": mode,
            "payment_status": "no_payment_required" if mode == "setup" else "unpaid",
            "success_url": params["success_url"],
            "url": f"https://checkout.stripe.com/c/pay/{ident}",
            "_params": copy.deepcopy(dict(params)),
        }
        return ledger.add(SESSIONS, row)

    def expire_session(self, params: Params, ident: str) -> Row:
        row = self._ledger.get(SESSIONS, ident, "checkout.session")
        if row["status"] != "open":
            raise Refusal('Only Checkout Sessions with a status in ["open"] can be expired.')
        return self._end(row)

    def expire_due(self) -> None:
        for row in self._ledger.table(SESSIONS).values():
            if row["status"] == "open" and row["expires_at"] <= self._ledger.now_for(row["customer"]):
                self._end(row)

    def _end(self, row: Row) -> Row:
        row["status"], row["url"] = "expired", None
        self._ledger.tell("checkout.session.expired", row)
        return row

    def sessions(self, params: Params) -> list[Row]:
        wanted = {key: params[key] for key in ("customer", "status", "subscription") if params.get(key)}
        return self._ledger.newest(SESSIONS, lambda row: all(row[key] == value for key, value in wanted.items()))

    def complete(self, session: str, *, good: bool = True) -> Row:
        """A person fills in the page at the session's address (or with its id). Raises Refusal when it is too late."""
        row = self._ledger.get(SESSIONS, session.rpartition("/")[2], "checkout.session")
        self.expire_due()
        if row["status"] != "open":
            raise Refusal(f"This Checkout Session is {row['status']}.")
        if row["customer"] is None:
            row["customer"] = self._people.create_customer({"email": "customer@example.com"})["id"]
        if row["mode"] == "setup":
            card = self._people.give_card(row["customer"], good=good)
            told = row["_params"].get("setup_intent_data", {}).get("metadata", {})
            row["setup_intent"] = self._people.set_up(row["customer"], card["id"], told)["id"]
        else:
            self._subscribe(row, good)
        row["status"], row["url"] = "complete", None
        self._ledger.tell("checkout.session.completed", row)
        return row

    def _subscribe(self, row: Row, good: bool) -> None:
        params = row["_params"]
        free = self._is_free(params["line_items"][0].get("price"))
        given = dict(params.get("subscription_data", {}))
        if not (free and params.get("payment_method_collection") == "if_required"):
            given["default_payment_method"] = self._people.give_card(row["customer"], good=good)["id"]
        made = self._subscriptions.create(
            {
                "customer": row["customer"],
                "items": [{"price": params["line_items"][0].get("price")}],
                "payment_behavior": "error_if_incomplete",
                **given,
            }
        )
        row["subscription"], row["invoice"] = made["id"], made["latest_invoice"]
        row["payment_status"] = "paid"

    def _is_free(self, price: Any) -> bool:
        found = self._ledger.table(PRICES).get(str(price), {})
        return bool(found.get("unit_amount") == 0)

    # -- the portal

    def create_configuration(self, params: Params) -> Row:
        if not params.get("features"):
            raise required("features")
        ledger, now = self._ledger, self._ledger.now()
        row: Row = {
            "id": ledger.new_id("bpc", 24),
            "object": "billing_portal.configuration",
            "active": True,
            "application": None,
            "business_profile": {"headline": None, "privacy_policy_url": None, "terms_of_service_url": None},
            "created": now,
            "default_return_url": text(params, "default_return_url"),
            "features": copy.deepcopy(dict(_FEATURES)),
            "is_default": False,
            "livemode": ledger.livemode,
            "login_page": {"enabled": False, "url": None},
            "metadata": merged_metadata({}, params),
            "name": text(params, "name"),
            "updated": now,
        }
        self._configure(row, params)
        return ledger.add(PORTALS, row)

    def update_configuration(self, params: Params, ident: str) -> Row:
        row = self._ledger.get(PORTALS, ident, "configuration")
        metadata = merged_metadata(row["metadata"], params)
        self._configure(row, params)
        row["metadata"], row["active"] = metadata, flag(params, "active", row["active"])
        row["updated"] = self._ledger.now()
        return row

    def configurations(self, params: Params) -> list[Row]:
        active = None if params.get("active") is None else flag(params, "active")
        return self._ledger.newest(PORTALS, lambda row: active in (None, row["active"]))

    def _configure(self, row: Row, params: Params) -> None:
        profile = params.get("business_profile") or {}
        for field in ("headline", "privacy_policy_url", "terms_of_service_url"):
            if field in profile:
                row["business_profile"][field] = text(profile, field)
        if "default_return_url" in params:
            row["default_return_url"] = text(params, "default_return_url")
        for name, given in (params.get("features") or {}).items():
            if name not in row["features"]:
                raise Refusal(f"Received unknown parameter: features[{name}]", code="parameter_unknown", param=name)
            _overlay(row["features"][name], given, f"features[{name}]")

    def create_portal_session(self, params: Params) -> Row:
        ledger = self._ledger
        if not params.get("customer"):
            raise required("customer")
        ledger.get(CUSTOMERS, params["customer"], "customer", param="customer")
        configuration = params.get("configuration")
        if not configuration:
            raise Refusal(
                "No configuration provided and your test mode default configuration has not been created. Provide a "
                "configuration or create your default by saving your customer portal settings."
            )
        ledger.get(PORTALS, configuration, "configuration", param="configuration")
        ident = ledger.new_id("bps", 24)
        return {
            "id": ident,
            "object": "billing_portal.session",
            "configuration": configuration,
            "created": ledger.now_for(params["customer"]),
            "customer": params["customer"],
            "customer_account": None,
            "flow": None,
            "livemode": ledger.livemode,
            "locale": None,
            "on_behalf_of": None,
            "return_url": text(params, "return_url"),
            "url": f"https://billing.stripe.com/p/session/{ident}",
        }


def _overlay(had: Row, given: Any, path: str) -> None:
    """Given settings over those that are there, with the types that are there."""
    if not isinstance(given, Mapping):
        raise Refusal(f"Invalid object: {path}", param=path)
    for key, value in given.items():
        if key not in had and key not in ("products", "options"):
            raise Refusal(f"Received unknown parameter: {path}[{key}]", code="parameter_unknown", param=path)
        now = had.get(key)
        if isinstance(now, dict):
            _overlay(now, value, f"{path}[{key}]")
        elif isinstance(now, bool):
            had[key] = flag(given, key)
        elif isinstance(now, list):
            had[key] = list(value) if value else []
        else:
            had[key] = value or None
