"""Stripe as a system of the engine: lists read once for the fleet, objects found by marker, effects, proofs.

The lists decide what is ours (seen.py), effects.py changes, links.py is for people. Must not know what plans are for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from temoctl.engine.ports import Permit
from temoctl.engine.protocol import (
    Bill,
    Call,
    Link,
    Outcome,
    ProbeResult,
    Proof,
    Scope,
    Snapshot,
    Target,
    Verb,
    Verdict,
)
from temoctl.model.address import PLATFORM, Address
from temoctl.model.errors import Bug, Refused, TemoError
from temoctl.model.identity import Marker, Owner
from temoctl.model.kind import Kind
from temoctl.model.resource import Observed, Presence
from temoctl.systems.stripe import seen
from temoctl.systems.stripe.client import NO_RIGHT, StripeApi
from temoctl.systems.stripe.effects import Effects
from temoctl.systems.stripe.kinds import KINDS
from temoctl.systems.stripe.links import Browser
from temoctl.systems.stripe.lists import CUSTOMER, SUBSCRIPTION, Lists
from temoctl.systems.stripe.seen import Cards, Listing, Row

_ARCHIVED = "it was archived at Stripe"
SHARED = ("product", "price", "feature", "endpoint", "portal")
OWN = (CUSTOMER, SUBSCRIPTION)
_PLAIN: Mapping[str, Callable[[Target, Row], Observed]] = {
    "product": seen.product,
    "price": seen.price,
    "feature": seen.feature,
    "endpoint": seen.endpoint,
    "portal": seen.portal,
    CUSTOMER: seen.customer,
}


@dataclass(frozen=True, slots=True)
class View:
    """What was read of Stripe: lists by kind, the features of each product, cards that wait."""

    lists: Mapping[str, Listing] = field(default_factory=dict)
    grants: Mapping[str, Listing] = field(default_factory=dict)
    cards: Cards = field(default_factory=Cards)
    cards_failed: TemoError | None = None


class StripeSystem:
    """Implements engine.protocol.System, Probes, Links and Bills."""

    name = "stripe"

    def __init__(
        self, api: StripeApi, *, test_clock: str = "", success_url: str = "", settle: float | None = None
    ) -> None:
        self._api, self._test_clock = api, test_clock
        self._lists = Lists(api)
        self._effects = Effects(api, self._lists, test_clock)
        self._browser = Browser(api, self._lists, success_url)
        self.kinds: Mapping[str, Kind] = (
            KINDS if settle is None else {name: replace(kind, settle=settle) for name, kind in KINDS.items()}
        )

    async def close(self) -> None:
        await self._api.close()

    async def instance(self) -> str:
        """The account and the mode: test and live are two worlds under one account."""
        row = await self._api.get(self._api.v1.accounts.retrieve_current_async)
        if row is None:
            raise Refused(NO_RIGHT, "Stripe doesn't say which account this key belongs to", fix="use the secret key")
        return f"{row['id']}:{'live' if self._api.live else 'test'}"

    # --- looking

    async def observe(self, scope: Scope) -> Snapshot:
        view = await self._view(scope)
        found = await asyncio.gather(*(self._in_view(target, view) for target in scope.targets))
        return Snapshot({one.address: one for one in found}, tuple(_strays(scope, view)))

    async def _view(self, scope: Scope) -> View:
        """The lists that this scope needs: a tenant's are no use to the platform, and the other way round."""
        kinds = {target.address.kind for target in scope.targets}
        wanted = set(SHARED if PLATFORM in scope.owners else ()) | (kinds & set(SHARED))
        if kinds & {*OWN, "payment"} or scope.owners.keys() - {PLATFORM}:
            wanted.update(OWN)
        if "grant" in kinds:
            wanted.add("product")
        lists = await self._lists.read(wanted)
        products = {
            str(target.props["product"])
            for target in scope.targets
            if target.address.kind == "grant" and isinstance(target.props.get("product"), str)
        }
        products &= lists["product"].rows.keys() if "product" in lists else set()
        grants = dict(zip(products, await asyncio.gather(*(self._grants(one) for one in products)), strict=True))
        cards, failed = Cards(), None
        if SUBSCRIPTION in lists and not (lists[SUBSCRIPTION].failed or lists[CUSTOMER].failed):
            try:
                cards = await self._lists.cards(lists[SUBSCRIPTION], lists[CUSTOMER])
            except TemoError as error:
                failed = error
        return View(lists, grants, cards, failed)

    async def _grants(self, product: str) -> Listing:
        try:
            return Listing.of(await self._lists.grants(product))
        except TemoError as error:
            return Listing(failed=error)

    async def _in_view(self, target: Target, view: View) -> Observed:
        kind = target.address.kind
        if kind == "grant":
            return _grant_in(target, view)
        needed = OWN if kind in (SUBSCRIPTION, "payment") else (kind,)
        failed = next((view.lists[one].failed for one in needed if view.lists[one].failed), None)
        if failed is not None:
            return seen.unknown(target, failed)
        if kind == "payment":
            return _payment_in(target, view)
        if kind == "product":
            return _product_in(target, view.lists[kind])
        row, others = seen.first_of(target, view.lists[kind])
        if row is None:
            row = view.lists[kind].rows.get(target.ref or "")
        if row is None:
            # A list shows what there is, but not everything there ever was: what is on record is asked for itself.
            return await self.read(target) if target.ref else seen.absent(target)
        if not seen.is_there(row) and kind != SUBSCRIPTION:
            return seen.absent(target, _ARCHIVED)
        twins = tuple(_with_use(_observed(target, one, view), view) for one in others)
        return replace(_observed(target, row, view), twins=twins)

    async def read(self, target: Target) -> Observed:
        try:
            return await self._read(target)
        except TemoError as error:
            return seen.unknown(target, error)

    async def _read(self, target: Target) -> Observed:
        kind, v1 = target.address.kind, self._api.v1
        if kind == "grant":
            return await self._read_grant(target)
        if kind == "payment":
            return await self._read_payment(target)
        ref = str(target.props["id"]) if kind == "product" and "id" in target.props else target.ref
        if ref is None:
            found = await self._found(target)
            return found[0] if found else seen.absent(target)
        if kind == SUBSCRIPTION:
            row = await self._api.get(v1.subscriptions.retrieve_async, ref, expand=["customer", "latest_invoice"])
            return seen.absent(target) if row is None else await self._subscription(target, row)
        row = await self._api.get(self._service(kind).retrieve_async, ref)
        if row is None or not seen.is_there(row):
            return seen.absent(target, _ARCHIVED if row is not None else "")
        return _PLAIN[kind](target, row)

    async def _subscription(self, target: Target, row: Row) -> Observed:
        cards = await self._lists.cards_of(row) if seen.is_there(row) else Cards()
        return seen.subscription(target, row, row["customer"], cards)

    async def _read_grant(self, target: Target) -> Observed:
        product = target.props.get("product")
        if not isinstance(product, str):
            return seen.absent(target)
        owner = await self._api.get(self._api.v1.products.retrieve_async, product)
        rows = await self._lists.grants(product) if owner is not None else ()
        return seen.grant(target, owner, rows)

    async def _read_payment(self, target: Target) -> Observed:
        ref = target.props.get("subscription")
        row = None
        if isinstance(ref, str):
            row = await self._api.get(self._api.v1.subscriptions.retrieve_async, ref, expand=["customer"])
        if row is None or not seen.is_there(row):
            return seen.payment(target, None, None, Cards())
        return seen.payment(target, row, row["customer"], await self._lists.cards_of(row))

    async def find(self, target: Target, intent: str) -> Sequence[Observed]:
        """Every object with the target's marker, those made by the intent first."""
        if target.address.kind in ("product", "grant", "payment"):
            there = await self._read(target)
            return [there] if there.presence is Presence.PRESENT else []
        found = await self._found(replace(target, ref=None))
        return sorted(found, key=lambda one: one.marker is None or one.marker.intent != intent)

    async def _found(self, target: Target) -> list[Observed]:
        """By marker, in the narrowest list that must hold it."""
        kind, props = target.address.kind, target.props
        if kind == CUSTOMER and props.get("email"):
            rows = await self._lists.customers_by_email(str(props["email"]).strip(), self._test_clock)
        elif kind == SUBSCRIPTION and isinstance(props.get("customer"), str):
            rows = await self._lists.subscriptions_of(str(props["customer"]))
        else:
            rows = await self._lists.rows(kind)
        listing = Listing.of(rows)
        ours = listing.by_mark.get(target.marker.text, ())
        if kind != SUBSCRIPTION:
            return [_PLAIN[kind](target, row) for row in ours]
        return [await self._subscription(target, await self._with_customer(row)) for row in ours]

    async def _with_customer(self, row: Row) -> Row:
        owner = await self._api.get(self._api.v1.customers.retrieve_async, str(row["customer"]))
        return {**row, "customer": owner or {"id": row["customer"]}}

    # --- acting

    async def execute(self, call: Call) -> Outcome:
        kind, ref = call.target.address.kind, call.target.ref
        if kind == "payment":
            raise Bug("TEMO900", "a means of payment is given by a person, never by us")
        if call.verb is Verb.CREATE:
            return await self._effects.create[kind](call)
        if ref is None:
            there = await self._read(call.target)
            ref = there.ref if there.presence is Presence.PRESENT else None
        if call.verb is Verb.DELETE:
            if ref is not None:
                await self._delete(call, kind, ref)
            return Outcome(ref or "")
        if ref is None:
            raise Bug("TEMO900", f"an update of {call.target.address} without an object to update")
        return await self._effects.update[kind](call, ref)

    async def _delete(self, call: Call, kind: str, ref: str) -> None:
        match kind:
            case "grant":
                await self._effects.delete_grant(call, ref)
            case "subscription":
                await self._effects.cancel(call, ref)
            case "customer" | "endpoint":
                await self._effects.remove(call, ref, self._service(kind))
            case _:
                await self._effects.archive(call, ref, self._service(kind))

    def _service(self, kind: str) -> Any:
        v1 = self._api.v1
        return {
            "product": v1.products,
            "price": v1.prices,
            "feature": v1.entitlements.features,
            "endpoint": v1.webhook_endpoints,
            "portal": v1.billing_portal.configurations,
            CUSTOMER: v1.customers,
            SUBSCRIPTION: v1.subscriptions,
        }[kind]

    async def gone(self, target: Target) -> Proof:
        kind = target.address.kind
        try:
            if kind == "grant" or target.ref is None:
                there = await self._read(target)
                if there.presence is Presence.ABSENT:
                    return Proof(Verdict.DELETED, f"no {kind} of ours is in Stripe's lists")
                return Proof(Verdict.UNVERIFIED, there.why or f"the {kind} is still at Stripe")
            row = await self._api.get(self._service(kind).retrieve_async, target.ref)
        except TemoError as error:
            return Proof(Verdict.UNVERIFIED, error.summary)
        return _proof(kind, target.ref, row)

    # --- proving, and what people do

    async def probe(self, target: Target, neighbours: Sequence[Target]) -> Sequence[ProbeResult]:
        """Whether Stripe tells us what happens. The other kinds have nothing more to prove than to be there."""
        if target.address.kind != "endpoint":
            return []
        there = await self.read(target)
        on = there.presence is Presence.PRESENT and bool(there.props.get("enabled"))
        why = there.why or "Stripe has switched the delivery off, or it isn't there"
        fix = there.fix or "check that `temoctl serve` can be reached from the internet, then run `temoctl apply`"
        return [ProbeResult(target.address, "Stripe tells us of payments", on, "" if on else why, "" if on else fix)]

    async def link(self, target: Target, permit: Permit) -> Link:
        return await self._browser.link(target, permit)

    async def bill(self, target: Target) -> Bill | None:
        return await self._browser.bill(target)


def _observed(target: Target, row: Row, view: View) -> Observed:
    if target.address.kind != SUBSCRIPTION:
        return _PLAIN[target.address.kind](target, row)
    if view.cards_failed is not None and _lacks_card(row, view):
        return seen.unknown(target, view.cards_failed)
    return seen.subscription(target, row, _owner(row, view), view.cards)


def _payment_in(target: Target, view: View) -> Observed:
    row = view.lists[SUBSCRIPTION].rows.get(str(target.props.get("subscription")))
    if view.cards_failed is not None and row is not None and _lacks_card(row, view):
        return seen.unknown(target, view.cards_failed)
    return seen.payment(target, row, _owner(row, view), view.cards)


def _lacks_card(row: Row, view: View) -> bool:
    """Whether only a card that somebody gave and nobody uses yet could pay for it."""
    return seen.is_there(row) and not seen.is_free(row) and seen.payer(row, _owner(row, view)) is None


def _owner(row: Row | None, view: View) -> Row | None:
    return view.lists[CUSTOMER].rows.get(str(row["customer"])) if row is not None else None


def _product_in(target: Target, listing: Listing) -> Observed:
    """By the id we chose; one that is archived isn't there."""
    row = listing.rows.get(str(target.props.get("id") or target.ref))
    if row is None or not seen.is_there(row):
        return seen.absent(target, _ARCHIVED if row is not None else "")
    return seen.product(target, row)


def _grant_in(target: Target, view: View) -> Observed:
    products = view.lists["product"]
    product = str(target.props.get("product"))
    features = view.grants.get(product, Listing())
    failed = products.failed or features.failed
    if failed is not None:
        return seen.unknown(target, failed)
    return seen.grant(target, products.rows.get(product), features.rows.values())


def _with_use(one: Observed, view: View) -> Observed:
    """A customer with a subscription is used by it."""
    if one.address.kind != CUSTOMER:
        return one
    rows = view.lists[SUBSCRIPTION].rows.values()
    return replace(one, referenced=any(str(row["customer"]) == one.ref and seen.is_there(row) for row in rows))


def _strays(scope: Scope, view: View) -> Iterable[Observed]:
    """Objects with a marker of these owners that stand at no target."""
    tenants: dict[Owner, str] = {owner: tenant for tenant, owner in scope.owners.items()}
    asked = {replace(target.marker, intent=None).text for target in scope.targets}
    for kind, listing in view.lists.items():
        for mark, rows in listing.by_mark.items():
            marker = Marker.search(mark)
            if marker is None or marker.kind != kind or marker.owner not in tenants or mark in asked:
                continue
            address = Address(tenants[marker.owner], "stripe", kind, marker.name)
            for row in rows:
                yield _with_use(_observed(Target(address, marker, str(row["id"])), row, view), view)


def _proof(kind: str, ref: str, row: Row | None) -> Proof:
    if row is None:
        return Proof(Verdict.DELETED, f"Stripe answers 404 to the {kind}'s id {ref}")
    if row.get("deleted"):
        return Proof(Verdict.DELETED, f"Stripe answers that {ref} is deleted; its invoices stay, as the law asks")
    if row.get("status") in seen.ENDED:
        return Proof(Verdict.ARCHIVED, f"Stripe shows {ref} as {row['status']}; its record stays there")
    if row.get("active") is False:
        return Proof(Verdict.ARCHIVED, f"Stripe shows {ref} as inactive: it can't be deleted, only archived")
    return Proof(Verdict.UNVERIFIED, f"the {kind} {ref} is still at Stripe")
