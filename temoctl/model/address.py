"""Addresses: the readable name of one resource. Must not know what a vendor calls the object."""

from __future__ import annotations

import re
from dataclasses import dataclass

PLATFORM = "platform"
"""The pseudo-tenant that owns what tenants share (DECISIONS 3)."""

_SHAPE = re.compile(
    r"(?P<tenant>[a-z][a-z0-9-]*)/(?P<system>[a-z][a-z0-9]*)\.(?P<kind>[a-z][a-z-]*)\.(?P<name>[a-z0-9][a-z0-9-]*)"
)


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """`acme/n8n.workflow.telegram-ingress`: tenant id, system, kind, name.

    The tenant part is the readable id; ownership is decided by the tenant's uid (see `identity.Marker`).
    """

    tenant: str
    system: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.tenant}/{self.system}.{self.kind}.{self.name}"

    @property
    def kind_key(self) -> str:
        """`n8n.workflow`: the key of the `Kind` table."""
        return f"{self.system}.{self.kind}"

    @property
    def tail(self) -> str:
        """`workflow.telegram-ingress`: the part a marker carries."""
        return f"{self.kind}.{self.name}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address back from its text. Raises ValueError when the shape is wrong."""
        found = _SHAPE.fullmatch(text)
        if found is None:
            raise ValueError(f"not an address: {text!r} (expected tenant/system.kind.name)")
        return cls(**found.groupdict())
