"""Where billing is found among a tenant's objects, and what its standing is now. Must not change anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from temoctl.app.snapshot import outputs_of
from temoctl.app.world import World
from temoctl.engine.protocol import Target
from temoctl.model.address import PLATFORM, Address
from temoctl.model.errors import Unavailable, UserError
from temoctl.model.identity import Marker, Owner
from temoctl.model.plan import RecordedTenant
from temoctl.model.resource import Observed, Presence
from temoctl.model.standing import Standing, seconds_of, standing_of
from temoctl.model.value import Json

STRIPE, SUPABASE = "stripe", "supabase"
_SESSIONS = Address(PLATFORM, SUPABASE, "sessions", "shared")


def no_billing() -> UserError:
    return UserError(
        "TEMO139", "the platform has no billing", fix="add `systems.stripe` to the platform file, or choose its profile"
    )


def subscription(tenant: str) -> Address:
    return Address(tenant, STRIPE, "subscription", "plan")


def gate(tenant: str) -> Address:
    """The one thing a person has to do: give Stripe a card."""
    return Address(tenant, STRIPE, "payment", "subscribe")


def service(tenant: str) -> Address:
    return Address(tenant, SUPABASE, "standing", "service")


def target(address: Address, owner: Owner, recorded: RecordedTenant) -> Target:
    """One object as it is on record; by its marker alone where it isn't on record yet."""
    one = recorded.resources.get(address)
    marker = Marker(owner, address.kind, address.name)
    return Target(address, marker) if one is None else Target(address, marker, one.ref, one.resolved)


def service_target(owner: Owner, recorded: RecordedTenant, platform: RecordedTenant) -> Target:
    """The tenant's row of standings: it lies in the conversations that all tenants share."""
    schema = outputs_of(platform).get(_SESSIONS, {}).get("schema", "")
    found = target(service(recorded.tenant), owner, recorded)
    return Target(found.address, found.marker, found.ref, {"sessions": schema, "tenant_uid": owner.uid})


def gate_target(owner: Owner, recorded: RecordedTenant) -> Target:
    """The way to pay: for which customer and subscription, the record says."""
    found = target(gate(recorded.tenant), owner, recorded)
    subscribed = recorded.resources.get(subscription(recorded.tenant))
    if subscribed is None:
        return found
    props = {"customer": subscribed.resolved.get("customer", ""), "subscription": subscribed.ref}
    return replace(found, props={**found.props, **props})


async def certain(world: World, wanted: Target) -> Observed:
    """The object as it is now. Raises Unavailable where that can't be told: nothing follows from an outage."""
    seen = await world.systems[wanted.address.system].read(wanted)
    if seen.presence is Presence.UNKNOWN:
        raise Unavailable(seen.code or "TEMO511", seen.why, fix=seen.fix)
    return seen


def standing_now(world: World, subscribed: Observed, written: Observed) -> Standing:
    """What follows from the subscription as it was just read, and from what is written down about the tenant."""
    outputs = subscribed.outputs if subscribed.presence is Presence.PRESENT else {}
    return standing_of(
        outputs,
        past_due_since=_earlier(_seconds(outputs, "due_since"), seconds_of(str(written.props.get("since") or ""))),
        past_due_days=world.platform.defaults.billing.past_due_days,
        now=world.clock.now(),
    )


def _seconds(outputs: Mapping[str, Json], name: str) -> float | None:
    value = outputs.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _earlier(one: float | None, other: float | None) -> float | None:
    known = [time for time in (one, other) if time is not None]
    return min(known, default=None)
