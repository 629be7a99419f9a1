"""The stand-in's customers, their means of payment, and what a person does at Checkout and in the portal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from temoctl.systems.stripe.fake_store import (
    CLOCKS,
    CUSTOMERS,
    INTENTS,
    METHODS,
    SUBSCRIPTIONS,
    Ledger,
    Params,
    Refusal,
    Row,
    merged_metadata,
    missing,
    text,
)

_ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")


class People:
    """Customers and cards."""

    def __init__(self, ledger: Ledger, ready: Callable[[], bool] = lambda: False) -> None:
        self._ledger, self._ready = ledger, ready

    # -- customers

    def create_customer(self, params: Params) -> Row:
        ledger = self._ledger
        clock = params.get("test_clock")
        if clock:
            ledger.get(CLOCKS, clock, "test clock", param="test_clock")
        row: Row = {
            "id": ledger.new_id("cus"),
            "object": "customer",
            "address": _address(params.get("address")),
            "balance": 0,
            "created": ledger.now(clock),
            "currency": None,
            "customer_account": None,
            "default_source": None,
            "delinquent": False,
            "description": text(params, "description"),
            "discount": None,
            "email": text(params, "email", limit=512),
            "invoice_prefix": ledger.new_id("x", 8)[2:].upper(),
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": None,
                "footer": None,
                "rendering_options": None,
            },
            "livemode": ledger.livemode,
            "metadata": merged_metadata({}, params),
            "name": text(params, "name", limit=256),
            "next_invoice_sequence": 1,
            "phone": None,
            "preferred_locales": [],
            "shipping": None,
            "tax_exempt": "none",
            "test_clock": clock or None,
        }
        ledger.add(CUSTOMERS, row)
        ledger.tell("customer.created", row)
        if self._ready():
            self.give_card(row["id"], default=True)
        return row

    def customer(self, params: Params, ident: str) -> Row:
        row = self._ledger.get(CUSTOMERS, ident, "customer")
        return {"id": ident, "object": "customer", "deleted": True} if row.get("deleted") else row

    def update_customer(self, params: Params, ident: str) -> Row:
        row = self._living(ident)
        metadata = merged_metadata(row["metadata"], params)
        settings = params.get("invoice_settings")
        if settings and "default_payment_method" in settings:
            self.make_default(row, settings["default_payment_method"] or None)
        row["metadata"] = metadata
        for field, limit in (("email", 512), ("name", 256), ("description", 5000)):
            if field in params:
                row[field] = text(params, field, limit=limit)
        if "address" in params:
            row["address"] = _address(params["address"])
        self._ledger.tell("customer.updated", row)
        return row

    def delete_customer(self, params: Params, ident: str) -> Row:
        """The stub stays, so that whoever asks for the id is told that it is gone."""
        row = self._living(ident)
        row["deleted"] = True
        self._ledger.tell("customer.deleted", row)
        return {"id": ident, "object": "customer", "deleted": True}

    def customers(self, params: Params) -> list[Row]:
        """Without those on test clocks, unless a clock is named."""
        clock, email = params.get("test_clock"), params.get("email")
        return self._ledger.newest(
            CUSTOMERS,
            lambda row: (
                not row.get("deleted") and row["test_clock"] == (clock or None) and email in (None, row["email"])
            ),
        )

    def _living(self, ident: str) -> Row:
        row = self._ledger.get(CUSTOMERS, ident, "customer")
        if row.get("deleted"):
            raise missing("customer", ident)
        return row

    # -- means of payment

    def give_card(self, customer: str, *, good: bool = True, default: bool = False) -> Row:
        """A card is attached to a customer. `good` ones pay, others are declined whenever money is due."""
        owner, ledger = self._living(customer), self._ledger
        row: Row = {
            "id": ledger.new_id("pm", 24),
            "object": "payment_method",
            "allow_redisplay": "limited",
            "billing_details": {
                "address": _address(owner["address"]) or dict.fromkeys(_ADDRESS),
                "email": owner["email"],
                "name": owner["name"],
                "phone": None,
                "tax_id": None,
            },
            "card": _card("4242" if good else "0341"),
            "created": ledger.now_for(customer),
            "customer": customer,
            "customer_account": None,
            "livemode": ledger.livemode,
            "metadata": {},
            "type": "card",
            "_declined": not good,
        }
        ledger.add(METHODS, row)
        ledger.tell("payment_method.attached", row)
        if default:
            self.make_default(owner, row["id"])
            ledger.tell("customer.updated", owner)
        return row

    def make_default(self, owner: Row, method: str | None) -> None:
        if method is not None:
            self.method_of(owner["id"], method, param="invoice_settings[default_payment_method]")
        owner["invoice_settings"]["default_payment_method"] = method

    def method_of(self, customer: str, method: str, *, param: str) -> Row:
        row = self._ledger.get(METHODS, method, "PaymentMethod", param=param)
        if row["customer"] != customer:
            raise Refusal(
                f"The customer does not have a payment method with the ID {method}.",
                code="resource_missing",
                param=param,
            )
        return row

    def take_card_away(self, customer: str) -> None:
        """All of a customer's cards are detached, as it happens in the portal."""
        owner = self._living(customer)
        for row in self._ledger.table(METHODS).values():
            if row["customer"] == customer:
                row["customer"] = None
                self._ledger.tell("payment_method.detached", row)
        owner["invoice_settings"]["default_payment_method"] = None
        for subscription in self._ledger.table(SUBSCRIPTIONS).values():
            if subscription["customer"] == customer:
                subscription["default_payment_method"] = None

    def methods(self, customer: str) -> list[Row]:
        self._living(customer)
        return self._ledger.newest(METHODS, lambda row: row["customer"] == customer)

    def paying(self, subscription: Mapping[str, Any]) -> Row | None:
        """The means of payment that would be charged for a subscription; None where there is none."""
        owner = self._ledger.table(CUSTOMERS).get(subscription["customer"], {})
        chosen = subscription["default_payment_method"] or owner.get("invoice_settings", {}).get(
            "default_payment_method"
        )
        return self._ledger.table(METHODS).get(chosen) if chosen else None

    def set_up(self, customer: str, method: str, metadata: Mapping[str, str]) -> Row:
        """A finished setup intent: the card may be charged later, and is nobody's default yet."""
        row: Row = {
            "id": self._ledger.new_id("seti", 24),
            "object": "setup_intent",
            "application": None,
            "automatic_payment_methods": None,
            "cancellation_reason": None,
            "client_secret": None,
            "created": self._ledger.now_for(customer),
            "customer": customer,
            "description": None,
            "flow_directions": None,
            "last_setup_error": None,
            "latest_attempt": None,
            "livemode": self._ledger.livemode,
            "mandate": None,
            "metadata": dict(metadata),
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": method,
            "payment_method_options": None,
            "payment_method_types": ["card"],
            "single_use_mandate": None,
            "status": "succeeded",
            "usage": "off_session",
        }
        self._ledger.add(INTENTS, row)
        self._ledger.tell("setup_intent.succeeded", row)
        return row

    # -- test clocks

    def create_clock(self, params: Params) -> Row:
        if self._ledger.livemode:
            raise Refusal("Test clocks exist in test mode only.", status=403)
        frozen = params.get("frozen_time")
        if frozen is None:
            raise Refusal("Missing required param: frozen_time.", code="parameter_missing", param="frozen_time")
        row: Row = {
            "id": self._ledger.new_id("clock", 24),
            "object": "test_helpers.test_clock",
            "created": self._ledger.now(),
            "deletes_after": self._ledger.now() + 30 * 86400,
            "frozen_time": int(frozen),
            "livemode": False,
            "name": text(params, "name"),
            "status": "ready",
            "status_details": {},
        }
        return self._ledger.add(CLOCKS, row)

    def delete_clock(self, params: Params, ident: str) -> Row:
        """The clock goes, and everybody on it."""
        ledger = self._ledger
        ledger.get(CLOCKS, ident, "test clock")
        gone = [row["id"] for row in ledger.table(CUSTOMERS).values() if row.get("test_clock") == ident]
        for subscription in [row for row in ledger.table(SUBSCRIPTIONS).values() if row["customer"] in gone]:
            del ledger.table(SUBSCRIPTIONS)[subscription["id"]]
        for customer in gone:
            ledger.table(CUSTOMERS)[customer]["deleted"] = True
        del ledger.table(CLOCKS)[ident]
        return {"id": ident, "object": "test_helpers.test_clock", "deleted": True}


def _address(given: Any) -> Row | None:
    if not given:
        return None
    return {field: (str(given[field]).strip() or None) if given.get(field) else None for field in _ADDRESS}


def _card(last4: str) -> Row:
    return {
        "brand": "visa",
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": "visa",
        "exp_month": 12,
        "exp_year": 2050,
        "fingerprint": f"standin{last4}",
        "funding": "credit",
        "generated_from": None,
        "last4": last4,
        "networks": {"available": ["visa"], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
