"""What Stripe's objects mean to us, where it isn't the plain reading."""

from __future__ import annotations

from typing import Any

import pytest

from temoctl.engine.protocol import Target
from temoctl.model.address import Address
from temoctl.model.identity import Marker, Owner
from temoctl.model.money import Money
from temoctl.systems.stripe.seen import charged, price

ADDRESS = Address("platform", "stripe", "price", "start-eur")
MARKER = Marker(Owner("0123456789", "p1atf0rm00000000"), "price", "start-eur")
ROW: dict[str, Any] = {
    "id": "price_1",
    "product": "start",
    "currency": "eur",
    "unit_amount": 2900,
    "recurring": {"interval": "month"},
    "lookup_key": "start-eur",
    "active": True,
    "metadata": {"temo": MARKER.text, "temo_key": "start-eur"},
}


def fingerprint(**changes: Any) -> str:
    return price(Target(ADDRESS, MARKER, "price_1"), {**ROW, **changes}).fingerprint


def test_a_price_whose_key_went_to_its_successor_is_as_it_was() -> None:
    """Else the old half of a replace would find that somebody had changed it: we did, a moment ago.

    Whatever is asked of its address now: an old half that became a twin is looked at without any props.
    """
    assert fingerprint(lookup_key=None) == fingerprint()
    assert fingerprint(lookup_key="by-hand") != fingerprint()
    assert fingerprint(active=False) != fingerprint()


@pytest.mark.parametrize(
    ("amount", "currency", "money"),
    [
        (2900, "eur", Money(2900, "EUR", "month")),
        (2900, "jpy", Money(2900, "JPY", "month")),
        (2900, "isk", Money(29, "ISK", "month")),
    ],
)
def test_amounts_are_read_as_stripe_counts_them(amount: int, currency: str, money: Money) -> None:
    assert charged(amount, currency, "month") == money
