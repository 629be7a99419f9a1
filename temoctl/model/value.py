"""Property trees: plain JSON in which two leaves mean more than they say.

`{"$ref": "acme/n8n.credential.telegram", "output": "id"}` stands for an output of another resource and
`{"$secret": "telegram/token", "version": 3}` for a secret of the resource's own tenant. Trees stay plain JSON, so that
a plan can be written to a file and an intent to a row without ever holding a secret.

`{"$join": ["mongodb://", {"$ref": …}, ":", {"$secret": …}, …]}` stands for one text made of several: it becomes that
text (a secret one) at the moment its secrets are put in, and not before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from temoctl.model.address import Address
from temoctl.model.secret import Secret, SecretRef

Json = Any
"""None, bool, int, float, str, list of Json, dict of str to Json."""
Props = Mapping[str, Json]


class Unknown:
    """The value of a reference whose resource isn't there yet ("known after apply")."""

    def __repr__(self) -> str:
        return "(known after apply)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unknown)

    def __hash__(self) -> int:
        return hash(Unknown)


UNKNOWN = Unknown()


def ref(address: Address, output: str = "id") -> dict[str, Json]:
    """A leaf that stands for one output of another resource."""
    return {"$ref": str(address), "output": output}


def join(*parts: Json) -> dict[str, Json]:
    """A leaf that stands for one text made of texts, references and secrets."""
    return {"$join": list(parts)}


def is_ref(node: Json) -> bool:
    return isinstance(node, dict) and "$ref" in node


def is_secret(node: Json) -> bool:
    return isinstance(node, dict) and "$secret" in node


def secret_ref(node: Mapping[str, Json]) -> SecretRef:
    return SecretRef(str(node["$secret"]), int(node["version"]), bool(node.get("generate", False)))


def leaves(tree: Json) -> Iterator[Json]:
    """Every leaf of a tree; references and secrets count as leaves."""
    if is_ref(tree) or is_secret(tree):
        yield tree
    elif isinstance(tree, Mapping):
        for node in tree.values():
            yield from leaves(node)
    elif isinstance(tree, list | tuple):
        for node in tree:
            yield from leaves(node)
    else:
        yield tree


def references(tree: Json) -> frozenset[Address]:
    """The addresses a tree refers to."""
    return frozenset(Address.parse(leaf["$ref"]) for leaf in leaves(tree) if is_ref(leaf))


def secrets(tree: Json) -> tuple[SecretRef, ...]:
    """The secrets a tree names, in order of path."""
    found = {secret_ref(leaf) for leaf in leaves(tree) if is_secret(leaf)}
    return tuple(sorted(found, key=lambda one: (one.path, one.version)))


def substitute(
    tree: Json,
    *,
    of_ref: Callable[[Address, str], Json] | None = None,
    of_secret: Callable[[SecretRef], Json] | None = None,
) -> Json:
    """A copy of the tree with references and/or secrets replaced; a kind without a callable stays as it is."""
    if is_ref(tree):
        return of_ref(Address.parse(tree["$ref"]), tree["output"]) if of_ref else dict(tree)
    if is_secret(tree):
        return of_secret(secret_ref(tree)) if of_secret else dict(tree)
    if isinstance(tree, Mapping):
        done = {key: substitute(node, of_ref=of_ref, of_secret=of_secret) for key, node in tree.items()}
        return _joined(done) if of_secret and "$join" in done else done
    if isinstance(tree, list | tuple):
        return [substitute(node, of_ref=of_ref, of_secret=of_secret) for node in tree]
    return tree


def _joined(tree: dict[str, Json]) -> Json:
    """The one text, or the tree as it is while some part of it isn't known."""
    parts = tree["$join"]
    if not all(isinstance(part, str | int | Secret) for part in parts):
        return tree
    return Secret("".join(map(_text, parts)))


def _text(part: Json) -> str:
    if isinstance(part, Secret):
        return part.reveal()
    return part if isinstance(part, str) else canonical(part)


def canonical(tree: Json) -> str:
    """JSON with sorted keys and no spaces: equal trees give equal texts."""
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(tree: Json) -> str:
    """SHA-256 of the canonical JSON, in hex."""
    return hashlib.sha256(canonical(tree).encode()).hexdigest()
