"""n8n for the conformance kit over the wire: a real one, or cassettes recorded from it. Counts what goes out."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import vcr

from temoctl.engine.ports import Clock
from temoctl.engine.protocol import Context, System
from temoctl.engine.throttle import Throttle
from temoctl.model.resource import Observed
from temoctl.model.secret import Secret
from temoctl.model.value import substitute
from temoctl.spec.secret_source import SecretSource
from temoctl.systems.n8n import plugin
from temoctl.systems.n8n.settings import N8nSettings
from tests.conformance.rig import Sample
from tests.systems.n8n.samples import BOT_API, KNOWLEDGE, N8N, NEW_TOKEN, OWNER, TOKEN

CASSETTES = Path(__file__).parents[2] / "cassettes" / "n8n"

Call = Callable[[str, str, Any], Awaitable[Any]]


class Counting(httpx.AsyncHTTPTransport):
    """Counts requests as n8n would: tests of credentials and knocks at webhooks change nothing."""

    def __init__(self) -> None:
        super().__init__(trust_env=False)
        self.reads = self.writes = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if request.method == "GET" or path.endswith("/test") or path.startswith("/webhook/"):
            self.reads += 1
        else:
            self.writes += 1
        return await super().handle_async_request(request)


class WireRig:
    """Implements tests.conformance.rig.Rig. `behind` is what others do behind our back; None where it was recorded."""

    can = frozenset({"count", "tamper", "foreign"})
    faults: frozenset[str] = frozenset()
    owner = OWNER
    root = ""

    def __init__(self, system: System, clock: Clock, counting: Counting, behind: Call | None) -> None:
        self.system, self.clock, self._counting, self._behind = system, clock, counting, behind

    @property
    def reads(self) -> int:
        return self._counting.reads

    @property
    def writes(self) -> int:
        return self._counting.writes

    async def tamper(self, sample: Sample, observed: Observed) -> None:
        if self._behind is None:
            return
        if sample.address.kind == "credential":
            await self._behind("PATCH", f"/credentials/{observed.ref}", {"data": {}})
            return
        row = await self._behind("GET", f"/workflows/{observed.ref}", None)
        nodes = [{**node, "position": [1, 2]} for node in row["nodes"]]
        kept = {key: row[key] for key in ("name", "connections", "settings")}
        await self._behind("PUT", f"/workflows/{observed.ref}", {**kept, "nodes": nodes})

    async def foreign(self, sample: Sample) -> None:
        if self._behind is None:
            return
        props = substitute(dict(sample.props), of_ref=lambda *_: "x", of_secret=lambda ref: sample.secrets[ref.path])
        if sample.address.kind == "credential":
            await self._behind("POST", "/credentials", {"name": props["name"], "type": props["type"], "data": {}})
            return
        kept = {key: props[key] for key in ("name", "nodes", "connections", "settings")}
        await self._behind("POST", "/workflows", kept)

    def fault(self, kind: str, *, count: int = 1, seconds: float = 0.0, writes: bool = False, skip: int = 0) -> None:
        raise NotImplementedError("a real n8n misbehaves when it likes")

    def clear(self) -> None: ...

    async def arrange(self, sample: Sample) -> None:
        raise NotImplementedError("n8n has no kind that is only watched")

    async def close(self) -> None:
        await self.system.close()


async def wire_rig(url: str, key: str, clock: Clock, behind: Call | None) -> WireRig:
    counting = Counting()
    slots = Throttle(plugin.limits, clock)
    context = Context(clock=clock, slots=slots, secrets={"api_key": Secret(key)}, transport=counting)
    settings = N8nSettings(url=url, api_key=SecretSource(env="N8N_API_KEY"))
    return WireRig(await plugin.connect(settings, context), clock, counting, behind)


# --- cassettes


def cassette_path(test: str) -> Path:
    """`test_made_is_updated[workflow.tenant]` -> `made-is-updated.workflow.tenant.yaml`"""
    return CASSETTES / (re.sub(r"[^a-z0-9.]+", "-", test.removeprefix("test_").replace("[", ".")).strip("-") + ".yaml")


def recorder(places: Mapping[str, str], own: Callable[[Any], bool]) -> vcr.VCR:
    """A VCR that keeps only what every machine shares: `places` are texts (addresses) and what stands for them.

    `own` tells requests that are not the system's (setting the stage): they are never recorded.
    """
    hidden = [TOKEN, NEW_TOKEN, *(one.reveal() for one in KNOWLEDGE.secrets.values())]

    def shared(text: str) -> str:
        for found, stand_in in places.items():
            text = text.replace(found, stand_in)
        for number, secret in enumerate(hidden):
            text = text.replace(secret, f"secret-{number}")
        return text

    def request(one: Any) -> Any:
        if not own(one):
            return None
        one.uri = shared(one.uri)
        one.headers = {}
        if one.body:
            one.body = shared(one.body.decode() if isinstance(one.body, bytes) else one.body).encode()
        return one

    def response(one: dict[str, Any]) -> dict[str, Any]:
        methods = {key: told for key, told in one["headers"].items() if key.lower() == "access-control-allow-methods"}
        one["headers"] = {"content-type": ["application/json"], **methods}
        body = one["body"]["string"]
        text = shared(body.decode() if isinstance(body, bytes) else body)
        try:
            tree = json.loads(text)
        except ValueError:
            tree = None
        if isinstance(tree, dict) and tree.pop("stacktrace", None):  # holds paths of the machine
            text = json.dumps(tree)
        one["body"]["string"] = text.encode()
        return one

    return vcr.VCR(
        before_record_request=request,
        before_record_response=response,
        match_on=("method", "scheme", "host", "path", "query", "body"),
        decode_compressed_response=True,
    )


def playback(test: str) -> Any:
    """The cassette of a test, to be played; raises FileNotFoundError where none was recorded."""
    path = cassette_path(test)
    if not path.exists():
        raise FileNotFoundError(path)
    return recorder({}, lambda _: True).use_cassette(str(path), record_mode="none")


STAND_INS = {"n8n": N8N, "bots": BOT_API}
