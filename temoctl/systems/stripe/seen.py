"""Stripe's objects as observed resources: which are ours, which are there for us at all. Does no I/O.

For us an archived price or product isn't there, nor a deleted customer, nor a subscription that has ended: Stripe
keeps them for ever, and none of them can be used again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from temoctl.engine.protocol import Target
from temoctl.model.errors import Refused, TemoError
from temoctl.model.identity import Marker
from temoctl.model.money import Money
from temoctl.model.resource import Doubt, Observed, Presence
from temoctl.model.value import Json, digest
from temoctl.systems.stripe.client import BAD_KEY, NO_RIGHT
from temoctl.systems.stripe.kinds import CARD_UNUSED, IN_ORDER, PAUSED_WITH_CARD

FOREIGN, NOT_PAID = "TEMO737", "TEMO739"
MARK, TENANT, KEY = "temo", "temo_tenant", "temo_key"
"""The keys of the metadata that say whose an object is, for us and for people; and a price's first lookup key."""

Row = Mapping[str, Any]
ENDED = ("canceled", "incomplete_expired")


@dataclass(frozen=True, slots=True)
class Listing:
    """One kind's list, or why it couldn't be read."""

    rows: Mapping[str, Row] = field(default_factory=dict)
    failed: TemoError | None = None
    by_mark: Mapping[str, Sequence[Row]] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Listing:
        found = {str(row["id"]): row for row in rows}
        marked: dict[str, list[Row]] = {}
        for row in found.values():
            marker = marker_of(row)
            if marker is not None and is_there(row):
                marked.setdefault(replace(marker, intent=None).text, []).append(row)
        return cls(found, None, marked)


@dataclass(frozen=True, slots=True)
class Cards:
    """Cards that people gave at Checkout and that nobody uses yet: subscription -> payment method."""

    by_subscription: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, sessions: Iterable[Row]) -> Cards:
        """From finished sessions, the newest first."""
        found: dict[str, str] = {}
        for session in sessions:
            method = (session.get("setup_intent") or {}).get("payment_method")
            for_what = (session.get("metadata") or {}).get("subscription")
            if for_what and method and method["customer"] == session["customer"]:
                found.setdefault(str(for_what), str(method["id"]))
        return cls(found)


def marker_of(row: Row) -> Marker | None:
    """Our marker on an object."""
    return Marker.search(str((row.get("metadata") or {}).get(MARK, "")))


def is_there(row: Row) -> bool:
    """Whether an object can still be used."""
    return not row.get("deleted") and row.get("active") is not False and row.get("status") not in ENDED


def unknown(target: Target, error: TemoError) -> Observed:
    """What a failed read says about one object: never that it is absent."""
    doubt = Doubt.OUTAGE
    if isinstance(error, Refused):
        doubt = Doubt.DENIED if error.code in (BAD_KEY, NO_RIGHT) else Doubt.AMBIGUOUS
    why = f"{error.summary}: {error.detail}" if error.detail else error.summary
    return Observed.unknown(target.address, doubt, why, fix=error.fix, code=error.code)


def foreign(target: Target, what: str) -> Observed:
    return Observed.unknown(
        target.address,
        Doubt.FOREIGN,
        what,
        fix="look at its metadata in Stripe's Dashboard: somebody else made it, or took our mark off it",
        code=FOREIGN,
    )


def absent(target: Target, note: str = "") -> Observed:
    return replace(Observed.absent(target.address), note=note)


def made(target: Target, row: Row, props: Mapping[str, Json], outputs: Mapping[str, Json]) -> Observed:
    """One object that is there, as the target's address sees it."""
    marker = marker_of(row)
    if marker is not None and not marker.same_object(target.marker):
        return foreign(target, f"the object on record ({row['id']}) now carries another owner's mark")
    return Observed(
        target.address,
        Presence.PRESENT,
        ref=str(row["id"]),
        props=props,
        outputs=outputs,
        fingerprint=digest([props, str((row.get("metadata") or {}).get(MARK, ""))]),
        marker=marker,
    )


# --- the catalogue


def product(target: Target, row: Row) -> Observed:
    props = {"id": row["id"], "name": row["name"], "description": row["description"] or "", "active": row["active"]}
    if marker_of(row) is None and target.ref != row["id"]:
        return foreign(target, f"there is a product {row['id']} that isn't ours")
    return made(target, row, props, {"id": row["id"]})


def price(target: Target, row: Row) -> Observed:
    props = {
        "product": row["product"],
        "currency": row["currency"],
        "unit_amount": row["unit_amount"],
        "interval": (row["recurring"] or {}).get("interval"),
        "lookup_key": row["lookup_key"],
        "active": row["active"],
    }
    found = made(target, row, props, price_outputs(row))
    if found.presence is not Presence.PRESENT:
        return found
    # The key moves on to a price's successor by our own doing: that is no change that somebody made to the old one.
    told = row["metadata"] or {}
    lasting = {**props, "lookup_key": row["lookup_key"] or told.get(KEY)}
    return replace(found, fingerprint=digest([lasting, str(told.get(MARK, ""))]))


def price_outputs(row: Row) -> dict[str, Json]:
    return {"id": row["id"], "lookup_key": row["lookup_key"], "unit_amount": row["unit_amount"]}


def feature(target: Target, row: Row) -> Observed:
    props = {"lookup_key": row["lookup_key"], "name": row["name"], "active": row["active"]}
    return made(target, row, props, {"id": row["id"]})


def grant(target: Target, owner: Row | None, rows: Iterable[Row]) -> Observed:
    """Whether a product has a feature. The grant carries no metadata: it is whose the product is."""
    wanted = target.props.get("feature")
    row = next((one for one in rows if one["entitlement_feature"]["id"] == wanted), None)
    if row is None or owner is None:
        return absent(target)
    marker = marker_of(owner)
    if marker is None or marker.owner != target.marker.owner:
        return foreign(target, f"the product {owner['id']} has this feature, and isn't ours")
    props = {"product": owner["id"], "feature": wanted}
    return Observed(
        target.address,
        Presence.PRESENT,
        ref=str(row["id"]),
        props=props,
        outputs={"id": row["id"]},
        fingerprint=digest([props, row["id"]]),
        marker=target.marker,
    )


def endpoint(target: Target, row: Row) -> Observed:
    props = {
        "url": row["url"],
        "events": sorted(row["enabled_events"]),
        "description": row["description"] or "",
        "enabled": row["status"] == "enabled",
    }
    return made(target, row, props, {"id": row["id"]})


def portal(target: Target, row: Row) -> Observed:
    """Of its many settings only those that were asked for."""
    asked = target.props.get("features")
    features = projected(asked, row["features"]) if isinstance(asked, Mapping) else row["features"]
    props: dict[str, Json] = {
        "headline": row["business_profile"]["headline"] or "",
        "features": features,
        "active": row["active"],
    }
    if "return_url" in target.props:
        props["return_url"] = row["default_return_url"] or ""
    return made(target, row, props, {"id": row["id"]})


def projected(asked: Any, there: Any) -> Any:
    """What is there, with only the keys that were asked for."""
    if isinstance(asked, Mapping) and isinstance(there, Mapping):
        return {key: projected(value, there.get(key)) for key, value in asked.items()}
    if isinstance(asked, list | tuple) and isinstance(there, list):
        return list(asked) if sorted(map(str, asked)) == sorted(map(str, there)) else there  # their order says nothing
    return there


# --- a tenant's own


def customer(target: Target, row: Row) -> Observed:
    props: dict[str, Json] = {"name": row["name"] or "", "email": row["email"] or ""}
    country = (row["address"] or {}).get("country")
    if country or "country" in target.props:
        props["country"] = country or ""
    return made(target, row, props, {"id": row["id"]})


def item_of(row: Row, product: Any = None) -> Row:
    """The item that stands for the plan: that of the wanted product, else the oldest."""
    items = sorted(row["items"]["data"], key=lambda one: (one["price"]["product"] != product, one["created"]))
    first: Row = items[0]
    return first


def is_free(row: Row) -> bool:
    return not any(item["price"]["unit_amount"] for item in row["items"]["data"])


def payer(row: Row, owner: Row | None) -> str | None:
    """The means of payment that Stripe would charge; None where there is none."""
    settings = (owner or {}).get("invoice_settings") or {}
    chosen = row["default_payment_method"] or settings.get("default_payment_method")
    return str(chosen) if chosen else None


def payment_of(row: Row, owner: Row | None, cards: Cards) -> str:
    """Whether something has to be done so that a given card is used."""
    card = payer(row, owner)
    if card is None and str(row["id"]) in cards.by_subscription:
        return CARD_UNUSED
    if row["status"] == "paused" and (card is not None or is_free(row)):
        return PAUSED_WITH_CARD
    return IN_ORDER


def trial_end_of(row: Row) -> str:
    """What happens when a trial ends without a card; where nobody said, Stripe sends an invoice."""
    return str(
        ((row["trial_settings"] or {}).get("end_behavior") or {}).get("missing_payment_method", "create_invoice")
    )


def subscription(target: Target, row: Row, owner: Row | None, cards: Cards) -> Observed:
    if not is_there(row):
        return absent(target, _ended(row))
    item = item_of(row, target.props.get("product"))
    props: dict[str, Json] = {
        "customer": _id(row["customer"]),
        "product": item["price"]["product"],
        "currency": row["currency"],
        "interval": item["price"]["recurring"]["interval"],
        "price": item["price"]["id"],
        "trial_end_behaviour": trial_end_of(row),
        "payment": payment_of(row, owner, cards),
    }
    several = len(row["items"]["data"]) > 1
    note = "it has a further item that somebody added by hand" if several else ""
    seen = made(target, row, props, subscription_outputs(row, item))
    return seen if seen.presence is not Presence.PRESENT else replace(seen, active=True, note=note)


def subscription_outputs(row: Row, item: Row) -> dict[str, Json]:
    """What the rest of temoctl may want to know; `due` and `next_amount` in the currency's minor unit."""
    bill = row["latest_invoice"] if isinstance(row["latest_invoice"], Mapping) else {}
    owed = bill.get("status") in ("open", "uncollectible")
    since = (bill.get("status_transitions") or {}).get("finalized_at") or bill.get("created")
    amount, interval = item["price"]["unit_amount"] * item["quantity"], item["price"]["recurring"]["interval"]
    return {
        "id": row["id"],
        "status": row["status"],
        "customer": _id(row["customer"]),
        "item": item["id"],
        "product": item["price"]["product"],
        "price": item["price"]["id"],
        "currency": row["currency"],
        "interval": interval,
        "next_amount": amount,
        "money": charged(amount, row["currency"], interval).tree(),
        "current_period_end": item["current_period_end"],
        "trial_end": row["trial_end"],
        "ends_at": row["cancel_at"],
        "due": bill.get("amount_remaining", 0) if owed else 0,
        "due_since": since if owed else None,
    }


def charged(amount: int, currency: str, per: str | None = None) -> Money:
    """An amount as Stripe counts it, as money: it counts two currencies without a minor unit in hundredths."""
    code = currency.upper()
    return Money(amount // 100 if code in ("ISK", "UGX") else amount, code, per)


def _id(link: Any) -> str:
    return str(link["id"] if isinstance(link, Mapping) else link)


def _ended(row: Row) -> str:
    at = row.get("ended_at") or row.get("canceled_at")
    day = f" on {datetime.fromtimestamp(at, UTC):%d %b %Y}" if at else ""
    reason = (row.get("cancellation_details") or {}).get("reason")
    why = {"payment_failed": " because nobody paid", "cancellation_requested": ""}.get(str(reason), "")
    return f"the subscription ended{day}{why}"


def payment(target: Target, row: Row | None, owner: Row | None, cards: Cards) -> Observed:
    """The gate: whether somebody gave a card for the subscription, or none is needed."""
    tenant = target.address.tenant
    if row is None or not is_there(row):
        return replace(
            absent(target),
            why="there is no subscription to pay for yet",
            fix=f"run `temoctl apply {tenant}` first",
            code=NOT_PAID,
        )
    card = payer(row, owner) or cards.by_subscription.get(str(row["id"]))
    if card is None and not is_free(row):
        return replace(
            absent(target),
            why=_unpaid(row),
            fix=f"send the client the address that `temoctl status {tenant} --link` shows: a card is entered there",
            code=NOT_PAID,
        )
    return Observed(
        target.address,
        Presence.PRESENT,
        ref=str(row["id"]),
        props=dict(target.props),
        outputs={"id": card or ""},
        fingerprint=digest(card),
        marker=target.marker,
    )


def _unpaid(row: Row) -> str:
    if row["status"] == "trialing" and row["trial_end"]:
        until = datetime.fromtimestamp(row["trial_end"], UTC)
        return f"no card was given yet; the trial ends on {until:%d %b %Y}"
    return "no card was given yet, and the subscription is paused" if row["status"] == "paused" else "no card is given"


def first_of(target: Target, listing: Listing) -> tuple[Row | None, Sequence[Row]]:
    """What a list holds for one target: the object on record, else the one with its marker; and all others."""
    rows = list(listing.by_mark.get(target.marker.text, ()))
    on_record = listing.rows.get(target.ref or "")
    if on_record is not None and is_there(on_record) and on_record not in rows:
        rows.insert(0, on_record)
    if not rows:
        return None, ()
    first, *others = sorted(rows, key=lambda row: (str(row["id"]) != target.ref, row.get("created", 0), row["id"]))
    return first, others
