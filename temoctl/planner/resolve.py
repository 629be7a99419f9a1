"""References → values, as far as they are known before anything runs. Must not decide what an unknown value means.

Two values stand for what isn't known: `UNKNOWN` ("known after apply": the resource referred to is made in this plan,
so the value can't be what it was) and `DOUBTFUL` (it can't be seen now, and nothing says that it changed), which is
equal to everything, because nothing is done on a doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from temoctl.model.address import Address
from temoctl.model.value import UNKNOWN, Json, Unknown

Known = Callable[[Address, str], Json]


class Doubtful:
    """A value that can't be seen and that nothing says changed."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash(Doubtful)

    def __repr__(self) -> str:
        return "(not seen now)"


DOUBTFUL = Doubtful()

_Leaf = tuple[Address, str]


@lru_cache(maxsize=8192)
def _address(text: str) -> Address | None:
    try:
        return Address.parse(text)
    except ValueError:
        return None


def reference(node: Mapping[str, Any]) -> _Leaf | None:
    """The address and output a leaf refers to; None for a leaf that only looks like a reference (a damaged record)."""
    text, output = node["$ref"], node.get("output", "id")
    if not isinstance(text, str) or not isinstance(output, str):
        return None
    address = _address(text)
    return None if address is None else (address, output)


def references(tree: Json) -> frozenset[Address]:
    """The addresses a tree refers to. Unlike `model.value.references` it doesn't stop at a damaged leaf."""
    found: set[Address] = set()
    _collect(tree, found)
    return frozenset(found)


def _collect(node: Json, found: set[Address]) -> None:
    if isinstance(node, dict):
        if "$ref" in node:
            leaf = reference(node)
            if leaf is not None:
                found.add(leaf[0])
            return
        for value in node.values():
            if isinstance(value, dict | list):
                _collect(value, found)
    elif isinstance(node, list | tuple):
        for value in node:
            if isinstance(value, dict | list | tuple):
                _collect(value, found)


def resolve(node: Json, value_of: Known) -> Json:
    """The tree with references replaced. Parts without a reference are shared, not copied."""
    if isinstance(node, dict):
        if "$ref" in node:
            leaf = reference(node)
            return node if leaf is None else value_of(*leaf)
        return _resolve_map(node, value_of)
    if isinstance(node, list | tuple):
        fresh = [resolve(one, value_of) if isinstance(one, dict | list | tuple) else one for one in node]
        return node if isinstance(node, list) and all(a is b for a, b in zip(fresh, node, strict=True)) else fresh
    return node


def _resolve_map(node: dict[str, Any], value_of: Known) -> dict[str, Any]:
    changed: dict[str, Any] | None = None
    for key, value in node.items():
        if isinstance(value, dict | list | tuple):
            fresh = resolve(value, value_of)
            if fresh is not value:
                changed = dict(node) if changed is None else changed
                changed[key] = fresh
    return node if changed is None else changed


@dataclass(slots=True)
class Outputs:
    """What is known of outputs while a plan is made: filled resource by resource, in the order of dependencies.

    `current` holds the outputs seen or recorded per address; `remade` the addresses that this plan creates or
    replaces; `replaced` those of them that are replaced. `known` answers for other tenants (the platform); `outside`
    tells of each address asked there whether all of its values were known.
    """

    tenant: str
    known: Known
    current: dict[Address, Mapping[str, Json]] = field(default_factory=dict)
    remade: set[Address] = field(default_factory=set)
    replaced: set[Address] = field(default_factory=set)
    outside: dict[Address, bool] = field(default_factory=dict)

    def value(self, address: Address, output: str) -> Json:
        if address.tenant != self.tenant:
            found = self.known(address, output)
            fine = not isinstance(found, Unknown)
            self.outside[address] = self.outside.get(address, True) and fine
            return found
        if address in self.remade:
            return UNKNOWN
        outputs = self.current.get(address)
        return DOUBTFUL if outputs is None or output not in outputs else outputs[output]
