"""One conversation with an n8n, told in a form that can be compared: the stand-in and the real one must agree.

Ids and times are replaced by their order of appearance; everything else has to be the same to the letter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from tests.systems.n8n.samples import DEAD_TOKEN, HOOK, TOKEN, called, ingress, link, node

Ask = Callable[[str, str, Any], Awaitable[tuple[int, Any]]]
"""Sends one request (a path under the API, or a whole path); returns status and JSON (of OPTIONS: the methods)."""
Settle = Callable[[], Awaitable[None]]
"""Waits until n8n has worked through its queue."""

_VOLATILE = re.compile(
    r"^(createdAt|updatedAt|versionId|activeVersionId|versionCounter|shared|authors|hint|stacktrace)$"
)
_ID = re.compile(
    r"\b(?=\w*[A-Z0-9])[A-Za-z0-9]{16}\b|[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)


class Transcript:
    """What was said, line by line."""

    def __init__(self, ask: Ask, settle: Settle) -> None:
        self._ask, self.settle = ask, settle
        self.lines: list[Any] = []
        self._ids: dict[str, str] = {}

    async def say(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = await self._ask(method, path, body)
        told = self._plain(answer)
        line = {"asked": f"{method} {path}", "status": status, "answer": told}
        self.lines.append(json.loads(self._same(json.dumps(line))))
        return answer

    def _plain(self, tree: Any) -> Any:
        if isinstance(tree, dict):
            kept = {key: self._plain(one) for key, one in tree.items() if not _VOLATILE.match(key)}
            version = tree.get("activeVersion")
            if isinstance(version, dict):
                kept["activeVersion"] = {key: kept["activeVersion"].get(key) for key in ("nodes", "connections")}
                kept["published"] = "as saved" if tree["activeVersionId"] == tree["versionId"] else "older"
            return kept
        return [self._plain(one) for one in tree] if isinstance(tree, list) else tree

    def _same(self, text: str) -> str:
        return _ID.sub(lambda found: self._ids.setdefault(found[0], f"<id {len(self._ids)}>"), text)


def differences(real: Any, fake: Any, place: str = "") -> Iterator[str]:
    """Where two transcripts differ, one line each."""
    if isinstance(real, dict) and isinstance(fake, dict):
        for key in sorted(real.keys() | fake.keys()):
            yield from differences(real.get(key, "<none>"), fake.get(key, "<none>"), f"{place}.{key}")
    elif isinstance(real, list) and isinstance(fake, list) and len(real) == len(fake):
        for number, (one, other) in enumerate(zip(real, fake, strict=True)):
            told = f" ({one['asked']})" if isinstance(one, dict) and "asked" in one else ""
            yield from differences(one, other, f"{place}[{number}]{told}")
    elif real != fake:
        yield f"{place}: real {json.dumps(real)[:300]} but the stand-in {json.dumps(fake)[:300]}"


async def converse(talk: Transcript, bot_api: str) -> None:
    """Everything temoctl's client relies on, and the refusals it must understand."""
    await _credentials(talk, bot_api)
    await _refusals(talk)
    await _sub_workflows(talk)
    await _publication(talk, bot_api)


async def _credentials(talk: Transcript, bot_api: str) -> None:
    good = {"accessToken": TOKEN, "baseUrl": bot_api}
    made = await talk.say("POST", "/credentials", {"name": "bot", "type": "telegramApi", "data": good})
    await talk.say("GET", f"/credentials/{made['id']}")
    await talk.say("POST", f"/credentials/{made['id']}/test")
    await talk.say("PATCH", f"/credentials/{made['id']}", {"name": "renamed"})
    await talk.say("PATCH", f"/credentials/{made['id']}", {"data": {"accessToken": "x", "bad": 1}})
    await talk.say("PATCH", f"/credentials/{made['id']}", {"type": "postgres"})
    dead = {"accessToken": DEAD_TOKEN, "baseUrl": bot_api}
    await talk.say("PATCH", f"/credentials/{made['id']}", {"data": dead})
    await talk.say("POST", f"/credentials/{made['id']}/test")
    for body in (
        {"name": "x", "type": "nopeApi", "data": {}},
        {"name": "x", "type": "telegramApi"},
        {"type": "telegramApi", "data": {}},
        {"name": "x", "type": "openAiApi", "data": {}},
        {"name": "x", "type": "postgres", "data": {"port": "5432"}},
        {"name": "x", "type": "telegramApi", "data": {"nope": 1}},
        {"name": "n" * 129, "type": "telegramApi", "data": {}},
    ):
        await talk.say("POST", "/credentials", body)
    for kind in ("telegramApi", "postgres", "mongoDb", "openAiApi", "nopeApi"):
        await talk.say("GET", f"/credentials/schema/{kind}")
    await talk.say("DELETE", f"/credentials/{made['id']}")
    for method, path in (
        ("GET", f"/credentials/{made['id']}"),
        ("PATCH", f"/credentials/{made['id']}"),
        ("DELETE", f"/credentials/{made['id']}"),
        ("POST", f"/credentials/{made['id']}/test"),
    ):
        await talk.say(method, path, {"name": "x"} if method == "PATCH" else None)


async def _refusals(talk: Transcript) -> None:
    plain = {"name": "w", "nodes": [], "connections": {}, "settings": {}}
    first = node(0, "A", "set", 3.4, {})
    for more in (
        {"active": True},
        {"tags": []},
        {"bogus": 1},
        {"settings": {"bogus": 1}},
        {"name": ""},
        {"name": "n" * 129},
        {"nodes": [{"id": "a"}]},
        {"nodes": [{**first, "weird": 1}]},
        {"nodes": [first], "connections": link("A", "Nowhere")},
        {"nodes": [first], "connections": link("Nobody", "A")},
    ):
        await talk.say("POST", "/workflows", {**plain, **more})
    for key in plain:
        await talk.say("POST", "/workflows", {one: plain[one] for one in plain if one != key})
    empty = await talk.say("POST", "/workflows", plain)
    await talk.say("POST", f"/workflows/{empty['id']}/activate")
    await talk.say("POST", f"/workflows/{empty['id']}/deactivate")
    await talk.say("POST", f"/workflows/{empty['id']}/archive")
    await talk.say("PUT", f"/workflows/{empty['id']}", plain)
    await talk.say("POST", f"/workflows/{empty['id']}/activate")
    await talk.say("POST", f"/workflows/{empty['id']}/unarchive")
    await talk.say("DELETE", f"/workflows/{empty['id']}")
    gone = empty["id"]
    for method, path in (
        ("GET", f"/workflows/{gone}"),
        ("PUT", f"/workflows/{gone}"),
        ("DELETE", f"/workflows/{gone}"),
        ("POST", f"/workflows/{gone}/activate"),
        ("POST", f"/workflows/{gone}/deactivate"),
    ):
        await talk.say(method, path, plain if method == "PUT" else None)
    for path in ("/projects", "/variables", "/nonsense", "/workflows?cursor=abc"):
        await talk.say("GET", path)
    await talk.say("OPTIONS", f"/webhook/{HOOK}/webhook")
    await talk.say("POST", f"/webhook/{HOOK}/webhook", {})


async def _sub_workflows(talk: Transcript) -> None:
    body = {key: value for key, value in called("one").items() if key != "active"}
    below = await talk.say("POST", "/workflows", body)
    value = {"__rl": True, "mode": "id", "value": below["id"]}
    nodes = [
        node(0, "In", "executeWorkflowTrigger", 1.1, {"inputSource": "passthrough"}),
        node(1, "Call", "executeWorkflow", 1.2, {"workflowId": value, "options": {}}),
    ]
    above = await talk.say(
        "POST", "/workflows", {"name": "above", "nodes": nodes, "connections": link("In", "Call"), "settings": {}}
    )
    await talk.say("POST", f"/workflows/{above['id']}/activate")
    await talk.say("POST", f"/workflows/{below['id']}/activate")
    await talk.say("POST", f"/workflows/{above['id']}/activate")
    changed = {key: value for key, value in called("two").items() if key != "active"}
    await talk.say("PUT", f"/workflows/{below['id']}", {**changed, "settings": {"timezone": "UTC"}})
    await talk.say("DELETE", f"/workflows/{below['id']}")
    await talk.settle()
    await talk.say("GET", f"/workflows/{below['id']}")
    for one in (above, below):
        await talk.say("POST", f"/workflows/{one['id']}/deactivate")
    await talk.settle()
    for one in (above, below):
        await talk.say("DELETE", f"/workflows/{one['id']}")


async def _publication(talk: Transcript, bot_api: str) -> None:
    good = {"accessToken": TOKEN, "baseUrl": bot_api}
    used = await talk.say("POST", "/credentials", {"name": "bot", "type": "telegramApi", "data": good})

    def body(text: str, updates: list[str], **credentials: Any) -> dict[str, Any]:
        whole = ingress(text, updates)
        first = {**whole["nodes"][0], "credentials": credentials or {"telegramApi": {"id": used["id"]}}}
        return {"name": "i", "nodes": [first, whole["nodes"][1]], "connections": whole["connections"], "settings": {}}

    bare = body("one", ["message"])
    del bare["nodes"][0]["credentials"]
    without = await talk.say("POST", "/workflows", bare)
    await talk.say("POST", f"/workflows/{without['id']}/activate")
    await talk.say("DELETE", f"/workflows/{without['id']}")
    made = await talk.say("POST", "/workflows", body("one", ["message"]))
    path = f"/workflows/{made['id']}"
    await talk.say("POST", f"{path}/activate")
    await talk.settle()
    await talk.say("GET", path)
    await talk.say("GET", "/workflows?limit=250")
    await talk.say("OPTIONS", f"/webhook/{HOOK}/webhook")
    await talk.say("POST", f"/webhook/{HOOK}/webhook", {})
    twin = await talk.say("POST", "/workflows", body("one", ["message"]))
    await talk.say("POST", f"/workflows/{twin['id']}/activate")
    await talk.say("DELETE", f"/workflows/{twin['id']}")
    await talk.say("PUT", path, body("two", ["message"]))
    await talk.say("PUT", f"{path}?publishIfActive=false", body("three", ["message"]))
    await talk.say("GET", path)
    await talk.say("PUT", path, body("three", ["message"]))
    await talk.say("DELETE", path)
    dead = {"accessToken": DEAD_TOKEN, "baseUrl": bot_api}
    await talk.say("PATCH", f"/credentials/{used['id']}", {"data": dead})
    await talk.say("PUT", path, body("three", ["message", "callback_query"]))
    await talk.settle()
    await talk.say("GET", path)
    await talk.say("OPTIONS", f"/webhook/{HOOK}/webhook")
    await talk.say("POST", f"/webhook/{HOOK}/webhook", {})
    await talk.say("POST", f"{path}/deactivate")
    await talk.settle()
    await talk.say("DELETE", path)
    await talk.say("DELETE", f"/credentials/{used['id']}")
