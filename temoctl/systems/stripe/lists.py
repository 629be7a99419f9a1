"""Stripe's lists, read whole: each as few pages as there are, and nobody lost from view.

Stripe leaves customers and subscriptions on test clocks out of its lists unless the clock is named, so in test mode
the clocks are listed first. Decides nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any

from temoctl.model.errors import TemoError
from temoctl.systems.stripe.client import StripeApi
from temoctl.systems.stripe.seen import Cards, Listing, Row, is_free, is_there, marker_of, payer

CUSTOMER, SUBSCRIPTION = "customer", "subscription"


class Lists:
    def __init__(self, api: StripeApi) -> None:
        self._api = api

    async def read(self, kinds: Iterable[str]) -> dict[str, Listing]:
        """The lists of these kinds, all at once; a failure is told in its list."""
        names = sorted(kinds)
        clocks = asyncio.ensure_future(self._clocks()) if {CUSTOMER, SUBSCRIPTION} & set(names) else None
        return dict(zip(names, await asyncio.gather(*(self._listing(one, clocks) for one in names)), strict=True))

    async def _listing(self, kind: str, clocks: Awaitable[Sequence[str]] | None) -> Listing:
        try:
            return Listing.of(await self.rows(kind, clocks))
        except TemoError as error:
            return Listing(failed=error)

    async def rows(self, kind: str, clocks: Awaitable[Sequence[str]] | None = None) -> Sequence[Row]:
        """One kind's list. `clocks` are those of `_clocks`, where somebody asks for several lists."""
        v1, everything = self._api.v1, self._api.all
        match kind:
            case "product":
                return await everything(v1.products.list_async)
            case "price":
                return await everything(v1.prices.list_async)  # only those in use: an archived one is gone for us
            case "feature":
                return await everything(v1.entitlements.features.list_async)
            case "endpoint":
                return await everything(v1.webhook_endpoints.list_async)
            case "portal":
                return await everything(v1.billing_portal.configurations.list_async, active=True)
            case _:
                on = await (clocks if clocks is not None else self._clocks())
                parts = await asyncio.gather(self._people(kind), *(self._people(kind, test_clock=one) for one in on))
                return [row for part in parts for row in part]

    async def _clocks(self) -> Sequence[str]:
        if self._api.live:
            return []
        return [str(one["id"]) for one in await self._api.all(self._api.v1.test_helpers.test_clocks.list_async)]

    async def _people(self, kind: str, **params: Any) -> Sequence[Row]:
        v1 = self._api.v1
        if kind == CUSTOMER:
            return await self._api.all(v1.customers.list_async, **params)
        more = {"status": "all", "expand": ["data.latest_invoice"]}
        return await self._api.all(v1.subscriptions.list_async, **params, **more)

    async def customers_by_email(self, email: str, test_clock: str) -> Sequence[Row]:
        """Exact and at once, where a search would be late."""
        clock = {"test_clock": test_clock} if test_clock else {}
        return await self._api.all(self._api.v1.customers.list_async, email=email, **clock)

    async def subscriptions_of(self, customer: str) -> Sequence[Row]:
        """All that a customer ever had."""
        return await self._api.all(
            self._api.v1.subscriptions.list_async, customer=customer, status="all", expand=["data.latest_invoice"]
        )

    async def grants(self, product: str) -> Sequence[Row]:
        return await self._api.all(self._api.v1.products.features.list_async, product)

    # --- cards that were given at Checkout and are nobody's default yet

    async def cards(self, subscriptions: Listing, customers: Listing) -> Cards:
        """For all our subscriptions that have no card: one list, and none where everybody has one."""
        without = [
            row
            for row in subscriptions.rows.values()
            if marker_of(row)
            and is_there(row)
            and not is_free(row)
            and payer(row, customers.rows.get(str(row["customer"]))) is None
        ]
        if not without:
            return Cards()
        return Cards.of(await self._sessions(created={"gte": min(int(row["created"]) for row in without)}))

    async def cards_of(self, row: Row) -> Cards:
        """For one subscription, whose customer is expanded."""
        if is_free(row) or payer(row, row["customer"]) is not None:
            return Cards()
        return Cards.of(await self._sessions(customer=str(row["customer"]["id"])))

    async def _sessions(self, **params: Any) -> Sequence[Row]:
        return await self._api.all(
            self._api.v1.checkout.sessions.list_async,
            status="complete",
            expand=["data.setup_intent.payment_method"],
            **params,
        )
