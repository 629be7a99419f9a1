"""Waiting inside a step: until an object does its work, and until a witness says what it should.

Polls with growing pauses up to the kind's own deadline. Changes nothing anywhere.
"""

from __future__ import annotations

from temoctl.engine.events import StepWaiting
from temoctl.engine.known import agrees
from temoctl.engine.lookup import Lookup
from temoctl.engine.protocol import Readiness, Ready, System, Target, Waits
from temoctl.engine.retry import looks
from temoctl.engine.stop import Stopped
from temoctl.engine.tenant_run import TenantRun
from temoctl.model.errors import Refused, TemoError, Unavailable
from temoctl.model.kind import Kind
from temoctl.model.resource import Doubt, Observed, Presence
from temoctl.model.step import Step


class Waiting:
    """The waits of one tenant's steps."""

    def __init__(self, run: TenantRun, lookup: Lookup) -> None:
        self._run, self._lookup = run, lookup

    async def until_ready(self, step: Step, system: System, kind: Kind, target: Target) -> None:
        """Return when the object does its work. Raises Refused (TEMO504) when it is broken or takes too long."""
        if not isinstance(system, Waits):
            return
        start = self._run.now()
        delays, told = looks(self._run.world.ids), False
        while True:
            ready = await self._ready(system, target)
            if ready.state is Readiness.READY:
                return
            left = start + kind.ready - self._run.now()
            if ready.state is Readiness.BROKEN or left <= 0:
                raise _not_ready(step, ready, kind)
            if not told:
                told = True
                self._run.tell(StepWaiting(self._run.known.tenant, step, ready.why or "until it is ready", kind.ready))
            await self._run.world.clock.sleep(min(next(delays), left))

    async def until_seen(self, step: Step, system: System, kind: Kind, target: Target) -> Observed | None:
        """Return what is there when it is as desired, None when it is gone as desired; Refused (TEMO506) if not."""
        start = self._run.now()
        delays = looks(self._run.world.ids)
        reason = step.wait_for or f"until {step.label} is right"
        self._run.tell(StepWaiting(self._run.known.tenant, step, reason, kind.ready))
        while True:
            seen = await self._lookup.read(system, target)
            if step.desired is None and seen.presence is Presence.ABSENT:
                return None
            if step.desired is not None and seen.presence is Presence.PRESENT:
                if agrees(kind, target.props, seen.props):
                    return seen
                if not kind.watched_only:
                    break
            left = start + kind.ready - self._run.now()
            hopeless = seen.presence is Presence.UNKNOWN and seen.doubt is not Doubt.OUTAGE
            if left <= 0 or hopeless or (seen.presence is Presence.ABSENT and not kind.watched_only):
                break
            if self._run.world.stop.requested:
                raise Stopped
            await self._run.world.clock.sleep(min(next(delays), left))
        raise _in_vain(step, seen, kind)

    async def _ready(self, system: Waits, target: Target) -> Ready:
        try:
            return await system.ready(target)
        except Unavailable as error:
            return Ready(Readiness.PENDING, error.summary, error.fix)


def _not_ready(step: Step, ready: Ready, kind: Kind) -> TemoError:
    broken = ready.state is Readiness.BROKEN
    what = "does not work" if broken else f"was not ready within {kind.ready:.0f} s"
    return Refused(
        "TEMO504",
        f"{step.label} is set up but {what}" + (f": {ready.why}" if ready.why else ""),
        fix=ready.fix or "run the same command again; it goes on from here",
    )


def _in_vain(step: Step, seen: Observed, kind: Kind) -> TemoError:
    if kind.watched_only or seen.presence is Presence.UNKNOWN:
        why = seen.why or ("there is none yet" if seen.presence is Presence.ABSENT else "it is not what it should be")
        return Refused(
            "TEMO506",
            f"{step.label}: waited in vain: {why}",
            detail=step.because,
            fix=seen.fix or step.fix or "run the same command again; if it lasts, see `temoctl doctor`",
        )
    return Refused(
        "TEMO506",
        f"{step.label} can be seen again, and it is not as it should be",
        detail="It could not be seen when the plan was made, so the plan doesn't say what to change.",
        fix="run the same command again: it plans anew",
    )
