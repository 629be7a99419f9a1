"""Workflows without some of their nodes: what led to a node that is left out leads to what that node led to.

Knows n8n's connections, but no node's meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from temoctl.model.value import Json

_MAIN = "main"


def without(workflow: Mapping[str, Any], left_out: frozenset[str]) -> dict[str, Json]:
    """A copy of a workflow without these nodes. Such nodes have one output, as every step of a chain has."""
    links: Mapping[str, Any] = workflow.get("connections", {})

    def ends(link: Mapping[str, Any]) -> list[Any]:
        if link["node"] not in left_out:
            return [link]
        after = links.get(link["node"], {}).get(_MAIN) or [[]]
        return [end for one in after[0] or [] for end in ends(one)]

    kept = {
        name: {
            kind: [[end for link in port or [] for end in ends(link)] for port in ports] for kind, ports in outs.items()
        }
        for name, outs in links.items()
        if name not in left_out
    }
    return {
        **workflow,
        "nodes": [node for node in workflow.get("nodes", []) if node.get("name") not in left_out],
        "connections": {name: outs for name, outs in kept.items() if any(any(ports) for ports in outs.values())},
    }
