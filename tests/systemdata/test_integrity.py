"""`state check` and `state repair`: whatever somebody did to the rows, there is an answer and never an exception."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temoctl.model.address import Address
from temoctl.model.errors import Refused
from temoctl.model.secret import Secret
from temoctl.systemdata import integrity
from temoctl.systemdata.integrity import Census, ResourceFact, TenantFact, examine
from temoctl.systemdata.ports import Finding, Store
from tests.systemdata.conftest import PostgresWorld, World
from tests.systemdata.samples import (
    ACME,
    BOLT,
    CREDENTIAL,
    PLATFORM_UID,
    WORKFLOW,
    begin,
    done,
    intent,
    record,
    recorded,
    tenant,
)

pytestmark = pytest.mark.anyio


def codes(findings: list[Finding]) -> list[str]:
    return [one.code for one in findings]


async def findings(store: Store) -> list[Finding]:
    return list(await store.check())


async def test_a_sound_state_has_no_findings(world: World) -> None:
    store = await world.store()
    platform = await tenant(store, PLATFORM_UID, "platform")
    core = Address("platform", "n8n", "workflow", "core")
    await recorded(store, platform, record(core))
    lease = await tenant(store)
    await recorded(store, lease, record(), record(WORKFLOW, depends_on=(CREDENTIAL, core)))
    await store.vault.put(ACME, "a", Secret("x"), by="root")
    await store.start_run(lease.fence(), "r1", tenant="acme", mode="apply", plan="P", by="root")
    await store.journal.write([begin(lease, intent("1ntent000001"))])
    assert await findings(store) == []


async def test_a_dead_run_is_found_and_mended(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    await store.start_run(lease.fence(), "r1", tenant="acme", mode="apply", plan="P", by="root")
    await store.journal.write([begin(lease, intent("1ntent000001", run="r1"))])
    await world.pass_time(ACME, 61)
    found = await findings(store)
    assert codes(found) == [integrity.OPEN_INTENT, integrity.SILENT_LEASE, integrity.DEAD_RUN]
    assert all(one.tenant == "acme" for one in found)
    assert [bool(one.repair) for one in found] == [False, True, True]
    assert await store.repair(found, by="root") == 2
    assert codes(await findings(store)) == [integrity.OPEN_INTENT]
    assert (await store.runs("acme"))[0].status == "stopped"
    assert await store.journal.write([done(lease.fence(), CREDENTIAL, record=record())]) == [False]
    assert [row.action for row in await store.audit("acme")].count("repaired") == 2


async def test_dangling_needs_are_found_and_dropped(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    gone = Address("acme", "n8n", "credential", "gone")
    await recorded(store, lease, record(), record(WORKFLOW, depends_on=(gone, CREDENTIAL)))
    found = await findings(store)
    assert codes(found) == [integrity.DANGLING]
    await store.release_lease(lease)
    assert await store.repair(found, by="root") == 1
    assert await findings(store) == []
    loaded = (await store.load(["acme"]))["acme"]
    assert loaded.resources[WORKFLOW].depends_on == (CREDENTIAL,)
    assert loaded.serial == 2


async def test_circles_are_found(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    await recorded(store, lease, record(depends_on=(WORKFLOW,)), record(WORKFLOW, depends_on=(CREDENTIAL,)))
    found = await findings(store)
    assert codes(found) == [integrity.CYCLE]
    assert await store.repair(found, by="root") == 0


async def test_a_missing_instance_is_filled_from_the_pin(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    await recorded(store, lease, record(instance=""))
    assert [one.repair for one in await findings(store)] == [""]
    await store.pin("n8n", "n8n-1")
    await store.release_lease(lease)
    assert await store.repair(await findings(store), by="root") == 1
    assert await findings(store) == []
    assert (await store.load(["acme"]))["acme"].resources[CREDENTIAL].instance == "n8n-1"


@pytest.mark.postgres
async def test_records_in_use_are_left_alone(postgres_world: PostgresWorld) -> None:
    store = await postgres_world.store()
    lease = await tenant(store)
    await store.pin("n8n", "n8n-1")
    await recorded(store, lease, record(instance=""))
    assert await store.repair(await findings(store), by="root") == 0


@pytest.mark.postgres
async def test_corrupted_rows_are_told_and_mended(postgres_world: PostgresWorld) -> None:
    store = await postgres_world.store()
    lease = await tenant(store)
    await tenant(store, BOLT, "bolt")
    await recorded(store, lease, record(), record(WORKFLOW))
    await store.vault.put(ACME, "a", Secret("x"), by="root")
    await store.vault.put(ACME, "b", Secret("y"), by="root")
    await store.release_lease(lease)
    postgres_world.sql("ALTER TABLE temoctl.resources DROP CONSTRAINT resources_address_check")
    postgres_world.sql("ALTER TABLE temoctl.resources DROP CONSTRAINT resources_props_check")
    try:
        postgres_world.sql("UPDATE temoctl.resources SET address = '???' WHERE address = %s", [str(WORKFLOW)])
        postgres_world.sql("UPDATE temoctl.resources SET props = '[1]', depends_on = '{junk,NULL}'")
        postgres_world.sql("UPDATE temoctl.secrets SET sealed = 'junk' WHERE path = 'a'")
        postgres_world.sql("UPDATE temoctl.tenants SET serial = 0")

        found = await findings(store)
        assert {integrity.UNREADABLE, integrity.DANGLING, integrity.UNOPENED, integrity.SERIAL} <= set(codes(found))
        assert [one.subject for one in found if one.code == integrity.UNOPENED] == ["a"]
        with pytest.raises(Refused, match="TEMO651"):
            await store.load(["acme"])
        assert (await store.load(["bolt"]))["bolt"].uid == BOLT

        assert await store.repair(found, by="root") >= 3
        left = await findings(store)
        assert {one.code for one in left} == {integrity.UNREADABLE, integrity.UNOPENED}
        loaded = (await store.load(["acme"]))["acme"]
        assert set(loaded.resources) == {CREDENTIAL}
        assert loaded.resources[CREDENTIAL].props == {}
        assert loaded.serial > 1
        taken_out = [row for row in await store.audit("acme") if row.subject == "???" and row.action == "repaired"]
        assert taken_out[0].detail["was"]["address"] == "???"
    finally:
        postgres_world.sql("DELETE FROM temoctl.resources")
        postgres_world.sql(
            "ALTER TABLE temoctl.resources "
            "ADD CONSTRAINT resources_props_check CHECK (jsonb_typeof(props) = 'object'), "
            "ADD CONSTRAINT resources_address_check CHECK "
            "(address ~ '^[a-z][a-z0-9-]*/[a-z][a-z0-9]*\\.[a-z][a-z-]*\\.[a-z0-9][a-z0-9-]*$')"
        )


uids = st.sampled_from(["u1", "u2", "u3", ""])
texts = st.sampled_from(["t/a.b.c", "t/a.b.d", "platform/a.b.c", "other/a.b.c", "???", "", "\x00", "t/a.b.c/x"])


@given(
    census=st.builds(
        Census,
        tenants=st.lists(
            st.builds(
                TenantFact,
                uid=uids,
                tenant=st.sampled_from(["t", "platform", ""]),
                living=st.booleans(),
                serial=st.integers(-5, 5),
                logged=st.integers(-5, 5),
            ),
            max_size=3,
        ),
        resources=st.lists(
            st.builds(
                ResourceFact,
                uid=uids,
                address=texts,
                depends_on=st.lists(texts, max_size=3).map(tuple),
                instance=st.sampled_from(["", "i"]),
                readable=st.booleans(),
            ),
            max_size=5,
        ),
        intents=st.lists(st.tuples(uids, texts, texts, texts), max_size=2),
        runs=st.lists(st.tuples(uids, texts), max_size=2),
        living_leases=st.frozensets(uids),
        silent_leases=st.dictionaries(uids, texts),
        pins=st.dictionaries(st.sampled_from(["a"]), texts),
        unreadable_secrets=st.lists(st.tuples(uids, texts), max_size=2),
    )
)
def test_checking_is_total(census: Census) -> None:
    for one in examine(census):
        assert one.code.startswith("TEMO65")
        assert one.what
