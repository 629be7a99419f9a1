"""A stateful stand-in for n8n: credentials, workflows, publication, webhooks, received messages.

It imitates what was measured on n8n 2.40.7 (README.md): ids, pages by offset, refusals in n8n's words, publication that
comes later or never. It stores and validates workflows; it never pretends to run them. Rules are in fake_rules,
the publication queue in fake_publication.
"""

from __future__ import annotations

import base64
import json
import random
import string
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import httpx

from temoctl.engine.ports import Clock
from temoctl.systems.fake_http import FakeHttp, FakeRequest, FakeResponse, Fault, Handler
from temoctl.systems.n8n.fake_publication import PostgresCheck, Publication
from temoctl.systems.n8n.fake_rows import (
    Row,
    editor_page,
    listed_credential,
    methods_of,
    new_workflow,
    no_permission,
    not_licensed,
    not_registered,
    place,
    published,
    received,
    says,
    shown_credential,
    shown_workflow,
    users,
    workflow_answer,
    wrong_method,
)
from temoctl.systems.n8n.fake_rules import (
    CREDENTIAL_SCHEMAS,
    NAME_LIMIT,
    unpublishable,
    wrong_credential,
    wrong_data,
    wrong_workflow,
)
from temoctl.systems.n8n.workflows import outside_triggers

_LICENSED = {"/api/v1/projects": "feat:projectRole:admin", "/api/v1/variables": "feat:variables"}


class FakeN8n(FakeHttp):
    """One n8n. `bots` reaches the Bot API (and other credentials' servers) for tests and webhooks; None: nothing does.

    `webhook_url` is where its webhooks are reached (WEBHOOK_URL). `delay` is how long publication takes. `owner` makes
    two stand-ins two instances.
    """

    name = "n8n"

    def __init__(
        self,
        clock: Clock,
        *,
        api_key: str,
        webhook_url: str = "http://n8n.test",
        bots: httpx.AsyncBaseTransport | None = None,
        postgres: PostgresCheck | None = None,
        delay: float = 0.2,
        aside: bool = False,
        owner: str = "86203b65-84cc-4261-b32f-f36a861d6e7b",
        seed: int = 0,
    ) -> None:
        super().__init__(clock)
        self.api_key, self.owner, self.postgres = api_key, owner, postgres
        self.credentials: dict[str, Row] = {}
        self.workflows: dict[str, Row] = {}
        self.executions: list[Row] = []
        self.publication = Publication(clock, bots, webhook_url, self.workflows, self.credentials, delay, aside)
        self._random = random.Random(seed)  # noqa: S311 - ids that repeat from run to run
        self._routes_of_api()
        self.route("GET", "/", self._editor)
        self.route("GET", "/healthz", self._health)
        for verb in ("GET", "POST", "PUT", "DELETE"):
            self.route(verb, "/webhook/{hook}/webhook", self._webhook)
        self.route("OPTIONS", "/webhook/{hook}/webhook", self._methods)

    def _routes_of_api(self) -> None:
        for verb, path, handler in (
            ("GET", "/credentials", self._list_credentials),
            ("POST", "/credentials", self._create_credential),
            ("GET", "/credentials/schema/{kind}", self._credential_schema),
            ("GET", "/credentials/{ref}", self._get_credential),
            ("PATCH", "/credentials/{ref}", self._update_credential),
            ("DELETE", "/credentials/{ref}", self._delete_credential),
            ("POST", "/credentials/{ref}/test", self._test_credential),
            ("GET", "/workflows", self._list_workflows),
            ("POST", "/workflows", self._create_workflow),
            ("GET", "/workflows/{ref}", self._get_workflow),
            ("PUT", "/workflows/{ref}", self._update_workflow),
            ("DELETE", "/workflows/{ref}", self._delete_workflow),
            ("POST", "/workflows/{ref}/activate", self._activate),
            ("POST", "/workflows/{ref}/deactivate", self._deactivate),
            ("POST", "/workflows/{ref}/archive", self._archive),
            ("POST", "/workflows/{ref}/unarchive", self._unarchive),
            ("GET", "/executions", self._list_executions),
            ("GET", "/users", self._list_users),
            ("GET", "/projects", self._licensed),
            ("GET", "/variables", self._licensed),
        ):
            self.route(verb, f"/api/v1{path}", self._with_key(handler))

    # --- as every request

    def is_write(self, request: FakeRequest) -> bool:
        """Trying a credential, and knocking at a webhook, change nothing."""
        tried = request.path.endswith("/test") or request.path.startswith("/webhook/")
        return request.method not in ("GET", "HEAD") and not tried

    def not_found(self, request: FakeRequest) -> FakeResponse:
        return says(404, "not found")

    def failed(self, request: FakeRequest) -> FakeResponse:
        return says(500, "Internal server error")

    def denied(self, request: FakeRequest) -> FakeResponse:
        return says(401, "Unauthorized")

    def too_many(self, request: FakeRequest, fault: Fault) -> FakeResponse:
        headers = {"retry-after": str(int(fault.seconds or 1))} if fault.retry_after else {}
        return FakeResponse(429, {"message": "Too many requests"}, headers=headers)

    async def _dispatch(self, request: FakeRequest) -> FakeResponse:
        if not self.publication.aside:
            await self.publication.work()
        return await super()._dispatch(request)

    def _with_key(self, handler: Handler) -> Handler:
        async def checked(request: FakeRequest, **parts: str) -> FakeResponse:
            if request.headers.get("x-n8n-api-key") != self.api_key:
                return says(401, "Unauthorized")
            return await handler(request, **parts)

        return checked

    # --- the instance

    async def _editor(self, request: FakeRequest) -> FakeResponse:
        return editor_page()

    async def _health(self, request: FakeRequest) -> FakeResponse:
        return FakeResponse(200, {"status": "ok"})

    async def _list_users(self, request: FakeRequest) -> FakeResponse:
        return users(request, self.owner, self._stamp())

    async def _licensed(self, request: FakeRequest) -> FakeResponse:
        return not_licensed(_LICENSED[request.path])

    # --- credentials

    async def _list_credentials(self, request: FakeRequest) -> FakeResponse:
        newest = sorted(self.credentials.values(), key=lambda row: row["createdAt"], reverse=True)
        return self._page(request, "credentials", newest, listed_credential)

    async def _get_credential(self, request: FakeRequest, ref: str) -> FakeResponse:
        row = self.credentials.get(ref)
        return says(404, "Credential not found") if row is None else FakeResponse(200, shown_credential(row))

    async def _credential_schema(self, request: FakeRequest, kind: str) -> FakeResponse:
        schema = CREDENTIAL_SCHEMAS.get(kind)
        return says(404, "Not Found") if schema is None else FakeResponse(200, dict(schema))

    async def _create_credential(self, request: FakeRequest) -> FakeResponse:
        body = request.json
        wrong = wrong_credential(body)
        if wrong:
            return says(400, wrong)
        if len(body["name"]) > NAME_LIMIT:
            return says(500, "Internal server error")
        now = self._stamp()
        row = {"id": self._id(), "name": body["name"], "type": body["type"], "data": body["data"]}
        self.credentials[row["id"]] = row | {"createdAt": now, "updatedAt": now}
        return FakeResponse(200, shown_credential(self.credentials[row["id"]]))

    async def _update_credential(self, request: FakeRequest, ref: str) -> FakeResponse:
        row = self.credentials.get(ref)
        if row is None:
            return says(404, "Credential not found")
        body = request.json
        kind = str(body.get("type", row["type"]))
        if kind not in CREDENTIAL_SCHEMAS:
            return says(400, "req.body.type is not a known type")
        if kind != row["type"] and "data" not in body:
            words = "req.body.data is required when changing credential type. The existing data cannot be used with the"
            return says(400, f"{words} new type.")
        data = body.get("data", row["data"])
        if body.get("isPartialData") and "data" in body:
            data = {**row["data"], **body["data"]}
        wrong = wrong_data(kind, data)
        if wrong:
            return says(400, wrong)
        if len(body.get("name", "")) > NAME_LIMIT:
            return says(500, "Internal server error")
        changed = {"name": body.get("name", row["name"]), "type": kind, "data": data, "updatedAt": self._stamp()}
        self.credentials[ref] = row | changed
        return FakeResponse(200, shown_credential(self.credentials[ref]))

    async def _delete_credential(self, request: FakeRequest, ref: str) -> FakeResponse:
        row = self.credentials.pop(ref, None)  # even when an active workflow uses it: measured
        if row is None:
            return says(404, "Not Found")
        return FakeResponse(200, {**shown_credential(row), "usageScope": "project"})

    async def _test_credential(self, request: FakeRequest, ref: str) -> FakeResponse:
        row = self.credentials.get(ref)
        if row is None:
            return says(404, f'Credential with ID "{ref}" was not found.')
        words = await self.publication.trial(row["type"], row["data"], self.postgres)
        if words is None:
            return FakeResponse(200, {"status": "OK", "message": "Connection successful!"})
        return FakeResponse(200, {"status": "Error", "message": words})

    # --- workflows

    async def _list_workflows(self, request: FakeRequest) -> FakeResponse:
        rows = [self.workflows[ref] for ref in sorted(self.workflows)]
        if "name" in request.query:
            rows = [row for row in rows if row["name"] == request.query["name"]]
        if "active" in request.query:
            rows = [row for row in rows if row["active"] is (request.query["active"] == "true")]
        return self._page(request, "workflows", rows, lambda row: shown_workflow(row, "list", request.query))

    async def _get_workflow(self, request: FakeRequest, ref: str) -> FakeResponse:
        row = self.workflows.get(ref)
        return says(404, "Not Found") if row is None else workflow_answer(request, "get", row)

    async def _create_workflow(self, request: FakeRequest) -> FakeResponse:
        body = request.json
        wrong = wrong_workflow(body)
        if wrong:
            return says(400, wrong)
        ref = self._id()
        row = new_workflow(ref, self._uuid(), self._stamp(), body, self._named(body["nodes"]))
        self.workflows[ref] = row
        return workflow_answer(request, "create", row)

    async def _update_workflow(self, request: FakeRequest, ref: str) -> FakeResponse:
        row = self.workflows.get(ref)
        if row is None:
            return no_permission("update")
        body = request.json
        wrong = wrong_workflow(body)
        if wrong:
            return says(400, wrong)
        if row["isArchived"]:
            return says(400, "Cannot update an archived workflow.")
        nodes = self._named(body["nodes"])
        changed = {"name": body["name"], "settings": {**row["settings"], **body["settings"]}}
        changed |= {"updatedAt": self._stamp()}
        if (nodes, body["connections"]) != (row["nodes"], row["connections"]):
            changed |= {"nodes": nodes, "connections": body["connections"]}
            changed |= {"versionId": self._uuid(), "versionCounter": row["versionCounter"] + 1}
        fresh = {**row, **changed}
        publish = request.query.get("publishIfActive", "true") == "true" and row["activeVersionId"] is not None
        if publish and fresh["versionId"] != row["activeVersionId"]:
            refused = unpublishable(fresh, self.workflows)
            if refused:
                return says(400, refused)
            fresh |= published(fresh)
            self.publication.enqueue(ref)
        self.workflows[ref] = fresh
        return workflow_answer(request, "update", fresh)

    async def _delete_workflow(self, request: FakeRequest, ref: str) -> FakeResponse:
        row = self.workflows.get(ref)
        if row is None:
            return says(404, "Not Found")
        if row["activeVersionId"] is not None:
            return says(409, "Cannot delete a published workflow. Unpublish it before deleting.")
        if self.publication.in_flight(ref):
            return says(409, "Workflow is still being unpublished. Please try again in a few moments.")
        self.executions = [one for one in self.executions if one["workflowId"] != ref]
        return workflow_answer(request, "delete", self.workflows.pop(ref))

    async def _activate(self, request: FakeRequest, ref: str) -> FakeResponse:
        row = self.workflows.get(ref)
        if row is None:
            return no_permission("activate")
        if row["isArchived"]:
            return says(400, "Cannot activate an archived workflow.")
        refused = unpublishable(row, self.workflows)
        if refused:
            return says(400, refused)
        if self._path_taken(row):
            return says(409, "There is a conflict with one of the webhooks.")
        self.workflows[ref] = {**row, **published(row)}
        self.publication.enqueue(ref)
        return workflow_answer(request, "publish", self.workflows[ref])

    def _path_taken(self, row: Row) -> bool:
        hooks = (str(node.get("webhookId")) for node in outside_triggers(row["nodes"]))
        return any(self.publication.holder(hook) not in (None, row["id"]) for hook in hooks)

    async def _deactivate(self, request: FakeRequest, ref: str) -> FakeResponse:
        row = self.workflows.get(ref)
        if row is None:
            return no_permission("deactivate")
        return workflow_answer(request, "publish", self._unpublish(row))

    async def _archive(self, request: FakeRequest, ref: str) -> FakeResponse:
        row = self.workflows.get(ref)
        if row is None:
            return no_permission("archive")
        self.workflows[ref] = {**self._unpublish(row), "isArchived": True}
        return workflow_answer(request, "publish", self.workflows[ref])

    async def _unarchive(self, request: FakeRequest, ref: str) -> FakeResponse:
        row = self.workflows.get(ref)
        if row is None:
            return no_permission("unarchive")
        self.workflows[ref] = {**row, "isArchived": False}
        return workflow_answer(request, "publish", self.workflows[ref])

    def _unpublish(self, row: Row) -> Row:
        if row["activeVersionId"] is not None:
            self.publication.enqueue(row["id"])
        self.workflows[row["id"]] = {**row, "active": False, "activeVersionId": None, "activeVersion": None}
        return self.workflows[row["id"]]

    # --- messages

    async def _webhook(self, request: FakeRequest, hook: str) -> FakeResponse:
        """What Telegram (or anybody) calls. A good delivery is kept as an execution that was never run."""
        found = self.publication.called(hook) if request.method == "POST" else self.publication.hooks.get(hook)
        if found is None:
            return not_registered(request.method, hook)
        if request.method != "POST":
            return wrong_method(request.method)
        if request.headers.get("x-telegram-bot-api-secret-token") != found.secret:
            return FakeResponse(403, {"message": "Provided secret is not valid"})
        number = str(len(self.executions) + 1)
        self.executions.append(received(number, found.workflow, str(found.node["name"]), self._stamp(), request.json))
        return FakeResponse(200, {"message": "Workflow was started"})

    async def _methods(self, request: FakeRequest, hook: str) -> FakeResponse:
        return methods_of(request, registered=hook in self.publication.hooks)

    async def _list_executions(self, request: FakeRequest) -> FakeResponse:
        rows = list(reversed(self.executions))
        for key, name in (("workflowId", "workflowId"), ("status", "status")):
            if key in request.query:
                rows = [row for row in rows if row[name] == request.query[key]]
        whole = request.query.get("includeData") == "true"
        return self._page(
            request, "executions", rows, lambda row: {key: row[key] for key in row if whole or key != "data"}
        )

    # --- small parts

    def _page(self, request: FakeRequest, name: str, rows: list[Row], show: Callable[[Row], Row]) -> FakeResponse:
        try:
            limit, offset = place(request.query)
        except ValueError:
            return says(400, "An invalid cursor was provided")
        seen = self.listing(name, rows)
        cursor = None
        if offset + limit < len(seen):
            text = json.dumps({"limit": limit, "offset": offset + limit}, separators=(",", ":"))
            cursor = base64.b64encode(text.encode()).decode()
        return FakeResponse(200, {"data": [show(row) for row in seen[offset : offset + limit]], "nextCursor": cursor})

    def _named(self, nodes: list[Row]) -> list[Row]:
        """Nodes as n8n keeps them: ids where there were none, and the real names of their credentials."""
        return [self._kept(node) for node in nodes]

    def _kept(self, node: Row) -> Row:
        kept = {**node, "id": node.get("id") or self._uuid()}
        if node["type"] == "n8n-nodes-base.telegram" and "webhookId" not in node:
            kept["webhookId"] = self._uuid()
        if node.get("credentials"):
            kept["credentials"] = {kind: self._used(used) for kind, used in node["credentials"].items()}
        return kept

    def _used(self, used: Row) -> Row:
        known = self.credentials.get(str(used.get("id")))
        return dict(used) if known is None else {"id": known["id"], "name": known["name"]}

    def _id(self) -> str:
        return "".join(self._random.choices(string.ascii_letters + string.digits, k=16))

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def _stamp(self) -> str:
        at = datetime.fromtimestamp(self.clock.now(), UTC)
        return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
