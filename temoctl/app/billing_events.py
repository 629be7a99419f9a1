"""What Stripe tells us → the tenant's standing, once per event, whatever order events arrive in.

An event is only a hint that something changed: what counts is the subscription, read afresh. So an event that comes
late, twice, or before the answer to the call that caused it does no harm. Must not know HTTP.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from temoctl.app.billing import (
    STRIPE,
    SUPABASE,
    certain,
    no_billing,
    service_target,
    standing_now,
    subscription,
    target,
)
from temoctl.app.requests import Place
from temoctl.app.signature import Signature
from temoctl.app.world import World, check_instances, open_world
from temoctl.engine.ports import Clock
from temoctl.engine.protocol import Call, Target, Verb
from temoctl.model.address import PLATFORM
from temoctl.model.errors import LeaseLost, TemoError
from temoctl.model.identity import INTENT_LENGTH, Marker, Owner
from temoctl.model.resource import Presence
from temoctl.model.secret import Secret
from temoctl.model.standing import Standing
from temoctl.systemdata.ports import Principal, Receipt, Taken

SECRET_PATH = "stripe/webhook-secret"  # noqa: S105
MAX_BODY = 256 * 1024
"""Bytes. An event carries one object; they are a tenth of this at most."""
HANDLING = 30.0
"""Seconds that handling an event may take before somebody else may take it over."""
PATIENCE = 8.0
"""Seconds that an event waits for others of its tenant: less than its sender waits for an answer."""

_ID = re.compile(r"evt_[A-Za-z0-9_]{1,120}")
_TYPE = re.compile(r"[a-z0-9_]{1,40}(?:\.[a-z0-9_]{1,40}){0,7}")
_PAUSE = 0.1
"""Seconds between two looks whether the tenant's other events are done."""
_KEY_AGE = 1.0
"""Seconds that the signing secret is kept: strangers make us ask for it once a second at most."""


class Heard(StrEnum):
    """What became of a delivery. The sender repeats those that can't be handled now."""

    HANDLED = "handled"
    REPEATED = "handled before"
    IGNORED = "not about a tenant of this installation"
    TOO_LARGE = "too large"
    UNSIGNED = "no signature of ours"
    OLD = "signed too long ago"
    UNREADABLE = "not an event"
    BUSY = "another event of this tenant is being handled"
    NOT_READY = "no endpoint has been set up yet"
    FAILED = "could not be handled now"


@dataclass(frozen=True, slots=True)
class Hearing:
    """What may be said of a delivery, in a log or to its sender: no word of what stood in it."""

    heard: Heard
    event: str = ""
    type: str = ""
    tenant: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """The parts of an event that are used. `owner` is whose object it is about, by the marker in its metadata."""

    id: str
    type: str
    owner: Owner | None

    @classmethod
    def read(cls, payload: bytes) -> Event | None:
        """None for what is no event of Stripe's."""
        try:
            tree = json.loads(payload)
        except (ValueError, RecursionError):
            return None
        if not isinstance(tree, dict) or tree.get("object") != "event":
            return None
        name, kind = tree.get("id"), tree.get("type")
        if not (isinstance(name, str) and _ID.fullmatch(name) and isinstance(kind, str) and _TYPE.fullmatch(kind)):
            return None
        data = tree.get("data")
        about = data.get("object") if isinstance(data, dict) and not tree.get("account") else None
        owners = {marker.owner for marker in _markers(about)} if isinstance(about, dict) else set()
        return cls(name, kind, owners.pop() if len(owners) == 1 else None)


def _markers(about: Mapping[str, Any]) -> Iterator[Marker]:
    """The markers in an object's metadata; an invoice carries its subscription's."""
    parent = about.get("parent")
    details = parent.get("subscription_details") if isinstance(parent, dict) else None
    for holder in (about, details, about.get("subscription_details")):
        metadata = holder.get("metadata") if isinstance(holder, dict) else None
        for value in metadata.values() if isinstance(metadata, dict) else ():
            found = Marker.search(value) if isinstance(value, str) else None
            if found is not None:
                yield found


@dataclass(frozen=True, slots=True)
class _Until:
    """The right to write, for as long as nobody else may have taken the event over."""

    clock: Clock
    end: float

    def check(self) -> None:
        if self.clock.monotonic() >= self.end:
            raise LeaseLost("TEMO137", "an event took too long to handle", fix="nothing: Stripe sends it again")


class BillingEvents:
    """The use case behind `POST /stripe/events`. `world` is connected to Stripe and Supabase."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._key: tuple[float, Secret | None] | None = None

    async def hear(self, payload: bytes, signature: str) -> Hearing:
        """One delivery, from the bytes that came in. Never raises for what a sender sent."""
        try:
            return await self._checked(payload, signature)
        except TemoError as error:
            return _failed(error)

    async def well(self) -> bool:
        """Whether events can be told from others' messages now: SystemData answers, and there is a secret."""
        try:
            return await self._secret() is not None
        except TemoError:
            return False

    async def _checked(self, payload: bytes, signature: str) -> Hearing:
        """What needs no key comes first: strangers cost nothing."""
        if len(payload) > MAX_BODY:
            return Hearing(Heard.TOO_LARGE)
        signed = Signature.read(signature)
        if signed is None:
            return Hearing(Heard.UNSIGNED)
        if not signed.fresh(self._world.clock.now()):
            return Hearing(Heard.OLD)
        secret = await self._secret()
        if secret is None:
            return Hearing(Heard.NOT_READY)
        if not signed.of(payload, secret):
            return Hearing(Heard.UNSIGNED)
        event = Event.read(payload)
        return Hearing(Heard.UNREADABLE) if event is None else await self._addressed(event)

    async def _secret(self) -> Secret | None:
        """Asked for again and again: an endpoint made anew has another one."""
        now = self._world.clock.monotonic()
        if self._key is None or now - self._key[0] >= _KEY_AGE:
            self._key = (now, await self._ask_for_secret())
        return self._key[1]

    async def _ask_for_secret(self) -> Secret | None:
        store = self._world.store
        uid = next((one.uid for one in await store.tenants() if one.tenant == PLATFORM), "")
        if not uid or SECRET_PATH not in await store.vault.versions(uid):
            return None
        return await store.vault.get(uid, SECRET_PATH)

    async def _addressed(self, event: Event) -> Hearing:
        """Installations share an account, tenants leave, the platform has no standing: none of that is a fault."""
        owner = event.owner
        if owner is None or owner.installation != self._world.installation:
            return Hearing(Heard.IGNORED, event.id, event.type)
        tenant = next((one.tenant for one in await self._world.store.tenants() if one.uid == owner.uid), PLATFORM)
        if tenant == PLATFORM:
            return Hearing(Heard.IGNORED, event.id, event.type)
        try:
            return await self._in_turn(event, owner, tenant)
        except TemoError as error:
            return _failed(error, event, tenant)

    async def _in_turn(self, event: Event, owner: Owner, tenant: str) -> Hearing:
        receipt, end = await self._take(event, owner.uid)
        if receipt.taken is not Taken.OURS:
            heard = Heard.REPEATED if receipt.taken is Taken.HANDLED else Heard.BUSY
            return Hearing(heard, event.id, event.type, tenant)
        inbox, done = self._world.store.inbox, False
        try:
            outcome, detail = await self._handle(owner, tenant, _Until(self._world.clock, end))
            detail |= {"event": event.id}
            done = await inbox.finish(receipt, outcome=outcome, subject=event.type, detail=detail, by=STRIPE)
        finally:
            if not done:
                await inbox.let_go(receipt)
        return Hearing(Heard.HANDLED if done else Heard.BUSY, event.id, event.type, tenant, outcome)

    async def _take(self, event: Event, uid: str) -> tuple[Receipt, float]:
        """Take the event, waiting for others of the tenant; with it the moment by which all must be written."""
        clock, since = self._world.clock, self._world.clock.monotonic()
        while True:
            asked = clock.monotonic()
            receipt = await self._world.store.inbox.take(STRIPE, event.id, uid=uid, seconds=HANDLING)
            if receipt.taken is not Taken.BUSY or asked - since >= PATIENCE:
                return receipt, asked + HANDLING
            await clock.sleep(_PAUSE)

    async def _handle(self, owner: Owner, tenant: str, permit: _Until) -> tuple[str, dict[str, Any]]:
        """Read what is so now, write what follows from it: the outcome in words, and what the audit log keeps.

        Only `apply` makes the row and only `destroy` removes it, so that an event on its way leaves nothing behind.
        """
        if SUPABASE not in self._world.systems:
            return "this platform writes down nobody's standing", {}
        await self._same_instances()
        loaded = await self._world.store.load([tenant, PLATFORM])
        place = service_target(owner, loaded[tenant], loaded[PLATFORM])
        written = await certain(self._world, place)
        if written.presence is Presence.ABSENT:
            return "nothing is written about its service yet", {}
        subscribed = await certain(self._world, target(subscription(tenant), owner, loaded[tenant]))
        standing = standing_now(self._world, subscribed, written)
        before = str(written.props.get("state", ""))
        if all(written.props.get(name, "") == value for name, value in standing.tree().items()):
            return f"{before}, as before", {"standing": before}
        await self._write(place, standing, permit)
        now = standing.state.value
        return f"{before} -> {now}", {"standing": now, "before": before, "why": standing.why}

    async def _write(self, place: Target, standing: Standing, permit: _Until) -> None:
        intent = self._world.ids.token(INTENT_LENGTH)
        marker = Marker(place.marker.owner, place.marker.kind, place.marker.name, intent)
        props = {**place.props, **standing.tree(), "source": STRIPE}
        await self._world.systems[place.address.system].execute(Call(Verb.UPDATE, place, props, intent, marker, permit))

    async def _same_instances(self) -> None:
        """Never read one account's subscriptions for another's tenants (DECISIONS 2). Asked until all have answered."""
        world = self._world
        if world.systems.keys() - world.instances.keys():
            world.silent.clear()
            await check_instances(world)
        for error in world.silent.values():
            raise error


def _failed(error: TemoError, event: Event | None = None, tenant: str = "") -> Hearing:
    why = f"{error.code} {error.summary}"
    return Hearing(Heard.FAILED, why=why) if event is None else Hearing(Heard.FAILED, event.id, event.type, tenant, why)


@asynccontextmanager
async def open_events(place: Place, principal: Principal) -> AsyncIterator[BillingEvents]:
    """The use case over a place of its own, connected to what it needs and to nothing else."""
    async with open_world(place, principal, only=(STRIPE, SUPABASE)) as world:
        if STRIPE not in world.systems:
            raise no_billing()
        yield BillingEvents(world)
