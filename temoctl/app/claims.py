"""One account, two tenants: found at plan time, claimed before the first effect (DECISIONS 26).

Works on keyed hashes; the account itself is never kept. Must not know which systems have such accounts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from temoctl.app.snapshot import Look, Seen
from temoctl.app.world import World
from temoctl.model.address import Address
from temoctl.model.diagnostic import Diagnostic
from temoctl.model.errors import Refused
from temoctl.model.value import is_secret, secret_ref


@dataclass(frozen=True, slots=True)
class Claim:
    """`name` is the kind that the account belongs to ("telegram.bot"), `value` its keyed hash."""

    tenant: str
    uid: str
    address: Address
    name: str
    value: str


def claims_of(world: World, looks: list[Look], seen: Seen) -> list[Claim]:
    """The exclusive accounts that these tenants want to use."""
    return [claim for one in looks for claim in _of_one(world, one, seen)]


def _of_one(world: World, one: Look, seen: Seen) -> Iterator[Claim]:
    kinds = world.kinds
    for address, wanted in one.desired.items():
        kind = kinds.get(address.kind_key)
        leaf = wanted.props.get(kind.exclusive) if kind is not None and kind.exclusive else None
        if kind is None or leaf is None or not is_secret(leaf):
            continue
        secret = seen.secrets.get((one.recorded.uid, secret_ref(leaf)))
        if secret is not None:
            account = secret.reveal().split(":", 1)[0]
            yield Claim(one.tenant, one.owner.uid, address, kind.key, world.store.keyed_hash(kind.key, account))


async def clashes(world: World, claims: list[Claim], looks: list[Look]) -> dict[str, list[Diagnostic]]:
    """Per tenant, the accounts that somebody else uses or wants to use too."""
    users: dict[tuple[str, str], dict[str, Claim]] = defaultdict(dict)
    for one in claims:
        users[one.name, one.value][one.tenant] = one
    taken: dict[str, Mapping[str, str]] = {
        name: await world.store.claims(name) for name in sorted({one.name for one in claims})
    }
    wanted = {one.tenant: one for one in looks}
    problems: dict[str, list[Diagnostic]] = defaultdict(list)
    for one in claims:
        others = sorted(set(users[one.name, one.value]) - {one.tenant})
        owner = taken[one.name].get(one.value)
        if owner is not None and owner != one.tenant:
            others = [owner or "a tenant of another manager"]
        if others:
            desired = wanted[one.tenant].desired[one.address]
            problems[one.tenant].append(_clash(one, others[0], desired.label, desired))
    return problems


async def claim(world: World, claims: list[Claim]) -> None:
    """Take the accounts for their tenants. Raises Refused when somebody was faster."""
    for one in claims:
        other = await world.store.claim(one.uid, one.name, one.value)
        if other is not None and other != one.tenant:
            found = _clash(one, other or "a tenant of another manager", str(one.address), None)
            raise Refused(found.code, found.summary, detail=found.detail, fix=found.fix, tenant=one.tenant)


def _clash(one: Claim, other: str, label: str, desired: object) -> Diagnostic:
    where = getattr(desired, "where", None)
    return Diagnostic(
        "TEMO115",
        f"{one.tenant} and {other} use the same account: {label}",
        where=where,
        detail="Messages to it would be answered by one of them at random, so nothing is done for either.",
        fix=f"give {one.tenant} or {other} an account (a bot) of its own: `temoctl secrets set` stores another token",
        tenant=one.tenant,
    )
