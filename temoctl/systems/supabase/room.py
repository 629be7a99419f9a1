"""What the rooms of this system share: how a problem becomes "unknown", and how rights are put into words.

A room looks after one or two kinds of one database: what to read, what it means, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from temoctl.engine.protocol import Call, Outcome, ProbeResult, Target
from temoctl.model.address import Address
from temoctl.model.errors import TemoError
from temoctl.model.resource import Doubt, Observed
from temoctl.systems.marked import Tenants, unmarked, unread
from temoctl.systems.supabase.sql import Catalogue, Look


class Room(Protocol):
    """One part of a database."""

    def want(self, target: Target) -> Look: ...

    def observed(self, target: Target, seen: Catalogue) -> Observed: ...

    def strays(self, tenants: Tenants, seen: Catalogue) -> list[Observed]: ...

    async def execute(self, call: Call) -> Outcome: ...

    async def probe(self, target: Target, neighbours: Sequence[Target]) -> list[ProbeResult]: ...


def unknown(address: Address, error: TemoError) -> Observed:
    return unread(address, error, denied="TEMO714")


def not_ours(address: Address, what: str) -> Observed:
    return unmarked(address, what, code="TEMO711")


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
