"""Which of several objects is the one meant, and whose it is. Must not know what is done with the others.

Systems list the objects of one address oldest first: the first one whose intent our journal knows is the original.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from temoctl.model.address import Address
from temoctl.model.kind import Kind
from temoctl.model.plan import RecordedTenant
from temoctl.model.resource import Doubt, Observed, Presence, Recorded
from temoctl.planner.decide import Mark


@dataclass(frozen=True, slots=True)
class Choice:
    """`main` is the object meant; `twins` the others; `several` when nobody can tell which one is meant."""

    main: Observed
    twins: tuple[Observed, ...] = ()
    several: bool = False


def choose(seen: Observed, recorded: Recorded | None, known_intents: frozenset[str]) -> Choice:
    """The recorded object; else the oldest one that our journal made; else nobody can say."""
    if not seen.twins:
        return Choice(seen)
    everyone = (replace(seen, twins=()), *(replace(one, twins=()) for one in seen.twins))
    there = [one for one in everyone if one.presence is Presence.PRESENT]
    if not there:
        return Choice(everyone[0])
    if recorded is not None:
        for one in there:
            if one.ref == recorded.ref:
                return _chosen(one, there)
    for one in there:
        if one.marker is not None and one.marker.intent in known_intents:
            return _chosen(one, there)
    return Choice(there[0], tuple(there[1:]), several=len(there) > 1)


def _chosen(main: Observed, there: Sequence[Observed]) -> Choice:
    return Choice(main, tuple(one for one in there if one is not main))


def mark_of(address: Address, seen: Observed, uid: str, kind: Kind) -> Mark:
    """Whose object this is.

    An object that can only be read with a secret of the tenant (a bot, by its token) and carries no marker is the
    tenant's: who holds the key owns it. Two tenants with one key are found elsewhere (DECISIONS 26).
    """
    marker = seen.marker
    if marker is None:
        return Mark.OURS if kind.observe_secrets else Mark.NONE
    mine = marker.owner.uid == uid and (marker.kind, marker.name) == (address.kind, address.name)
    return Mark.OURS if mine else Mark.THEIRS


def unlooked(address: Address) -> Observed:
    """What stands for an address that no system reported on."""
    why = "nobody looked at it: its system isn't connected"
    return Observed.unknown(address, Doubt.AMBIGUOUS, why, fix="run temoctl doctor", code="TEMO402")


def known(recorded: RecordedTenant, seen: Observed) -> bool:
    """True when our journal knows the intent that the object carries."""
    return seen.marker is not None and seen.marker.intent in recorded.known_intents
