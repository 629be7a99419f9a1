"""What somebody changed by hand shows, in words, and an update puts it right: in memory and on a real PostgreSQL."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from temoctl.engine.protocol import Verb
from temoctl.model.errors import Conflict
from temoctl.model.resource import Doubt, Presence
from temoctl.systems.supabase.fake_sql import FakeRole, FakeTable
from tests.systems.supabase.acts import Acts
from tests.systems.supabase.rigs import BaseRig, FakeRig, PostgresRig, fake_rig, postgres_rig

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


def by_hand(
    rig: BaseRig, fake: Callable[[Any, Any], None], *statements: str, database: str = "knowledge", **names: str
) -> None:
    """The same edit in both worlds."""
    if isinstance(rig, FakeRig):
        fake(rig.knowledge.inner, rig.sessions.inner)
    elif isinstance(rig, PostgresRig):
        for statement in statements:
            rig.run(database, statement, **names)


async def _set_up(rig: BaseRig) -> Acts:
    acts = Acts(rig)
    await acts.make_sessions()
    await acts.make_base()
    await acts.make_table()
    await acts.make_seat()
    return acts


BASE_EDITS = {
    "login off": (lambda k, s, n: setattr(k.roles[n], "can_login", False), "alter role {r} nologin", "switched off"),
    "power": (lambda k, s, n: k.roles[n].powers.add("CREATEDB"), "alter role {r} createdb", "CREATEDB"),
    "settings": (
        lambda k, s, n: k.roles[n].settings.pop("default_transaction_read_only"),
        "alter role {r} reset default_transaction_read_only",
        "default_transaction_read_only",
    ),
    "locked out": (
        lambda k, s, n: k.schemas[n].grants.clear(),
        "revoke usage on schema {r} from {r}",
        "may not enter",
    ),
    "open to all": (
        lambda k, s, n: k.schemas[n].grants.add("PUBLIC=USAGE"),
        "grant usage on schema {r} to public",
        "everybody may USAGE",
    ),
    "may create": (
        lambda k, s, n: k.schemas[n].grants.add(f"{n}=CREATE"),
        "grant create on schema {r} to {r}",
        "may CREATE",
    ),
}


@pytest.mark.parametrize("edit", BASE_EDITS)
async def test_a_base_changed_by_hand_is_seen_and_put_right(rig: BaseRig, edit: str) -> None:
    acts = await _set_up(rig)
    fake, statement, words = BASE_EDITS[edit]
    before = await acts.see("schema")
    by_hand(rig, lambda k, s: fake(k, s, acts.schema), statement, r=acts.schema)
    seen = await acts.see("schema")
    assert words in seen.props["access"]
    assert seen.fingerprint != before.fingerprint
    await acts.do(Verb.UPDATE, "schema", "knowledge", acts.base_props(), changes=["access"])
    assert await acts.see("schema") == before
    assert (await acts.see("table")).props["structure"] == "as loaded"


async def test_a_dropped_role_is_made_again_and_reads_the_old_tables(rig: BaseRig) -> None:
    acts = await _set_up(rig)

    def fake(knowledge: Any, sessions: Any) -> None:
        knowledge._drop_role(acts.schema)

    by_hand(rig, fake, "drop owned by {r}", "drop role {r}", r=acts.schema)
    assert "the login is missing" in (await acts.see("schema")).props["access"]
    await acts.do(Verb.UPDATE, "schema", "knowledge", acts.base_props(), changes=["access"])
    assert (await acts.see("schema")).props["access"] == "as granted"
    probes = await rig.system.probe(acts.targets()["schema"], ())
    assert all(one.ok for one in probes), probes


async def test_a_dropped_schema_leaves_a_role_that_is_not_forgotten(rig: BaseRig) -> None:
    acts = await _set_up(rig)
    by_hand(rig, lambda k, s: k.schemas.pop(acts.schema), "drop schema {s} cascade", s=acts.schema)
    seen = await acts.see("schema")
    assert seen.presence is Presence.PRESENT
    assert "the schema is missing" in seen.props["access"]
    assert (await acts.see("table")).presence is Presence.ABSENT
    await acts.do(Verb.DELETE, "schema", "knowledge", {}, ref=seen.ref)
    assert (await acts.see("schema")).presence is Presence.ABSENT


TABLE_EDITS = {
    "rows edited": (lambda t: setattr(t, "updated", 1), "update {t} set _row = _row where _row = 1", "1 changed"),
    "rows added": (lambda t: setattr(t, "inserted", 3), "insert into {t} (_row) values (99)", "1 added"),
    "rows removed": (lambda t: setattr(t, "deleted", 2), "delete from {t}", "2 removed"),
    "emptied": (lambda t: t.rows.clear(), "truncate {t}", "rows are gone"),
    "column added": (
        lambda t: t.columns.append(("extra", "text")),
        "alter table {t} add column extra text",
        "extra was added",
    ),
    "column typed": (
        lambda t: t.columns.__setitem__(1, ("sku", "character varying(9)")),
        "alter table {t} alter sku type varchar(9)",
        "sku is character varying(9) instead of text",
    ),
    "unreadable": (lambda t: t.grants.clear(), "revoke all on {t} from {r}", "may not read"),
    "open to all": (lambda t: t.grants.add("PUBLIC=SELECT"), "grant select on {t} to public", "everybody may SELECT"),
    "comment": (
        lambda t: setattr(t, "comment", t.comment.split(" ")[0]),
        "do $$ begin execute format('comment on table %s is %L', '{t}',"
        " split_part(obj_description('{t}'::regclass), ' ', 1)); end $$",
        "description was changed",
    ),
}


@pytest.mark.parametrize("edit", TABLE_EDITS)
async def test_a_table_changed_by_hand_is_seen_and_loaded_again(rig: BaseRig, edit: str) -> None:
    acts = await _set_up(rig)
    fake, statement, words = TABLE_EDITS[edit]
    before = await acts.see("table")

    def edit_fake(knowledge: Any, sessions: Any) -> None:
        fake(knowledge.schemas[acts.schema].tables["products_menu"])

    by_hand(rig, edit_fake, statement, t=f"{acts.schema}.products_menu", r=acts.schema)
    seen = await acts.see("table")
    assert words in seen.props["structure"]
    assert seen.note
    assert seen.fingerprint != before.fingerprint
    await acts.do(Verb.UPDATE, "table", "products-menu", acts.table_props(), changes=["structure"])
    assert (await acts.see("table")).props == before.props


async def test_a_table_renamed_by_hand_is_put_back(rig: BaseRig) -> None:
    acts = await _set_up(rig)

    def fake(knowledge: Any, sessions: Any) -> None:
        tables = knowledge.schemas[acts.schema].tables
        tables["old_prices"] = tables.pop("products_menu")

    by_hand(rig, fake, "alter table {t} rename to old_prices", t=f"{acts.schema}.products_menu")
    seen = await acts.see("table")
    assert "renamed to old_prices" in seen.props["structure"]
    await acts.do(Verb.UPDATE, "table", "products-menu", acts.table_props(), changes=["structure"])
    assert (await acts.see("table")).props["structure"] == "as loaded"
    snapshot = await acts.observe(*acts.targets().values())
    assert not snapshot.strays


async def test_strangers_tables_are_noted_and_never_taken(rig: BaseRig) -> None:
    acts = await _set_up(rig)

    def fake(knowledge: Any, sessions: Any) -> None:
        knowledge.schemas[acts.schema].tables["services_prices"] = FakeTable("hands off")

    place = f"{acts.schema}.services_prices"
    by_hand(rig, fake, "create table {t} (a int)", "comment on table {t} is 'hands off'", t=place)
    base = await acts.see("schema")
    assert "services_prices" in base.note
    assert base.props["access"] == "as granted", "somebody's table is no fault of the base"
    props = acts.table_props(table="services_prices")
    foreign = acts.target("table", "services-prices", props)
    assert (await rig.system.read(foreign)).doubt is Doubt.FOREIGN
    for verb in Verb:
        with pytest.raises(Conflict) as caught:
            await acts.do(verb, "table", "services-prices", props)
        assert caught.value.code == "TEMO711"


async def test_another_incarnation_owns_nothing_here(rig: BaseRig) -> None:
    """A tenant that was destroyed and made again has another uid: the old one's objects are not its own."""
    old = await _set_up(rig)
    new = Acts(rig, 2)
    for kind, name, props in (
        ("schema", "knowledge", {**new.base_props(), "schema": old.schema, "role": old.schema}),
        ("table", "products-menu", new.table_props(schema=old.schema, role=old.schema)),
        ("seat", "sessions", {**new.seat_props(), "role": old.seat}),
    ):
        seen = await rig.system.read(new.target(kind, name, props))
        assert seen.doubt is Doubt.FOREIGN, kind
        for verb in Verb:
            with pytest.raises(Conflict):
                await new.do(verb, kind, name, props)
    assert (await old.see("table")).props["structure"] == "as loaded"
    assert all(one.ok for one in await rig.system.probe(old.targets()["schema"], ()))


async def test_a_role_of_that_name_that_is_not_ours_stops_everything(rig: BaseRig) -> None:
    acts = Acts(rig)
    by_hand(rig, lambda k, s: k.roles.__setitem__(acts.schema, FakeRole("")), "create role {r}", r=acts.schema)
    with pytest.raises(Conflict):
        await acts.make_base()
    seen = await acts.see("schema")
    assert seen.doubt is Doubt.FOREIGN
    assert not (await acts.observe()).strays, "nothing half-made"


async def test_shared_sessions_changed_by_hand_are_put_right(rig: BaseRig) -> None:
    acts = await _set_up(rig)
    name = acts.sessions

    def fake(knowledge: Any, sessions: Any) -> None:
        table = sessions.schemas[name].tables["wa_sessions"]
        table.guarded = False
        table.grants.add("PUBLIC=SELECT")
        del sessions.schemas[name].tables["sessions_statuses"]

    by_hand(
        rig,
        fake,
        "alter table {t} disable row level security",
        "grant select on {t} to public",
        "drop table {d}",
        database="sessions",
        t=f"{name}.wa_sessions",
        d=f"{name}.sessions_statuses",
    )
    structure = (await acts.see("sessions")).props["structure"]
    for words in ("row-level security of wa_sessions is off", "everybody may SELECT", "sessions_statuses is missing"):
        assert words in structure
    probes = await rig.system.probe(acts.targets()["seat"], ())
    assert [one.ok for one in probes] == [True, False], "a probe sees that a seat can write as another"
    await acts.make_sessions()
    assert (await acts.see("sessions")).props["structure"] == "as made"
    assert all(one.ok for one in await rig.system.probe(acts.targets()["seat"], ()))


async def test_a_seat_changed_by_hand_is_put_right(rig: BaseRig) -> None:
    acts = await _set_up(rig)

    def fake(knowledge: Any, sessions: Any) -> None:
        sessions.roles[acts.seat].member_of.clear()
        sessions.schemas[acts.sessions].seats[acts.seat] = "somebody-else"

    by_hand(
        rig,
        fake,
        "revoke {g} from {r}",
        "update {t} set tenant_uid = 'somebody-else'",
        database="sessions",
        g=acts.sessions,
        r=acts.seat,
        t=f"{acts.sessions}.seats",
    )
    access = (await acts.see("seat")).props["access"]
    assert "doesn't belong to" in access
    assert "another tenant" in access
    await acts.do(Verb.UPDATE, "seat", "sessions", acts.seat_props(), changes=["access"])
    assert (await acts.see("seat")).props["access"] == "as granted"


async def test_probes_say_what_is_wrong(rig: BaseRig) -> None:
    acts, neighbour = await _set_up(rig), Acts(rig, 2)
    await neighbour.make_base()
    target, others = acts.targets()["schema"], [neighbour.targets()["schema"]]
    assert [one.ok for one in await rig.system.probe(target, others)] == [True, True, True]

    def fake(knowledge: Any, sessions: Any) -> None:
        knowledge.schemas[neighbour.schema].grants.add(f"{acts.schema}=USAGE")
        knowledge.schemas[acts.schema].grants.add(f"{acts.schema}=CREATE")

    by_hand(
        rig,
        fake,
        "grant usage on schema {n} to {r}",
        "grant create on schema {r} to {r}",
        n=neighbour.schema,
        r=acts.schema,
    )
    assert [one.ok for one in await rig.system.probe(target, others)] == [True, False, False]
    assert "may USAGE" in (await neighbour.see("schema")).props["access"], "the neighbour's base shows the intruder"

    def lock(knowledge: Any, sessions: Any) -> None:
        knowledge.roles[acts.schema].can_login = False

    by_hand(rig, lock, "alter role {r} nologin", r=acts.schema)
    (only,) = await rig.system.probe(target, others)
    assert not only.ok
    assert "not permitted to log in" in only.why
