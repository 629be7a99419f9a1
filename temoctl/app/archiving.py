"""How lines get from what forgets them to what keeps them: in order, part by part, each part called by its last line.

So the archive itself says where to go on: nothing is kept twice, a run that dies is gone on with, and no more than one
part is in memory. Ties two systems together that don't know each other, by what they can do (`Expires`, `Keeps`). Must
not know how either works.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from temoctl.app.snapshot import outputs_of
from temoctl.app.world import World
from temoctl.blueprint import history
from temoctl.engine.ports import Permit
from temoctl.engine.protocol import Expires, Keeps, Line, Target
from temoctl.engine.retry import Patience, backoff
from temoctl.model.address import Address
from temoctl.model.errors import LeaseLost, Refused, Retryable, TemoError, Unavailable, UnknownOutcome
from temoctl.model.identity import Marker
from temoctl.model.plan import RecordedTenant, TenantPlan
from temoctl.model.value import Json, Props
from temoctl.planner.resolve import resolve

T = TypeVar("T")

DAY = 86_400.0
AHEAD = 3.0
"""Days by which an archive is ahead of forgetting: as long may nobody archive without a loss."""
PAGE = 100
"""Lines read at once: the longest there can be stay together below what a database answers in one piece."""
PART = 4 * 1024 * 1024
"""Bytes from which on a part is closed."""
SETTLED = 600.0
"""Seconds after which nothing older is written any more."""


@dataclass(frozen=True, slots=True)
class Ends:
    """Where lines come from and where they go to."""

    source: Target
    keeper: Target


def ends_of(world: World, recorded: RecordedTenant) -> Ends | None:
    """Both ends as they are on record; None where one of them isn't there."""
    source, keeper = (
        recorded.resources.get(address) for address in (source_of(recorded.tenant), keeper_of(recorded.tenant))
    )
    if source is None or keeper is None:
        return None
    owner = world.owner(recorded.uid)

    def target(address: Address, ref: str, props: Props) -> Target:
        return Target(address, Marker(owner, address.kind, address.name), ref, props)

    return Ends(
        target(source.address, source.ref, source.resolved), target(keeper.address, keeper.ref, keeper.resolved)
    )


def before(world: World, kept: Json, ahead: float) -> float:
    """The date before which everything will be forgotten `ahead` days from now."""
    now = world.clock.now()
    days = kept if isinstance(kept, int | float) else history.LONGEST
    return min(now - (days - ahead) * DAY, now - SETTLED)


def source_of(tenant: str) -> Address:
    return Address.parse(f"{tenant}/{history.COLLECTION}.{history.MESSAGES}")


def keeper_of(tenant: str) -> Address:
    return Address.parse(f"{tenant}/{history.ARCHIVE}.{history.NAME}")


@dataclass(slots=True)
class Carried:
    lines: int = 0
    parts: int = 0


class Carrier:
    """Carries lines from one system to another under one tenant's lease. Every failure leaves whole parts behind."""

    def __init__(self, world: World, permit: Permit) -> None:
        self._world, self._permit = world, permit

    async def carry(self, ends: Ends, before: float, done: Carried | None = None) -> Carried:
        """Everything dated before; `done` counts what is kept so far, also when it doesn't come to an end."""
        expires, keeps = self._able(ends)
        done = done or Carried()
        after = await self._surely(partial(keeps.kept, ends.keeper))
        while True:
            read = partial(expires.expiring, ends.source, before=before, limit=PAGE)
            part = await self._part(read, after)
            if not part.lines:
                return done
            after = part.key
            await self._surely(partial(keeps.keep, ends.keeper, after, part.content(), self._permit))
            done.lines += len(part.lines)
            done.parts += 1

    async def _part(self, read: Callable[..., Awaitable[Sequence[Line]]], after: str) -> _Part:
        part = _Part(after)
        while part.size < PART:
            page = await self._surely(partial(read, after=part.key))
            if not page:
                break
            for line in page:
                part.add(line)
        return part

    def _able(self, ends: Ends) -> tuple[Expires, Keeps]:
        names = [end.address.system for end in (ends.source, ends.keeper)]
        for name in names:
            if name in self._world.silent:
                raise self._world.silent[name]
        systems: list[Any] = [self._world.systems.get(name) for name in names]
        expires, keeps = systems
        if not isinstance(expires, Expires) or not isinstance(keeps, Keeps):
            raise Refused(
                "TEMO121",
                "the archive's systems aren't connected",
                fix="give the platform file sections for both: `mongodb` and `supabase`",
            )
        return expires, keeps

    async def _surely(self, call: Callable[[], Awaitable[T]]) -> T:
        """Reading, and keeping a part under its name, are harmless to repeat."""
        patience = Patience()
        for delay in islice(backoff(patience, self._world.ids), patience.tries - 1):
            try:
                return await call()
            except (Retryable, Unavailable, UnknownOutcome) as error:
                asked = error.after if isinstance(error, Retryable) else None
                await self._world.clock.sleep(delay if asked is None else asked)
        return await call()


@dataclass(slots=True)
class _Part:
    key: str
    lines: list[str] = field(default_factory=list)
    size: int = 0

    def add(self, line: Line) -> None:
        self.key = line.key
        self.lines.append(line.text)
        self.size += len(line.text.encode()) + 1

    def content(self) -> bytes:
        return "".join(f"{line}\n" for line in self.lines).encode()


class ArchiveFirst:
    """What an apply does before a retention is changed: what the new one would delete is archived.

    Called by the engine before each change of an object; only the kept messages of a tenant with an archive matter.
    """

    def __init__(
        self, world: World, permit: Permit, plan: TenantPlan, recorded: RecordedTenant, platform: RecordedTenant
    ) -> None:
        self._world, self._permit = world, permit
        self._keeper = _planned_keeper(world, plan, recorded, platform)

    async def __call__(self, target: Target) -> None:
        if self._keeper is None or target.address != source_of(target.address.tenant):
            return
        end = before(self._world, target.props.get("retention_days"), AHEAD)
        try:
            await Carrier(self._world, self._permit).carry(Ends(target, self._keeper), end)
        except LeaseLost:
            raise
        except TemoError as error:
            raise Refused(
                "TEMO122",
                "messages that a shorter retention would delete could not be archived first",
                detail=f"{error.code}: {error.summary}",
                fix="run the same command again: it goes on where it stopped; nothing was deleted",
            ) from None


def _planned_keeper(
    world: World, plan: TenantPlan, recorded: RecordedTenant, platform: RecordedTenant
) -> Target | None:
    """The archive as this plan leaves it: made by it, or on record and not taken away."""
    address = keeper_of(plan.tenant)
    marker = Marker(world.owner(plan.uid), address.kind, address.name)
    record, step = recorded.resources.get(address), next((one for one in plan.steps if one.address == address), None)
    if step is not None and step.desired is not None:
        shared = outputs_of(platform)
        props: Props = resolve(dict(step.desired.props), lambda one, name: shared.get(one, {}).get(name))
        return Target(address, marker, None, props)
    return None if record is None or step is not None else Target(address, marker, record.ref, record.resolved)
