"""Everything a run needs from outside, by parameters: no globals anywhere in the engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from temoctl.engine.events import Sink
from temoctl.engine.fair import FairPlaces
from temoctl.engine.known import Outputs
from temoctl.engine.ports import Clock, Fence, Ids, Journal, Permit, Vault
from temoctl.engine.protocol import System, Target
from temoctl.engine.retry import Patience
from temoctl.engine.stop import StopSignal
from temoctl.model.address import Address
from temoctl.model.errors import UserError
from temoctl.model.kind import Kind
from temoctl.model.plan import Mode

Beforehand = Callable[[Target], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class RunWorld:
    """Shared by all tenants of a run.

    `systems` by system name, `kinds` by kind key (`n8n.workflow`). `journal` is one GroupJournal for the run.
    `platform` are the recorded outputs of the platform's resources; `instances` the pinned instance of each system.
    `neighbours` are, by kind key, targets of other tenants which probes must be refused at. `root` is the folder
    that relative file paths in props start from. `beforehand` is called before an object is changed, with what it is to
    become; what it raises stops the change, and may say that trying again helps.
    """

    systems: Mapping[str, System]
    kinds: Mapping[str, Kind]
    journal: Journal
    vault: Vault
    clock: Clock
    ids: Ids
    sink: Sink
    installation: str
    places: FairPlaces
    stop: StopSignal = field(default_factory=StopSignal)
    platform: Outputs = field(default_factory=dict)
    instances: Mapping[str, str] = field(default_factory=dict)
    neighbours: Mapping[str, Sequence[Target]] = field(default_factory=dict)
    root: str = ""
    patience: Patience = field(default_factory=Patience)
    beforehand: Beforehand | None = None

    def system(self, address: Address) -> System:
        """The connected system of an address. Raises UserError (TEMO511) when the platform file has none."""
        if address.system not in self.systems:
            raise UserError(
                "TEMO511",
                f"no system {address.system!r} is connected, but {address} lives there",
                fix=f"add a section {address.system!r} under systems in platform.yaml",
            )
        return self.systems[address.system]

    def kind(self, address: Address) -> Kind:
        if address.kind_key not in self.kinds:
            raise UserError(
                "TEMO511",
                f"this version of temoctl knows no {address.kind_key!r}, but {address} is one",
                fix="use the version of temoctl that made it, or connect the system it belongs to",
            )
        return self.kinds[address.kind_key]


@dataclass(frozen=True, slots=True)
class Hold:
    """This run's right to one tenant: the fence its writes carry and the permit its effects ask."""

    fence: Fence
    permit: Permit
    run: str
    plan: str = ""
    mode: Mode = Mode.APPLY
