"""Amounts of money in minor units. Must not know any vendor's price object."""

from __future__ import annotations

from dataclasses import dataclass

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
