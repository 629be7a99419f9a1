"""One effect at a vendor, carried to a certain end: done, known to have had no effect, or honestly unknown.

    Retryable, before anything was sent       wait, and repeat under the same intent
    a definite no to the first request        nothing happened: the error goes up
    no answer, or a no in the middle          look first; then
        create, name chosen by us             repeat: it is harmless
        create, found by its marker           take what is found; repeat the same request only when nothing
                                              appeared within the settle window
        update                                repeat: the same content does no harm
        delete                                repeat when it is still there after the settle window

The intent is in the journal before the first request; nothing here writes the journal. Must not know steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from temoctl.engine.events import StepWaiting
from temoctl.engine.known import agrees, sets_unreadable
from temoctl.engine.lookup import GONE, Lookup
from temoctl.engine.ports import Clock, Intent, Permit
from temoctl.engine.protocol import Call, Proof, System, Target, Verb
from temoctl.engine.retry import backoff
from temoctl.engine.tenant_run import TenantRun
from temoctl.model.errors import Bug, Conflict, LeaseLost, Retryable, TemoError, Unavailable, UnknownOutcome
from temoctl.model.identity import Identity
from temoctl.model.kind import Kind
from temoctl.model.resource import Doubt, Observed, Presence
from temoctl.model.secret import Secret
from temoctl.model.step import FieldChange, Step
from temoctl.model.value import Json


@dataclass(frozen=True, slots=True)
class Wish:
    """An effect to have, ready to be called. `outdated` are refs that the lookup must not take for the new object."""

    intent: Intent
    system: System
    kind: Kind
    target: Target
    full: Mapping[str, Any]
    changes: tuple[FieldChange, ...] = ()
    repair: bool = False
    outdated: frozenset[str] = frozenset()
    step: Step | None = None

    @property
    def verb(self) -> Verb:
        return Verb(self.intent.verb)


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of an effect.

    `exact` is False when an object was found rather than answered for: its content has to be made sure of. `problem`
    is set when the effect is there but not whole, and repeating it won't help. `issued` is as in `Outcome`.
    """

    ref: str
    outputs: Mapping[str, Json] = field(default_factory=dict)
    exact: bool = True
    observed: Observed | None = None
    problem: TemoError | None = None
    proof: Proof | None = None
    issued: Mapping[str, Secret] = field(default_factory=dict)


class CountingPermit:
    """The tenant's permit, counting what was sent under it: systems ask it right before every mutating request.

    `until` is the monotonic time after which nothing more may be sent for this intent: recovery relies on it.
    """

    def __init__(self, permit: Permit, clock: Clock, until: float) -> None:
        self._permit, self._clock, self._until = permit, clock, until
        self.sent = 0
        self.last = clock.monotonic()

    def check(self) -> None:
        self._permit.check()
        now = self._clock.monotonic()
        if now > self._until:
            raise Unavailable("TEMO512", "this took too long to be gone on with", fix="run the same command again")
        self.sent += 1
        self.last = now


class Effects:
    """Carries effects out for one tenant. `unsettled` is when the last doubtful request can no longer land."""

    def __init__(self, run: TenantRun, lookup: Lookup) -> None:
        self._run, self._lookup = run, lookup
        self.unsettled = 0.0

    async def carry_out(self, wish: Wish) -> Taken:
        """Have the effect. Raises LeaseLost; UnknownOutcome when it can't be found out; else it had no effect."""
        until = self._run.now() + self._run.patience.step
        delays = backoff(self._run.patience, self._run.world.ids)
        doubtful_since: float | None = None
        for attempt in range(self._run.patience.tries):
            permit = CountingPermit(self._run.hold.permit, self._run.world.clock, until)
            try:
                return await self._attempt(wish, permit)
            except LeaseLost:
                raise
            except TemoError as error:
                problem = error
            happened = _may_have_happened(problem, permit.sent)
            if happened:
                doubtful_since = permit.last
            lasting = None if isinstance(problem, Retryable | Unavailable | UnknownOutcome) else problem
            if doubtful_since is not None:
                taken = await self._look(wish, doubtful_since, lasting)
                if taken is not None:
                    return taken
                if _settled_by_looking(wish, lasting):
                    doubtful_since = None
            last = attempt == self._run.patience.tries - 1 or self._run.now() > until
            if lasting is not None or last or self._run.world.stop.requested:
                raise _without_effect(problem) if doubtful_since is None else _still_unknown(wish, problem.summary)
            await self._pause(wish, problem, next(delays), looked=happened)
        raise AssertionError("the last attempt returns or raises")

    async def _attempt(self, wish: Wish, permit: CountingPermit) -> Taken:
        """One call of the system. Anything but a TemoError is a fault of ours, and told as one."""
        call = Call(
            wish.verb,
            wish.target,
            wish.full,
            wish.intent.id,
            wish.intent.marker,
            permit,
            wish.changes,
            wish.repair,
            self._run.world.root,
        )
        try:
            if wish.verb is Verb.UPDATE and self._run.world.beforehand is not None:
                await self._run.world.beforehand(wish.target)
            outcome = await wish.system.execute(call)
        except TemoError:
            raise
        except Exception as error:
            # The boundary to a system's code: a fault there ends its own branch, never the others. Its text stays
            # out: it may hold anything.
            raise Bug(
                "TEMO952", f"{wish.system.name}: unexpected {type(error).__name__} while changing {wish.intent.address}"
            ) from error
        if wish.verb is Verb.DELETE:
            proof = await self._lookup.gone(wish.system, wish.kind, wish.target, since=permit.last)
            return Taken(wish.intent.ref or "", proof=proof)
        return Taken(outcome.ref, outcome.outputs, issued=outcome.issued)

    async def _look(self, wish: Wish, since: float, lasting: TemoError | None) -> Taken | None:
        """After an unknown outcome: what is there, or None when the same request may be sent (again)."""
        match wish.verb:
            case Verb.DELETE:
                proof = await self._lookup.gone(wish.system, wish.kind, wish.target, since=since)
                return Taken(wish.intent.ref or "", proof=proof) if proof.verdict in GONE else None
            case Verb.UPDATE:
                return await self._look_at_update(wish, lasting)
            case Verb.CREATE if wish.kind.identity is Identity.CHOSEN and lasting is None:
                return await self._look_at_chosen(wish, since)
            case _:
                return await self._look_for_created(wish, since, lasting)

    async def _look_at_update(self, wish: Wish, lasting: TemoError | None) -> Taken | None:
        seen = await self._lookup.read(wish.system, wish.target)
        if seen.presence is Presence.UNKNOWN:
            raise _still_unknown(wish, seen.why)
        if seen.presence is Presence.ABSENT:
            raise Conflict("TEMO501", f"{wish.intent.label} is gone: somebody removed it while it was being changed")
        if lasting is not None:
            return Taken(seen.ref or "", seen.outputs, exact=False, observed=seen, problem=lasting)
        sure = not (wish.repair or sets_unreadable(wish.kind, wish.target.props))
        if sure and agrees(wish.kind, wish.target.props, seen.props):
            return Taken(seen.ref or wish.intent.ref or "", seen.outputs)
        return None

    async def _look_at_chosen(self, wish: Wish, since: float) -> Taken | None:
        seen = await self._lookup.read(wish.system, wish.target)
        if seen.presence is Presence.UNKNOWN:
            if seen.doubt is Doubt.FOREIGN:
                raise Conflict("TEMO501", f"{wish.intent.label}: {seen.why}", fix=seen.fix)
            raise _still_unknown(wish, seen.why)
        readable = seen.presence is Presence.PRESENT and not sets_unreadable(wish.kind, wish.target.props)
        if readable and agrees(wish.kind, wish.target.props, seen.props):
            return Taken(seen.ref or "", seen.outputs)
        # The repeat is harmless, but the lost request may still land (what is there may be an earlier one's doing):
        # nobody may delete this before it is over.
        self.unsettled = max(self.unsettled, since + wish.kind.settle)
        return None

    async def _look_for_created(self, wish: Wish, since: float, lasting: TemoError | None) -> Taken | None:
        found = await self._lookup.made(
            wish.system, wish.kind, wish.target, wish.intent.id, since=since, but=wish.outdated
        )
        if found is None:
            raise _still_unknown(wish, "its system gives no answer that can be trusted")
        if len(found) > 1:
            refs = " and ".join(str(one.ref) for one in found)
            raise UnknownOutcome(
                "TEMO503",
                f"there are {len(found)} of {wish.intent.label}: {refs}",
                fix="run the same command again: it keeps one and names what to do with the other",
            )
        if not found:
            return None
        one = found[0]
        return Taken(one.ref or "", one.outputs, exact=False, observed=one, problem=lasting)

    async def _pause(self, wish: Wish, problem: TemoError, delay: float, *, looked: bool) -> None:
        asked = problem.after if isinstance(problem, Retryable) else None
        if looked and asked is None:
            return  # looking took its time already
        seconds = delay if asked is None else asked
        if wish.step is not None:
            self._run.tell(StepWaiting(self._run.known.tenant, wish.step, problem.summary, seconds))
        await self._run.world.clock.sleep(seconds)


def _may_have_happened(problem: TemoError, sent: int) -> bool:
    """Whether a failed call can have changed something at the vendor.

    `Retryable` and a definite no speak of the request that got them; one request that was refused is no effect, but
    requests before it had theirs.
    """
    if isinstance(problem, UnknownOutcome):
        return True
    if isinstance(problem, Bug | Unavailable):
        return sent > 0
    return sent > 1


def _settled_by_looking(wish: Wish, lasting: TemoError | None) -> bool:
    """Whether looking and finding nothing proved that no request had its effect or still will."""
    if wish.verb is Verb.CREATE:
        return wish.kind.identity is not Identity.CHOSEN or lasting is not None
    return wish.verb is Verb.DELETE


def _still_unknown(wish: Wish, why: str) -> UnknownOutcome:
    return UnknownOutcome(
        "TEMO502",
        f"{wish.intent.label}: it can't be seen whether the {wish.intent.verb} happened",
        detail=why,
        fix="run the same command again when the system answers: it looks first and repeats nothing blindly",
    )


def _without_effect(problem: TemoError) -> TemoError:
    """An unknown outcome that was looked up: by now it is certain that nothing happened."""
    if not isinstance(problem, UnknownOutcome):
        return problem
    return Retryable(
        problem.code, problem.summary, detail="Looked up afterwards: nothing had happened.", fix="run it again later"
    )
