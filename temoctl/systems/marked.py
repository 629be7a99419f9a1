"""What systems have in common whose objects carry our mark as a text: whose it is, and what a failed look says.

Must not know any system.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from temoctl.engine.protocol import Target
from temoctl.model.address import Address
from temoctl.model.errors import Refused, Retryable, TemoError, Unavailable
from temoctl.model.identity import Marker, Owner
from temoctl.model.resource import Doubt, Observed


@dataclass(frozen=True, slots=True)
class Tenants:
    """Whose objects of a system are meant, and which of them stand at a target."""

    system: str
    names: Mapping[Owner, str]
    wanted: frozenset[tuple[Owner, str]]

    @classmethod
    def of(cls, system: str, targets: Iterable[Target], owners: Mapping[str, Owner]) -> Tenants:
        wanted = frozenset((target.marker.owner, target.marker.tail) for target in targets)
        return cls(system, {owner: tenant for tenant, owner in owners.items()}, wanted)

    def stray(self, note: str, kind: str) -> tuple[Address, Marker] | None:
        """The address of a marked thing of that kind that nobody asked for."""
        marker = Marker.search(note)
        if marker is None or marker.kind != kind or (marker.owner, marker.tail) in self.wanted:
            return None
        tenant = self.names.get(marker.owner)
        return None if tenant is None else (Address(tenant, self.system, kind, marker.name), marker)


def text(props: Mapping[str, Any], name: str) -> str:
    """A field of a target's props; "" where it is missing or a reference that isn't known yet."""
    value = props.get(name)
    return value if isinstance(value, str) else ""


def unread(address: Address, error: TemoError, *, denied: str) -> Observed:
    """What a failed read says about one object: nothing, and why. `denied` is the code of a refused right."""
    doubt = Doubt.OUTAGE if isinstance(error, Unavailable | Retryable) else Doubt.DENIED
    if isinstance(error, Refused) and error.code != denied:
        doubt = Doubt.AMBIGUOUS
    return Observed.unknown(address, doubt, error.summary, fix=error.fix, code=error.code)


def unmarked(address: Address, what: str, *, code: str) -> Observed:
    """Something stands at the address and carries no marker of the tenant."""
    return Observed.unknown(
        address,
        Doubt.FOREIGN,
        f"{what} exists and carries no marker of this tenant",
        fix="find out who made it; rename or remove it by hand",
        code=code,
    )
