"""A collection of kept messages: what may stand in it, how it is found again, and when it is forgotten.

The retention is a TTL index' `expireAfterSeconds`, changed by collMod. MongoDB deletes what is too old within a minute
or so of such a change, and nobody is asked again: so a look counts what a shorter retention would delete.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from temoctl.engine.ports import Clock
from temoctl.engine.protocol import Call, Outcome, ProbeResult, Readiness, Ready, Target, Verb
from temoctl.model.errors import Refused
from temoctl.model.identity import Marker
from temoctl.model.resource import Observed, Presence
from temoctl.model.value import Json, digest
from temoctl.systems.marked import text
from temoctl.systems.mongodb.forms import DAY, EXPIRY, FORMS, Form
from temoctl.systems.mongodb.kinds import AS_MADE
from temoctl.systems.mongodb.room import Part, Registry, found, not_ours, same, unless
from temoctl.systems.mongodb.server import NO_NAMESPACE, THERE_ALREADY, UNUSABLE, Declined, Server, foreign

Index = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class There:
    """A collection as it stands: None for `options` where there is none."""

    options: Mapping[str, Any] | None
    indexes: Mapping[str, Index]

    @property
    def expiry(self) -> Index | None:
        return self.indexes.get(EXPIRY)


class CollectionRoom:
    """Kind `collection`."""

    def __init__(self, server: Server, registry: Registry, clock: Clock) -> None:
        self._server, self._registry, self._clock = server, registry, clock

    def database(self, target: Target) -> str:
        return text(target.props, "database") or (target.ref or "").partition(".")[0]

    def collection(self, target: Target) -> str:
        return text(target.props, "name") or (target.ref or "").partition(".")[2]

    async def observed(self, target: Target, part: Part | None) -> Observed:
        name, note = self.collection(target), (part.registry if part else {}).get(target.marker.tail, "")
        if part is None or not name:
            return Observed.absent(target.address)
        there = await self._there(part.name, name)
        if not note and there.options is None:
            return Observed.absent(target.address)
        if not same(note, target.marker):
            return not_ours(target.address, f"a collection called {name}")
        props = {"database": part.name, "name": name, **_as_seen(there, text(target.props, "validator"))}
        return Observed(
            target.address,
            Presence.PRESENT,
            ref=f"{part.name}.{name}",
            props=props,
            outputs={"database": part.name, "collection": name},
            fingerprint=digest([note, _plain(there)]),
            marker=Marker.search(note),
            losses=await self._losses(target, part.name, name, props),
        )

    async def _there(self, database: str, name: str) -> There:
        rows = await found(self._server, database, {"listCollections": 1, "filter": {"name": name}})
        if not rows:
            return There(None, {})
        try:
            indexes = await found(self._server, database, {"listIndexes": name})
        except Declined as refusal:
            if refusal.number != NO_NAMESPACE:
                raise
            return There(None, {})  # dropped between the two looks
        return There(rows[0].get("options") or {}, {str(one["name"]): one for one in indexes})

    async def _losses(self, target: Target, database: str, name: str, props: Mapping[str, Any]) -> dict[str, str]:
        """What the wanted retention would delete that the present one still keeps."""
        want, have = target.props.get("retention_days"), props.get("retention_days")
        form = FORMS.get(text(target.props, "validator"))
        if form is None or not _is_days(want) or (_is_days(have) and have <= want):
            return {}
        query = {form.dated: {"$lt": self._before(want)}}
        answer = await self._server.read(database, {"count": name, "query": query})
        count = int(answer["n"])
        return {"retention_days": _loss(count, want)} if count else {}

    def _before(self, days: float) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self._clock.now() - days * DAY, datetime.UTC)

    async def execute(self, call: Call) -> Outcome:
        database, name = self.database(call.target), self.collection(call.target)
        ref = f"{database}.{name}"
        if call.verb is Verb.DELETE:
            await self._delete(call, database, name)
            return Outcome(ref)
        form, days = _asked(call)
        part = await self._registry.look(database)
        there = await self._there(database, name)
        if there.options is not None and call.marker.tail not in (part.registry if part else {}):
            raise foreign(f"a collection called {name}")
        await self._registry.enter(call, database, part)
        there = await self._put_rules(call, database, name, form, there)
        await self._put_indexes(call, database, name, _indexes(form, days), there)
        return Outcome(ref, {"database": database, "collection": name})

    async def _put_rules(self, call: Call, database: str, name: str, form: Form, there: There) -> There:
        """Make the collection, or put its validator right. Left out where it would change nothing."""
        rules = {"validator": dict(form.validator), "validationLevel": "strict", "validationAction": "error"}
        made = there.options is None and await unless(
            THERE_ALREADY, self._server, database, {"create": name, **rules}, call
        )
        if there.options is None and not made:
            there = await self._there(database, name)
        if not made and not _ruled(there, form):
            await self._server.write(database, {"collMod": name, **rules}, call.permit)
        return there

    async def _put_indexes(
        self, call: Call, database: str, name: str, wanted: Sequence[dict[str, Any]], there: There
    ) -> None:
        wrong = _wrong_indexes(there, wanted)
        if wrong:
            await self._server.write(database, {"dropIndexes": name, "index": wrong}, call.permit)
        kept = {key: one for key, one in there.indexes.items() if key not in wrong}
        missing = [one for one in wanted if one["name"] not in kept]
        if missing:
            await self._server.write(database, {"createIndexes": name, "indexes": missing}, call.permit)
        for one in wanted:
            seconds = one.get("expireAfterSeconds")
            if one["name"] in kept and kept[one["name"]].get("expireAfterSeconds") != seconds:
                change = {"name": one["name"], "expireAfterSeconds": seconds}
                await self._server.write(database, {"collMod": name, "index": change}, call.permit)

    async def _delete(self, call: Call, database: str, name: str) -> None:
        part = await self._registry.look(database)
        there = await self._there(database, name) if part is not None else There(None, {})
        note = (part.registry if part else {}).get(call.marker.tail, "")
        if not note and there.options is None:
            return
        if not same(note, call.marker):
            raise foreign(f"a collection called {name}")
        if there.options is not None:
            await unless(NO_NAMESPACE, self._server, database, {"drop": name}, call)
        await self._registry.leave(call, database)

    async def ready(self, target: Target) -> Ready:
        """A shorter retention is in force when MongoDB has deleted what it made too old: within a minute or so."""
        days = target.props.get("retention_days")
        if await self._late(target):
            why = f"until messages older than {days} days are deleted"
            return Ready(Readiness.PENDING, why, "look whether the server's TTL monitor is switched off")
        return Ready(Readiness.READY)

    async def probe(self, target: Target, neighbours: Sequence[Target]) -> list[ProbeResult]:
        """That messages are forgotten in time: nothing may be much older than the retention."""
        days, late = target.props.get("retention_days"), await self._late(target)
        why = f"there are messages older than {days} days and one more" if late else ""
        fix = "look whether the server's TTL monitor is switched off (ttlMonitorEnabled)"
        return [ProbeResult(target.address, "forgets messages in time", not late, why, fix if why else "")]

    async def _late(self, target: Target) -> bool:
        days, form = target.props.get("retention_days"), FORMS.get(text(target.props, "validator"))
        if form is None or not _is_days(days):
            return False
        command = {
            "count": self.collection(target),
            "query": {form.dated: {"$lt": self._before(days + 1)}},
            "limit": 1,
        }
        return bool((await self._server.read(self.database(target), command))["n"])


def _asked(call: Call) -> tuple[Form, int]:
    form, days = FORMS.get(str(call.props.get("validator"))), call.props.get("retention_days")
    if form is None or not isinstance(days, int) or not 0 < days * DAY < 2**31:
        raise Refused(
            UNUSABLE,
            "the history can't be kept as asked",
            detail=f"form {call.props.get('validator')!r}, {days!r} days",
            fix="ask for 1 to 24,855 days",
        )
    return form, days


def _is_days(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _loss(count: int, days: float) -> str:
    return f"{count:,} message{'s' if count > 1 else ''} older than {days:g} days will be deleted"


def _indexes(form: Form, days: int) -> list[dict[str, Any]]:
    """Every index of a form, as createIndexes takes it."""
    plain = [
        {"name": name, "key": dict(keys), **({"unique": True} if unique else {})} for name, keys, unique in form.indexes
    ]
    return [*plain, {"name": EXPIRY, "key": {form.dated: 1}, "expireAfterSeconds": days * DAY}]


def _like(one: Index, wanted: Index) -> bool:
    """Whether an index is the one meant, whatever its seconds are."""
    same_keys = [(field, int(way)) for field, way in one["key"].items()] == list(wanted["key"].items())
    expires = ("expireAfterSeconds" in one) is ("expireAfterSeconds" in wanted)
    return same_keys and expires and bool(one.get("unique")) is bool(wanted.get("unique"))


def _wrong_indexes(there: There, indexes: Sequence[Index]) -> list[str]:
    """Indexes that bear a name of ours or stand where ours must, and aren't ours."""
    wanted = {one["name"]: one for one in indexes}
    keys = [list(one["key"].items()) for one in wanted.values()]
    wrong = [
        name
        for name, one in there.indexes.items()
        if (name in wanted and not _like(one, wanted[name]))
        or (name not in wanted and [(field, way) for field, way in one["key"].items()] in keys)
    ]
    return sorted(wrong)


def _ruled(there: There, form: Form) -> bool:
    """Whether the server checks what the form asks, and refuses what doesn't fit."""
    options = there.options or {}
    right = options.get("validator") == form.validator
    return right and options.get("validationLevel", "strict") == "strict" and _refuses(options)


def _refuses(options: Mapping[str, Any]) -> bool:
    return bool(options.get("validationAction", "error") == "error")


def _as_seen(there: There, asked: str) -> dict[str, Json]:
    """The props that tell how the collection is made, in the desired form."""
    known = [name for name, form in FORMS.items() if _ruled(there, form)]
    form = FORMS.get(known[0] if known else asked)
    wrong = ["the collection is missing"] if there.options is None else []
    if there.options is not None and form is not None:
        wanted = _indexes(form, 1)
        wrong += [f"the index {one['name']} is missing" for one in wanted if one["name"] not in there.indexes]
        wrong += [f"the index {name} is not ours" for name in _wrong_indexes(there, wanted)]
    seconds = (there.expiry or {}).get("expireAfterSeconds")
    return {
        "validator": known[0] if known else "changed by hand" if there.options is not None else "",
        "retention_days": None if seconds is None else _days(seconds),
        "structure": "; ".join(wrong) or AS_MADE,
    }


def _days(seconds: float) -> Json:
    whole, rest = divmod(seconds, DAY)
    return seconds / DAY if rest else int(whole)


def _plain(there: There) -> Json:
    """Everything of it that temoctl could overwrite, as JSON."""
    options = there.options
    indexes = {name: repr(sorted(one.items(), key=str)) for name, one in sorted(there.indexes.items())}
    return [None if options is None else repr(sorted(options.items(), key=str)), indexes]
