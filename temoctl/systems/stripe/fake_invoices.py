"""The stand-in's invoices: made, finalised, paid or not. Knows no time of its own: whoever calls says when."""

from __future__ import annotations

from temoctl.systems.stripe import fake_shapes as shapes
from temoctl.systems.stripe.fake_people import People
from temoctl.systems.stripe.fake_store import CUSTOMERS, INVOICES, Ledger, Params, Refusal, Row, flag, listed, missing

DRAFT = 3600
"""Seconds that a renewal's invoice stays open to changes before it is finalised."""


class Invoices:
    def __init__(self, ledger: Ledger, people: People) -> None:
        self._ledger, self._people = ledger, people
        self._by_subscription: dict[str, list[Row]] = {}

    def make(self, subscription: Row, *, at: int, reason: str, amount: int | None = None) -> Row:
        """A draft for the subscription's current period."""
        item = subscription["items"]["data"][0]
        price = item["price"]
        total = price["unit_amount"] * item["quantity"] if amount is None else amount
        owner = self._ledger.table(CUSTOMERS)[subscription["customer"]]
        ident = self._ledger.new_id("in", 24)
        number = f"{owner['invoice_prefix']}-{owner['next_invoice_sequence']:04d}"
        owner["next_invoice_sequence"] += 1
        row = shapes.invoice(ident, self._ledger.livemode) | {
            "amount_due": total,
            "amount_remaining": total,
            "auto_advance": True,
            "billing_reason": reason,
            "created": at,
            "currency": subscription["currency"],
            "customer": owner["id"],
            "customer_address": owner["address"],
            "customer_email": owner["email"],
            "customer_name": owner["name"],
            "number": number,
            "parent": {
                "quote_details": None,
                "subscription_details": {
                    "metadata": dict(subscription["metadata"]),
                    "subscription": subscription["id"],
                },
                "type": "subscription_details",
            },
            "period_end": at,
            "period_start": item["current_period_start"] if reason == "subscription_cycle" else at,
            "subtotal": total,
            "subtotal_excluding_tax": total,
            "test_clock": owner["test_clock"],
            "total": total,
            "total_excluding_tax": total,
            "_finalises": at,
            "_tries": 0,
        }
        row["lines"] = listed([_line(self._ledger, row, subscription, item, total)], f"/v1/invoices/{ident}/lines")
        subscription["latest_invoice"] = ident
        self._ledger.add(INVOICES, row)
        self._by_subscription.setdefault(subscription["id"], []).append(row)
        self._ledger.tell("invoice.created", row, at)
        return row

    def finalise(self, invoice: Row, at: int) -> None:
        invoice["status"] = "open"
        invoice["effective_at"] = at
        invoice["status_transitions"]["finalized_at"] = at
        invoice["hosted_invoice_url"] = f"https://invoice.stripe.com/i/standin/{invoice['id']}"
        self._ledger.tell("invoice.finalized", invoice, at)

    def try_to_pay(self, invoice: Row, subscription: Row, at: int) -> bool:
        """Charge the card. True when nothing is due any more."""
        invoice["attempted"] = True
        card = self._people.paying(subscription)
        if invoice["amount_remaining"] == 0 or (card is not None and not card["_declined"]):
            if invoice["amount_remaining"]:
                invoice["attempt_count"] += 1
            self.paid(invoice, at)
            return True
        invoice["attempt_count"] += 1
        self._ledger.tell("invoice.payment_failed", invoice, at)
        return False

    def paid(self, invoice: Row, at: int) -> None:
        invoice["amount_paid"] += invoice["amount_remaining"]
        invoice["amount_remaining"] = 0
        invoice["status"], invoice["next_payment_attempt"] = "paid", None
        invoice["status_transitions"]["paid_at"] = at
        self._ledger.tell("invoice.paid", invoice, at)
        self._ledger.tell("invoice.payment_succeeded", invoice, at)

    def void(self, invoice: Row, at: int) -> None:
        invoice["status"], invoice["next_payment_attempt"] = "void", None
        invoice["status_transitions"]["voided_at"] = at
        self._ledger.tell("invoice.voided", invoice, at)

    def of(self, subscription: str, *, status: str | None = None) -> list[Row]:
        """A subscription's invoices, the newest first."""
        rows = self._by_subscription.get(subscription, ())
        return [row for row in reversed(rows) if status in (None, row["status"])]

    def listing(self, params: Params) -> list[Row]:
        wanted = {key: params[key] for key in ("customer", "status") if params.get(key)}
        subscription = params.get("subscription")
        rows = self._ledger.newest(INVOICES) if subscription is None else self.of(subscription)
        hidden = "customer" not in wanted and subscription is None
        return [
            row
            for row in rows
            if all(row[key] == value for key, value in wanted.items()) and not (hidden and row["test_clock"])
        ]

    def preview(self, params: Params, subscription: Row) -> Row:
        """The next invoice, as it would be now."""
        item = subscription["items"]["data"][0]
        if subscription["status"] in ("canceled", "incomplete_expired") or subscription["cancel_at_period_end"]:
            raise Refusal(
                f"No upcoming invoices for customer: '{subscription['customer']}'",
                status=404,
                code="invoice_upcoming_none",
            )
        total = item["price"]["unit_amount"] * item["quantity"]
        at = subscription["trial_end"] if subscription["status"] == "trialing" else item["current_period_end"]
        row = shapes.invoice(f"upcoming_{subscription['id']}", self._ledger.livemode) | {
            "amount_due": total,
            "amount_remaining": total,
            "billing_reason": "upcoming",
            "created": at,
            "currency": subscription["currency"],
            "customer": subscription["customer"],
            "next_payment_attempt": at + DRAFT,
            "parent": {
                "quote_details": None,
                "subscription_details": {
                    "metadata": dict(subscription["metadata"]),
                    "subscription": subscription["id"],
                },
                "type": "subscription_details",
            },
            "period_end": at,
            "period_start": item["current_period_start"],
            "subtotal": total,
            "total": total,
        }
        row["lines"] = listed([_line(self._ledger, row, subscription, item, total)], f"/v1/invoices/{row['id']}/lines")
        return row

    def pay(self, params: Params, ident: str, subscription: Row) -> Row:
        """`POST /v1/invoices/{id}/pay`: by its card, or told to have been paid some other way."""
        row = self._ledger.get(INVOICES, ident, "invoice")
        if row["status"] != "open":
            raise Refusal(f"Invoice is already {row['status']}", code="invoice_not_editable")
        at = self._ledger.now_for(row["customer"])
        if flag(params, "paid_out_of_band"):
            self.paid(row, at)
        elif not self.try_to_pay(row, subscription, at):
            raise declined()
        return row

    def subscription_of(self, ident: str) -> str:
        row = self._ledger.table(INVOICES).get(ident)
        if row is None:
            raise missing("invoice", ident)
        return str(row["parent"]["subscription_details"]["subscription"])


def declined() -> Refusal:
    return Refusal(
        "Your card was declined.",
        status=402,
        code="card_declined",
        kind="card_error",
        kept=True,
        extra={"decline_code": "generic_decline"},
    )


def _line(ledger: Ledger, invoice: Row, subscription: Row, item: Row, amount: int) -> Row:
    price = item["price"]
    return {
        "id": ledger.new_id("il", 24),
        "object": "line_item",
        "amount": amount,
        "currency": invoice["currency"],
        "description": f"{item['quantity']} × {price['product']} (at {price['unit_amount_decimal']} / "
        f"{price['recurring']['interval']})",
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice["id"],
        "livemode": ledger.livemode,
        "metadata": dict(subscription["metadata"]),
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": subscription["id"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        "period": {"end": item["current_period_end"], "start": item["current_period_start"]},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "quantity": item["quantity"],
        "subscription": subscription["id"],
        "subtotal": amount,
        "taxes": [],
    }
