"""What a simulation plays on: a vendor world that outlives every process, and systems that one process sees it by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from temoctl.engine.protocol import System
from temoctl.model.address import Address
from temoctl.model.identity import Owner
from temoctl.model.kind import Kind
from temoctl.model.resource import Desired, Recorded
from temoctl.model.secret import Secret
from tests.crash.faults import Faults, Life
from tests.crash.scenario import Spec


class Stage(Protocol):
    """`faults` is set anew when the part that is played with faults begins. `secrets` are in the vault beforehand.

    `unmarked` are the kinds whose objects can carry no marker.
    """

    faults: Faults
    kinds: Mapping[str, Kind]
    secrets: Mapping[str, Secret]
    unmarked: frozenset[str]
    root: str

    def wanted(self, spec: Spec, owner: Owner) -> Sequence[Desired]: ...

    async def systems(self, life: Life) -> Mapping[str, System]:
        """The systems as one process has them: whatever it sends goes through the faults."""
        ...

    async def land(self) -> None:
        """Let late effects happen whose time has come."""
        ...

    async def things(self) -> Sequence[tuple[Address, str]]:
        """Every object that carries a marker of the tenant, as (address, ref), seen by a look without faults."""
        ...

    def broken(self, records: Mapping[Address, Recorded], secrets: Mapping[str, Secret]) -> Sequence[str]:
        """What is there and recorded, but doesn't work. `secrets` are the newest ones in the vault, by path."""
        ...
