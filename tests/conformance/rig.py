"""What a system's tests give to the conformance kit: samples of its kinds, and a world to try them in.

A rig is one system wired to one fresh world: a fake in process, cassettes, or the real thing. The kit (kit.py) asks
only through this protocol, so the same checks run against all three. Knows no vendor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from temoctl.engine.ports import Clock
from temoctl.engine.protocol import System
from temoctl.model.address import Address
from temoctl.model.identity import Owner
from temoctl.model.resource import Observed
from temoctl.model.secret import Secret
from temoctl.model.value import Props


@dataclass(frozen=True, slots=True)
class Sample:
    """One resource to try a kind with.

    `props` and `changed` are property trees as a blueprint would make them: `$ref` leaves name other samples'
    addresses, `$secret` leaves have their text in `secrets` (by vault path). `changed` is `props` with at least one
    mutable field different; None where the kind has none. `after` are samples that must exist although no reference
    shows it.
    """

    address: Address
    props: Props
    changed: Props | None = None
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    after: tuple[Address, ...] = ()


class Rig(Protocol):
    """One system in one fresh world.

    `can` names what this rig is able to do beyond being called:
      "count"    `reads` and `writes` tell how many requests reached the vendor so far
      "tamper"   `tamper(sample, observed)` edits the object behind our back, in a field that we own
      "foreign"  `foreign(sample)` makes an object that looks like the sample's but carries no marker of ours
      "faults"   `fault(...)`; `faults` lists the kinds this rig knows (names as in systems.fake_http.Fault:
                 429, 500-before, 500-after, lost, late, refuse, stale; and "denied" for 401/403 on everything)
      "virtual"  `clock` is a VirtualClock, so waiting costs nothing
    """

    system: System
    clock: Clock
    owner: Owner
    root: str
    can: frozenset[str]
    faults: frozenset[str]

    @property
    def reads(self) -> int: ...

    @property
    def writes(self) -> int: ...

    async def tamper(self, sample: Sample, observed: Observed) -> None: ...

    async def foreign(self, sample: Sample) -> None: ...

    def fault(self, kind: str, *, count: int = 1, seconds: float = 0.0, writes: bool = False, skip: int = 0) -> None:
        """Misbehave for the next `count` requests (-1: until cleared), after letting `skip` matching ones through.

        `writes` restricts it to requests that change something.
        """
        ...

    def clear(self) -> None:
        """End all faults."""
        ...

    async def arrange(self, sample: Sample) -> None:
        """For kinds that are only watched (witness): bring the world into the state the sample describes."""
        ...

    async def close(self) -> None: ...
