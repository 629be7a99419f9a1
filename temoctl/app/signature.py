"""Whether a message carries the signature that Stripe's way of signing asks for: `t=<time>,v1=<HMAC>[,v1=…]`.

The same check as the vendor's own library, on injected time, and without an error that carries the message. Must not
know what the message says.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from temoctl.model.secret import Secret

TOLERANCE = 300.0
"""Seconds that a signature is good for: who recorded a delivery can't play it again later."""

_LONGEST = 1024
_PART = re.compile(r"\s*([a-z0-9]+)=([A-Za-z0-9]+)\s*")


@dataclass(frozen=True, slots=True)
class Signature:
    """A header that was read: when the message was signed, and with what. There may be two while a secret changes."""

    at: int
    values: tuple[str, ...]

    @classmethod
    def read(cls, header: str) -> Signature | None:
        """None for anything that is no such header. Other schemes than `v1` are passed over."""
        found = [_PART.fullmatch(part) for part in header.split(",")] if len(header) <= _LONGEST else []
        pairs = [one.groups() for one in found if one is not None]
        times = [value for name, value in pairs if name == "t" and value.isdecimal() and len(value) <= 12]
        values = tuple(value for name, value in pairs if name == "v1")
        return cls(int(times[0]), values) if times and values else None

    def fresh(self, now: float) -> bool:
        return self.at >= now - TOLERANCE

    def of(self, payload: bytes, secret: Secret) -> bool:
        """Whether one of the signatures is that of this message. Takes as long for a wrong one as for a right one."""
        right = hmac.new(secret.reveal().encode(), b"%d." % self.at + payload, hashlib.sha256).hexdigest().encode()
        return any(hmac.compare_digest(right, value.encode()) for value in self.values)
