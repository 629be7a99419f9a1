"""The durable world of a simulation: SystemData, vendors, a project folder, and time. Processes come and go over it.

Everything is deterministic: virtual time, seeded ids, one event loop, no threads. `command` is one call of temoctl.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from temoctl import assets
from temoctl.app.connect import limits_of, plugins, settings_of
from temoctl.app.requests import Place
from temoctl.app.world import World
from temoctl.engine.clock import VirtualClock
from temoctl.engine.ids import SeededIds
from temoctl.engine.protocol import Call, Context, Outcome, System
from temoctl.engine.throttle import Throttle
from temoctl.model.errors import UnknownOutcome
from temoctl.model.secret import Secret
from temoctl.sandbox.openai import FakeOpenAI
from temoctl.spec import load_project
from temoctl.systemdata.memory import MemoryStore
from temoctl.systemdata.memory_state import MemoryState
from temoctl.systemdata.ports import Principal
from temoctl.systems.fake_http import FakeHttp, FakeRequest, InProcess
from temoctl.systems.n8n.fake import FakeN8n
from temoctl.systems.supabase.fake import FakeStorage
from temoctl.systems.supabase.fake_sql import FakeSql
from temoctl.systems.supabase.resources import SupabaseSystem
from temoctl.systems.supabase.storage_client import StorageApi
from temoctl.systems.telegram.fake import FakeTelegram
from tests.sim.life import Doom, Life, live, outside, task_of_life
from tests.sim.specs import Wish, write_project, write_wish

WHO = Principal("sim")
LONGEST = 60.0
"""Real seconds that one command may take before it counts as hanging."""
N8N_KEY, STORAGE_KEY = "n8n-key-of-the-simulation", "storage-key-of-the-simulation"
LLM_KEY = "llm-key-of-the-simulation"


@dataclass
class Ended:
    """How one process ended. `value` is what it returned, None when it died or froze."""

    life: Life
    value: Any = None
    task: asyncio.Task[Any] | None = None

    @property
    def died(self) -> bool:
        return self.life.died.is_set()

    @property
    def frozen(self) -> bool:
        return self.life.froze.is_set() and not self.life.thaw.is_set()


@dataclass
class SqlFaults:
    """The next changes in a database that go wrong, one kind each: before, lost or late."""

    next: list[str] = field(default_factory=list)


class Land:
    def __init__(self, root: Path, *, seed: int = 1) -> None:
        self.root, self.clock, self.ids = root, VirtualClock(), SeededIds(seed)
        self.state = MemoryState()
        self.telegram = FakeTelegram(self.clock, flood=1000)
        self.llm = FakeOpenAI(self.clock, key=LLM_KEY)
        self.storage = FakeStorage(self.clock, STORAGE_KEY)
        self.n8n = FakeN8n(
            self.clock,
            api_key=N8N_KEY,
            bots=InProcess({"http://telegram.test": self.telegram, "http://llm.test": self.llm}),
        )
        self.fakes: dict[str, FakeHttp] = {"n8n": self.n8n, "telegram": self.telegram, "storage": self.storage}
        quiet = Throttle(limits_of_nothing(), self.clock)
        self.databases = {name: FakeSql(name, slots=quiet) for name in ("knowledge", "sessions")}
        self.sql_faults = SqlFaults()
        self.writes: list[str] = []
        self.unannounced: list[str] = []
        self.ever: set[str] = set()
        self.tokens: dict[tuple[str, str], str] = {}
        self.secrets: set[str] = {N8N_KEY, STORAGE_KEY, LLM_KEY}
        self._late: list[tuple[float, Callable[[], Any]]] = []
        self._frozen: list[Ended] = []
        self._threads = asyncio.to_thread
        asyncio.to_thread = at_once
        self.loop = asyncio.new_event_loop()
        self.loop.set_task_factory(task_of_life)
        write_project(root)

    # --- doing things

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Something that no process of ours does: a person, a vendor, the test itself."""
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        for one in self._frozen:
            self.do(one.life.bury())
        self.do(self._end_all())
        self.loop.close()
        asyncio.to_thread = self._threads

    async def _end_all(self) -> None:
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def command(self, work: Callable[[World], Awaitable[Any]], doom: Doom | None = None) -> Ended:
        """One process: open the world, do the work, and end (or die, or freeze)."""
        return self.do(self._command(work, doom))  # type: ignore[no-any-return]

    async def _command(self, work: Callable[[World], Awaitable[Any]], doom: Doom | None) -> Ended:
        life = Life(doom)

        async def body() -> Any:
            world = await self._open(life)
            try:
                return await work(world)
            finally:
                for system in world.systems.values():
                    await system.close()

        ended = Ended(life, task=await live(life, body))
        await self._wait(ended)
        if ended.frozen:
            self._frozen.append(ended)
        return ended

    async def _wait(self, ended: Ended) -> None:
        life, task = ended.life, ended.task
        assert task is not None
        ways = {task, outside(life.died.wait())}
        if not life.thaw.is_set():
            ways.add(outside(life.froze.wait()))
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED, timeout=LONGEST)
        for one in ways - {task}:
            one.cancel()
        assert done, f"a command hangs after {life.trace[-5:]}"
        if life.died.is_set():
            await life.bury()
        elif task.done():
            ended.value = task.result()

    def thaw(self) -> list[Ended]:
        """Every frozen process goes on, to its end."""
        woken, self._frozen = self._frozen, []
        for one in woken:
            one.life.thaw.set()
            self.do(self._wait(one))
        return woken

    def pass_time(self, seconds: float) -> None:
        async def wait() -> None:
            await self.clock.sleep(seconds)
            for fake in self.fakes.values():
                await fake.land_late_effects()
            await self.n8n.publication.work()
            self._land()

        self.do(wait())

    # --- a process' view of the world

    async def _open(self, life: Life) -> World:
        project = load_project(self.root, "")
        assert project.platform is not None, project.diagnostics
        known = plugins()
        settings, problems = settings_of(project.platform, known)
        assert not problems
        store = MemoryStore(self.state, WHO, clock=self.clock, ids=self.ids, effect=_durable(life))
        throttles = {name: Throttle(limits_of(project.platform, plugin), self.clock) for name, plugin in known.items()}
        line = Line(self, life)
        secrets = {"n8n": {"api_key": Secret(N8N_KEY)}, "telegram": {}}
        systems: dict[str, System] = {}
        for name, keys in secrets.items():
            context = Context(self.clock, throttles[name], keys, transport=line)
            systems[name] = await known[name].connect(settings[name], context)
        supabase = settings["supabase"]
        api = StorageApi(
            supabase.storage_url, Secret(STORAGE_KEY), clock=self.clock, slots=throttles["supabase"], transport=line
        )
        databases = [self._database(name, life, throttles["supabase"]) for name in ("knowledge", "sessions")]
        systems["supabase"] = SupabaseSystem(*databases, api, settle=supabase.settle)
        return World(
            place=Place(str(self.root)),
            principal=WHO,
            project=project,
            platform=project.platform,
            store=store,
            installation=await store.installation(),
            plugins=known,
            systems={name: watch(self, system) for name, system in sorted(systems.items())},
            throttles=throttles,
            clock=self.clock,
            ids=self.ids,
            templates=assets.templates(),
        )

    def _database(self, name: str, life: Life, slots: Throttle) -> FakeSql:
        """The same database as seen by one process: its changes are effects of that process."""

        async def effect(label: str, apply: Callable[[], Any]) -> Any:
            async def perform() -> Any:
                self._land()
                self.note("supabase", f"{name} {label}")
                kind = self.sql_faults.next.pop(0) if self.sql_faults.next else ""
                if kind == "late":
                    self._late.append((self.clock.now() + 4.0, apply))
                if kind in ("before", "late"):
                    raise UnknownOutcome("TEMO712", "the database gave no answer")
                done = apply()
                if kind == "lost":
                    raise UnknownOutcome("TEMO712", "the database gave no answer")
                return done

            return await life.effect(f"{name} {label}", perform)

        seen = FakeSql(name, slots=slots, effect=effect)
        seen.roles, seen.schemas = self.databases[name].roles, self.databases[name].schemas
        return seen

    def _land(self) -> None:
        due = [apply for at, apply in self._late if at <= self.clock.now()]
        self._late = [one for one in self._late if one[0] > self.clock.now()]
        for apply in due:
            try:
                apply()
            except Exception as error:  # what it was meant for may be gone: a server would say so to nobody
                self.writes.append(f"late: {error}")

    def note(self, system: str, what: str) -> None:
        """A change reaches a vendor: it must have been announced in the journal (invariant 1)."""
        self.writes.append(what)
        announced = any(
            row.ending is None and row.intent.address.system == system for row in self.state.intents.values()
        )
        if not announced:
            self.unannounced.append(what)

    # --- the project, and what a person stores once

    def write(self, wish: Wish, *, backwards: bool = False) -> None:
        write_wish(self.root, wish, backwards=backwards)

    def give_secrets(self, tenant: str, *channels: str) -> None:
        """What a person does before the first apply: the language model's key, and a bot per channel, where missing."""

        async def store(world: World) -> None:
            from temoctl.app.secrets import set_secret

            if not (await world.store.load(["platform"]))["platform"].uid:
                await set_secret(world, "platform", "llm/api-key", Secret(LLM_KEY))
            known = (await world.store.load([tenant]))[tenant].uid
            there = await world.store.vault.versions(known) if known else {}
            for channel in channels:
                if f"{channel}/token" in there:
                    continue
                await set_secret(world, tenant, f"{channel}/token", Secret(self.token(tenant, channel)))

        self.command(store)

    def token(self, tenant: str, channel: str) -> str:
        key = (tenant, channel)
        if key not in self.tokens:
            number = 100_000_000 + len(self.tokens)
            self.tokens[key] = f"{number}:AA{tenant}-{channel}-token-of-the-simulation"
            self.secrets.add(self.tokens[key])
            self.telegram.add_bot(self.tokens[key], f"{tenant}_{channel}_bot".replace("-", "_"))
        return self.tokens[key]


def limits_of_nothing() -> Any:
    from temoctl.engine.protocol import Limits

    return Limits(concurrency=64)


def _durable(life: Life) -> Any:
    async def effect(label: str, perform: Callable[[], Awaitable[Any]]) -> Any:
        return await life.effect(f"store {label}", perform, durable=True)

    return effect


class Line(httpx.AsyncBaseTransport):
    """The network of one process: what it sends arrives, also when it dies while it waits for the answer."""

    def __init__(self, land: Land, life: Life) -> None:
        self._land, self._life = land, life
        self._inner = InProcess(
            {"http://n8n.test": land.n8n, "http://telegram.test": land.telegram, "http://storage.test": land.storage}
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        fake = self._land.fakes[request.url.host.partition(".")[0]]
        path = request.url.raw_path.decode().split("?")[0]
        system = "supabase" if fake is self._land.storage else fake.name

        async def send() -> httpx.Response:
            return await asyncio.shield(outside(self._inner.handle_async_request(request)))  # type: ignore[no-any-return]

        await request.aread()
        if not fake.is_write(FakeRequest(request.method, path, {}, {}, request.content)):
            await self._life.alive()
            answer = await send()
        else:
            label = f"{fake.name} {request.method} {path.rpartition('/')[2] if '/bot' in path else path}"

            async def perform() -> httpx.Response:
                self._land.note(system, label)
                return await send()

            answer = await self._life.effect(label, perform)
        await self._life.alive()
        self._land.ever.update(self._land.n8n.workflows, self._land.n8n.credentials)
        return answer


def watch(land: Land, system: System) -> System:
    """Every call of a system must stand in the journal as an open intent (invariant 1)."""
    inner = system.execute

    async def execute(call: Call) -> Outcome:
        row = land.state.intents.get(call.intent)
        if row is None or row.ending is not None or row.intent.address != call.target.address:
            land.unannounced.append(f"{call.verb.value} {call.target.address}")
        return await inner(call)

    system.execute = execute  # type: ignore[method-assign]
    return system


async def at_once(work: Callable[..., Any], *given: Any) -> Any:
    """`asyncio.to_thread` of a simulation: threads have their own ideas of time."""
    return work(*given)
