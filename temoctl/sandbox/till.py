"""Control routes of the till: what people do at Stripe's pages, and how its time passes. Knows no tenant."""

from __future__ import annotations

from typing import Any

from temoctl.sandbox.hearer import Hearer
from temoctl.systems.fake_http import FakeHttp, FakeRequest, FakeResponse
from temoctl.systems.stripe.fake import FakeStripe
from temoctl.systems.stripe.fake_store import INVOICES, SESSIONS, Refusal, Row

_FURTHEST = 400 * 86400.0
"""Seconds that time may be moved at once: a year and a bit."""


class Till:
    """Adds its routes to the control port. A customer is named by the uid in its marker, or by its id."""

    def __init__(self, stripe: FakeStripe, control: FakeHttp) -> None:
        self._stripe = stripe
        for method, path, handler in (
            ("GET", "/till", self._look),
            ("GET", "/till/{who}", self._one),
            ("POST", "/till/{who}/pay", self._pay),
            ("POST", "/till/{who}/card", self._card),
            ("POST", "/till/{who}/settle", self._settle),
            ("POST", "/till-time", self._time),
            ("POST", "/till-habits", self._habits),
            ("POST", "/till-events", self._deliver),
        ):
            control.route(method, path, handler)

    async def _look(self, request: FakeRequest) -> FakeResponse:
        return FakeResponse(
            json={"shift": self._stripe.shift, "customers": [*map(self._shown, self._stripe.customers())]}
        )

    async def _one(self, request: FakeRequest, who: str) -> FakeResponse:
        return FakeResponse(json=self._shown(self._customer(who)))

    async def _pay(self, request: FakeRequest, who: str) -> FakeResponse:
        """Fill in a Checkout page: the newest open one, or the one whose address is given."""
        customer, given = self._customer(who), request.json or {}
        session = str(given.get("session") or "") or self._open_session(customer["id"])
        try:
            await self._stripe.pay(session, good=bool(given.get("good", True)))
        except Refusal as no:
            raise ValueError(no.error["message"]) from None
        return FakeResponse(json=self._shown(customer))

    async def _card(self, request: FakeRequest, who: str) -> FakeResponse:
        """Another card in the portal, or none."""
        customer, given = self._customer(who), request.json or {}
        if given.get("away"):
            await self._stripe.take_card_away(customer["id"])
        else:
            await self._stripe.give_card(customer["id"], good=bool(given.get("good", True)))
        return FakeResponse(json=self._shown(customer))

    async def _settle(self, request: FakeRequest, who: str) -> FakeResponse:
        customer = self._customer(who)
        paid = await self._stripe.pay_due(customer["id"])
        return FakeResponse(json=self._shown(customer) | {"paid": paid})

    async def _time(self, request: FakeRequest) -> FakeResponse:
        seconds = float(request.json["seconds"])
        if not 0 < seconds <= _FURTHEST:
            raise ValueError(f"time goes forward only, and by {_FURTHEST / 86400:.0f} days at most")
        await self._stripe.advance(seconds)
        return await self._look(request)

    async def _habits(self, request: FakeRequest) -> FakeResponse:
        """Whether new clients give a card by themselves."""
        self._stripe.ready = bool(request.json["ready"])
        return FakeResponse(json={"ready": self._stripe.ready})

    async def _deliver(self, request: FakeRequest) -> FakeResponse:
        """Send all events that wait, also those that would be tried again later."""
        events = self._stripe.events
        arrived = await events.deliver(again=True)
        if isinstance(events.poster, Hearer):
            await events.poster.quiet()  # the beat may have taken some of them along
        return FakeResponse(json={"arrived": arrived, "waiting": len(events.waiting)})

    def _customer(self, who: str) -> Row:
        for row in self._stripe.customers():
            if row["id"] == who or any(f".{who}." in str(value) for value in row["metadata"].values()):
                return row
        raise KeyError(f"customer {who} at Stripe yet")

    def _open_session(self, customer: str) -> str:
        for row in self._stripe.ledger.newest(SESSIONS, lambda one: one["customer"] == customer):
            if row["status"] == "open":
                return str(row["id"])
        raise KeyError("open Checkout page: make a link first")

    def _shown(self, customer: Row) -> dict[str, Any]:
        subscription = self._stripe.subscription_of(customer["id"])
        bills = [one for one in self._stripe.ledger.table(INVOICES).values() if one["customer"] == customer["id"]]
        return {
            "id": customer["id"],
            "name": customer["name"],
            "metadata": customer["metadata"],
            "subscription": subscription
            and {
                "id": subscription["id"],
                "status": subscription["status"],
                "trial_end": subscription["trial_end"],
                "period_end": subscription["items"]["data"][0]["current_period_end"],
            },
            "invoices": [
                {name: one[name] for name in ("id", "status", "amount_due", "currency", "created")} for one in bills
            ],
        }
