"""What a real n8n refuses, in its own words (measured on 2.40.7), for the stand-in. Pure functions; None means fine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from temoctl.systems.n8n.workflows import outside_triggers

NAME_LIMIT = 128

_READ_ONLY = (
    "id",
    "active",
    "createdAt",
    "updatedAt",
    "isArchived",
    "versionId",
    "triggerCount",
    "meta",
    "tags",
    "activeVersion",
)
_WORKFLOW_KEYS = frozenset(
    {"name", "nodes", "connections", "settings", "nodeGroups", "staticData", "pinData", "projectId", "parentFolderId"}
    | {"shared"}
)
_NODE_KEYS = frozenset(
    {"id", "name", "webhookId", "disabled", "notesInFlow", "notes", "type", "typeVersion", "executeOnce"}
    | {"alwaysOutputData", "retryOnFail", "maxTries", "waitBetweenTries", "continueOnFail", "onError", "position"}
    | {"parameters", "credentials", "customTelemetryTags"}
)
_SETTING_KEYS = frozenset(
    {"saveExecutionProgress", "saveManualExecutions", "saveDataErrorExecution", "saveDataSuccessExecution"}
    | {"executionTimeout", "errorWorkflow", "timezone", "executionOrder", "binaryMode", "callerPolicy", "callerIds"}
    | {"timeSavedMode", "timeSavedPerExecution", "redactionPolicy", "availableInMCP"}
)
_NODE_NEEDS = ("name", "type", "position")

_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}
_FLAG = {"type": "boolean"}


def _schema(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"additionalProperties": False, "type": "object", "properties": properties, "required": list(required)}


CREDENTIAL_SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "telegramApi": _schema(accessToken=_TEXT, baseUrl=_TEXT),
    "postgres": _schema(
        host=_TEXT,
        database=_TEXT,
        user=_TEXT,
        password=_TEXT,
        maxConnections=_NUMBER,
        allowUnauthorizedCerts=_FLAG,
        ssl={"type": "string", "enum": ["allow", "disable", "require"]},
        port=_NUMBER,
        sshTunnel=_FLAG,
        sshAuthenticateWith={"type": "string", "enum": ["password", "privateKey"]},
        sshHost=_TEXT,
        sshPort=_NUMBER,
        sshUser=_TEXT,
        sshPassword=_TEXT,
        privateKey=_TEXT,
        passphrase=_TEXT,
    ),
    "mongoDb": _schema(
        configurationType={"type": "string", "enum": ["connectionString", "values"]},
        connectionString=_TEXT,
        host=_TEXT,
        database=_TEXT,
        user=_TEXT,
        password=_TEXT,
        port=_NUMBER,
        tls=_FLAG,
        ca=_TEXT,
        cert=_TEXT,
        key=_TEXT,
        passphrase=_TEXT,
    ),
    "openAiApi": _schema(
        ("apiKey",),
        apiKey=_TEXT,
        organizationId=_TEXT,
        url=_TEXT,
        header=_FLAG,
        headerName=_TEXT,
        headerValue=_TEXT,
        allowedHttpRequestDomains={"type": "string", "enum": ["all", "domains", "none"]},
        allowedDomains=_TEXT,
    ),
    "httpHeaderAuth": _schema(
        name=_TEXT,
        value=_TEXT,
        allowedHttpRequestDomains={"type": "string", "enum": ["all", "domains", "none"]},
        allowedDomains=_TEXT,
    ),
}
"""As `GET /credentials/schema/{type}` of the real n8n answers them."""


def wrong_workflow(body: Any) -> str | None:
    if not isinstance(body, Mapping):
        return "request/body must be object"
    for key in _READ_ONLY:
        if key in body:
            return f"request/body/{key} is read-only"
    for key in ("name", "nodes", "connections", "settings"):
        if key not in body:
            odd = "request/body/connections must be object"
            return odd if key == "connections" else f"request/body must have required property '{key}'"
    surplus = sorted(body.keys() - _WORKFLOW_KEYS)
    if surplus:
        return f"request/body Unrecognized key(s) in object: '{surplus[0]}'"
    surplus = sorted(body["settings"].keys() - _SETTING_KEYS)
    if surplus:
        return f"request/body/settings Unrecognized key(s) in object: '{surplus[0]}'"
    if not 1 <= len(str(body["name"]).encode("utf-16-le")) // 2 <= NAME_LIMIT:
        return f"Workflow name must be 1 to {NAME_LIMIT} characters long."
    return _wrong_nodes(body["nodes"]) or _wrong_connections(body["nodes"], body["connections"])


def _wrong_nodes(nodes: Iterable[Mapping[str, Any]]) -> str | None:
    problems = []
    for place, node in enumerate(nodes):
        surplus = sorted(node.keys() - _NODE_KEYS)
        if surplus:
            return f"request/body/nodes/{place} Unrecognized key(s) in object: '{surplus[0]}'"
        problems += [f"nodes[{place}].{key} (invalid_type): Required" for key in _NODE_NEEDS if key not in node]
    return f"Workflow structure is invalid. {'; '.join(problems)}" if problems else None


def _wrong_connections(nodes: Iterable[Mapping[str, Any]], connections: Mapping[str, Any]) -> str | None:
    names = {node["name"] for node in nodes}
    problems = []
    for source, outputs in connections.items():
        if source not in names:
            problems.append(
                f'connections.{source} (unknown_connection_source): Connection source "{source}" does not reference an '
                "existing node"
            )
        for kind, branches in outputs.items():
            for place, branch in enumerate(branches):
                for number, link in enumerate(branch or ()):
                    if link["node"] not in names:
                        problems.append(
                            f"connections.{source}.{kind}[{place}][{number}].node (unknown_connection_target): "
                            f'Connection target "{link["node"]}" does not reference an existing node'
                        )
    return f"Workflow structure is invalid. {'; '.join(problems)}" if problems else None


def wrong_credential(body: Any) -> str | None:
    if not isinstance(body, Mapping):
        return "request/body must be object"
    for key in ("name", "type", "data"):
        if key not in body:
            return f"request/body must have required property '{key}'"
    if body["type"] not in CREDENTIAL_SCHEMAS:
        return "req.body.type is not a known type"
    return wrong_data(str(body["type"]), body["data"])


def wrong_data(kind: str, data: Mapping[str, Any]) -> str | None:
    schema = CREDENTIAL_SCHEMAS[kind]
    for key, value in data.items():
        wanted = schema["properties"].get(key)
        if wanted is None:
            return f'request.body.data is not allowed to have the additional property "{key}"'
        if not _fits(value, wanted["type"]):
            return f"request.body.data is not of a type(s) {wanted['type']}"
        if value not in wanted.get("enum", (value,)):
            return f"request.body.data is not one of enum values: {','.join(wanted['enum'])}"
    for key in schema["required"]:
        if key not in data:
            return f'request.body.data requires property "{key}"'
    return None


def _fits(value: Any, kind: str) -> bool:
    match kind:
        case "string":
            return isinstance(value, str)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            return isinstance(value, bool)


def unpublishable(workflow: Mapping[str, Any], workflows: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Why a workflow can't be published; n8n checks this before it answers."""
    nodes = [node for node in workflow["nodes"] if not node.get("disabled")]
    if not outside_triggers(nodes) and not any(_is_called(node) for node in nodes):
        return (
            "Workflow cannot be activated because it has no trigger node. "
            "At least one trigger, webhook, or polling node is required."
        )
    lacking = [node["name"] for node in nodes if _lacks_credential(node)]
    if lacking:
        told = "".join(f'\n\nNode "{name}":\n  - Missing required credential: telegramApi' for name in lacking)
        return f"Cannot publish workflow: {len(lacking)} node have configuration issues:{told}"
    for node in nodes:
        called = _static_call(node)
        other = workflows.get(called or "")
        if called and (other is None or not other.get("activeVersionId")):
            known = f' ("{other["name"]}")' if other else ""
            return (
                f'Cannot publish workflow: Node "{node["name"]}" references workflow {called}{known} which is not '
                "published. Please publish all referenced sub-workflows first."
            )
    return None


def _is_called(node: Mapping[str, Any]) -> bool:
    return bool(node["type"] == "n8n-nodes-base.executeWorkflowTrigger")


def _lacks_credential(node: Mapping[str, Any]) -> bool:
    telegram = node["type"] in ("n8n-nodes-base.telegramTrigger", "n8n-nodes-base.telegram")
    return telegram and not (node.get("credentials") or {}).get("telegramApi")


def _static_call(node: Mapping[str, Any]) -> str | None:
    if node["type"] != "n8n-nodes-base.executeWorkflow":
        return None
    value = ((node.get("parameters") or {}).get("workflowId") or {}).get("value")
    return value if isinstance(value, str) and not value.startswith("=") else None
