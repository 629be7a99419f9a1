"""References → values, as far as they are known before anything runs. Must not decide what an unknown value means.

Two values stand for what isn't known: `UNKNOWN` ("known after apply": the resource referred to is made in this plan,
so the value can't be what it was) and `DOUBTFUL` (it can't be seen now, and nothing says that it changed), which is
equal to everything, because nothing is done on a doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
_CONTAINERS = frozenset({dict, list, tuple})


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
    stack: list[Any] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if "$ref" in node:
                leaf = reference(node)
                if leaf is not None:
                    found.add(leaf[0])
                continue
            inner: Iterable[Any] = node.values()
        elif isinstance(node, list | tuple):
            inner = node
        else:
            continue
        stack.extend([value for value in inner if type(value) in _CONTAINERS])
    return frozenset(found)


def resolve(node: Json, value_of: Known) -> Json:
    """The tree with references replaced. Parts without a reference are shared, not copied."""
    if isinstance(node, dict):
        if "$ref" in node:
            leaf = reference(node)
            return node if leaf is None else value_of(*leaf)
        changed: dict[str, Any] | None = None
        for key, value in node.items():
            if type(value) in _CONTAINERS:
                fresh = resolve(value, value_of)
                if fresh is not value:
                    changed = dict(node) if changed is None else changed
                    changed[key] = fresh
        return node if changed is None else changed
    if isinstance(node, list | tuple):
        moved: list[Any] | None = None
        for index, value in enumerate(node):
            if type(value) in _CONTAINERS:
                fresh = resolve(value, value_of)
                if fresh is not value:
                    moved = list(node) if moved is None else moved
                    moved[index] = fresh
        return node if moved is None else moved
    return node


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
