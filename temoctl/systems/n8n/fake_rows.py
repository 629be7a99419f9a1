"""Rows and answers of the stand-in as a real n8n shows them (measured on 2.40.7). Pure functions."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from temoctl.systems.fake_http import FakeRequest, FakeResponse

VERSION = "2.40.7"
_LARGEST_PAGE = 250

Row = dict[str, Any]


def new_workflow(ref: str, version: str, now: str, body: Mapping[str, Any], nodes: list[Row]) -> Row:
    row = {"id": ref, "name": body["name"], "description": None, "active": False, "activeVersionId": None}
    row |= {"createdAt": now, "updatedAt": now, "isArchived": False, "versionId": version, "versionCounter": 1}
    row |= {"sourceWorkflowId": None, "triggerCount": 0, "nodes": nodes, "connections": body["connections"]}
    row |= {"nodeGroups": body.get("nodeGroups", []), "settings": body["settings"], "staticData": None}
    return row | {"pinData": None, "meta": None, "tags": [], "shared": [], "activeVersion": None, "parentFolder": None}


def received(ref: str, workflow: str, node: str, now: str, payload: Any) -> Row:
    """A delivery that was taken in: an execution that nobody ever ran."""
    row: Row = {"id": ref, "workflowId": workflow, "mode": "webhook", "status": "new", "finished": False}
    row |= {"createdAt": now, "startedAt": now, "stoppedAt": None, "waitTill": None}
    run = {node: [{"data": {"main": [[{"json": payload}]]}}]}
    return row | {"data": {"resultData": {"runData": run, "lastNodeExecuted": node}}}


def editor_page() -> FakeResponse:
    told = json.dumps({"dsn": "", "environment": "development", "release": f"n8n@{VERSION}"})
    page = f'<!DOCTYPE html><meta name="n8n:config:sentry" content="{base64.b64encode(told.encode()).decode()}">'
    return FakeResponse(200, body=page.encode(), headers={"content-type": "text/html; charset=utf-8"})


def not_licensed(feature: str) -> FakeResponse:
    words = f"Your license does not allow for {feature}. To enable {feature}, please upgrade to a license that "
    return says(403, words + "supports this feature.")


def not_registered(method: str, hook: str) -> FakeResponse:
    words = f'The requested webhook "{method} {hook}/webhook" is not registered.'
    return FakeResponse(404, {"code": 404, "message": words, "hint": "The workflow must be active"})


def wrong_method(method: str) -> FakeResponse:
    words = f"This webhook is not registered for {method} requests. Did you mean to make a POST request?"
    return FakeResponse(404, {"code": 404, "message": words})


def users(request: FakeRequest, owner: str, now: str) -> FakeResponse:
    """The one user of a community edition: its owner."""
    user = {"id": owner, "email": "owner@n8n.test", "firstName": "A", "lastName": "B", "isPending": False}
    user |= {"createdAt": now, "updatedAt": now, "mfaEnabled": False}
    if request.query.get("includeRole") == "true":
        user["role"] = "global:owner"
    return FakeResponse(200, {"data": [user], "nextCursor": None})


def methods_of(request: FakeRequest, *, registered: bool) -> FakeResponse:
    """A browser's question before it calls: answered from the table of webhooks, past the cache."""
    if "origin" not in request.headers:
        return FakeResponse(204)
    return FakeResponse(204, headers={"access-control-allow-methods": "OPTIONS, POST" if registered else "OPTIONS"})


def place(query: Mapping[str, str]) -> tuple[int, int]:
    """Limit and offset of a page. Raises ValueError for a cursor that isn't one."""
    if query.get("cursor"):
        try:
            place = json.loads(base64.b64decode(query["cursor"], validate=True))
            return int(place["limit"]), int(place["offset"])
        except (binascii.Error, KeyError, TypeError) as error:
            raise ValueError from error
    return min(int(query.get("limit", "100")), _LARGEST_PAGE), 0


def published(row: Row) -> Row:
    version = {"versionId": row["versionId"], "workflowId": row["id"], "nodes": row["nodes"]}
    version |= {"connections": row["connections"], "nodeGroups": row["nodeGroups"], "authors": "A B", "name": None}
    version |= {"description": None, "autosaved": False, "createdAt": row["updatedAt"], "updatedAt": row["updatedAt"]}
    history = {"id": row["versionCounter"], "workflowId": row["id"], "versionId": row["versionId"]}
    history |= {"event": "activated", "userId": None, "createdAt": row["updatedAt"]}
    version["workflowPublishHistory"] = [history]
    return {"active": True, "activeVersionId": row["versionId"], "activeVersion": version}


_LEFT_OUT = {
    "create": (),
    "get": ("parentFolder",),
    "update": ("parentFolder",),
    "publish": ("parentFolder", "tags"),
    "delete": ("parentFolder", "tags", "activeVersion"),
    "list": ("parentFolder", "description", "versionCounter", "sourceWorkflowId"),
}
"""Each call of the API shows a little less of a workflow than creating it does."""


def shown_workflow(row: Row, call: str, query: Mapping[str, str]) -> Row:
    left_out = set(_LEFT_OUT[call])
    if query.get("excludePinnedData") == "true":
        left_out.add("pinData")
    shown = {key: value for key, value in row.items() if key not in left_out}
    if call == "list" and row["activeVersion"]:
        version = row["activeVersion"].items()
        shown["activeVersion"] = {key: value for key, value in version if key != "workflowPublishHistory"}
    return shown


def workflow_answer(request: FakeRequest, call: str, row: Row) -> FakeResponse:
    return FakeResponse(200, shown_workflow(row, call, request.query))


def listed_credential(row: Row) -> Row:
    return {key: row[key] for key in ("id", "name", "type", "createdAt", "updatedAt")} | {"shared": []}


def shown_credential(row: Row) -> Row:
    shown = {key: row[key] for key in ("id", "name", "type")}
    shown |= {"isManaged": False, "isGlobal": False, "isResolvable": False, "resolvableAllowFallback": False}
    return shown | {"resolverId": None, "createdAt": row["createdAt"], "updatedAt": row["updatedAt"]}


def no_permission(verb: str) -> FakeResponse:
    return says(404, f"You do not have permission to {verb} this workflow. Ask the owner to share it with you.")


def says(status: int, words: str) -> FakeResponse:
    return FakeResponse(status, {"message": words})
