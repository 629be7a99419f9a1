"""Amounts of money in minor units. Must not know any vendor's price object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NO_MINOR = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split())  # noqa: SIM905
_THREE_DIGITS = frozenset("BHD IQD JOD KWD LYD OMR TND".split())  # noqa: SIM905


def minor_digits(currency: str) -> int:
    """How many digits the minor unit has: 2 for EUR, 0 for JPY, 3 for KWD."""
    return 0 if currency in _NO_MINOR else 3 if currency in _THREE_DIGITS else 2


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` is in the minor unit (cents; yen have none); `currency` is ISO 4217; `per` is an interval."""

    minor: int
    currency: str
    per: str | None = None  # "month", "year" or None for a one-off

    def __str__(self) -> str:
        sign = "-" if self.minor < 0 else "+"
        digits = minor_digits(self.currency)
        whole, part = divmod(abs(self.minor), 10**digits)
        amount = f"{sign}{whole}.{part:0{digits}d} {self.currency}" if digits else f"{sign}{whole} {self.currency}"
        return f"{amount} / {self.per}" if self.per else amount

    def change_from(self, before: Money | None) -> Money | None:
        """What becoming this from that adds; None where it adds nothing. Unlike amounts can't be set off."""
        if before is None or not self.like(before):
            return self
        return None if before.minor == self.minor else Money(self.minor - before.minor, self.currency, self.per)

    def like(self, other: Money) -> bool:
        """True when both are counted in the same currency and interval."""
        return (self.currency, self.per) == (other.currency, other.per)

    def tree(self) -> dict[str, Any]:
        """As an object's output `money`: what having it costs as it stands."""
        return {"minor": self.minor, "currency": self.currency, "per": self.per}

    @classmethod
    def read(cls, tree: object) -> Money | None:
        """The other way round; None for what is no amount."""
        if not isinstance(tree, Mapping):
            return None
        minor, currency, per = tree.get("minor"), tree.get("currency"), tree.get("per")
        if not isinstance(minor, int) or not isinstance(currency, str) or not (per is None or isinstance(per, str)):
            return None
        return cls(minor, currency, per)
