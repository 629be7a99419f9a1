"""What the simulated tenant asks for, and what it is at rest. Knows the toy kinds; knows no faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from temoctl.model.address import Address
from temoctl.model.plan import Mode
from temoctl.model.resource import Desired
from temoctl.model.value import Props, ref

TENANT = "acme"
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
    """Every field that can change, every replace, one thing more, none less."""
    return [*_world(2, "paper-v2", "two", "b", "PRO", "u2"), _one("account", {"plan": "START"}, name="extra")]


def fewer() -> list[Desired]:
    """Things are removed from the spec, the rest stays."""
    return [one for one in small() if one.address.kind in ("room", "key", "flow", "signal")]


class Name(StrEnum):
    APPLY = "apply"
    UPDATE = "update"
    REMOVE = "remove"
    DESTROY = "destroy"
    RESUME = "apply, plan resumed"


@dataclass(frozen=True)
class Scenario:
    """`before` is applied without faults first; then `then` with them. `resumed`: the first plan is used again."""

    name: Name
    before: Callable[[], Sequence[Desired]] | None
    then: Callable[[], Sequence[Desired]]
    mode: Mode = Mode.APPLY
    resumed: bool = False


def nothing() -> list[Desired]:
    return []


SCENARIOS: Mapping[Name, Scenario] = {
    one.name: one
    for one in (
        Scenario(Name.APPLY, None, small),
        Scenario(Name.RESUME, None, small, resumed=True),
        Scenario(Name.UPDATE, small, changed),
        Scenario(Name.REMOVE, small, fewer),
        Scenario(Name.DESTROY, small, nothing, Mode.DESTROY),
    )
}
