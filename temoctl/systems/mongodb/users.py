"""A tenant's login: one user, who may read and write one database and nothing else. Knows no pymongo.

Users stand in `admin`, where n8n's connection looks for them, and survive the deletion of a database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from temoctl.engine.protocol import Call, Outcome, ProbeResult, Target, Verb
from temoctl.model.errors import TemoError
from temoctl.model.identity import Marker, Owner
from temoctl.model.resource import Observed, Presence
from temoctl.model.value import Json, digest
from temoctl.systems.marked import Tenants, text
from temoctl.systems.mongodb.kinds import AS_GRANTED
from temoctl.systems.mongodb.room import not_ours, same, unless
from temoctl.systems.mongodb.server import NO_USER, USER_EXISTS, Login, Server, foreign

HOME = "admin"
NOTE = "temoctl"
ROLE = "readWrite"
COLLECTION = "messages"
NEIGHBOURS_TRIED = 3
"""A probe is refused at this many neighbours: enough to prove the rule, cheap with a thousand tenants."""

Row = Mapping[str, Any]


class UserRoom:
    """Kind `user`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def user(self, target: Target) -> str:
        return text(target.props, "user") or target.ref or ""

    async def look(self, targets: Iterable[Target], owners: Iterable[Owner]) -> dict[str, Row]:
        """Users by name: the ones asked for, and all of an owner's. One call, however many there are."""
        names = sorted({self.user(target) for target in targets} - {""})
        marks = sorted({f"^temo:{owner.installation}\\.{owner.uid}\\." for owner in owners})
        wanted: list[dict[str, Any]] = [{"user": {"$in": names}}] if names else []
        wanted += [{f"customData.{NOTE}": {"$regex": mark}} for mark in marks]
        if not wanted:
            return {}
        command = {"usersInfo": 1, "filter": {"$or": wanted}}
        answer = await self._server.read(HOME, command)
        return {str(row["user"]): row for row in answer["users"]}

    def observed_in(self, target: Target, users: Mapping[str, Row]) -> Observed:
        name = self.user(target)
        row = users.get(name)
        if row is None:
            return Observed.absent(target.address)
        note = _note(row)
        if not same(note, target.marker):
            return not_ours(target.address, f"a user called {name}")
        database = text(target.props, "database") or _only_database(row)
        access = "; ".join(_wrong(row, database)) or AS_GRANTED
        return Observed(
            target.address,
            Presence.PRESENT,
            ref=name,
            props={"database": database, "user": name, "access": access},
            outputs=_outputs(database, name),
            fingerprint=digest([note, access]),
            marker=Marker.search(note),
        )

    def strays(self, tenants: Tenants, users: Mapping[str, Row]) -> list[Observed]:
        found_ones = []
        for name, row in sorted(users.items()):
            stray = tenants.stray(_note(row), "user")
            if stray is not None:
                address, marker = stray
                alone = Target(address, marker, name, {"user": name})
                found_ones.append(self.observed_in(alone, users))
        return found_ones

    async def execute(self, call: Call) -> Outcome:
        name = self.user(call.target)
        row = (await self.look([call.target], [])).get(name)
        if row is not None and not same(_note(row), call.marker):
            raise foreign(f"a user called {name}")
        if call.verb is Verb.DELETE:
            if row is not None:
                await unless(NO_USER, self._server, HOME, {"dropUser": name}, call)
            return Outcome(name)
        database, password = call.props["database"], call.props["password"].reveal()
        given = {"pwd": password, "roles": [{"role": ROLE, "db": database}]}
        marked = {"customData": {NOTE: call.marker.text}}
        if row is None and not await unless(
            USER_EXISTS, self._server, HOME, {"createUser": name, **given, **marked}, call
        ):
            row = (await self.look([call.target], [])).get(name)
            if row is None or not same(_note(row), call.marker):
                raise foreign(f"a user called {name}")
        if row is not None:
            await self._server.write(HOME, {"updateUser": name, **given}, call.permit)
        return Outcome(name, _outputs(database, name))

    async def probe(self, target: Target, neighbours: Sequence[Target]) -> list[ProbeResult]:
        database, name = text(target.props, "database"), self.user(target)
        others = nearest(database, [text(one.props, "database") for one in neighbours])
        reads = "reads its own history"
        fix = "run `temoctl apply` for this tenant"
        try:
            login = Login(name, target.secrets["password"], database)
            report = await self._server.try_login(login, COLLECTION, others)
        except TemoError as error:
            return [ProbeResult(target.address, reads, False, error.summary, error.fix)]
        if report.failed or report.unreadable:
            why = f"its login fails: {report.failed}" if report.failed else f"it may not: {report.unreadable}"
            return [ProbeResult(target.address, reads, False, why, fix)]
        results = [ProbeResult(target.address, reads, True, f"{report.messages:,} messages")]
        if others:
            why = f"it could enter {', '.join(report.entered)}" if report.entered else f"{len(others)} tried"
            ok = not report.entered
            results.append(ProbeResult(target.address, "is refused at its neighbours'", ok, why, "end that right"))
        why = "it could change how long messages are kept" if report.rules else ""
        name = "can't change how long messages are kept"
        results.append(ProbeResult(target.address, name, not report.rules, why, fix if why else ""))
        return results


def nearest(own: str, others: Sequence[str]) -> list[str]:
    """The few that follow in alphabetical order, round the end: everybody is tried by somebody."""
    names = sorted({name for name in others if name and name != own})
    after = [name for name in names if name > own] + [name for name in names if name < own]
    return after[:NEIGHBOURS_TRIED]


def _outputs(database: str, name: str) -> dict[str, Json]:
    return {"user": name, "database": database, "auth_source": HOME}


def _note(row: Row) -> str:
    return str((row.get("customData") or {}).get(NOTE, ""))


def _roles(row: Row) -> list[tuple[str, str]]:
    return [(str(one["role"]), str(one["db"])) for one in row.get("roles", ())]


def _only_database(row: Row) -> str:
    homes = [home for role, home in _roles(row) if role == ROLE]
    return homes[0] if len(homes) == 1 else ""


def _wrong(row: Row, database: str) -> list[str]:
    roles = _roles(row)
    wrong = [] if (ROLE, database) in roles else ["the login may not use its own history"]
    return wrong + [
        f"the login has {role} on {home}" for role, home in sorted(roles) if (role, home) != (ROLE, database)
    ]
