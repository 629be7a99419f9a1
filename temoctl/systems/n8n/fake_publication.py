"""How the stand-in publishes: a queue that is worked through later, as in a real n8n (measured on 2.40.7).

Switching on or off answers at once and only queues a record. When its time has come, triggers that changed are let go
(deleteWebhook) and new ones are registered (getWebhookInfo, setWebhook) with whatever the credential holds by then. A
refused token is tried five times, then forgotten: `active` stays true, `triggerCount` stays what it was, nobody is
told. The count is never taken back.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from temoctl.engine.ports import Clock
from temoctl.systems.n8n.workflows import TELEGRAM_TRIGGER, outside_triggers, registrations

_ATTEMPTS = 5
_CACHED = 3600.0

Node = Mapping[str, Any]
PostgresCheck = Callable[[Mapping[str, Any]], Awaitable[str | None]]
"""Tries a postgres credential: None where the login works, else the reason."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A webhook n8n answers at."""

    workflow: str
    node: Node

    @property
    def secret(self) -> str:
        return re.sub(r"[^a-zA-Z0-9_-]+", "", f"{self.workflow}_{self.node['id']}")


@dataclass(slots=True)
class Record:
    """Something to be done about one workflow. A later one waits until the tries of an earlier one are over."""

    workflow: str
    due: float
    attempt: int = 0
    wanted: tuple[Node, ...] = ()


@dataclass(slots=True)
class Publication:
    """`workflows` and `credentials` are the stand-in's own tables; `bots` carries calls to the Bot API."""

    clock: Clock
    bots: httpx.AsyncBaseTransport | None
    webhook_url: str
    workflows: dict[str, dict[str, Any]]
    credentials: dict[str, dict[str, Any]]
    delay: float = 0.2
    aside: bool = False
    """As in a real n8n: requests don't wait for publications, which go on beside each other. Tests on virtual time
    have them done before each request instead, one by one, so that a run repeats exactly."""
    hooks: dict[str, Registered] = field(default_factory=dict)
    running: dict[str, tuple[Node, ...]] = field(default_factory=dict)
    """Trigger nodes of the version that runs, by workflow: lags behind `activeVersionId`."""
    cached: dict[str, tuple[str, float]] = field(default_factory=dict)
    """What n8n's cache still says of a path, and until when: the workflow that had it."""
    queue: list[Record] = field(default_factory=list)
    alarms: set[asyncio.Task[None]] = field(default_factory=set)
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    at_work: set[str] = field(default_factory=set)

    def enqueue(self, workflow: str) -> None:
        """Queue a workflow; it is also worked on when nobody asks n8n anything, once its time has come."""
        self._queue(Record(workflow, self.clock.now() + self.delay), len(self.queue))

    def _queue(self, record: Record, place: int) -> None:
        self.queue.insert(place, record)
        alarm = asyncio.get_running_loop().create_task(self._alarm(record.due - self.clock.now()))
        self.alarms.add(alarm)
        alarm.add_done_callback(self.alarms.discard)

    async def _alarm(self, wait: float) -> None:
        await self.clock.sleep(wait)
        await self.work()

    def in_flight(self, workflow: str) -> bool:
        """True while triggers of a workflow are still held, whatever was asked for since."""
        return workflow in self.running

    def called(self, hook: str) -> Registered | None:
        """Who answers a POST. One that comes while the webhook is being taken back goes into the cache (measured)."""
        found = self.hooks.get(hook)
        workflow = None if found is None else self.workflows.get(found.workflow)
        if found is not None and (workflow is None or workflow["activeVersionId"] is None):
            self.cached[hook] = found.workflow, self.clock.now() + _CACHED
        return found

    def holder(self, hook: str) -> str | None:
        """The workflow that n8n thinks has a path, when another one wants it."""
        if hook in self.hooks:
            return self.hooks[hook].workflow
        workflow, until = self.cached.get(hook, ("", 0.0))
        return workflow if until > self.clock.now() else None

    async def work(self) -> None:
        """Work through the records whose time has come. Called before every request, too."""
        if self.aside:
            await self._through()
            return
        async with self.busy:
            await self._through()

    async def _through(self) -> None:
        while (record := self._next()) is not None:
            self.queue.remove(record)
            self.at_work.add(record.workflow)
            try:
                await (self._try_again(record) if record.attempt else self._apply(record))
            finally:
                self.at_work.discard(record.workflow)

    def _next(self) -> Record | None:
        waiting = set(self.at_work)
        for record in self.queue:
            if record.workflow not in waiting and record.due <= self.clock.now() + 1e-9:
                return record
            waiting.add(record.workflow)
        return None

    async def _apply(self, record: Record) -> None:
        workflow = self.workflows.get(record.workflow)
        before = self.running.get(record.workflow, ())
        if workflow is None or workflow["activeVersionId"] is None:
            for node in before:
                await self._let_go(record.workflow, node)
            self.running.pop(record.workflow, None)
            return
        record.wanted = tuple(outside_triggers(workflow["activeVersion"]["nodes"]))
        old, new = registrations(before), registrations(record.wanted)
        for node in before:
            if new.get(node["id"]) != old[node["id"]]:
                await self._let_go(record.workflow, node)
        self.running[record.workflow] = record.wanted
        await self._try_again(record)

    async def _try_again(self, record: Record) -> None:
        missing = [node for node in record.wanted if not self._is_open(record.workflow, node)]
        failed = [node for node in missing if not await self._register(record.workflow, node)]
        if not failed:
            workflow = self.workflows.get(record.workflow)
            if workflow is not None and missing:
                self.workflows[record.workflow] = {**workflow, "triggerCount": len(record.wanted)}
        elif record.attempt + 1 < _ATTEMPTS:
            due = self.clock.now() + 2.0**record.attempt
            self._queue(Record(record.workflow, due, record.attempt + 1, record.wanted), 0)

    def _is_open(self, workflow: str, node: Node) -> bool:
        hook = self.hooks.get(str(node.get("webhookId")))
        return node["type"] != TELEGRAM_TRIGGER or (hook is not None and hook.workflow == workflow)

    async def _register(self, workflow: str, node: Node) -> bool:
        hook = Registered(workflow, node)
        hook_id = str(node.get("webhookId"))
        self.hooks[hook_id] = hook  # stored first, taken back when the Bot API says no
        url = f"{self.webhook_url}/webhook/{hook_id}/webhook"
        asked = node.get("parameters", {}).get("updates", [])
        told = {"url": url, "allowed_updates": asked, "secret_token": hook.secret, "drop_pending_updates": False}
        if await self.bot(node, "getWebhookInfo") is not None and await self.bot(node, "setWebhook", told) is not None:
            return True
        await self._let_go(workflow, node)
        return False

    async def _let_go(self, workflow: str, node: Node) -> None:
        hook_id = str(node.get("webhookId"))
        hook = self.hooks.get(hook_id)
        if hook is None or hook.workflow != workflow:
            return
        await self.bot(node, "deleteWebhook")
        self.hooks.pop(hook_id, None)

    async def bot(self, node: Node, method: str, body: Mapping[str, Any] | None = None) -> Any:
        """The result of a Bot API method, called with the node's credential; None when it was refused."""
        used = ((node.get("credentials") or {}).get("telegramApi") or {}).get("id")
        credential = self.credentials.get(str(used))
        return None if credential is None else await self.call_bot(credential["data"], method, body)

    async def call_bot(self, data: Mapping[str, Any], method: str, body: Mapping[str, Any] | None = None) -> Any:
        url = f"{data.get('baseUrl') or 'https://api.telegram.org'}/bot{data.get('accessToken', '')}/{method}"
        answer = await self.ask("POST", url, json=dict(body or {}))
        good = isinstance(answer, Mapping) and answer.get("ok")
        return answer["result"] if good else None

    async def ask(self, method: str, url: str, **request: Any) -> Any:
        """JSON from another server; None when there is none. Without a transport nothing outside is ever called."""
        if self.bots is None:
            return None
        try:
            async with httpx.AsyncClient(transport=_Shared(self.bots), trust_env=False) as client:
                response = await client.request(method, url, **request)
                return response.json() if response.status_code < 500 else None
        except (httpx.HTTPError, ValueError):
            return None

    async def trial(self, kind: str, data: Mapping[str, Any], postgres: PostgresCheck | None) -> str | None:
        """n8n's test of a credential: None where it passes, else its words."""
        match kind:
            case "telegramApi":
                return None if await self.call_bot(data, "getMe") else "Unauthorized"
            case "openAiApi":
                answer = await self.ask("GET", f"{data.get('url', '')}/models")
                return None if isinstance(answer, Mapping) and "error" not in answer else "ECONNREFUSED"
            case "postgres" if postgres is not None:
                return await postgres(data)
            case "postgres":  # nobody gave a way to try: what is written down is all that can be judged
                lacking = [key for key in ("host", "database", "user", "password") if not data.get(key)]
                return f"missing {lacking[0]}" if lacking else None
            case "mongoDb":  # as above
                address = str(data.get("connectionString", ""))
                return None if address.startswith("mongodb") and data.get("database") else "Invalid scheme"
            case _:
                return "No testing function found for this credential."


class _Shared(httpx.AsyncBaseTransport):
    """A transport that stays open when the client that borrowed it is closed."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._inner.handle_async_request(request)
