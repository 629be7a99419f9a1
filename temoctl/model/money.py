"""Amounts of money in minor units. Must not know any vendor's price object."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` is in the currency's minor unit (cents); `currency` is ISO 4217 in upper case; `per` is an interval."""

    minor: int
    currency: str
    per: str | None = None  # "month", "year" or None for a one-off

    def __str__(self) -> str:
        sign = "-" if self.minor < 0 else "+"
        amount = f"{sign}{abs(self.minor) // 100}.{abs(self.minor) % 100:02d} {self.currency}"
        return f"{amount} / {self.per}" if self.per else amount
