"""The stand-in's subscriptions as they are made, changed and ended by calls. What time does to them: fake_billing."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from temoctl.systems.stripe import fake_shapes as shapes
from temoctl.systems.stripe.fake_invoices import Invoices, declined
from temoctl.systems.stripe.fake_people import People
from temoctl.systems.stripe.fake_store import (
    CUSTOMERS,
    PRICES,
    SUBSCRIPTIONS,
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

ENDED = ("canceled", "incomplete_expired")
OWING = ("past_due", "unpaid", "incomplete")
_BEHAVIOURS = ("allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete")
_TRIAL_ENDS = ("cancel", "create_invoice", "pause")


class Subscriptions:
    def __init__(self, ledger: Ledger, people: People, invoices: Invoices) -> None:
        self._ledger, self._people, self._invoices = ledger, people, invoices

    # -- making

    def create(self, params: Params) -> Row:
        ledger = self._ledger
        if not params.get("customer"):
            raise required("customer")
        owner = ledger.get(CUSTOMERS, params["customer"], "customer", param="customer")
        items = params.get("items")
        if not items:
            raise required("items")
        at = ledger.now_for(owner["id"])
        price = self._price(items[0].get("price"), param="items[0][price]")
        self._one_currency(owner, price["currency"])
        trial_end = _trial_end(params, at)
        row = self._row(params, owner, price, at, trial_end)
        method = params.get("default_payment_method")
        if method:
            row["default_payment_method"] = self._people.method_of(owner["id"], method, param="default_payment_method")[
                "id"
            ]
        if trial_end is None:
            self._start(row, _behaviour(params), at)
        else:
            ledger.add(SUBSCRIPTIONS, row)
            ledger.tell("customer.subscription.created", row, at)
            first = self._invoices.make(row, at=at, reason="subscription_create", amount=0)
            self._invoices.finalise(first, at)
            self._invoices.paid(first, at)
        owner["currency"] = row["currency"]
        return row

    def _start(self, row: Row, behaviour: str, at: int) -> None:
        """A subscription without a trial begins with an invoice."""
        ledger, card = self._ledger, self._people.paying(row)
        free = row["items"]["data"][0]["price"]["unit_amount"] == 0
        if not free and behaviour in ("allow_incomplete", "error_if_incomplete"):
            if card is None:
                raise Refusal(
                    "This customer has no attached payment source or default payment method. Please consider adding "
                    "a default payment method.",
                    code="resource_missing",
                )
            if card["_declined"] and behaviour == "error_if_incomplete":
                raise declined()
        row["status"] = "active" if free else "incomplete"
        ledger.add(SUBSCRIPTIONS, row)
        ledger.tell("customer.subscription.created", row, at)
        first = self._invoices.make(row, at=at, reason="subscription_create")
        self._invoices.finalise(first, at)
        wait = behaviour == "default_incomplete" and card is None and not free
        if not wait and self._invoices.try_to_pay(first, row, at):
            self.settle(row, at)

    def _row(self, params: Params, owner: Row, price: Row, at: int, trial_end: int | None) -> Row:
        ident = self._ledger.new_id("sub", 24)
        end = trial_end or later(at, price, at)
        item = self._item(ident, price, params["items"][0], at, end)
        return {
            **shapes.subscription(ident, self._ledger.livemode),
            "billing_cycle_anchor": trial_end or at,
            "cancel_at_period_end": flag(params, "cancel_at_period_end"),
            "created": at,
            "currency": price["currency"],
            "customer": owner["id"],
            "description": text(params, "description"),
            "items": {
                "object": "list",
                "data": [item],
                "has_more": False,
                "total_count": 1,
                "url": f"/v1/subscription_items?subscription={ident}",
            },
            "metadata": merged_metadata({}, params),
            "payment_settings": _payment_settings(params),
            "start_date": at,
            "status": "trialing" if trial_end else "incomplete",
            "test_clock": owner["test_clock"],
            "trial_end": trial_end,
            "trial_start": at if trial_end else None,
            "trial_settings": _trial_settings(params, {"end_behavior": {"missing_payment_method": "create_invoice"}}),
        }

    def _item(self, subscription: str, price: Row, given: Mapping[str, Any], start: int, end: int) -> Row:
        return {
            "id": self._ledger.new_id("si"),
            "object": "subscription_item",
            "billing_thresholds": None,
            "created": start,
            "current_period_end": end,
            "current_period_start": start,
            "discounts": [],
            "metadata": merged_metadata({}, given),
            "plan": shapes.plan_of(price),
            "price": price,
            "quantity": whole(given, "quantity", least=1) or 1,
            "subscription": subscription,
            "tax_rates": [],
        }

    def _price(self, ident: Any, *, param: str) -> Row:
        if not ident:
            raise required(param)
        price = self._ledger.get(PRICES, ident, "price", param=param)
        if not price["active"]:
            raise Refusal("The price specified is inactive. This field only accepts active prices.", param=param)
        if price["recurring"] is None:
            raise Refusal("The price specified is set to `type=one_time`.", param=param)
        return price

    def _one_currency(self, owner: Row, currency: str) -> None:
        for other in self._ledger.table(SUBSCRIPTIONS).values():
            if other["customer"] == owner["id"] and other["status"] not in ENDED and other["currency"] != currency:
                raise Refusal(
                    "You cannot combine currencies on a single customer. This customer has an active subscription "
                    f"with currency {other['currency']}."
                )

    # -- changing

    def update(self, params: Params, ident: str) -> Row:
        row = self._ledger.get(SUBSCRIPTIONS, ident, "subscription")
        self._changeable(row, params)
        at = self._ledger.now_for(row["customer"])
        metadata = merged_metadata(row["metadata"], params)
        settings = _trial_settings(params, row["trial_settings"])
        method = params.get("default_payment_method")
        if method:
            self._people.method_of(row["customer"], method, param="default_payment_method")
        if params.get("items"):
            self._change_items(row, params, at)
        row["metadata"], row["trial_settings"] = metadata, settings
        if method is not None:
            row["default_payment_method"] = method or None
        row["cancel_at_period_end"] = flag(params, "cancel_at_period_end", row["cancel_at_period_end"])
        period_end = row["items"]["data"][0]["current_period_end"]
        row["cancel_at"] = period_end if row["cancel_at_period_end"] else None
        if "description" in params:
            row["description"] = text(params, "description")
        if params.get("trial_end") == "now" and row["status"] == "trialing":
            row["trial_end"] = at
        self._ledger.tell("customer.subscription.updated", row, at)
        return row

    @staticmethod
    def _changeable(row: Row, params: Params) -> None:
        allowed = {"canceled": {"metadata", "cancellation_details"}, "incomplete": {"metadata", "default_source"}}
        if row["status"] not in (*ENDED, "incomplete"):
            return
        state = "incomplete" if row["status"] == "incomplete" else "canceled"
        if params.keys() - allowed[state] - {"expand"}:
            raise Refusal(
                f"A {row['status']} subscription can only update its {' and '.join(sorted(allowed[state]))}.",
                code="subscription_canceled" if state == "canceled" else "",
            )

    def _change_items(self, row: Row, params: Params, at: int) -> None:
        """An item named by its id is changed; one without an id is a further item."""
        data = row["items"]["data"]
        for place, given in enumerate(params["items"]):
            had = next((one for one in data if one["id"] == given.get("id")), None)
            if given.get("id") and had is None:
                raise Refusal(f"No such subscription_item: '{given['id']}'", code="resource_missing", param="items")
            price = self._price(given["price"], param=f"items[{place}][price]") if given.get("price") else None
            if price is not None and price["currency"] != row["currency"]:
                raise Refusal(
                    f"The price specified only supports `{price['currency']}`. This doesn't match the expected "
                    f"currency: `{row['currency']}`.",
                    param=f"items[{place}][price]",
                )
            if had is None:
                period = data[0]["current_period_start"], data[0]["current_period_end"]
                if price is None:
                    raise required(f"items[{place}][price]")
                data.append(self._item(row["id"], price, given, *period))
                row["items"]["total_count"] = len(data)
            elif price is not None:
                self._change_price(row, had, price, params, at)

    def _change_price(self, row: Row, item: Row, price: Row, params: Params, at: int) -> None:
        before = item["price"]
        if before["id"] == price["id"]:
            return
        if params.get("proration_behavior") != "none" and row["status"] not in ("trialing", "paused"):
            raise Refusal("The stand-in changes prices with proration_behavior=none only.", status=501)
        item["price"], item["plan"] = price, shapes.plan_of(price)
        other_period = before["recurring"]["interval"] != price["recurring"]["interval"]
        if (other_period or before["unit_amount"] == 0) and row["status"] in ("active", "past_due"):
            self.begin_period(row, at, anew=True)  # another rhythm, or the end of free: a new period begins at once
            bill = self._invoices.make(row, at=at, reason="subscription_update")
            self._invoices.finalise(bill, at)
            if not self._invoices.try_to_pay(bill, row, at):
                row["status"] = "past_due"

    def begin_period(self, row: Row, at: int, *, anew: bool = False) -> None:
        if anew:
            row["billing_cycle_anchor"] = at
        for item in row["items"]["data"]:
            item["current_period_start"] = at
            item["current_period_end"] = later(at, item["price"], row["billing_cycle_anchor"])

    def resume(self, params: Params, ident: str) -> Row:
        """End a pause: a new period begins, and is charged."""
        row = self._ledger.get(SUBSCRIPTIONS, ident, "subscription")
        if row["status"] != "paused":
            raise Refusal("Only paused subscriptions can be resumed.")
        if self._people.paying(row) is None:
            raise Refusal("This customer has no default payment method.", code="resource_missing")
        at = self._ledger.now_for(row["customer"])
        self.begin_period(row, at, anew=True)
        bill = self._invoices.make(row, at=at, reason="subscription_cycle")
        self._invoices.finalise(bill, at)
        if self._invoices.try_to_pay(bill, row, at):
            row["status"] = "active"
        elif params.get("payment_behavior") != "resume_on_payment_success":
            row["status"] = "past_due"
            bill["next_payment_attempt"] = at + 3 * 86400
        if row["status"] != "paused":
            self._ledger.tell("customer.subscription.resumed", row, at)
            self._ledger.tell("customer.subscription.updated", row, at)
        return row

    # -- ending

    def cancel(self, params: Params, ident: str) -> Row:
        row = self._ledger.get(SUBSCRIPTIONS, ident, "subscription")
        if row["status"] in ENDED:
            raise Refusal(f"No such subscription: '{ident}'", status=404, code="resource_missing", param="id")
        return self.end(row, self._ledger.now_for(row["customer"]), "cancellation_requested")

    def end(self, row: Row, at: int, reason: str, status: str = "canceled") -> Row:
        row["status"], row["ended_at"] = status, at
        if status == "canceled":
            row["canceled_at"] = at
            row["cancellation_details"]["reason"] = reason
        for bill in self._invoices.of(row["id"]):
            bill["auto_advance"], bill["next_payment_attempt"] = False, None
            if status != "canceled" and bill["status"] == "open":
                self._invoices.void(bill, at)
        self._ledger.tell(
            "customer.subscription.deleted" if status == "canceled" else "customer.subscription.updated", row, at
        )
        return row

    def end_all(self, customer: str) -> None:
        """What deleting a customer does to its subscriptions."""
        at = self._ledger.now_for(customer)
        for row in list(self._ledger.table(SUBSCRIPTIONS).values()):
            if row["customer"] == customer and row["status"] not in ENDED:
                self.end(row, at, "cancellation_requested")

    def settle(self, row: Row, at: int) -> None:
        """Something was paid: where nothing is owed any more, the subscription is as it should be."""
        self._ledger.table(CUSTOMERS)[row["customer"]]["delinquent"] = False
        if row["status"] in OWING and not self._invoices.of(row["id"], status="open"):
            row["status"] = "active"
            self._ledger.tell("customer.subscription.updated", row, at)

    # -- lists

    def listing(self, params: Params) -> list[Row]:
        """Without canceled ones unless asked; without those on test clocks unless the customer or clock is named."""
        status, customer, clock = params.get("status"), params.get("customer"), params.get("test_clock")
        price = params.get("price")

        def wanted(row: Row) -> bool:
            if status == "ended":
                fits = row["status"] in ENDED
            else:
                fits = status == "all" or (row["status"] != "canceled" if status is None else row["status"] == status)
            seen = row["test_clock"] == clock if clock else (customer is not None or row["test_clock"] is None)
            priced = price is None or any(item["price"]["id"] == price for item in row["items"]["data"])
            return fits and seen and priced and customer in (None, row["customer"])

        return self._ledger.newest(SUBSCRIPTIONS, wanted)


def later(at: int, price: Mapping[str, Any], anchor: int) -> int:
    """When a period that begins at `at` is over; months end on the anchor's day, or on their last one."""
    interval, count = str(price["recurring"]["interval"]), int(price["recurring"]["interval_count"])
    if interval in ("day", "week"):
        return at + count * (86400 if interval == "day" else 7 * 86400)
    start, day = datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(anchor, UTC).day
    months = start.month - 1 + count * (12 if interval == "year" else 1)
    year, month = start.year + months // 12, months % 12 + 1
    moved = start.replace(year=year, month=month, day=min(day, monthrange(year, month)[1]))
    return int(moved.timestamp())


def _trial_end(params: Params, at: int) -> int | None:
    days, end = whole(params, "trial_period_days"), params.get("trial_end")
    if end == "now" or (not days and end in (None, "")):
        return None
    if days:
        if days > 730:
            raise Refusal("The trial can last up to 730 days.", param="trial_period_days")
        return at + int(timedelta(days=days).total_seconds())
    if int(str(end)) <= at:
        raise Refusal("Invalid timestamp: must be an integer Unix timestamp in the future.", param="trial_end")
    return int(str(end))


def _trial_settings(params: Params, had: Row) -> Row:
    given = params.get("trial_settings")
    if not given:
        return had
    behaviour = given.get("end_behavior", {}).get("missing_payment_method")
    if behaviour not in _TRIAL_ENDS:
        raise Refusal(
            f"Invalid trial_settings[end_behavior][missing_payment_method]: must be one of {', '.join(_TRIAL_ENDS)}",
            param="trial_settings[end_behavior][missing_payment_method]",
        )
    return {"end_behavior": {"missing_payment_method": behaviour}}


def _payment_settings(params: Params) -> Row:
    given = params.get("payment_settings") or {}
    return {
        "payment_method_options": None,
        "payment_method_types": None,
        "save_default_payment_method": given.get("save_default_payment_method") or "off",
    }


def _behaviour(params: Params) -> str:
    given = str(params.get("payment_behavior") or "allow_incomplete")
    if given not in _BEHAVIOURS:
        raise Refusal(f"Invalid payment_behavior: must be one of {', '.join(_BEHAVIOURS)}", param="payment_behavior")
    return given
