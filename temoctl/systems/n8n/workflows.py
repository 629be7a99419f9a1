"""What a workflow of n8n says about itself: triggers, credentials, other workflows. Pure functions on its JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from temoctl.model.value import leaves

TELEGRAM_TRIGGER = "n8n-nodes-base.telegramTrigger"
_SUB_WORKFLOW_CALLS = "n8n-nodes-base.executeWorkflow"
_NOT_OUTSIDE = frozenset(
    {
        "n8n-nodes-base.executeWorkflowTrigger",
        "n8n-nodes-base.manualTrigger",
        "n8n-nodes-base.errorTrigger",
    }
)
_OTHER_TRIGGERS = frozenset({"n8n-nodes-base.webhook", "n8n-nodes-base.cron", "n8n-nodes-base.interval"})
_REGISTRATION = ("name", "type", "typeVersion", "webhookId", "parameters", "disabled")
"""Fields of a trigger node whose change makes n8n register it anew (its own list, plus `disabled`)."""

Node = Mapping[str, Any]
Workflow = Mapping[str, Any]


def published_nodes(workflow: Workflow) -> Sequence[Node]:
    """The nodes that run now: those of the published version, which a draft may differ from."""
    version = workflow.get("activeVersion")
    if isinstance(version, Mapping) and version.get("nodes") is not None:
        nodes: Sequence[Node] = version["nodes"]
        return nodes
    return workflow.get("nodes") or () if is_published(workflow) else ()


def is_published(workflow: Workflow) -> bool:
    return bool(workflow.get("active")) and bool(workflow.get("activeVersionId"))


def has_draft(workflow: Workflow) -> bool:
    """True when what is saved isn't what is published."""
    return is_published(workflow) and workflow.get("activeVersionId") != workflow.get("versionId")


def outside_triggers(nodes: Iterable[Node]) -> list[Node]:
    """Nodes that something outside n8n must know of: they have to be registered before they work."""
    return [node for node in nodes if not node.get("disabled") and _is_outside(str(node.get("type", "")))]


def _is_outside(node_type: str) -> bool:
    if node_type in _NOT_OUTSIDE:
        return False
    return node_type in _OTHER_TRIGGERS or node_type.lower().endswith("trigger")


def telegram_webhooks(nodes: Iterable[Node]) -> list[str]:
    """Ids of the webhooks that Telegram Triggers own."""
    return [
        str(node["webhookId"])
        for node in outside_triggers(nodes)
        if node.get("type") == TELEGRAM_TRIGGER and node.get("webhookId")
    ]


def credential_ids(nodes: Iterable[Node]) -> list[str]:
    """Ids of all credentials that nodes use, each once, in order."""
    found: dict[str, None] = {}
    for node in nodes:
        for used in (node.get("credentials") or {}).values():
            if isinstance(used, Mapping) and used.get("id"):
                found[str(used["id"])] = None
    return list(found)


def called_workflows(nodes: Iterable[Node]) -> list[str]:
    """Ids of workflows that nodes call or hand on to be called (inputs named `…_workflow`), each once, in order."""
    found: dict[str, None] = {}
    for node in nodes:
        if node.get("type") != _SUB_WORKFLOW_CALLS:
            continue
        parameters = node.get("parameters") or {}
        named = [(parameters.get("workflowId") or {}).get("value")]
        inputs = (parameters.get("workflowInputs") or {}).get("value") or {}
        named += [value for key, value in inputs.items() if key.endswith("_workflow")]
        found |= {one: None for one in named if isinstance(one, str) and re.fullmatch(r"[A-Za-z0-9]{8,36}", one)}
    return list(found)


def mentions(workflow: Workflow, ref: str) -> bool:
    """True when any node, saved or published, holds the id as a value."""
    return any(_holds(nodes, ref) for nodes in (workflow.get("nodes") or (), published_nodes(workflow)))


def _holds(nodes: Sequence[Node], ref: str) -> bool:
    return any(isinstance(leaf, str) and ref in leaf for node in nodes for leaf in leaves(dict(node)))


def registrations(nodes: Iterable[Node]) -> dict[str, Any]:
    """What a change of makes n8n register triggers anew, by node id."""
    return {str(node.get("id")): _registration(node) for node in outside_triggers(nodes)}


def _registration(node: Node) -> dict[str, Any]:
    used = {kind: (value or {}).get("id") for kind, value in (node.get("credentials") or {}).items()}
    return {**{key: node.get(key) for key in _REGISTRATION}, "disabled": bool(node.get("disabled")), "uses": used}


def as_wanted(nodes: Iterable[Node], wanted: Iterable[Node]) -> Iterator[dict[str, Any]]:
    """Nodes without the ids n8n gave to those that were sent without one."""
    sent = {str(node.get("name")): node for node in wanted}
    for node in nodes:
        asked = sent.get(str(node.get("name")))
        given = () if asked is None else tuple(key for key in ("id", "webhookId") if key not in asked)
        yield {key: value for key, value in node.items() if key not in given}
