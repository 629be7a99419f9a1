"""n8n for the conformance kit: the system on its stand-in, in process and in virtual time."""

from __future__ import annotations

import json
from typing import Any

from temoctl.engine.clock import VirtualClock
from temoctl.engine.protocol import Context, System
from temoctl.engine.throttle import Throttle
from temoctl.model.identity import Owner
from temoctl.model.resource import Observed
from temoctl.model.secret import Secret
from temoctl.model.value import substitute
from temoctl.spec.secret_source import SecretSource
from temoctl.systems.fake_http import FakeRequest, FakeResponse, Fault, InProcess
from temoctl.systems.n8n import plugin
from temoctl.systems.n8n.fake import FakeN8n
from temoctl.systems.n8n.settings import N8nSettings
from tests.conformance.rig import Sample
from tests.systems.n8n.bot_api import BotApi
from tests.systems.n8n.samples import API_KEY, BOT_API, N8N, OWNER, TOKENS


class FakeRig:
    """Implements tests.conformance.rig.Rig."""

    can = frozenset({"count", "tamper", "foreign", "faults", "virtual"})
    faults = frozenset({"429", "500-before", "500-after", "lost", "late", "refuse", "denied", "stale"})
    owner: Owner = OWNER
    root = ""

    def __init__(self, system: System, fake: FakeN8n, bots: BotApi, clock: VirtualClock, slots: Throttle) -> None:
        self.system, self.fake, self.bots, self.clock, self.slots = system, fake, bots, clock, slots

    @property
    def reads(self) -> int:
        return len(self.fake.requests) - self.writes

    @property
    def writes(self) -> int:
        return sum(self.fake.is_write(_request(*line)) for line in self.fake.requests)

    async def call(self, method: str, path: str, body: Any = None) -> FakeResponse:
        """What somebody with the API key does behind our back."""
        answer = await self.fake._dispatch(_request(method, f"/api/v1{path}", body))
        assert answer.status == 200, answer.json
        return answer

    async def tamper(self, sample: Sample, observed: Observed) -> None:
        self.clock.advance(60)
        if sample.address.kind == "credential":
            await self.call("PATCH", f"/credentials/{observed.ref}", {"data": {}})
            return
        row = self.fake.workflows[str(observed.ref)]
        nodes = [{**node, "position": [1, 2]} for node in row["nodes"]]
        kept = {key: row[key] for key in ("name", "connections", "settings")}
        await self.call("PUT", f"/workflows/{observed.ref}", {**kept, "nodes": nodes})

    async def foreign(self, sample: Sample) -> None:
        props = substitute(dict(sample.props), of_ref=lambda *_: "x", of_secret=lambda ref: sample.secrets[ref.path])
        if sample.address.kind == "credential":
            body = {"name": props["name"], "type": props["type"], "data": {}}
            await self.call("POST", "/credentials", body)
            return
        await self.call("POST", "/workflows", {key: props[key] for key in ("name", "nodes", "connections", "settings")})

    def fault(self, kind: str, *, count: int = 1, seconds: float = 0.0, writes: bool = False, skip: int = 0) -> None:
        self.fake.faults.append(Fault(kind, count=count, seconds=seconds, writes=writes, skip=skip))

    def clear(self) -> None:
        self.fake.faults.clear()

    async def arrange(self, sample: Sample) -> None:
        raise NotImplementedError("n8n has no kind that is only watched")

    async def close(self) -> None:
        await self.system.close()


async def fake_rig(clock: VirtualClock | None = None, **options: Any) -> FakeRig:
    clock = clock or VirtualClock()
    bots = BotApi(clock, TOKENS)
    fake = FakeN8n(clock, api_key=API_KEY, webhook_url=N8N, bots=InProcess({BOT_API: bots}), **options)
    slots = Throttle(plugin.limits, clock)
    secrets = {"api_key": Secret(API_KEY)}
    context = Context(clock=clock, slots=slots, secrets=secrets, transport=InProcess({N8N: fake}))
    settings = N8nSettings(url=N8N, api_key=SecretSource(env="N8N_API_KEY"))
    return FakeRig(await plugin.connect(settings, context), fake, bots, clock, slots)


def _request(method: str, path: str, body: Any = None) -> FakeRequest:
    return FakeRequest(method, path, {}, {"x-n8n-api-key": API_KEY}, json.dumps(body).encode())
