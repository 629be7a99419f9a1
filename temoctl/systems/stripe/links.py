"""What people do in their browser, and what they owe: Checkout and portal addresses, and a subscription's bill.

Addresses are made when somebody asks for one and live a day at most: nothing here is ever recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from temoctl.engine.ports import Permit
from temoctl.engine.protocol import Bill, Link, Target
from temoctl.model.errors import Refused
from temoctl.model.identity import Marker
from temoctl.model.money import Money
from temoctl.systems.stripe.client import StripeApi
from temoctl.systems.stripe.lists import Lists
from temoctl.systems.stripe.seen import MARK, NOT_PAID, TENANT, Row, is_free, is_there, item_of, marker_of, payer

_DAY = 86400.0


class Browser:
    """`success_url` is where a customer's browser goes afterwards, unless the gate says."""

    def __init__(self, api: StripeApi, lists: Lists, success_url: str) -> None:
        self._api, self._lists, self._success_url = api, lists, success_url

    async def link(self, target: Target, permit: Permit) -> Link:
        row = await self._subscription(target)
        if row is None:
            raise Refused(
                NOT_PAID,
                "there is nothing to pay for yet",
                fix=f"run `temoctl apply {target.address.tenant}` first: it makes the subscription",
            )
        owner = row["customer"]
        if not is_there(row):
            return await self._subscribe_again(target, row, permit)
        if payer(row, owner) is None and not is_free(row):
            return await self._enter_card(target, row, permit)
        return await self._portal(target, str(owner["id"]), permit)

    async def bill(self, target: Target) -> Bill | None:
        row = await self._subscription(target)
        if row is None:
            return None
        item, currency = item_of(row), str(row["currency"]).upper()
        per = str(item["price"]["recurring"]["interval"])
        due, since = await self._due(str(row["id"]))
        next_at, amount = await self._next(row)
        return Bill(
            status=str(row["status"]),
            next=Money(amount, currency, per) if next_at is not None else None,
            next_at=next_at,
            trial_ends=row["trial_end"] if row["status"] == "trialing" else None,
            due=Money(due, currency) if due else None,
            due_since=since,
            ends_at=row["cancel_at"] or row["ended_at"],
        )

    async def _subscription(self, target: Target) -> Row | None:
        """That of the gate or of the subscription itself, with its customer."""
        of_gate = target.address.kind == "payment"
        ref = target.props.get("subscription") if of_gate else target.ref
        if not isinstance(ref, str):
            return None
        return await self._api.get(self._api.v1.subscriptions.retrieve_async, ref, expand=["customer"])

    async def _due(self, subscription: str) -> tuple[int, float | None]:
        """What is open, over all invoices, and since when."""
        bills = await self._api.all(self._api.v1.invoices.list_async, subscription=subscription, status="open")
        opened = [bill["status_transitions"]["finalized_at"] or bill["created"] for bill in bills]
        return sum(int(bill["amount_remaining"]) for bill in bills), min(opened, default=None)

    async def _next(self, row: Row) -> tuple[float | None, int]:
        """When the next invoice comes, and over how much; none where nothing goes on."""
        if row["status"] not in ("trialing", "active", "past_due") or row["cancel_at_period_end"]:
            return None, 0
        preview = await self._api.ask(self._api.v1.invoices.create_preview_async, params={"subscription": row["id"]})
        at = row["trial_end"] if row["status"] == "trialing" else item_of(row)["current_period_end"]
        return float(at), int(preview["amount_due"])

    # --- addresses

    async def _enter_card(self, target: Target, row: Row, permit: Permit) -> Link:
        return await self._checkout(
            target,
            row,
            permit,
            {"mode": "setup", "currency": row["currency"], "setup_intent_data": {"metadata": _for(target, row)}},
            "the client enters a card here; it is charged when the trial is over or the pause ends",
        )

    async def _subscribe_again(self, target: Target, row: Row, permit: Permit) -> Link:
        """The subscription has ended: paying makes a new one, which carries our mark and is taken into use."""
        price = item_of(row)["price"]
        marker = marker_of(row)
        if not price["active"] or marker is None:
            raise Refused(
                NOT_PAID,
                "the subscription has ended, and its price is no longer sold",
                fix=f"run `temoctl apply {target.address.tenant}`: it makes a new subscription, with a link of its own",
            )
        told = {MARK: Marker(marker.owner, marker.kind, marker.name).text, TENANT: target.address.tenant}
        return await self._checkout(
            target,
            row,
            permit,
            {
                "mode": "subscription",
                "line_items": [{"price": price["id"], "quantity": 1}],
                "subscription_data": {"metadata": told},
            },
            "the client subscribes again here and is charged at once; run `temoctl apply` afterwards",
        )

    async def _checkout(
        self, target: Target, row: Row, permit: Permit, params: Mapping[str, Any], instructions: str
    ) -> Link:
        after = str(target.props.get("success_url") or self._success_url)
        if not after:
            raise Refused(
                NOT_PAID,
                "nobody said where a customer's browser goes after paying",
                fix="set systems.stripe.success_url in platform.yaml, for instance to your website",
            )
        session = await self._api.change(
            self._api.v1.checkout.sessions.create_async,
            permit=permit,
            key="",
            params={
                **params,
                "customer": row["customer"]["id"],
                "success_url": after,
                "client_reference_id": target.marker.owner.uid,
                "metadata": _for(target, row),
            },
        )
        return Link(str(session["url"]), instructions, float(session.get("expires_at") or session["created"] + _DAY))

    async def _portal(self, target: Target, customer: str, permit: Permit) -> Link:
        configurations = await self._lists.rows("portal")
        installation = target.marker.owner.installation
        ours = (row for row in configurations if _of_installation(row, installation))
        configuration = next(ours, None)
        params: dict[str, Any] = {"customer": customer}
        if configuration is not None:
            params["configuration"] = configuration["id"]
        after = str(target.props.get("success_url") or self._success_url)
        if after:
            params["return_url"] = after
        session = await self._api.change(
            self._api.v1.billing_portal.sessions.create_async, permit=permit, key="", params=params
        )
        return Link(str(session["url"]), "the client changes the card here and finds all invoices")


def _of_installation(row: Row, installation: str) -> bool:
    marker = marker_of(row)
    return marker is not None and marker.owner.installation == installation


def _for(target: Target, row: Row) -> dict[str, str]:
    """What a session must say, so that its card finds the subscription, and its events the tenant."""
    told = {"subscription": str(row["id"]), TENANT: target.address.tenant, "temo_uid": target.marker.owner.uid}
    return {**told, MARK: target.marker.text}
