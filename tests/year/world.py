"""An agency with billing over a year of injected time: real use cases, planner, engine and systems; vendors in memory.

Events go through the real service, each to two processes of it, each two times. Everything is deterministic.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import yaml

from temoctl import assets
from temoctl.app.billing_events import BillingEvents, Hearing
from temoctl.app.connect import limits_of, plugins, settings_of
from temoctl.app.requests import Place
from temoctl.app.secrets import set_secret
from temoctl.app.world import World
from temoctl.engine.clock import VirtualClock
from temoctl.engine.ids import SeededIds
from temoctl.engine.protocol import Context, Limits, System
from temoctl.engine.throttle import Throttle
from temoctl.model.secret import Secret
from temoctl.model.standing import Standing, State, seconds_of
from temoctl.sandbox.openai import FakeOpenAI
from temoctl.serve import application
from temoctl.spec import load_project
from temoctl.systemdata.memory import MemoryStore
from temoctl.systemdata.memory_state import MemoryState
from temoctl.systemdata.ports import Principal
from temoctl.systems.fake_http import InProcess
from temoctl.systems.n8n.fake import FakeN8n
from temoctl.systems.stripe.fake import FakeStripe
from temoctl.systems.stripe.fake_billing import Dunning
from temoctl.systems.supabase.fake import FakeStorage
from temoctl.systems.supabase.fake_sql import FakeSql
from temoctl.systems.supabase.resources import SupabaseSystem
from temoctl.systems.supabase.sql import StandingRow
from temoctl.systems.supabase.storage_client import StorageApi
from temoctl.systems.telegram.fake import FakeTelegram
from tests.sim.specs import PLAN, PLATFORM, Wish, write_project, write_wish

DAY = 86400.0
START = datetime(2027, 1, 1, 9, tzinfo=UTC).timestamp()
KEYS = {name: f"canary-{name}-key-of-the-year" for name in ("n8n", "storage", "llm")}
STRIPE_KEY = "sk_test_canaryOfTheYear0123456789"
CATALOGUE = {"START": (29.0, 1), "BUSINESS": (79.0, 3)}
"""Plan -> its price, and how many channels it allows."""


@dataclass
class Year:
    root: Path
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(START))
    state: MemoryState = field(default_factory=MemoryState)
    ids: SeededIds = field(default_factory=lambda: SeededIds(11))
    heard: list[Hearing] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.telegram = FakeTelegram(self.clock, flood=1000)
        self.storage = FakeStorage(self.clock, KEYS["storage"])
        llm = FakeOpenAI(self.clock, key=KEYS["llm"])
        bots = InProcess({"http://telegram.test": self.telegram, "http://llm.test": llm})
        self.n8n = FakeN8n(self.clock, api_key=KEYS["n8n"], bots=bots)
        self.stripe = FakeStripe(
            self.clock, key=STRIPE_KEY, deliver=self._deliver, dunning=Dunning(at_last="unpaid"), rate=0
        )
        self.stripe.events.twice = True
        quiet = Throttle(Limits(concurrency=64), self.clock)
        self.databases = {name: FakeSql(name, slots=quiet) for name in ("knowledge", "sessions")}
        self._line = InProcess(
            {
                "http://n8n.test": self.n8n,
                "http://telegram.test": self.telegram,
                "http://storage.test": self.storage,
                "http://stripe.test": self.stripe,
            }
        )
        self._services: Any = None
        _write(self.root)

    # --- commands, each a process of its own

    async def command(self, work: Callable[[World], Awaitable[Any]]) -> Any:
        return await work(await self._open())

    async def give_secrets(self, tenant: str, *channels: str) -> None:
        """What a person does before the first apply."""

        async def store(world: World) -> None:
            if not (await world.store.load(["platform"]))["platform"].uid:
                await set_secret(world, "platform", "llm/api-key", Secret(KEYS["llm"]))
            for number, channel in enumerate(channels):
                token = f"{100_000_000 + 10 * len(self.telegram.bots) + number}:AA{tenant}-{channel}-token-of-the-year"
                self.telegram.add_bot(token, f"{tenant}_{channel}_bot")
                await set_secret(world, tenant, f"{channel}/token", Secret(token))

        await self.command(store)

    def write(self, wish: Wish) -> None:
        write_wish(self.root, wish)

    async def _open(self) -> World:
        project = load_project(self.root, "")
        assert project.platform is not None, project.diagnostics
        known = plugins()
        settings, problems = settings_of(project.platform, known)
        assert not problems, problems
        throttles = {name: Throttle(limits_of(project.platform, known[name]), self.clock) for name in settings}
        keys = {"n8n": {"api_key": Secret(KEYS["n8n"])}, "telegram": {}, "stripe": {"api_key": Secret(STRIPE_KEY)}}
        systems: dict[str, System] = {}
        for name, secrets in keys.items():
            context = Context(self.clock, throttles[name], secrets, transport=self._line)
            systems[name] = await known[name].connect(settings[name], context)
        supabase = settings["supabase"]
        slots = throttles["supabase"]
        key = Secret(KEYS["storage"])
        api = StorageApi(supabase.storage_url, key, clock=self.clock, slots=slots, transport=self._line)
        databases = (self.databases[name] for name in ("knowledge", "sessions"))
        systems["supabase"] = SupabaseSystem(*databases, api, settle=supabase.settle)
        store = MemoryStore(self.state, Principal("year"), clock=self.clock, ids=self.ids)
        return World(
            place=Place(str(self.root)),
            principal=Principal("year"),
            project=project,
            platform=project.platform,
            store=store,
            installation=await store.installation(),
            plugins=known,
            systems=dict(sorted(systems.items())),
            throttles=throttles,
            clock=self.clock,
            ids=self.ids,
            templates=assets.templates(),
        )

    # --- time, and what happens in it

    async def until(self, day: int) -> None:
        """Let time pass, day by day, to 9 o'clock of a day of the year; events arrive as it passes."""
        while self.clock.now() < START + (day - 1) * DAY:
            left = START + (day - 1) * DAY - self.clock.now()
            self.clock.advance(min(DAY, left))
            await self.stripe.deliver_due()
            await self.n8n.publication.work()
        await self.settle()

    async def settle(self) -> None:
        await self.stripe.deliver_due()
        await self.stripe.events.deliver(again=True)

    async def _deliver(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The network between Stripe and two processes of `temoctl serve`."""
        if self._services is None:
            self._services = cycle([await self._service(), await self._service()])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(next(self._services))) as client:
            return (await client.post(url, headers=dict(headers), content=body)).status_code

    async def _service(self) -> Any:
        events = BillingEvents(await self._open())
        return application(events, heard=self.heard.append, complain=self.complaints.append)

    # --- looking

    def customer(self, tenant: str) -> str:
        """The id of a tenant's newest customer at Stripe, also of one who left."""
        uid = self.uid(tenant)
        found = [
            row["id"]
            for row in self.stripe.ledger.table("customers").values()
            if any(f".{uid}." in str(value) for value in row.get("metadata", {}).values())
        ]
        return str(found[-1])

    def uid(self, tenant: str) -> str:
        return [row.uid for row in self.state.tenants.values() if row.tenant == tenant][-1]

    def status(self, tenant: str) -> str:
        row = self.stripe.subscription_of(self.customer(tenant))
        return str(row["status"]) if row else "none"

    def standing(self, tenant: str) -> str:
        """What the core workflow would read now; "" where no row is left."""
        rows: dict[str, StandingRow] = {}
        for schema in self.databases["sessions"].schemas.values():
            rows |= schema.standings
        row = rows.get(self.uid(tenant))
        if row is None:
            return ""
        return Standing(State(row.state), row.why, seconds_of(row.until)).at(self.clock.now()).state.value

    def calls(self) -> int:
        """Requests that Stripe has had from us so far."""
        return len(self.stripe.requests)


def _write(root: Path) -> None:
    write_project(root)
    platform = {
        **PLATFORM,
        "systems": {
            **PLATFORM["systems"],
            "stripe": {
                "url": "http://stripe.test",
                "api_key": {"env": "STRIPE_KEY"},
                "webhook_url": "http://serve.test",
                "success_url": "https://agency.example/thanks",
                "timeout": 5.0,
                "settle": 10.0,
            },
        },
        "defaults": {"billing": {"past_due_days": 7}},
    }
    (root / "platform.yaml").write_text(yaml.safe_dump(platform, sort_keys=False))
    for name, (price, channels) in CATALOGUE.items():
        limits = {**PLAN["limits"], "channels": channels}
        plan = {**PLAN, "id": name, "title": name.title(), "price": {"EUR": price}, "limits": limits}
        (root / "plans" / f"{name}.yaml").write_text(yaml.safe_dump(plan, sort_keys=False))


async def at_once(work: Callable[..., Any], *given: Any) -> Any:
    """`asyncio.to_thread` on injected time: threads have their own ideas of it."""
    return work(*given)


def play(story: Callable[[Year], Awaitable[None]], root: Path) -> Year:
    """A story in a year of its own."""
    threads, asyncio.to_thread = asyncio.to_thread, at_once  # type: ignore[assignment]
    try:
        year = Year(root)
        asyncio.run(story(year))  # type: ignore[arg-type]
        return year
    finally:
        asyncio.to_thread = threads
