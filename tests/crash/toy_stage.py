"""The toy vendor as a stage, and what a tenant asks of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from temoctl.engine.clock import VirtualClock
from temoctl.engine.protocol import System
from temoctl.model.address import Address
from temoctl.model.identity import Owner
from temoctl.model.kind import Kind
from temoctl.model.resource import Desired, Recorded
from temoctl.model.secret import Secret
from temoctl.model.value import Props, ref
from tests.crash.faults import Faults, Life
from tests.crash.scenario import TENANT, Spec
from tests.crash.toy import HOOK_SECRET, KINDS, Toy, Vendor

TOKEN_PATH = "toy/token"


def address(kind: str, name: str = "main") -> Address:
    return Address(TENANT, "toy", kind, name)


def _one(kind: str, props: Props, *, name: str = "main", witness_of: Address | None = None) -> Desired:
    return Desired(address(kind, name), props, f"{kind} {name}", witness_of=witness_of)


ROOM, PAPER, FLOW, KEY = address("room"), address("paper"), address("flow"), address("key")


def _world(size: int, paper: str, text: str, key_type: str, plan: str, url: str) -> list[Desired]:
    password = {"$secret": "toy/password", "version": 1, "generate": True}
    token = {"$secret": TOKEN_PATH, "version": 1}
    return [
        _one("room", {"name": "temo_room", "size": size, "password": password}),
        _one("paper", {"name": paper}),
        _one("key", {"type": key_type, "data": token}),
        _one("flow", {"text": text, "key": ref(KEY), "room": ref(ROOM), "active": True}),
        _one("account", {"plan": plan}),
        _one("hook", {"url": url}),
        _one("signal", {"of": ref(FLOW)}, witness_of=FLOW),
    ]


def small() -> list[Desired]:
    return _world(1, "paper-v1", "one", "a", "START", "u1")


def changed() -> list[Desired]:
    return [*_world(2, "paper-v2", "two", "b", "PRO", "u2"), _one("account", {"plan": "START"}, name="extra")]


def fewer() -> list[Desired]:
    return [one for one in small() if one.address.kind in ("room", "key", "flow", "signal")]


class ToyStage:
    """Implements stage.Stage."""

    secrets: Mapping[str, Secret] = {TOKEN_PATH: Secret("the-token-of-acme")}
    unmarked: frozenset[str] = frozenset()
    root = ""

    def __init__(self, clock: VirtualClock, kinds: Mapping[str, Kind]) -> None:
        self._kinds = {kind.name: kind for kind in kinds.values()}
        self.kinds = kinds
        self.vendor = Vendor(clock, Faults((), clock))

    @property
    def faults(self) -> Faults:
        return self.vendor.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self.vendor.faults = faults

    def wanted(self, spec: Spec, owner: Owner) -> Sequence[Desired]:
        return {Spec.NOTHING: list, Spec.SMALL: small, Spec.CHANGED: changed, Spec.FEWER: fewer}[spec]()

    async def systems(self, life: Life) -> Mapping[str, System]:
        return {"toy": Toy(self.vendor, life, self._kinds)}

    async def land(self) -> None:
        self.faults.land()

    async def things(self) -> Sequence[tuple[Address, str]]:
        return [(address(kind, thing.marker.name), ref) for (kind, ref), thing in self.vendor.things.items()]

    def broken(self, records: Mapping[Address, Recorded], secrets: Mapping[str, Secret]) -> Sequence[str]:
        """Secrets that nobody knows, a flow whose key was taken away, a record of what never was."""
        found = []
        for (kind, _), thing in self.vendor.things.items():
            where = address(kind, thing.marker.name)
            record = records.get(where)
            if record is None:
                continue
            for name, secret in thing.hidden.items():
                if secret != secrets[record.props[name]["$secret"]]:
                    found.append(f"{where}: its {name} is not what the vault has")
            if kind == "hook" and secrets.get(HOOK_SECRET) != Secret(thing.issued):
                found.append(f"{where}: the vault doesn't have its secret")
            if kind == "flow" and ("key", thing.props["key"]) not in self.vendor.things:
                found.append(f"{where}: its key was deleted under it")
            if record.ref not in self.vendor.ever:
                found.append(f"{where}: the record names an object that never was")
        return found


def toy_kinds() -> Mapping[str, Kind]:
    return {kind.key: kind for kind in KINDS.values()}
