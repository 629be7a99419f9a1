"""The kinds of resource in n8n, as pure data for the planner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from temoctl.model.identity import Identity
from temoctl.model.kind import Impact, Kind
from temoctl.model.value import Json, Props, is_ref


def normalise_workflow(props: Props) -> Props:
    """Workflow props without what n8n fills in by itself: the names of credentials beside their ids."""
    if "nodes" not in props or is_ref(props["nodes"]):
        return props
    return {**props, "nodes": [_node(one) for one in props["nodes"] or ()]}


def _node(node: Mapping[str, Any]) -> dict[str, Json]:
    plain = dict(node)
    if plain.get("credentials"):
        plain["credentials"] = {
            kind: {"id": used.get("id")} if isinstance(used, Mapping) and not is_ref(used) else used
            for kind, used in plain["credentials"].items()
        }
    return plain


CREDENTIAL = Kind(
    system="n8n",
    name="credential",
    label="credential in n8n",
    identity=Identity.LOOKUP,
    immutable=frozenset({"type"}),
    write_only=frozenset({"data"}),
    impact={"data": Impact.PAUSE, "delete": Impact.PAUSE},
    settle=30.0,
    ready=0.0,
)

WORKFLOW = Kind(
    system="n8n",
    name="workflow",
    label="workflow in n8n",
    identity=Identity.LOOKUP,
    partial=frozenset({"settings"}),
    impact={
        "create": Impact.CUSTOMERS,
        "nodes": Impact.PAUSE,
        "connections": Impact.PAUSE,
        "active": Impact.CUSTOMERS,
        "delete": Impact.CUSTOMERS,
    },
    settle=30.0,
    ready=60.0,
    normalise=normalise_workflow,
)

KINDS: Mapping[str, Kind] = {CREDENTIAL.name: CREDENTIAL, WORKFLOW.name: WORKFLOW}
