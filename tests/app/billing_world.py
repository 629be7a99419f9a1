"""A platform with billing in memory: real use cases, the real Supabase rooms, and an account that says what it's told.

Events are signed with the vendor's own library, so that our check is held against theirs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import stripe

from temoctl.app.billing_events import SECRET_PATH, BillingEvents
from temoctl.app.requests import Place
from temoctl.app.world import World
from temoctl.engine.clock import VirtualClock
from temoctl.engine.ids import SeededIds
from temoctl.engine.ports import Ending, Finish
from temoctl.engine.protocol import Limits, Target
from temoctl.engine.throttle import Throttle
from temoctl.model.address import PLATFORM, Address
from temoctl.model.identity import Marker, Owner, object_name
from temoctl.model.resource import Doubt, Observed, Presence, Recorded
from temoctl.model.secret import Secret
from temoctl.spec.platform_spec import PlatformSpec
from temoctl.systemdata.memory import MemoryStore
from temoctl.systemdata.memory_state import MemoryState
from temoctl.systemdata.ports import AuditRow, Principal
from temoctl.systems.fake_http import InProcess
from temoctl.systems.supabase.fake import FakeStorage
from temoctl.systems.supabase.fake_sql import FakeSchema, FakeSql, FakeTable
from temoctl.systems.supabase.resources import SupabaseSystem
from temoctl.systems.supabase.sql import STANDINGS, StandingRow
from temoctl.systems.supabase.storage_client import StorageApi

ACME, BOLT, PLATFORM_UID = "acme" + "0" * 12, "b0" * 8, "p1atf0rm" + "0" * 8
SECRET = "whsec_canary0123456789abcdef"
NOW = 1_800_000_000.0


@dataclass
class Account:
    """The part of a billing system that events need: what each tenant's subscription is now. Counts questions."""

    name: str = "stripe"
    instance_id: str = "acct_1"
    subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)  # by uid
    asked: list[Target] = field(default_factory=list)
    silent: bool = False

    async def instance(self) -> str:
        return self.instance_id

    async def read(self, target: Target) -> Observed:
        self.asked.append(target)
        if self.silent:
            return Observed.unknown(target.address, Doubt.OUTAGE, "Stripe does not answer", code="TEMO730")
        found = self.subscriptions.get(target.marker.owner.uid)
        if found is None:
            return Observed.absent(target.address)
        return Observed(target.address, Presence.PRESENT, "sub_1", {}, {"id": "sub_1", **found})


@dataclass
class Billing:
    """One SystemData, one database of conversations, one account; and as many processes as are asked for."""

    clock: VirtualClock = field(default_factory=lambda: VirtualClock(NOW))
    state: MemoryState = field(default_factory=MemoryState)
    ids: SeededIds = field(default_factory=lambda: SeededIds(3))
    account: Account = field(default_factory=Account)

    def __post_init__(self) -> None:
        slots = Throttle(Limits(), self.clock)
        self.sessions = FakeSql("sessions", slots=slots)
        url, key = "http://storage.test", "sb_secret_0123456789"
        transport = InProcess({url: FakeStorage(self.clock, key)})
        api = StorageApi(url, Secret(key), clock=self.clock, slots=slots, transport=transport)
        self.supabase = SupabaseSystem(FakeSql("knowledge", slots=slots), self.sessions, api)
        self.store = MemoryStore(self.state, Principal("root"), clock=self.clock, ids=self.ids)

    async def furnish(self) -> Billing:
        """The platform with its endpoint's secret, and two tenants in good standing."""
        await self.store.register(PLATFORM, PLATFORM_UID, manager="", by="root")
        await self.store.vault.put(PLATFORM_UID, SECRET_PATH, Secret(SECRET), by="root")
        self.schema = object_name(self.owner(PLATFORM_UID), "sessions")
        shared = Recorded(
            Address.parse("platform/supabase.sessions.shared"), self.schema, {}, {}, {"schema": self.schema}
        )
        await self._record(PLATFORM_UID, shared)
        self.sessions.schemas[self.schema] = FakeSchema("", tables={STANDINGS: FakeTable("")})
        for uid, tenant in ((ACME, "acme"), (BOLT, "bolt")):
            await self.store.register(tenant, uid, manager="", by="root")
            self.account.subscriptions[uid] = {"status": "active"}
            self.standings[uid] = StandingRow("active", source="apply")
        return self

    @property
    def standings(self) -> dict[str, StandingRow]:
        return self.sessions.schemas[self.schema].standings

    def owner(self, uid: str = ACME) -> Owner:
        return Owner(self.state.installation, uid)

    def process(self) -> BillingEvents:
        """One more process that hears events."""
        systems: Any = {"stripe": self.account, "supabase": self.supabase}
        store = MemoryStore(self.state, Principal("root"), clock=self.clock, ids=self.ids)
        world = World(
            Place("."),
            Principal("root"),
            cast(Any, None),
            PlatformSpec(),
            store,
            self.state.installation,
            {},
            systems,
            {},
            self.clock,
            self.ids,
            Path(),
        )
        return BillingEvents(world)

    def event(self, name: str = "evt_1", kind: str = "invoice.paid", **about: Any) -> bytes:
        """An event about acme's subscription, unless its object is given."""
        told = about or {"id": "sub_1", "object": "subscription", "metadata": self.metadata()}
        tree = {"id": name, "object": "event", "type": kind, "created": int(self.clock.now()), "data": {"object": told}}
        return json.dumps(tree).encode()

    def metadata(self, uid: str = ACME, kind: str = "subscription", name: str = "plan") -> dict[str, str]:
        return {"temo": Marker(self.owner(uid), kind, name, "1ntent000001").text, "temo_tenant": "acme"}

    def signed(self, payload: bytes, *, secret: str = SECRET, age: float = 0) -> str:
        at = int(self.clock.now() - age)
        return stripe.WebhookSignature.generate_signature_header(payload.decode(), secret, timestamp=at)

    async def audited(self) -> list[AuditRow]:
        return [row for row in await self.store.audit() if row.action == "stripe-event"]

    async def _record(self, uid: str, record: Recorded) -> None:
        lease = await self.store.take_lease(uid, holder="test", operation="apply", ttl=60)
        await self.store.journal.write([Finish(lease.fence(), record.address, Ending.DONE, record=record)])
        await self.store.release_lease(lease)


def texts(rows: Mapping[str, StandingRow]) -> dict[str, str]:
    return {uid: row.state for uid, row in rows.items()}
