"""Workflows in n8n: a rendered template becomes a resource. Must not know what any node does.

A template is a workflow exported from the n8n editor. The credentials its author used never reach a tenant: each is a
placeholder, or is bound by `<template>.binding.yaml` beside it, or it is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from temoctl.blueprint.builder import Builder
from temoctl.blueprint.parts import without
from temoctl.blueprint.template import Values, load, render, unusable
from temoctl.blueprint.text import inert
from temoctl.model.address import Address
from temoctl.model.diagnostic import Where
from temoctl.model.errors import TemoError, UserError
from temoctl.model.value import Json, is_ref

WORKFLOW = "n8n.workflow"
_OWNED = ("nodes", "connections", "settings")


def workflow(
    builder: Builder,
    name: str,
    template: str,
    values: Values,
    *,
    title: str,
    label: str,
    where: Where | None,
    after: tuple[Address, ...] = (),
    webhook: str = "",
) -> Address | None:
    """Ask for a workflow made from `templates/n8n/<template>`; None (and a problem) when the template is broken.

    `webhook` is the id that nodes with a webhook of their own get.
    """
    path = builder.context.templates / "n8n" / template
    try:
        props = _Filling(path, values, _binding(path), webhook).props()
    except TemoError as error:
        builder.trouble(error)
        return None
    return builder.add(
        builder.address(WORKFLOW, name),
        {"name": title, **props, "active": True},
        label,
        where,
        after=after,
    )


@dataclass(frozen=True, slots=True)
class _Filling:
    """One template being filled: its values, and what its binding says of nodes that hold no placeholder."""

    path: Path
    values: Values
    bound: Mapping[str, Any]
    webhook: str

    def props(self) -> dict[str, Json]:
        whole = load(self.path)
        if not isinstance(whole, dict) or not isinstance(whole.get("nodes"), list):
            raise unusable(self.path, "it isn't a workflow: it has no list of nodes")
        done = render(self.path, self.values, _wanted(self.path, self._left_out()))
        props = {name: done.get(name, {}) for name in _OWNED}
        props["nodes"] = [self._node(one) for one in props["nodes"]]
        return props

    def _left_out(self) -> frozenset[str]:
        """Nodes that are there only for something this tenant doesn't have."""
        optional = self.bound.get("optional", {})
        return frozenset(node for name, nodes in optional.items() if not self.values.get(name) for node in nodes)

    def _node(self, node: dict[str, Any]) -> dict[str, Any]:
        fresh = dict(node)
        if node.get("credentials"):
            fresh["credentials"] = {
                kind: self._credential(node.get("name"), kind, used) for kind, used in node["credentials"].items()
            }
        if self.webhook and "webhookId" in node:
            fresh["webhookId"] = self.webhook
        for place, name in self.bound.get("parameters", {}).get(node.get("name"), {}).items():
            fresh["parameters"] = _put(fresh.get("parameters", {}), place.split("."), self._named(name))
        return fresh

    def _credential(self, node: Any, kind: str, used: Any) -> dict[str, Json]:
        by_type = self.bound.get("credentials", {}).get(kind, {})
        name = by_type.get(node) if isinstance(by_type, dict) else by_type
        if name is not None:
            return {"id": self._named(f"credential_{name}"), "name": self._named(f"credential_{name}_name")}
        if isinstance(used, dict) and is_ref(used.get("id")):
            return used
        raise UserError(
            "TEMO457",
            f"the template {self.path.name} keeps a credential of its author",
            detail=f"node {node!r} uses a {kind} credential that isn't bound to the tenant's",
            fix=f"write [[ credential_… ]] as its id, or bind it in {self.path.stem}.binding.yaml",
            where=Where(str(self.path)),
        )

    def _named(self, name: str) -> Json:
        if name in self.values:
            return inert(self.values[name])
        raise UserError(
            "TEMO452",
            f"the template {self.path.name} can't be filled in",
            detail=f"its binding names {name!r}, which doesn't exist",
            fix="mend the binding; templates/n8n/README.md lists what it may name",
            where=Where(str(self.path.with_suffix(".binding.yaml"))),
        )


def _wanted(path: Path, left_out: frozenset[str]) -> Json:
    """What of a template is ours, without some nodes. Made once for all tenants, so that they share what they can."""
    stat = path.stat()
    return _trimmed(path, stat.st_mtime_ns, stat.st_size, left_out)


@lru_cache(maxsize=64)
def _trimmed(path: Path, mtime: int, size: int, left_out: frozenset[str]) -> Json:
    whole = load(path)
    owned = {key: whole[key] for key in _OWNED if key in whole}
    return without(owned, left_out) if left_out else owned


def _put(tree: Mapping[str, Any], place: list[str], value: Json) -> dict[str, Any]:
    head, rest = place[0], place[1:]
    inner = tree.get(head)
    return {**tree, head: _put(inner if isinstance(inner, dict) else {}, rest, value) if rest else value}


def _binding(path: Path) -> Mapping[str, Any]:
    """What stands beside a template, where there is something: `credentials: {type: name | {node: name}}`,
    `parameters: {node: {path: value name}}` and `optional: {value name: [nodes that need it]}`.
    """
    beside = path.with_suffix(".binding.yaml")
    try:
        stat = beside.stat()
    except FileNotFoundError:
        return {}
    return _read_binding(beside, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _read_binding(path: Path, mtime: int, size: int) -> Mapping[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError:
        found = None
    if not isinstance(found, dict):
        raise unusable(path, "it isn't YAML, or not a mapping")
    return found
