"""Stripe as a stage in its worse moods: failures that it keeps, keys that it forgets, events at the wrong time."""

from __future__ import annotations

from collections.abc import Mapping

from temoctl.engine.clock import VirtualClock
from temoctl.engine.protocol import System
from temoctl.systems.fake_http import Fault
from tests.crash.faults import Life
from tests.crash.simulation import ChangeKinds
from tests.crash.stripe_stage import StripeStage


class Failing(StripeStage):
    """One write of those that follow is answered with 500, which is kept; `done` says whether it took effect."""

    def __init__(self, clock: VirtualClock, change: ChangeKinds, number: int, *, done: bool) -> None:
        super().__init__(clock, change)
        self._number, self._done = number, done

    async def systems(self, life: Life) -> Mapping[str, System]:
        if self._number >= 0:
            kind = "500-after" if self._done else "500-before"
            self.fake.faults.append(Fault(kind, writes=True, skip=self._number))
            self._number = -1
        return await super().systems(life)


class Forgetful(StripeStage):
    """A day passes before each life: Stripe has forgotten every key that the dead one used."""

    async def systems(self, life: Life) -> Mapping[str, System]:
        await self.fake.advance(86401)
        return await super().systems(life)


class Talkative(StripeStage):
    """Every event is told twice, before the answer to the call that caused it, to somebody who looks at once."""

    def __init__(self, clock: VirtualClock, change: ChangeKinds) -> None:
        super().__init__(clock, change)
        self.heard = 0
        self.fake.early = self.fake.events.twice = True
        self.fake.events.poster = self._listen

    async def _listen(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        self.heard += 1
        await self.things()
        return 200
