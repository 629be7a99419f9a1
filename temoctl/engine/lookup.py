"""Looking at one object with patience: outages are sat out, "absent" is doubted until the settle window is over.

Changes nothing anywhere. Must not know why somebody looks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from temoctl.engine.protocol import Proof, System, Target, Verdict
from temoctl.engine.retry import looks
from temoctl.engine.tenant_run import TenantRun
from temoctl.model.errors import Unavailable
from temoctl.model.identity import Identity
from temoctl.model.kind import Kind
from temoctl.model.resource import Doubt, Observed, Presence, Recorded
from temoctl.model.value import Props

GONE = (Verdict.DELETED, Verdict.ARCHIVED, Verdict.RETAINED)


def outdated_ref(kind: Kind, record: Recorded | None, wanted: Props) -> frozenset[str]:
    """The ref of an object at this address that is not the one being made: the old half of a replace.

    An object whose name we choose is another one only when a field that can't change differs.
    """
    if record is None:
        return frozenset()
    if kind.identity is Identity.CHOSEN and all(
        record.resolved.get(field) == wanted.get(field) for field in kind.immutable
    ):
        return frozenset()
    return frozenset({record.ref})


def answered(label: str, seen: Observed) -> None:
    """Nothing is done on a look that told nothing. Raises Unavailable for an object that could not be seen."""
    if seen.presence is Presence.UNKNOWN:
        raise Unavailable(seen.code or "TEMO502", f"{label} can't be read: {seen.why}", fix=seen.fix)


class Lookup:
    """Reads, finds and proofs for one tenant."""

    def __init__(self, run: TenantRun) -> None:
        self._run = run

    async def read(self, system: System, target: Target) -> Observed:
        """One object, with outages sat out for a while; unknown when they last."""
        until = self._run.now() + self._run.patience.outage
        delays = looks(self._run.world.ids)
        while True:
            try:
                seen = await system.read(target)
            except Unavailable as error:
                seen = Observed.unknown(target.address, Doubt.OUTAGE, error.summary, fix=error.fix, code=error.code)
            waiting_helps = seen.presence is Presence.UNKNOWN and seen.doubt is Doubt.OUTAGE
            if not waiting_helps or self._run.now() >= until or self._run.world.stop.requested:
                return seen
            await self._run.world.clock.sleep(next(delays))

    async def made(
        self, system: System, kind: Kind, target: Target, intent: str, *, since: float, but: Collection[str]
    ) -> Sequence[Observed] | None:
        """Objects that a create left behind: looked for until there is one or the settle window after `since` is over.

        Objects whose ref is in `but` don't count. None when the system gave no answer to trust.
        """
        settled = since + kind.settle + self._run.patience.skew
        until = max(settled, self._run.now()) + self._run.patience.outage
        delays = looks(self._run.world.ids)
        while True:
            found = await self._find(system, kind, target, intent, but)
            now = self._run.now()
            if found and (now >= settled or _by(found, intent)):
                return found
            if found == [] and now >= settled:
                return []
            if now >= until:
                return None
            pause = next(delays)
            await self._run.world.clock.sleep(min(pause, settled - now) if now < settled else pause)

    async def _find(
        self, system: System, kind: Kind, target: Target, intent: str, but: Collection[str]
    ) -> list[Observed] | None:
        try:
            if kind.identity is Identity.CHOSEN:
                seen: Sequence[Observed] = [await system.read(target)]
            else:
                seen = await system.find(target, intent)
        except Unavailable:
            return None
        if any(one.presence is Presence.UNKNOWN for one in seen):
            return None
        everyone = [one for first in seen for one in (first, *first.twins)]
        return [one for one in everyone if one.presence is Presence.PRESENT and one.ref not in but]

    async def gone(self, system: System, kind: Kind, target: Target, *, since: float) -> Proof:
        """The proof that an object is gone, waited for until the settle window after `since` is over."""
        settled = since + kind.settle
        delays = looks(self._run.world.ids)
        while True:
            try:
                proof = await system.gone(target)
            except Unavailable as error:
                proof = Proof(Verdict.UNVERIFIED, error.summary)
            now = self._run.now()
            if proof.verdict in GONE or now >= settled:
                return proof
            await self._run.world.clock.sleep(min(next(delays), settled - now))


def _by(found: Sequence[Observed], intent: str) -> bool:
    """True when one of the objects is certainly what the intent made, or the system can't tell intents apart."""
    intents = {one.marker.intent if one.marker is not None else None for one in found}
    return intent in intents or None in intents
