"""Sealed secrets: a ciphertext opens in its own place only, and nothing opens with the wrong key."""

from __future__ import annotations

import itertools

import pytest

from temoctl.engine.clock import SystemClock
from temoctl.engine.ids import RandomIds
from temoctl.model.errors import Refused
from temoctl.model.secret import Secret, SecretRef
from temoctl.systemdata import keyring_rows, open_store, sealing
from temoctl.systemdata.ports import Principal, Role
from temoctl.systemdata.postgres import PostgresStore
from temoctl.systemdata.sealing import MasterKey, Place
from tests.systemdata.conftest import ADMIN, MASTER, PostgresWorld
from tests.systemdata.samples import ACME, BOLT, tenant

pytestmark = pytest.mark.anyio

OTHER = MasterKey(b"\x07" * 32, "another place")
CANARY = "canary-4711-do-not-show"


# --- sealing, without a database


def test_a_value_opens_in_its_place_only() -> None:
    key = sealing.fresh_key()
    place = Place("a", "b", 1, 1)
    sealed = sealing.seal(key, Secret(CANARY), place)
    assert sealing.unseal(key, sealed, place).reveal() == CANARY
    assert CANARY.encode() not in sealed
    elsewhere = [Place("x", "b", 1, 1), Place("a", "x", 1, 1), Place("a", "b", 2, 1), Place("a", "b", 1, 2)]
    # parts that run together must not be taken for each other
    elsewhere += [Place("ab", "", 1, 1), Place("", "ab", 1, 1), Place("a", "b1", 1, 1)]
    for other in elsewhere:
        with pytest.raises(Refused, match="TEMO623"):
            sealing.unseal(key, sealed, other)
    for broken in (b"", sealed[:-1], sealed[:12], bytes([sealed[0] ^ 1]) + sealed[1:], sealed + b"x"):
        with pytest.raises(Refused, match="TEMO623"):
            sealing.unseal(key, broken, place)


def test_a_data_key_opens_in_its_place_only() -> None:
    key = sealing.fresh_key()
    wrapped = sealing.wrap(MASTER, key, "a", 1)
    assert sealing.unwrap(MASTER, wrapped, "a", 1) == key
    for master, tenant_uid, version in ((OTHER, "a", 1), (MASTER, "b", 1), (MASTER, "a", 2)):
        with pytest.raises(Refused, match="TEMO623"):
            sealing.unwrap(master, wrapped, tenant_uid, version)


def test_a_master_key_shows_its_name_only() -> None:
    assert MASTER.raw.hex() not in repr(MASTER)
    assert repr(MASTER.raw) not in repr(MASTER)
    assert MASTER.kek != OTHER.kek
    assert MASTER.check_value != OTHER.check_value
    with pytest.raises(ValueError, match="32 bytes"):
        MasterKey(b"short")


# --- in the database


async def two_tenants(world: PostgresWorld) -> PostgresStore:
    store = await world.store()
    assert isinstance(store, PostgresStore)
    await tenant(store)
    await tenant(store, BOLT, "bolt")
    for uid, path, text in itertools.product((ACME, BOLT), ("one", "two"), ("x", "y")):
        await store.vault.put(uid, path, Secret(f"{uid}/{path}/{text}"), by="root")
    return store


async def opened_with(world: PostgresWorld, key: MasterKey, principal: Principal = ADMIN) -> PostgresStore:
    store = await open_store(world.dsn, principal, clock=SystemClock(), ids=RandomIds(), master_key=key)
    world.open.append(store)
    return store


@pytest.mark.postgres
async def test_moved_ciphertexts_are_refused_in_every_direction(postgres_world: PostgresWorld) -> None:
    store = await two_tenants(postgres_world)
    places = list(itertools.product((ACME, BOLT), ("one", "two"), (1, 2)))
    for source, target in itertools.permutations(places, 2):
        before = postgres_world.sql(
            "SELECT sealed FROM temoctl.secrets WHERE (tenant_uid, path, version) = (%s, %s, %s)", [*target]
        )[0][0]
        postgres_world.sql(
            "UPDATE temoctl.secrets SET sealed = (SELECT sealed FROM temoctl.secrets "
            "WHERE (tenant_uid, path, version) = (%s, %s, %s)) WHERE (tenant_uid, path, version) = (%s, %s, %s)",
            [*source, *target],
        )
        with pytest.raises(Refused, match="TEMO623"):
            await store.vault.get(*target)
        with pytest.raises(Refused, match="TEMO623"):
            await store.vault.many([(target[0], SecretRef(target[1], target[2]))])
        postgres_world.sql(
            "UPDATE temoctl.secrets SET sealed = %s WHERE (tenant_uid, path, version) = (%s, %s, %s)",
            [before, *target],
        )
    for uid, path, version in places:
        assert (await store.vault.get(uid, path, version)).reveal() == f"{uid}/{path}/{'xy'[version - 1]}"


@pytest.mark.postgres
async def test_moved_data_keys_are_refused(postgres_world: PostgresWorld) -> None:
    store = await two_tenants(postgres_world)
    postgres_world.sql(
        "UPDATE temoctl.data_keys SET wrapped = (SELECT wrapped FROM temoctl.data_keys WHERE tenant_uid = %s) "
        "WHERE tenant_uid = %s",
        [ACME, BOLT],
    )
    assert (await store.vault.get(ACME, "one")).reveal() == f"{ACME}/one/y"
    with pytest.raises(Refused, match="TEMO623"):
        await store.vault.get(BOLT, "one")
    with pytest.raises(Refused, match="TEMO623"):
        await store.vault.put(BOLT, "one", Secret("z"), by="root")


@pytest.mark.postgres
async def test_the_database_holds_no_plain_text(postgres_world: PostgresWorld) -> None:
    store = await postgres_world.store()
    lease = await tenant(store)
    await store.vault.put(ACME, "telegram/token", Secret(CANARY), by="root")
    await store.vault.ensure(lease.fence(), SecretRef("role", 1, generate=True), Secret(CANARY))
    for (table,) in postgres_world.sql(
        "SELECT relname FROM pg_class WHERE relnamespace = 'temoctl'::regnamespace AND relkind = 'r'"
    ):
        for row in postgres_world.sql(f"SELECT t::text FROM temoctl.{table} t"):
            assert CANARY not in str(row[0]), table
            assert CANARY.encode().hex() not in str(row[0]), table
            assert MASTER.raw.hex() not in str(row[0]), table


@pytest.mark.postgres
async def test_a_wrong_master_key_is_noticed_before_anything(postgres_world: PostgresWorld) -> None:
    await two_tenants(postgres_world)
    for principal in (ADMIN, Principal("mia", Role.MANAGER)):
        with pytest.raises(Refused, match="TEMO622") as caught:
            await opened_with(postgres_world, OTHER, principal)
        assert OTHER.raw.hex() not in caught.value.detail
    forged = MasterKey(OTHER.raw)
    postgres_world.sql("UPDATE temoctl.master_keys SET kek = kek, check_value = %s", [forged.check_value])
    with pytest.raises(Refused, match="TEMO622"):
        await opened_with(postgres_world, MASTER)


@pytest.mark.postgres
async def test_the_master_key_can_be_changed(postgres_world: PostgresWorld) -> None:
    store = await two_tenants(postgres_world)
    hashed = store.keyed_hash("telegram.bot", "42")
    assert await store.rotate_master_key(OTHER) == 2
    with pytest.raises(Refused, match="TEMO622"):
        await opened_with(postgres_world, MASTER)
    renewed = await opened_with(postgres_world, OTHER)
    assert (await renewed.vault.get(BOLT, "two", 1)).reveal() == f"{BOLT}/two/x"
    assert renewed.keyed_hash("telegram.bot", "42") == hashed
    assert await renewed.vault.put(BOLT, "two", Secret("z"), by="root") == 3


@pytest.mark.postgres
async def test_an_interrupted_change_of_keys_is_gone_on_with(
    postgres_world: PostgresWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await two_tenants(postgres_world)
    wrapped = 0

    def dies_at_the_second(master: MasterKey, key: bytes, uid: str, version: int) -> bytes:
        nonlocal wrapped
        if uid in (ACME, BOLT):
            wrapped += 1
            if wrapped == 2:
                raise KeyboardInterrupt
        return original(master, key, uid, version)

    original = sealing.wrap
    monkeypatch.setattr(keyring_rows, "BATCH", 1)
    monkeypatch.setattr(sealing, "wrap", dies_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        await store.rotate_master_key(OTHER)
    monkeypatch.setattr(sealing, "wrap", original)
    assert len(postgres_world.sql("SELECT DISTINCT kek FROM temoctl.data_keys")) == 2
    assert await store.rotate_master_key(OTHER) == 1
    renewed = await opened_with(postgres_world, OTHER)
    for uid in (ACME, BOLT):
        assert (await renewed.vault.get(uid, "one")).reveal() == f"{uid}/one/y"


@pytest.mark.postgres
async def test_only_operators_change_the_master_key(postgres_world: PostgresWorld) -> None:
    await two_tenants(postgres_world)
    mia = await opened_with(postgres_world, MASTER, Principal("mia", Role.MANAGER))
    with pytest.raises(Refused, match="TEMO604"):
        await mia.rotate_master_key(OTHER)


@pytest.mark.postgres
async def test_a_closed_tenants_data_key_is_gone(postgres_world: PostgresWorld) -> None:
    store = await postgres_world.store()
    lease = await tenant(store)
    await store.vault.put(ACME, "one", Secret("x"), by="root")
    kept = postgres_world.sql("SELECT sealed FROM temoctl.secrets")
    await store.close_tenant(lease.fence(), by="root")
    assert kept
    assert postgres_world.sql("SELECT * FROM temoctl.data_keys") == []
    assert postgres_world.sql("SELECT * FROM temoctl.secrets") == []


@pytest.mark.postgres
async def test_puts_at_once_get_versions_of_their_own(postgres_world: PostgresWorld) -> None:
    import asyncio

    store = await postgres_world.store()
    await tenant(store)
    versions = await asyncio.gather(*(store.vault.put(ACME, "one", Secret(str(n)), by="x") for n in range(8)))
    assert sorted(versions) == list(range(1, 9))
    for n, version in enumerate(versions):
        assert (await store.vault.get(ACME, "one", version)).reveal() == str(n)
