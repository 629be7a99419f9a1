"""One tenant's share of a run, tied together: world, hold, knowledge, secrets, and fenced writing.

Everything that acts for the tenant goes through here, so that a lost lease stops it at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from temoctl.engine.events import Event
from temoctl.engine.known import Known
from temoctl.engine.ports import Begin, Ending, Fence, Finish, Intent
from temoctl.engine.protocol import Target
from temoctl.engine.retry import Patience
from temoctl.engine.secrets import TenantSecrets
from temoctl.engine.world import Hold, RunWorld
from temoctl.model.address import Address
from temoctl.model.errors import LeaseLost
from temoctl.model.identity import INTENT_LENGTH, Owner
from temoctl.model.kind import Kind
from temoctl.model.plan import RecordedTenant
from temoctl.model.value import Props


class TenantRun:
    """`before` are the records as they were when the run began."""

    def __init__(self, world: RunWorld, hold: Hold, known: Known) -> None:
        self.world, self.hold, self.known = world, hold, known
        self.secrets = TenantSecrets(world.vault, world.ids, hold.fence)
        self.before = dict(known.records)
        self.opened: dict[tuple[Address, str | None], Intent] = {}
        """Deletions whose intent is already journaled: (address, ref) -> intent."""

    @classmethod
    def of(cls, world: RunWorld, recorded: RecordedTenant, hold: Hold, *, uid: str) -> TenantRun:
        """`recorded` must have been loaded under the lease that `hold` stands for."""
        owner = Owner(world.installation, uid)
        known = Known(recorded.tenant, owner, dict(recorded.resources), world.platform, world.instances)
        return cls(world, hold, known)

    @property
    def patience(self) -> Patience:
        return self.world.patience

    @property
    def fence(self) -> Fence:
        return self.hold.fence

    def tell(self, event: Event) -> None:
        self.world.sink(event)

    def now(self) -> float:
        return self.world.clock.monotonic()

    def fresh_intent(self) -> str:
        return self.world.ids.token(INTENT_LENGTH)

    async def write(self, entries: Sequence[Begin | Finish]) -> None:
        """Commit entries and follow them in memory. Raises LeaseLost when the store rejects the fence."""
        self.hold.permit.check()
        accepted = await self.world.journal.write(entries)
        if not all(accepted):
            raise LeaseLost(
                "TEMO508",
                "this run no longer holds the tenant: another run took it over",
                fix="see who works on it with `temoctl status`, then run the same command again",
            )
        for entry in entries:
            if isinstance(entry, Finish):
                self._follow(entry)

    def _follow(self, entry: Finish) -> None:
        if entry.record is not None:
            self.known.records[entry.address] = entry.record
        elif entry.remove:
            self.known.records.pop(entry.address, None)

    async def end(self, intent: Intent, ending: Ending, note: str = "") -> None:
        """End an intent without touching the record."""
        await self.write([Finish(self.fence, intent.address, ending, intent.id, note=note, step=intent.step)])

    async def target(self, address: Address, kind: Kind, resolved: Props, ref: str | None) -> Target:
        return self.known.target(address, resolved, await self.secrets.for_reading(kind, resolved), ref)
