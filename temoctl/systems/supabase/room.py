"""What the rooms of this system share: how a problem becomes "unknown", and how rights are put into words.

A room looks after one or two kinds of one database: what to read, what it means, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from temoctl.engine.protocol import Call, Outcome, ProbeResult, Target
from temoctl.model.address import Address
from temoctl.model.errors import Refused, Retryable, TemoError, Unavailable
from temoctl.model.identity import Marker, Owner
from temoctl.model.resource import Doubt, Observed
from temoctl.systems.supabase.kinds import SYSTEM
from temoctl.systems.supabase.sql import Catalogue, Look


@dataclass(frozen=True, slots=True)
class Tenants:
    """Whose objects are meant, and which of them stand at a target."""

    names: Mapping[Owner, str]
    wanted: frozenset[tuple[Owner, str]]

    @classmethod
    def of(cls, targets: Iterable[Target], owners: Mapping[str, Owner]) -> Tenants:
        wanted = frozenset((target.marker.owner, target.marker.tail) for target in targets)
        return cls({owner: tenant for tenant, owner in owners.items()}, wanted)

    def stray(self, comment: str, kind: str) -> tuple[Address, Marker] | None:
        """The address of a marked thing of that kind that nobody asked for."""
        marker = Marker.search(comment)
        if marker is None or marker.kind != kind or (marker.owner, marker.tail) in self.wanted:
            return None
        tenant = self.names.get(marker.owner)
        return None if tenant is None else (Address(tenant, SYSTEM, kind, marker.name), marker)


class Room(Protocol):
    """One part of a database."""

    def want(self, target: Target) -> Look: ...

    def observed(self, target: Target, seen: Catalogue) -> Observed: ...

    def strays(self, tenants: Tenants, seen: Catalogue) -> list[Observed]: ...

    async def execute(self, call: Call) -> Outcome: ...

    async def probe(self, target: Target, neighbours: Sequence[Target]) -> list[ProbeResult]: ...


def text(props: Mapping[str, Any], field: str) -> str:
    """A field of a target's props; "" where it is missing or a reference that isn't known yet."""
    value = props.get(field)
    return value if isinstance(value, str) else ""


def unknown(address: Address, error: TemoError) -> Observed:
    """What a failed read says about one object: nothing, and why."""
    doubt = Doubt.OUTAGE if isinstance(error, Unavailable | Retryable) else Doubt.DENIED
    if isinstance(error, Refused) and error.code != "TEMO714":
        doubt = Doubt.AMBIGUOUS
    return Observed.unknown(address, doubt, error.summary, fix=error.fix, code=error.code)


def not_ours(address: Address, what: str) -> Observed:
    return Observed.unknown(
        address,
        Doubt.FOREIGN,
        f"{what} exists and carries no marker of this tenant",
        fix="find out who made it; rename or remove it by hand",
        code="TEMO711",
    )


def moved(address: Address, what: str, place: str) -> Observed:
    return Observed.unknown(
        address,
        Doubt.AMBIGUOUS,
        f"{what} was renamed to {place} by hand",
        fix="give it its old name back, or remove it by hand",
        code="TEMO711",
    )


def excess(grants: Iterable[str], allowed: Iterable[str]) -> list[str]:
    """Grants to everybody or to roles of temoctl that nobody should have. Strangers' roles are not our business."""
    extra = sorted(set(grants) - set(allowed))
    return [grant for grant in extra if grant.startswith(("PUBLIC=", "temo_"))]


def in_words(grant: str) -> str:
    who, right = grant.split("=", 1)
    return f"{'everybody' if who == 'PUBLIC' else who} may {right}"
