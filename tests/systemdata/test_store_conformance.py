"""What every store promises, asked of the real one and of the one in memory alike."""

from __future__ import annotations

import pytest

from temoctl.engine.ports import Ending, Fence, Finish
from temoctl.model.address import Address
from temoctl.model.errors import Conflict, LeaseLost, Locked, Refused
from temoctl.model.identity import ALPHABET
from temoctl.model.plan import RecordedTenant
from temoctl.model.secret import Secret, SecretRef
from temoctl.systemdata.ports import Connection, PlanUse, Principal, Role
from tests.systemdata.conftest import ADMIN, World, manager
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

MIA, ZOE = manager("mia"), manager("zoe")


# --- installation


async def test_the_installation_is_drawn_once(world: World) -> None:
    one, two = await world.store(), await world.store()
    tag = await one.installation()
    assert len(tag) == 10
    assert set(tag) <= set(ALPHABET)
    assert await two.installation() == tag
    assert len(await one.plan_key()) == 32
    assert await one.plan_key() == await two.plan_key()


async def test_the_first_pin_stays(world: World) -> None:
    store = await world.store()
    assert await store.pin("n8n", "instance-a") == "instance-a"
    assert await store.pin("n8n", "instance-b") == "instance-a"
    assert await store.pinned() == {"n8n": "instance-a"}


async def test_hashes_are_keyed_and_of_one_purpose(world: World) -> None:
    one, two = await world.store(), await world.store()
    assert one.keyed_hash("telegram.bot", "42") == two.keyed_hash("telegram.bot", "42")
    assert one.keyed_hash("telegram.bot", "42") != one.keyed_hash("meta.page", "42")
    assert one.keyed_hash("ab", "c") != one.keyed_hash("a", "bc")


# --- tenants


async def test_an_unknown_tenant_has_no_uid(world: World) -> None:
    store = await world.store()
    assert await store.load(["acme"]) == {"acme": RecordedTenant("acme")}
    assert await store.tenants() == []


async def test_the_first_uid_stays(world: World) -> None:
    store = await world.store()
    assert await store.register("acme", ACME, manager="mia", by="root") == ACME
    assert await store.register("acme", BOLT, manager="zoe", by="root") == ACME
    assert await store.tenants() == [RecordedTenant("acme", ACME, 0, "mia")]
    assert [row.action for row in await store.audit("acme")] == ["registered"]


async def test_the_platform_comes_first_and_has_no_manager(world: World) -> None:
    store = await world.store()
    await store.register("acme", ACME, manager="mia", by="root")
    await store.register("platform", PLATFORM_UID, manager="root", by="root")
    assert [(one.tenant, one.manager) for one in await store.tenants()] == [("platform", ""), ("acme", "mia")]


async def test_a_tenant_made_again_is_another(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    await store.close_tenant(lease.fence(), by="root")
    assert await store.load(["acme"]) == {"acme": RecordedTenant("acme")}
    with pytest.raises(Conflict, match="TEMO613"):
        await store.register("acme", ACME, manager="mia", by="root")
    assert await store.register("acme", BOLT, manager="mia", by="root") == BOLT


async def test_a_tenant_with_records_isnt_closed(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    await recorded(store, lease, record())
    with pytest.raises(Conflict, match="TEMO605"):
        await store.close_tenant(lease.fence(), by="root")
    await store.journal.write([done(lease.fence(), CREDENTIAL, remove=True)])
    await store.close_tenant(lease.fence(), by="root")
    await store.close_tenant(lease.fence(), by="root")  # repeated after a lost answer
    assert await store.tenants() == []


async def test_closing_takes_secrets_claims_and_channels_along(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    await store.vault.put(ACME, "telegram/token", Secret("4711:abc"), by="root")
    await store.claim(ACME, "telegram.bot", "h1")
    await store.put_connections(lease.fence(), [Connection("acme", "telegram", "telegram", "connected")])
    await store.close_tenant(lease.fence(), by="root")
    assert await store.vault.versions(ACME) == {}
    with pytest.raises(Refused, match="TEMO620"):
        await store.vault.get(ACME, "telegram/token")
    assert await store.claims("telegram.bot") == {}
    assert await store.connections() == []
    with pytest.raises(Refused, match="TEMO612"):
        await store.vault.put(ACME, "telegram/token", Secret("again"), by="root")
    await store.release_lease(lease)


async def test_a_tenant_can_be_given_to_another_manager(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    await recorded(store, lease, record())
    await store.assign("acme", "zoe", by="root")
    assert (await store.load(["acme"]))["acme"].manager == "zoe"
    assert CREDENTIAL in (await (await world.store(ZOE)).load(["acme"]))["acme"].resources
    assert (await (await world.store(MIA)).load(["acme"]))["acme"] == RecordedTenant("acme")
    assert (await store.audit("acme"))[0].action == "assigned"
    with pytest.raises(Refused, match="TEMO612"):
        await store.assign("nobody", "zoe", by="root")


async def test_the_plan_that_was_applied_is_kept_and_its_changes_are_audited(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    assert (await store.load(["acme"]))["acme"].plan == ""
    serial = (await store.load(["acme"]))["acme"].serial
    for plan in ("START", "START", "BUSINESS"):
        await store.note_plan(lease.fence(), plan, by="root")
    loaded = (await store.load(["acme"]))["acme"]
    assert (loaded.plan, loaded.serial) == ("BUSINESS", serial), "no recorded object changed"
    assert [one.plan for one in await store.tenants()] == ["BUSINESS"]
    kept = [(one.subject, one.detail["before"]) for one in await store.audit("acme") if one.action == "plan-changed"]
    assert kept == [("BUSINESS", "START"), ("START", "")]
    with pytest.raises(LeaseLost):
        await store.note_plan(Fence(ACME, lease.epoch - 1), "PRO", by="root")


# --- journal


async def test_an_intent_comes_back_as_it_went(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    one = intent(
        "1ntent000001",
        at=1_800_000_000.123456,
        ref="c1",
        run="r1",
        plan="P-1",
        step=str(CREDENTIAL),
        depends_on=(WORKFLOW,),
        label="Telegram login",
    )
    assert await store.journal.write([begin(lease, one)]) == [True]
    assert await store.journal.open_intents(ACME) == [one]
    loaded = (await store.load(["acme"]))["acme"]
    assert loaded.open_intents == ("1ntent000001",)
    assert loaded.known_intents == {"1ntent000001"}
    assert loaded.serial == 0


async def test_open_intents_come_oldest_first(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    await store.journal.write([begin(lease, intent(f"1ntent00000{n}", at=10.0 - n)) for n in range(3)])
    assert [one.id for one in await store.journal.open_intents(ACME)] == [
        "1ntent000002",
        "1ntent000001",
        "1ntent000000",
    ]


async def test_a_record_comes_back_as_it_went(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    full = record(depends_on=(WORKFLOW,), protect=True, detail="@bot", witness_of=WORKFLOW)
    bare = record(WORKFLOW, ref="", where=None, props={}, resolved={}, outputs={}, instance="", intent="")
    await recorded(store, lease, full, bare)
    loaded = (await store.load(["acme"]))["acme"]
    assert loaded.resources == {CREDENTIAL: full, WORKFLOW: bare}


async def test_a_batch_that_changes_records_counts_once(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    await recorded(store, lease, record(), record(WORKFLOW))
    assert (await store.load(["acme"]))["acme"].serial == 1
    await store.journal.write([begin(lease, intent("1ntent000001"))])
    assert (await store.load(["acme"]))["acme"].serial == 1
    await store.journal.write([Finish(lease.fence(), CREDENTIAL, Ending.FAILED, "1ntent000001", note="refused")])
    assert (await store.load(["acme"]))["acme"].serial == 1
    await store.journal.write([done(lease.fence(), CREDENTIAL, remove=True)])
    assert (await store.load(["acme"]))["acme"].serial == 2
    changes = [row for row in await store.audit("acme") if row.action != "registered"]
    assert sorted((row.action, row.subject) for row in changes) == [
        ("delete", str(CREDENTIAL)),
        ("record", str(CREDENTIAL)),
        ("record", str(WORKFLOW)),
    ]


async def test_begin_and_end_in_one_batch(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    one = intent("1ntent000001")
    assert await store.journal.write(
        [begin(lease, one), done(lease.fence(), CREDENTIAL, one.id, record=record(), action="create")]
    ) == [True, True]
    assert await store.journal.open_intents(ACME) == []
    assert (await store.load(["acme"]))["acme"].resources == {CREDENTIAL: record()}


async def test_the_last_of_several_changes_stands(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    fence = lease.fence()
    await store.journal.write(
        [
            done(fence, CREDENTIAL, record=record(ref="c1")),
            done(fence, CREDENTIAL, remove=True),
            done(fence, CREDENTIAL, record=record(ref="c2")),
            done(fence, WORKFLOW, record=record(WORKFLOW)),
            done(fence, WORKFLOW, remove=True),
        ]
    )
    assert (await store.load(["acme"]))["acme"].resources == {CREDENTIAL: record(ref="c2")}


async def test_writing_the_same_again_changes_nothing(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    entries = [
        begin(lease, intent("1ntent000001")),
        done(lease.fence(), CREDENTIAL, "1ntent000001", record=record(), step="s", plan="P-1"),
        done(lease.fence(), WORKFLOW, record=record(WORKFLOW), action="adopt"),
    ]
    assert await store.journal.write(entries) == [True, True, True]
    before = (await store.load(["acme"]))["acme"], await store.audit()
    assert await store.journal.write(entries) == [True, True, True]
    assert ((await store.load(["acme"]))["acme"], await store.audit()) == before


async def test_an_ended_intent_keeps_its_ending_and_record(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    await store.journal.write(
        [begin(lease, intent("1ntent000001")), done(lease.fence(), CREDENTIAL, "1ntent000001", record=record())]
    )
    late = Finish(lease.fence(), CREDENTIAL, Ending.ABSENT, "1ntent000001", remove=True)
    assert await store.journal.write([late]) == [True]
    assert (await store.load(["acme"]))["acme"].resources == {CREDENTIAL: record()}


async def test_only_steps_that_are_named_done_are_skipped_later(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    fence = lease.fence()
    await store.journal.write(
        [
            done(fence, CREDENTIAL, step="one", plan="P-1"),
            Finish(fence, WORKFLOW, Ending.FAILED, step="two", plan="P-1"),
            done(fence, CREDENTIAL, step="three", plan="P-2"),
            done(fence, CREDENTIAL, plan="P-1"),
        ]
    )
    assert await store.journal.done_steps(ACME, "P-1") == {"one"}
    assert await store.journal.done_steps(ACME, "P-2") == {"three"}
    assert await store.journal.done_steps(BOLT, "P-1") == frozenset()


async def test_a_stale_entry_fails_alone(world: World) -> None:
    store = await world.store()
    acme = await tenant(store)
    bolt = await tenant(store, BOLT, "bolt")
    bolts = Address("bolt", "n8n", "credential", "telegram")
    stale = Fence(ACME, acme.epoch - 1)
    accepted = await store.journal.write(
        [
            done(stale, CREDENTIAL, record=record()),
            done(bolt.fence(), bolts, record=record(bolts)),
            done(Fence("z" * 16, 1), CREDENTIAL, record=record()),
        ]
    )
    assert accepted == [False, True, False]
    loaded = await store.load(["acme", "bolt"])
    assert loaded["acme"].resources == {}
    assert loaded["acme"].serial == 0
    assert loaded["bolt"].resources == {bolts: record(bolts)}


async def test_nothing_is_written_under_an_expired_or_released_lease(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    await world.pass_time(ACME, 61)
    entries = [begin(lease, intent("1ntent000001")), done(lease.fence(), CREDENTIAL, record=record())]
    assert await store.journal.write(entries) == [False, False]
    lease = await store.take_lease(ACME, holder="test", operation="apply", ttl=60)
    await store.release_lease(lease)
    assert await store.journal.write([done(lease.fence(), CREDENTIAL, record=record())]) == [False]
    assert await store.journal.open_intents(ACME) == []
    assert (await store.load(["acme"]))["acme"].resources == {}


async def test_an_empty_batch_is_fine(world: World) -> None:
    assert list(await (await world.store()).journal.write([])) == []


# --- leases


async def test_one_holder_at_a_time(world: World) -> None:
    store = await world.store()
    await store.register("acme", ACME, manager="mia", by="root")
    first = await store.take_lease(ACME, holder="a", operation="apply", ttl=60)
    assert (first.epoch, first.holder, first.tenant, first.operation) == (1, "a", "acme", "apply")
    assert first.expires_at - first.heartbeat_at == pytest.approx(60, abs=1)
    with pytest.raises(Locked, match="TEMO600") as caught:
        await store.take_lease(ACME, holder="b", operation="destroy", ttl=60)
    assert "a" in caught.value.summary
    with pytest.raises(Locked, match="TEMO600"):  # one name may run twice: it doesn't share
        await store.take_lease(ACME, holder="a", operation="apply", ttl=60)
    assert await store.leases() == [first]
    await store.release_lease(first)
    assert await store.leases() == []
    assert (await store.take_lease(ACME, holder="b", operation="destroy", ttl=60)).epoch == 2


async def test_an_expired_lease_passes_on_with_a_new_epoch(world: World) -> None:
    store = await world.store()
    first = await tenant(store)
    await world.pass_time(ACME, 61)
    second = await store.take_lease(ACME, holder="b", operation="apply", ttl=60)
    assert second.epoch == first.epoch + 1
    with pytest.raises(LeaseLost, match="TEMO601"):
        await store.renew_lease(first, 60)
    await store.release_lease(first)  # too late: it isn't ours
    assert await store.leases() == [second]
    with pytest.raises(LeaseLost, match="TEMO601"):
        await store.start_run(first.fence(), "r1", tenant="acme", mode="apply", plan="P-1", by="mia")
    with pytest.raises(LeaseLost, match="TEMO601"):
        await store.forget(first.fence(), CREDENTIAL, by="mia")


async def test_a_heartbeat_keeps_the_lease(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    await world.pass_time(ACME, 40)
    renewed = await store.renew_lease(lease, 60)
    assert renewed.epoch == lease.epoch
    await world.pass_time(ACME, 40)
    assert await store.journal.write([begin(renewed, intent("1ntent000001"))]) == [True]
    await world.pass_time(ACME, 40)
    with pytest.raises(LeaseLost):
        await store.renew_lease(renewed, 60)


async def test_breaking_a_lease(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    with pytest.raises(Locked, match="TEMO602"):
        await store.break_lease("acme", by="root", steal=False)
    broken = await store.break_lease("acme", by="root", steal=True)
    assert broken is not None
    assert broken.holder == "test"
    assert await store.journal.write([begin(lease, intent("1ntent000001"))]) == [False]
    assert await store.break_lease("acme", by="root", steal=True) is None
    again = await store.take_lease(ACME, holder="b", operation="apply", ttl=60)
    assert again.epoch > lease.epoch
    await world.pass_time(ACME, 61)
    assert await store.break_lease("acme", by="root", steal=False) is not None
    assert (await store.audit("acme"))[0].action == "unlocked"


async def test_only_the_named_holders_lease_is_broken(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    assert await store.break_lease("acme", by="root", steal=True, holder="somebody else") is None
    assert await store.leases() == [lease]
    assert await store.break_lease("acme", by="root", steal=True, holder="test") is not None
    assert await store.leases() == []


async def test_a_lease_needs_a_tenant(world: World) -> None:
    with pytest.raises(Refused, match="TEMO612"):
        await (await world.store()).take_lease(ACME, holder="a", operation="apply", ttl=60)


# --- runs, plans, channels


async def test_runs(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    for run in ("r1", "r2"):
        await store.start_run(lease.fence(), run, tenant="acme", mode="apply", plan="P-1", by="mia")
    await store.end_run(lease.fence(), "r1", status="partly", summary={"done": 3})
    newest, oldest = await store.runs("acme")
    assert (newest.run, newest.status, newest.finished_at) == ("r2", "running", None)
    assert (oldest.run, oldest.status, oldest.summary, oldest.by) == ("r1", "partly", {"done": 3}, "mia")
    assert oldest.finished_at is not None
    assert oldest.finished_at >= oldest.started_at
    assert await store.runs("bolt") == []
    assert len(await store.runs(limit=1)) == 1


async def test_a_run_ends_those_that_died_before_it(world: World) -> None:
    """Else history would show them running for ever."""
    store = await world.store()
    lease = await tenant(store)
    await store.start_run(lease.fence(), "died", tenant="acme", mode="apply", plan="P-1", by="mia")
    await store.start_run(lease.fence(), "next", tenant="acme", mode="apply", plan="P-2", by="mia")
    after, before = await store.runs("acme")
    assert (before.run, before.status) == ("died", "stopped") and before.finished_at is not None
    assert (after.run, after.status) == ("next", "running")


async def test_a_plan_is_used_once(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    assert await store.plan_use("P-1", "acme") is PlanUse.UNUSED
    await store.use_plan(lease.fence(), "P-1", "acme", PlanUse.STARTED)
    assert await store.plan_use("P-1", "acme") is PlanUse.STARTED
    await store.use_plan(lease.fence(), "P-1", "acme", PlanUse.STARTED)  # resumed after a crash
    await store.use_plan(lease.fence(), "P-1", "acme", PlanUse.FINISHED)
    with pytest.raises(Conflict, match="TEMO611"):
        await store.use_plan(lease.fence(), "P-1", "acme", PlanUse.STARTED)
    assert await store.plan_use("P-1", "bolt") is PlanUse.UNUSED


async def test_connections_keep_since_while_nothing_changes(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    one = Connection("acme", "telegram", "telegram", "waiting", "no webhook yet", fields={"bot": "42"})
    await store.put_connections(lease.fence(), [one])
    (first,) = await store.connections()
    assert (first.status, first.why, first.fields) == ("waiting", "no webhook yet", {"bot": "42"})
    assert first.since > 0
    await world.pass_time(ACME, 5)
    await store.put_connections(lease.fence(), [one])
    (second,) = await store.connections(["acme"])
    assert second == first
    assert await store.connections(["bolt"]) == []


# --- state by hand


async def test_forgetting_a_record(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    await recorded(store, lease, record())
    await store.forget(lease.fence(), CREDENTIAL, by="mia")
    await store.forget(lease.fence(), CREDENTIAL, by="mia")
    loaded = (await store.load(["acme"]))["acme"]
    assert loaded.resources == {}
    assert loaded.serial == 2
    assert [row.action for row in await store.audit("acme")].count("forget") == 1
    assert (await store.audit("acme", limit=1))[0].by == "mia"


async def test_claims(world: World) -> None:
    store = await world.store()
    await tenant(store)
    await tenant(store, BOLT, "bolt", manager="zoe")
    assert await store.claim(ACME, "telegram.bot", "h1") is None
    assert await store.claim(ACME, "telegram.bot", "h1") is None
    assert await store.claim(BOLT, "telegram.bot", "h1") == "acme"
    assert await store.claim(BOLT, "meta.page", "h1") is None
    assert await store.claims("telegram.bot") == {"h1": "acme"}
    assert await (await world.store(ZOE)).claims("telegram.bot") == {"h1": ""}
    assert await (await world.store(ZOE)).claim(BOLT, "telegram.bot", "h1") == ""


async def test_tokens_are_shared(world: World) -> None:
    one, two = await world.store(), await world.store()
    assert await one.take_tokens("telegram", 2, rate=0.001, burst=2) == 0
    waits = [await two.take_tokens("telegram", 1, rate=0.001, burst=2) for _ in range(2)]
    assert waits == pytest.approx([1000, 2000], rel=0.01)
    assert await one.take_tokens("n8n", 1, rate=0.001, burst=2) == 0


async def test_drift_history_and_reads(world: World) -> None:
    store = await world.store()
    await tenant(store)
    await store.note_drift(ACME, by="mia", changes=2, detail={"fields": ["name"]})
    await store.note_drift(ACME, by="mia", changes=0, detail={})
    assert [row.changes for row in await store.drift_history("acme")] == [0, 2]
    assert (await store.drift_history("acme"))[1].detail == {"fields": ["name"]}
    await store.note_read(ACME, by="mia", what="state show")


# --- vault


async def test_secrets_have_versions(world: World) -> None:
    store = await world.store()
    await tenant(store)
    vault = store.vault
    assert await vault.put(ACME, "telegram/token", Secret("one"), by="mia") == 1
    assert await vault.put(ACME, "telegram/token", Secret("two — ü"), by="zoe") == 2
    assert await vault.put(ACME, "mail/password", Secret("p"), by="mia") == 1
    assert await vault.versions(ACME) == {"telegram/token": 2, "mail/password": 1}
    assert await vault.versions_of([ACME, "nobody"]) == {ACME: await vault.versions(ACME), "nobody": {}}
    assert (await vault.get(ACME, "telegram/token")).reveal() == "two — ü"
    assert (await vault.get(ACME, "telegram/token", 1)).reveal() == "one"
    assert [(row.path, row.version, row.by) for row in await vault.listing(ACME)] == [
        ("mail/password", 1, "mia"),
        ("telegram/token", 2, "zoe"),
    ]
    for path, version in (("telegram/token", 3), ("nothing", None)):
        with pytest.raises(Refused, match="TEMO620"):
            await vault.get(ACME, path, version)
    assert await vault.remove(ACME, "telegram/token", by="mia") == 2
    assert await vault.remove(ACME, "telegram/token", by="mia") == 0
    assert await vault.versions(ACME) == {"mail/password": 1}


async def test_many_secrets_at_once(world: World) -> None:
    store = await world.store()
    await tenant(store)
    await tenant(store, BOLT, "bolt")
    await store.vault.put(ACME, "a", Secret("acme's"), by="x")
    await store.vault.put(BOLT, "a", Secret("bolt's"), by="x")
    plain, generated = SecretRef("a", 1), SecretRef("a", 1, generate=True)
    found = await store.vault.many([(ACME, plain), (ACME, generated), (BOLT, plain), (BOLT, SecretRef("a", 2))])
    assert {key: value.reveal() for key, value in found.items()} == {
        (ACME, plain): "acme's",
        (ACME, generated): "acme's",
        (BOLT, plain): "bolt's",
    }
    assert await store.vault.many([]) == {}


async def test_a_generated_secret_is_drawn_once(world: World) -> None:
    store = await world.store()
    lease = await tenant(store)
    ref = SecretRef("supabase/role", 1, generate=True)
    assert (await store.vault.ensure(lease.fence(), ref, Secret("first"))).reveal() == "first"
    assert (await store.vault.ensure(lease.fence(), ref, Secret("second"))).reveal() == "first"
    newer = SecretRef("supabase/role", 2, generate=True)
    assert (await store.vault.ensure(lease.fence(), newer, Secret("third"))).reveal() == "third"
    with pytest.raises(LeaseLost):
        await store.vault.ensure(Fence(ACME, lease.epoch - 1), SecretRef("other", 1), Secret("x"))


# --- rights


async def test_managers_see_their_own_tenants_only(world: World) -> None:
    root = await world.store()
    acme = await tenant(root)
    platform = await tenant(root, PLATFORM_UID, "platform")
    core = Address("platform", "n8n", "workflow", "core")
    await recorded(root, acme, record())
    await recorded(root, platform, record(core))
    await root.vault.put(ACME, "a", Secret("x"), by="root")
    await root.vault.put(PLATFORM_UID, "llm/key", Secret("x"), by="root")
    await root.start_run(acme.fence(), "r1", tenant="acme", mode="apply", plan="P", by="root")
    await root.put_connections(acme.fence(), [Connection("acme", "telegram", "telegram", "connected")])

    mia, zoe = await world.store(MIA), await world.store(ZOE)
    assert [one.tenant for one in await mia.tenants()] == ["platform", "acme"]
    assert [one.tenant for one in await zoe.tenants()] == ["platform"]
    assert (await zoe.load(["acme"]))["acme"] == RecordedTenant("acme")
    assert set((await zoe.load(["platform"]))["platform"].resources) == {core}
    for store, sees in ((mia, True), (zoe, False)):
        assert bool(await store.vault.versions(ACME)) is sees
        assert bool(await store.runs()) is sees
        assert bool(await store.connections()) is sees
        assert bool(await store.audit("acme")) is sees
        assert bool([one for one in await store.leases() if one.tenant == "acme"]) is sees
        assert await store.vault.versions(PLATFORM_UID) == {}
        with pytest.raises(Refused, match="TEMO620"):
            await store.vault.get(PLATFORM_UID, "llm/key")
        with pytest.raises(Refused, match="TEMO604"):
            await store.take_lease(PLATFORM_UID, holder="m", operation="apply", ttl=9)


async def test_managers_change_their_own_tenants_only(world: World) -> None:
    root = await world.store()
    lease = await tenant(root)
    zoe = await world.store(ZOE)
    assert await zoe.journal.write([done(lease.fence(), CREDENTIAL, record=record())]) == [False]
    with pytest.raises(Refused, match="TEMO612"):
        await zoe.take_lease(ACME, holder="z", operation="apply", ttl=9)
    with pytest.raises(Refused, match="TEMO612"):
        await zoe.vault.put(ACME, "a", Secret("x"), by="zoe")
    with pytest.raises(Refused, match="TEMO612"):
        await zoe.claim(ACME, "telegram.bot", "h1")
    with pytest.raises(LeaseLost):
        await zoe.forget(lease.fence(), CREDENTIAL, by="zoe")
    with pytest.raises(LeaseLost):
        await zoe.close_tenant(lease.fence(), by="zoe")
    assert await zoe.break_lease("acme", by="zoe", steal=True) is None
    with pytest.raises(Refused, match="TEMO614"):
        await zoe.register("acme", BOLT, manager="zoe", by="zoe")
    with pytest.raises(Refused, match="TEMO604"):
        await zoe.register("bolt", BOLT, manager="mia", by="zoe")
    with pytest.raises(Refused, match="TEMO604"):
        await zoe.register("platform", BOLT, manager="zoe", by="zoe")
    with pytest.raises(Refused, match="TEMO604"):
        await zoe.assign("acme", "zoe", by="zoe")
    with pytest.raises(Refused, match="TEMO604"):
        await zoe.put_manager("zoe", db_role="boss", by="zoe")
    with pytest.raises(Refused, match="TEMO604"):
        await zoe.pin("n8n", "elsewhere")


async def test_a_manager_runs_an_own_tenant_from_end_to_end(world: World) -> None:
    await (await world.store()).register("platform", PLATFORM_UID, manager="", by="root")
    mia = await world.store(MIA)
    lease = await tenant(mia)
    await mia.start_run(lease.fence(), "r1", tenant="acme", mode="apply", plan="P", by="mia")
    await mia.use_plan(lease.fence(), "P", "acme", PlanUse.STARTED)
    await mia.vault.put(ACME, "a", Secret("x"), by="mia")
    await mia.journal.write(
        [begin(lease, intent("1ntent000001")), done(lease.fence(), CREDENTIAL, "1ntent000001", record=record())]
    )
    await mia.end_run(lease.fence(), "r1", status="done", summary={})
    await mia.journal.write([done(lease.fence(), CREDENTIAL, remove=True)])
    await mia.close_tenant(lease.fence(), by="mia")
    await mia.release_lease(lease)
    assert [one.tenant for one in await mia.tenants()] == ["platform"]


async def test_ci_is_an_operator(world: World) -> None:
    store = await world.store(Principal("pipeline", Role.CI))
    await store.register("platform", PLATFORM_UID, manager="", by="pipeline")
    await store.register("acme", ACME, manager="mia", by="pipeline")
    assert [one.tenant for one in await store.tenants()] == ["platform", "acme"]


async def test_managers_are_known(world: World) -> None:
    root = await world.store()
    await root.register("acme", ACME, manager="mia", by="root")
    await root.put_manager("zoe", db_role="zoe_login", by="root")
    assert [(one.name, one.db_role) for one in await root.managers()] == [("mia", ""), ("zoe", "zoe_login")]
    assert [one.name for one in await (await world.store(MIA)).managers()] == ["mia"]


# --- only looking


async def test_a_reading_store_writes_nothing_but_notes(world: World) -> None:
    root = await world.store(ADMIN)
    lease = await tenant(root)
    await recorded(root, lease, record())
    await root.vault.put(ACME, "a", Secret("x"), by="root")
    before = await root.audit(), (await root.load(["acme"])), await root.leases()

    reader = await world.store(ADMIN, read_only=True)
    assert (await reader.load(["acme"])) == before[1]
    assert (await reader.vault.get(ACME, "a")).reveal() == "x"
    assert reader.keyed_hash("a", "b") == root.keyed_hash("a", "b")
    attempts = [
        lambda: reader.register("bolt", BOLT, manager="zoe", by="x"),
        lambda: reader.take_lease(ACME, holder="test", operation="apply", ttl=60),
        lambda: reader.renew_lease(lease, 60),
        lambda: reader.release_lease(lease),
        lambda: reader.break_lease("acme", by="x", steal=True),
        lambda: reader.journal.write([done(lease.fence(), CREDENTIAL, remove=True)]),
        lambda: reader.vault.put(ACME, "a", Secret("y"), by="x"),
        lambda: reader.vault.remove(ACME, "a", by="x"),
        lambda: reader.forget(lease.fence(), CREDENTIAL, by="x"),
        lambda: reader.claim(ACME, "telegram.bot", "h1"),
        lambda: reader.pin("n8n", "i"),
        lambda: reader.assign("acme", "zoe", by="x"),
        lambda: reader.start_run(lease.fence(), "r", tenant="acme", mode="apply", plan="P", by="x"),
        lambda: reader.put_connections(lease.fence(), [Connection("acme", "t", "telegram", "connected")]),
        lambda: reader.put_manager("zoe", by="x"),
    ]
    for attempt in attempts:
        with pytest.raises(Refused, match="TEMO606"):
            await attempt()  # type: ignore[no-untyped-call]
    assert (await root.audit(), await root.load(["acme"]), await root.leases()) == before

    await reader.note_drift(ACME, by="x", changes=1, detail={})
    await reader.note_read(ACME, by="x", what="plan")
    assert await reader.take_tokens("telegram", 1, rate=1, burst=1) == 0
    assert len(await root.drift_history("acme")) == 1
