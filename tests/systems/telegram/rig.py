"""Telegram for the conformance kit: the system on its stand-in, in process and in virtual time."""

from __future__ import annotations

from typing import Any

from temoctl.engine.clock import VirtualClock
from temoctl.engine.protocol import Context, System
from temoctl.engine.throttle import Throttle
from temoctl.model.address import Address
from temoctl.model.identity import Owner
from temoctl.model.resource import Observed
from temoctl.model.secret import Secret
from temoctl.model.value import Props
from temoctl.systems.fake_http import Fault, InProcess
from temoctl.systems.telegram import plugin
from temoctl.systems.telegram.fake import FakeTelegram
from temoctl.systems.telegram.settings import TelegramSettings
from tests.conformance.rig import Sample

URL = "http://telegram.test"
TOKEN = "5512345678:AAHcanaryCanaryCanaryCanary_-012345"
OWNER = Owner("0123456789", "abcdefghjkmnpqrs")
HOOK = "http://n8n.test/webhook/9b2e6f0e-7f0f-5d1e-9b63-1d6f6b0f7c11/webhook"

_TOKEN_LEAF = {"$secret": "telegram/token", "version": 1}
_SECRETS = {"telegram/token": Secret(TOKEN)}
_TEXTS: Props = {
    "token": _TOKEN_LEAF,
    "name": "Acme Coffee ",
    "description": "Ask us about coffee.\r\nWe answer at once.",
    "short_description": "Coffee, day and night",
    "commands": [{"command": "/menu", "description": "What we have"}, {"command": "help", "description": "Help"}],
}

BOT = Sample(
    Address("acme", "telegram", "bot", "telegram"),
    _TEXTS,
    {**_TEXTS, "description": "Closed on Mondays.", "commands": [{"command": "menu", "description": "The menu"}]},
    _SECRETS,
)
WEBHOOK = Sample(
    Address("acme", "telegram", "webhook", "telegram"), {"token": _TOKEN_LEAF, "url": HOOK}, None, _SECRETS
)
SAMPLES = (BOT, WEBHOOK)


class FakeRig:
    """Implements tests.conformance.rig.Rig."""

    can = frozenset({"count", "tamper", "faults", "virtual"})
    faults = frozenset({"429", "500-before", "500-after", "lost", "late", "refuse", "denied"})
    owner = OWNER
    root = ""

    def __init__(self, system: System, fake: FakeTelegram, clock: VirtualClock, slots: Throttle) -> None:
        self.system, self.fake, self.clock, self.slots = system, fake, clock, slots

    @property
    def reads(self) -> int:
        return sum(1 for request in self.fake.requests if "/get" in request[1])

    @property
    def writes(self) -> int:
        return len(self.fake.requests) - self.reads

    async def tamper(self, sample: Sample, observed: Observed) -> None:
        self.fake.bot(TOKEN).texts["description", ""] = "Buy elsewhere!"

    async def foreign(self, sample: Sample) -> None:
        raise NotImplementedError("a bot belongs to whoever holds its token")

    def fault(self, kind: str, *, count: int = 1, seconds: float = 0.0, writes: bool = False, skip: int = 0) -> None:
        self.fake.faults.append(Fault(kind, count=count, seconds=seconds, writes=writes, skip=skip))

    def clear(self) -> None:
        self.fake.faults.clear()

    async def arrange(self, sample: Sample) -> None:
        bot = self.fake.bot(TOKEN)
        await self.fake.handle(_request(f"/bot{bot.token}/setWebhook", {"url": HOOK, "secret_token": "s"}))

    async def close(self) -> None:
        await self.system.close()


async def fake_rig(clock: VirtualClock | None = None, **options: Any) -> FakeRig:
    clock = clock or VirtualClock()
    fake = FakeTelegram(clock, **options)
    fake.add_bot(TOKEN, "acme_coffee_bot", "Acme")
    slots = Throttle(plugin.limits, clock)
    context = Context(clock=clock, slots=slots, secrets={}, transport=InProcess({URL: fake}))
    return FakeRig(await plugin.connect(TelegramSettings(url=URL), context), fake, clock, slots)


def _request(path: str, params: dict[str, Any]) -> Any:
    import json

    from temoctl.systems.fake_http import FakeRequest

    return FakeRequest("POST", path, {}, {"content-type": "application/json"}, json.dumps(params).encode())
