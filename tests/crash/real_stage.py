"""The real systems (n8n, Telegram, Supabase) on their stand-ins, in process, as a stage.

Faults come in where requests leave the process: the HTTP transport and the databases' effects. Freezes only come in
at the journal here, because the permit has been asked by then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx

from temoctl.engine.clock import VirtualClock
from temoctl.engine.protocol import Context, Scope, System, Target
from temoctl.engine.throttle import Throttle
from temoctl.model.address import Address
from temoctl.model.identity import Marker, Owner, object_name
from temoctl.model.kind import Kind
from temoctl.model.resource import Desired, Observed, Presence, Recorded
from temoctl.model.secret import Secret
from temoctl.model.value import Json, Props, ref
from temoctl.sheets import file_digest
from temoctl.systems.fake_http import FakeHttp, FakeRequest, Fault, InProcess
from temoctl.systems.n8n import plugin as n8n
from temoctl.systems.n8n.fake import FakeN8n
from temoctl.systems.n8n.settings import N8nSettings
from temoctl.systems.supabase import plugin as supabase
from temoctl.systems.supabase.fake import FakeStorage
from temoctl.systems.supabase.fake_sql import FakeSql
from temoctl.systems.supabase.resources import SupabaseSystem
from temoctl.systems.supabase.sessions import sessions_template
from temoctl.systems.supabase.sql import Catalogue, Look
from temoctl.systems.supabase.storage_client import StorageApi
from temoctl.systems.telegram import plugin as telegram
from temoctl.systems.telegram.fake import FakeTelegram
from temoctl.systems.telegram.settings import TelegramSettings
from tests.crash.faults import LATE_AFTER, Faults, Life
from tests.crash.faults import Kind as Wrong
from tests.crash.scenario import TENANT, Spec
from tests.crash.variants import UID
from tests.systems.n8n.samples import HOOK, called, ingress

N8N, BOT_API, STORAGE = "http://n8n.test", "http://telegram.test", "http://storage.test"
API_KEY, STORAGE_KEY = "canary-key-0123456789", "sb_secret_canary-0123456789"
TOKEN = "5512345678:AAHcanaryCanaryCanaryCanary_-012345"
_TOKEN_LEAF: Json = {"$secret": "telegram/token", "version": 1}
_FAKE_FAULTS = {Wrong.LOST: "lost", Wrong.LATE: "late", Wrong.DIE_LATE: "late"}


def at(system: str, kind: str, name: str) -> Address:
    return Address(TENANT, system, kind, name)


class LifeTransport(httpx.AsyncBaseTransport):
    """One process' way to the stand-ins: every request that changes something is an effect."""

    def __init__(self, fakes: dict[str, FakeHttp], faults: Callable[[], Faults], life: Life) -> None:
        self._fakes, self._faults, self._life = fakes, faults, life
        self._inner = InProcess(fakes)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._life.pass_if_alive()
        fake = self._fakes[f"{request.url.scheme}://{request.url.netloc.decode()}"]
        path = request.url.raw_path.decode().split("?")[0]
        query = dict(parse_qsl(request.url.query.decode()))
        if not fake.is_write(FakeRequest(request.method, path, query, {}, await request.aread())):
            return await self._inner.handle_async_request(request)
        wrong = await self._faults().next(self._life, f"{request.method} {path.split('/', 2)[-1]}", freezes=False)
        if wrong is Wrong.DIE_BEFORE:
            await self._life.die()
        if wrong in _FAKE_FAULTS:
            fake.faults.append(Fault(_FAKE_FAULTS[wrong], seconds=LATE_AFTER))
        try:
            answer = await self._inner.handle_async_request(request)
        except httpx.ReadError:
            if wrong is Wrong.DIE_LATE:
                await self._life.die()
            raise
        if wrong is Wrong.DIE_AFTER:
            await self._life.die()
        return answer


class LifeSql(FakeSql):
    """One process' way to a database that all of them share."""

    def __init__(self, shared: FakeSql, faults: Callable[[], Faults], life: Life, slots: Throttle) -> None:
        async def effect(name: str, apply: Callable[[], Any]) -> Any:
            return await faults().request(life, name, lambda: None, apply, freezes=False)

        super().__init__(shared._name, slots=slots, effect=effect)
        self.roles, self.schemas = shared.roles, shared.schemas
        self._faults, self._life = faults, life

    async def look(self, want: Look) -> Catalogue:
        await self._life.pass_if_alive()
        self._faults().land()
        return await super().look(want)


class RealStage:
    """Implements stage.Stage."""

    secrets: Mapping[str, Secret] = {"telegram/token": Secret(TOKEN)}
    unmarked = frozenset({"telegram.bot"})  # a bot belongs to whoever holds its token: it can't leak
    root = str(Path(__file__).parent.parent / "systems" / "supabase")

    def __init__(self, clock: VirtualClock, change: Callable[[Mapping[str, Kind]], Mapping[str, Kind]]) -> None:
        self._clock = clock
        self.faults = Faults((), clock)
        plugins = (n8n, supabase, telegram)
        self.kinds = change({kind.key: kind for one in plugins for kind in one.kinds.values()})
        self._telegram = FakeTelegram(clock)
        self._telegram.add_bot(TOKEN, "acme_coffee_bot", "Acme")
        self._n8n = FakeN8n(clock, api_key=API_KEY, webhook_url=N8N, bots=InProcess({BOT_API: self._telegram}))
        self._storage = FakeStorage(clock, STORAGE_KEY)
        self._fakes: dict[str, FakeHttp] = {N8N: self._n8n, BOT_API: self._telegram, STORAGE: self._storage}
        slots = Throttle(supabase.limits, clock)
        self._knowledge, self._sessions = FakeSql("knowledge", slots=slots), FakeSql("sessions", slots=slots)
        self._owner: Owner | None = None

    def wanted(self, spec: Spec, owner: Owner) -> Sequence[Desired]:
        self._owner = owner
        match spec:
            case Spec.NOTHING:
                return []
            case Spec.SMALL:
                return _world(owner, Path(self.root), "menu.csv", "one", 1)
            case Spec.CHANGED:
                return _world(owner, Path(self.root), "menu-new.csv", "two", 2)
            case Spec.FEWER:
                kept = _world(owner, Path(self.root), "menu.csv", "one", 1)
                return [one for one in kept if one.address.kind not in ("table", "file", "archive", "webhook")]

    async def systems(self, life: Life) -> Mapping[str, System]:
        transport = LifeTransport(self._fakes, lambda: self.faults, life)
        slots = {one.name: Throttle(one.limits, self._clock) for one in (n8n, supabase, telegram)}

        def context(name: str, **secrets: Secret) -> Context:
            return Context(clock=self._clock, slots=slots[name], secrets=secrets, transport=transport)

        settings = N8nSettings.model_validate({"url": N8N, "api_key": {"env": "N8N_API_KEY"}})
        storage = StorageApi(
            STORAGE, Secret(STORAGE_KEY), clock=self._clock, slots=slots["supabase"], transport=transport
        )
        knowledge, sessions = (
            LifeSql(shared, lambda: self.faults, life, slots["supabase"])
            for shared in (self._knowledge, self._sessions)
        )
        return {
            "n8n": await n8n.connect(settings, context("n8n", api_key=Secret(API_KEY))),
            "supabase": SupabaseSystem(knowledge, sessions, storage),
            "telegram": await telegram.connect(TelegramSettings.model_validate({"url": BOT_API}), context("telegram")),
        }

    async def land(self) -> None:
        self.faults.land()
        for fake in self._fakes.values():
            await fake.land_late_effects()

    async def things(self) -> Sequence[tuple[Address, str]]:
        """What the systems themselves find of ours, asked for by name and marker only."""
        if self._owner is None:
            return []
        owner = self._owner
        await self.land()
        found: set[tuple[Address, str]] = set()
        targets = [
            Target(one.address, Marker(owner, one.address.kind, one.address.name), None, _blind(one.props))
            for one in self.wanted(Spec.SMALL, owner)
            if one.address.system != "telegram"
        ]
        quiet = Faults((), self._clock)
        faults, self.faults = self.faults, quiet
        for name, system in (await self.systems(Life())).items():
            mine = tuple(target for target in targets if target.address.system == name)
            snapshot = await system.observe(Scope(mine, {TENANT: owner})) if name != "telegram" else None
            if snapshot is not None:
                for seen in (*snapshot.observed.values(), *snapshot.strays):
                    found.update(_present(seen))
            await system.close()
        self.faults = faults
        return sorted(found)

    def broken(self, records: Mapping[Address, Recorded], secrets: Mapping[str, Secret]) -> Sequence[str]:
        """Passwords of the databases that the vault doesn't have. What else must work, the probes say."""
        found = []
        for where, record in records.items():
            path = {"schema": "supabase/knowledge-role", "seat": "supabase/sessions-role"}.get(where.kind)
            if path is None:
                continue
            home = self._knowledge if where.kind == "schema" else self._sessions
            role = home.roles.get(str(record.outputs["role"]))
            if role is None or role.password != secrets[path]:
                found.append(f"{where}: its password is not what the vault has")
        return found


def _present(seen: Observed) -> set[tuple[Address, str]]:
    return {
        (one.address, str(one.ref))
        for one in (replace(seen, twins=()), *seen.twins)
        if one.presence is Presence.PRESENT and one.marker is not None and one.marker.owner.uid == UID
    }


def _blind(props: Props) -> Props:
    """Props for looking only: references stay leaves, which no vendor knows."""
    return {key: value for key, value in props.items() if not isinstance(value, dict) or "$ref" not in value}


def _desired(where: Address, props: Props, *, witness_of: Address | None = None) -> Desired:
    after = (witness_of,) if witness_of is not None else ()
    return Desired(where, props, where.tail, witness_of=witness_of, after=after)


def _world(owner: Owner, root: Path, menu: str, text: str, version: int) -> list[Desired]:
    return [*_databases(owner, root, menu, version), *_flows(text, version), *_bot(text)]


def _databases(owner: Owner, root: Path, menu: str, version: int) -> list[Desired]:
    schema, sessions = at("supabase", "schema", "knowledge"), at("supabase", "sessions", "shared")
    bucket, archives = at("supabase", "bucket", "knowledge-files"), at("supabase", "bucket", "archives")
    head = f"{owner.installation}.head.{owner.uid}.history.json"
    file = {"file": f"kb/{menu}", "digest": file_digest(root / "kb" / menu)}

    def password(path: str) -> Json:
        return {"$secret": path, "version": version, "generate": True}

    names = {"schema": object_name(owner, "k"), "role": object_name(owner, "k")}
    seat = {"sessions": ref(sessions, "schema"), "role": object_name(owner, "s"), "tenant_uid": owner.uid}
    table = {"schema": ref(schema, "schema"), "role": ref(schema, "role"), "table": "products_catalogue"}
    path = f"{owner.installation}.{owner.uid}.products-catalogue.{file['digest'][:16]}.csv"
    return [
        _desired(sessions, {"schema": object_name(owner, "sessions"), "template": sessions_template()[1]}),
        _desired(bucket, {"id": object_name(owner, "files"), "public": False}),
        _desired(schema, {**names, "password": password("supabase/knowledge-role")}),
        _desired(at("supabase", "seat", "sessions"), {**seat, "password": password("supabase/sessions-role")}),
        _desired(
            at("supabase", "standing", "service"),
            {
                "sessions": ref(sessions, "schema"),
                "tenant_uid": owner.uid,
                "state": "active" if version == 1 else "suspended",
            },
        ),
        _desired(
            at("supabase", "table", "products-catalogue"),
            {**table, "title": "Catalogue", "group": "products", "options": {}, **file},
        ),
        _desired(at("supabase", "file", "products-catalogue"), {"bucket": ref(bucket), "path": path, **file}),
        _desired(archives, {"id": object_name(owner, "archive"), "public": False}),
        _desired(at("supabase", "archive", "history"), {"bucket": ref(archives), "path": head}),
    ]


def _flows(text: str, version: int) -> list[Desired]:
    bot, knowledge = at("n8n", "credential", "telegram"), at("n8n", "credential", "knowledge")
    database = {"host": "127.0.0.1", "port": 5432, "database": "knowledge", "ssl": "disable"}
    password = {"$secret": "supabase/knowledge-role", "version": version, "generate": True}
    user = ref(at("supabase", "schema", "knowledge"), "role")
    return [
        _desired(
            bot,
            {
                "name": "Acme: Telegram",
                "type": "telegramApi",
                "data": {"accessToken": _TOKEN_LEAF, "baseUrl": BOT_API},
            },
        ),
        _desired(
            knowledge,
            {"name": "Acme: knowledge", "type": "postgres", "data": {**database, "user": user, "password": password}},
        ),
        _desired(at("n8n", "workflow", "tenant"), called(text)),
        _desired(at("n8n", "workflow", "telegram-ingress"), ingress(text, ["message"])),
    ]


def _bot(text: str) -> list[Desired]:
    texts = {"token": _TOKEN_LEAF, "name": "Acme Coffee", "description": f"We answer at once, {text}."}
    url = f"{N8N}/webhook/{HOOK}/webhook"
    flow = at("n8n", "workflow", "telegram-ingress")
    return [
        _desired(at("telegram", "bot", "telegram"), texts),
        _desired(at("telegram", "webhook", "telegram"), {"token": _TOKEN_LEAF, "url": url}, witness_of=flow),
    ]
