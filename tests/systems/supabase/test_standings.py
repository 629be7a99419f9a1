"""Whether a tenant is served: the row, what the tenant's own login sees of it, and that it can't write it."""

from __future__ import annotations

import functools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import psycopg
import pytest
from psycopg import AsyncRawCursor
from psycopg.rows import dict_row

from temoctl.assets import templates
from temoctl.engine.protocol import Target, Verb
from temoctl.model.errors import Conflict, Refused
from temoctl.model.resource import Doubt, Presence
from tests.systems.supabase.acts import Acts, login
from tests.systems.supabase.rigs import BaseRig, Databases, PostgresRig, fake_rig, postgres_rig

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def make_rig(request: pytest.FixtureRequest) -> Callable[[], Awaitable[BaseRig]]:
    if request.param == "memory":
        return fake_rig
    return functools.partial(postgres_rig, request.getfixturevalue("databases"))


@pytest.fixture
async def rig(make_rig: Callable[[], Awaitable[BaseRig]]) -> AsyncIterator[BaseRig]:
    made = await make_rig()
    yield made
    await made.close()


def props(acts: Acts, state: str = "active", **more: str) -> dict[str, Any]:
    return {"sessions": acts.sessions, "tenant_uid": acts.owner.uid, "state": state, **more}


def target(acts: Acts, **more: Any) -> Target:
    return acts.target("standing", "service", {**props(acts), **more})


async def served(rig: BaseRig, number: int, state: str, **more: str) -> Acts:
    acts = Acts(rig, number)
    await acts.make_seat()
    await acts.do(Verb.CREATE, "standing", "service", props(acts, state, **more))
    return acts


async def test_a_row_that_nobody_asked_for_is_a_stray(rig: BaseRig) -> None:
    await Acts(rig).make_sessions()
    acts = await served(rig, 1, "suspended")
    (stray,) = [one for one in (await acts.observe()).strays if one.address.kind == "standing"]
    assert stray.props["state"] == "suspended"
    await acts.do(Verb.DELETE, "standing", "service", {}, ref=stray.ref)
    assert (await rig.system.read(target(acts))).presence is Presence.ABSENT


async def test_one_tenant_never_writes_for_another(rig: BaseRig) -> None:
    await Acts(rig).make_sessions()
    one, other = await served(rig, 1, "active"), await served(rig, 2, "active")
    wrong = {**props(other), "state": "suspended"}
    for verb in Verb:
        with pytest.raises(Conflict):
            await one.do(verb, "standing", "service", wrong)
    assert (await rig.system.read(one.target("standing", "service", wrong))).doubt is Doubt.FOREIGN
    assert (await rig.system.read(target(other))).props["state"] == "active"


async def test_without_sessions_there_is_no_place_for_it(rig: BaseRig) -> None:
    acts = Acts(rig)
    assert (await rig.system.read(target(acts))).presence is Presence.ABSENT
    with pytest.raises(Refused) as caught:
        await acts.do(Verb.CREATE, "standing", "service", props(acts))
    assert caught.value.code == "TEMO716"
    await acts.do(Verb.DELETE, "standing", "service", props(acts))


@pytest.fixture
async def real(databases: Databases) -> AsyncIterator[PostgresRig]:
    rig = await postgres_rig(databases)
    await Acts(rig).make_sessions()
    yield rig
    await rig.close()


async def said(rig: PostgresRig, acts: Acts) -> str:
    connection = await login(rig, acts.seat, database="sessions")
    try:
        cursor = await connection.execute(f'select "{acts.sessions}".current_standing()'.encode())
        found = await cursor.fetchone()
        assert found is not None
        return str(found[0])
    finally:
        await connection.close()


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("state", "until", "means"),
    [
        ("active", "", "active"),
        ("warned", "2999-01-01T00:00:00Z", "warned"),
        ("warned", "2020-01-01T00:00:00Z", "suspended"),
        ("warned", "", "warned"),
        ("suspended", "", "suspended"),
    ],
)
async def test_the_tenants_login_asks_what_it_is_worth_now(
    real: PostgresRig, state: str, until: str, means: str
) -> None:
    acts, neighbour = await served(real, 1, state, until=until), Acts(real, 2)
    await neighbour.make_seat()
    assert await said(real, acts) == means
    assert await said(real, neighbour) == "active", "no row: served, as where nobody bills"


@pytest.mark.postgres
async def test_the_tenants_login_reads_its_own_row_and_writes_none(real: PostgresRig) -> None:
    acts = await served(real, 1, "suspended", why="the invoices were not paid")
    await served(real, 2, "suspended")
    connection = await login(real, acts.seat, database="sessions")
    table = f'"{acts.sessions}".standings'
    try:
        cursor = await connection.execute(f"select tenant_uid from {table}".encode())
        assert await cursor.fetchall() == [(acts.owner.uid,)]
        for statement in (
            f"update {table} set state = 'active'",
            f"delete from {table}",
            f"insert into {table} (tenant_uid) values ('x')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(statement.encode())
    finally:
        await connection.close()


@pytest.mark.postgres
async def test_a_right_to_write_it_is_taken_back(real: PostgresRig) -> None:
    acts = await served(real, 1, "suspended")
    real.run("sessions", "grant update on {t} to {g}", t=f"{acts.sessions}.standings", g=acts.sessions)
    assert "may UPDATE standings" in (await acts.see("sessions")).props["structure"]
    await acts.make_sessions()
    assert (await acts.see("sessions")).props["structure"] == "as made"
    assert (await real.system.read(target(acts))).props["state"] == "suspended", "rows stay"


async def asked(rig: PostgresRig, acts: Acts, trace: str, chat: str = "7") -> dict[str, Any]:
    """What the tenant's workflow learns of a conversation when a message comes."""
    template = json.loads((templates() / "n8n" / "tenant.json").read_text())
    (query,) = [one["parameters"]["query"] for one in template["nodes"] if one["name"] == "Conversation"]
    connection = await login(rig, acts.seat, database="sessions")
    try:
        cursor = AsyncRawCursor(connection, row_factory=dict_row)
        text = query.replace("[[ sessions_schema | ident ]]", f'"{acts.sessions}"')
        await cursor.execute(text.encode(), ["telegram", chat, "Ann", "en", trace, "Hello"])
        found = await cursor.fetchone()
        assert found is not None
        return found
    finally:
        await connection.close()


@pytest.mark.postgres
async def test_a_customer_is_given_notice_once_a_day_and_only_when_suspended(real: PostgresRig) -> None:
    acts = await served(real, 1, "active")

    async def notice(trace: str, chat: str = "7") -> tuple[str, bool]:
        found = await asked(real, acts, trace, chat)
        return found["standing"], found["notice"]

    async def stand(state: str, **more: str) -> None:
        await acts.do(Verb.UPDATE, "standing", "service", props(acts, state, **more))

    def a_day_passes() -> None:
        place = f"{acts.sessions}.wa_sessions"
        real.run("sessions", "update {t} set noticed_at = noticed_at - interval '25 hours'", t=place)

    assert await notice("a") == ("active", False)
    await stand("warned", until="2999-01-01T00:00:00Z")
    assert await notice("b") == ("warned", False)
    await stand("suspended")
    assert await notice("c") == ("suspended", True)
    assert await notice("c") == ("suspended", False), "delivered again"
    assert await notice("d") == ("suspended", False)
    assert await notice("e", chat="8") == ("suspended", True), "a customer who writes for the first time"
    a_day_passes()
    assert await notice("f") == ("suspended", True)
    await stand("active")
    a_day_passes()
    assert await notice("g") == ("active", False)


@pytest.mark.postgres
async def test_sessions_of_an_older_version_get_the_table(real: PostgresRig) -> None:
    acts = Acts(real)
    await acts.make_seat()
    real.run("sessions", "drop table {t} cascade", t=f"{acts.sessions}.standings")
    assert "the table standings is missing" in (await acts.see("sessions")).props["structure"]
    assert (await real.system.read(target(acts))).presence is Presence.ABSENT
    await acts.make_sessions()
    assert await said(real, acts) == "active"
