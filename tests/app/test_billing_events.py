"""Stripe's events: each has its effect once, in any order, and nobody else's has one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from temoctl.app import billing_events
from temoctl.app.billing_events import MAX_BODY, Heard, Hearing
from temoctl.engine.protocol import Target
from temoctl.model.errors import Unavailable
from temoctl.model.identity import Marker, Owner
from temoctl.model.resource import Observed
from temoctl.model.secret import Secret
from tests.app.billing_world import ACME, BOLT, PLATFORM_UID, Billing, texts

pytestmark = pytest.mark.anyio

DAY = 86400.0


@pytest.fixture
async def billing(anyio_backend: str) -> Billing:
    return await Billing().furnish()


async def deliver(billing: Billing, name: str = "evt_1", **about: Any) -> Hearing:
    payload = billing.event(name, **about)
    return await billing.process().hear(payload, billing.signed(payload))


async def test_an_event_writes_what_the_subscription_says_now(billing: Billing) -> None:
    billing.account.subscriptions[ACME] = {"status": "unpaid"}
    heard = await deliver(billing)
    assert (heard.heard, heard.tenant, heard.why) == (Heard.HANDLED, "acme", "active -> suspended")
    row = billing.standings[ACME]
    assert (row.state, row.source) == ("suspended", "stripe")
    assert row.why
    assert billing.standings[BOLT].state == "active"
    (audit,) = await billing.audited()
    assert (audit.tenant, audit.subject, audit.by) == ("acme", "invoice.paid", "stripe")
    assert audit.detail["event"] == "evt_1" and audit.detail["standing"] == "suspended"


async def test_twice_has_one_effect(billing: Billing) -> None:
    billing.account.subscriptions[ACME] = {"status": "unpaid"}
    assert (await deliver(billing)).heard is Heard.HANDLED
    billing.account.subscriptions[ACME] = {"status": "active"}
    assert (await deliver(billing)).heard is Heard.REPEATED
    assert billing.standings[ACME].state == "suspended"
    assert len(await billing.audited()) == 1


async def test_twice_at_once_in_two_processes_has_one_effect(billing: Billing) -> None:
    payload = billing.event()
    header = billing.signed(payload)
    heard = await asyncio.gather(*(billing.process().hear(payload, header) for _ in range(6)))
    assert sorted(one.heard for one in heard) == [Heard.HANDLED, *[Heard.REPEATED] * 5]
    assert len(await billing.audited()) == len(billing.account.asked) == 1


async def test_order_of_arrival_means_nothing(billing: Billing) -> None:
    """The event of the failed payment comes after that of the payment that mended it."""
    billing.account.subscriptions[ACME] = {"status": "active"}
    await deliver(billing, "evt_2")
    await deliver(billing, "evt_1", id="in_1", object="invoice", status="open", metadata=billing.metadata())
    assert billing.standings[ACME].state == "active"


async def test_what_was_read_first_is_never_written_last(billing: Billing) -> None:
    """One process reads the old state and is slow; the other reads the new one meanwhile."""
    slow, quick = billing.process(), billing.process()
    account, going_on = billing.account, asyncio.Event()
    read = account.read

    async def slowly(target: Target) -> Observed:
        seen = await read(target)
        if len(account.asked) == 1:
            account.subscriptions[ACME] = {"status": "active"}
            going_on.set()
            await billing.clock.sleep(3)
        return seen

    account.read = slowly  # type: ignore[method-assign]
    account.subscriptions[ACME] = {"status": "unpaid"}
    first, second = billing.event("evt_1"), billing.event("evt_2")

    async def after() -> Hearing:
        await going_on.wait()
        return await quick.hear(second, billing.signed(second))

    heard = await asyncio.gather(slow.hear(first, billing.signed(first)), after())
    assert [one.heard for one in heard] == [Heard.HANDLED, Heard.HANDLED]
    assert billing.standings[ACME].state == "active"


async def test_who_takes_too_long_writes_nothing(billing: Billing) -> None:
    account = billing.account
    read = account.read

    async def asleep(target: Target) -> Observed:
        seen = await read(target)
        if len(account.asked) == 1:
            billing.clock.advance(billing_events.HANDLING + 1)
        return seen

    account.read = asleep  # type: ignore[method-assign]
    account.subscriptions[ACME] = {"status": "unpaid"}
    heard = await deliver(billing)
    assert heard.heard is Heard.FAILED and "TEMO137" in heard.why
    assert billing.standings[ACME].state == "active"
    assert (await deliver(billing)).heard is Heard.HANDLED
    assert billing.standings[ACME].state == "suspended"


async def test_it_works_before_anything_of_billing_is_on_record(billing: Billing) -> None:
    """The response to the creation is still on its way: nothing is recorded, the object's marker is all there is."""
    assert not (await billing.store.load(["acme"]))["acme"].resources
    billing.account.subscriptions[ACME] = {"status": "paused"}
    assert (await deliver(billing)).heard is Heard.HANDLED
    assert billing.standings[ACME].state == "suspended"
    (asked,) = billing.account.asked
    assert asked.ref is None and asked.marker.same_object(Marker(billing.owner(), "subscription", "plan"))


@pytest.mark.parametrize("holder", ["metadata", "parent", "subscription_details"])
async def test_the_tenant_is_found_by_the_objects_marker(billing: Billing, holder: str) -> None:
    found = billing.metadata()
    about = {
        "metadata": {"object": "subscription", "metadata": found},
        "parent": {"object": "invoice", "metadata": {}, "parent": {"subscription_details": {"metadata": found}}},
        "subscription_details": {"object": "invoice", "subscription_details": {"metadata": found}},
    }[holder]
    assert (await deliver(billing, **about)).tenant == "acme"


async def test_a_late_payment_warns_first_and_keeps_its_day(billing: Billing) -> None:
    due = billing.clock.now() - DAY
    billing.account.subscriptions[ACME] = {"status": "past_due", "due_since": due}
    await deliver(billing, "evt_1")
    first = billing.standings[ACME]
    assert first.state == "warned" and first.until
    billing.clock.advance(2 * DAY)
    billing.account.subscriptions[ACME] = {"status": "past_due", "due_since": due + DAY}
    await deliver(billing, "evt_2")
    assert billing.standings[ACME].until == first.until, "a later invoice gives no new days"
    billing.clock.advance(30 * DAY)
    await deliver(billing, "evt_3")
    assert billing.standings[ACME].state == "suspended"
    billing.account.subscriptions[ACME] = {"status": "active"}
    await deliver(billing, "evt_4")
    assert billing.standings[ACME].state == "active" and not billing.standings[ACME].since


async def test_an_event_on_its_way_makes_no_row_for_who_has_none(billing: Billing) -> None:
    del billing.standings[ACME]
    assert (await deliver(billing)).heard is Heard.HANDLED
    assert ACME not in billing.standings


def others(billing: Billing) -> Iterator[dict[str, Any]]:
    """Objects that are no tenant's of this installation."""
    installation = billing.state.installation
    yield {"object": "subscription", "metadata": {}}
    yield {"object": "subscription"}
    yield {"object": "customer", "metadata": {"note": "temo: hello"}}
    yield {"object": "subscription", "metadata": {"temo": Marker(Owner("z" * 10, ACME), "subscription", "plan").text}}
    yield {"object": "x", "metadata": {"temo": Marker(Owner(installation, "z" * 16), "subscription", "plan").text}}
    yield {"object": "product", "metadata": billing.metadata(PLATFORM_UID, "product", "start")}
    yield {"object": "x", "metadata": {"a": billing.metadata(ACME)["temo"], "b": billing.metadata(BOLT)["temo"]}}
    yield {"object": "x", "metadata": ["temo"], "parent": "sub_1", "subscription_details": 4}


async def test_what_is_not_about_our_tenants_is_let_pass(billing: Billing) -> None:
    for number, about in enumerate(others(billing)):
        heard = await deliver(billing, f"evt_{number}", **about)
        assert (heard.heard, heard.tenant) == (Heard.IGNORED, ""), about
    assert not billing.account.asked and not await billing.audited() and not billing.state.inbox


async def test_a_connected_accounts_event_is_let_pass(billing: Billing) -> None:
    tree = json.loads(billing.event())
    payload = json.dumps({**tree, "account": "acct_2"}).encode()
    assert (await billing.process().hear(payload, billing.signed(payload))).heard is Heard.IGNORED


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"object": "event"}',
        b'{"object": "event", "id": "evt_1"}',
        b'{"object": "event", "id": "evt_1\\n", "type": "x"}',
        b'{"object": "event", "id": "evt_1", "type": "x y"}',
        b'{"object": "event", "id": 1, "type": "x"}',
        b'{"object": "v2.core.event", "id": "evt_1", "type": "x"}',
    ],
)
async def test_what_is_no_event(billing: Billing, payload: bytes) -> None:
    header = billing.signed(payload) if payload != b"\xff\xfe" else "t=1,v1=ab"
    heard = await billing.process().hear(payload, header)
    assert heard.heard in (Heard.UNREADABLE, Heard.OLD)


async def test_strangers_are_refused_before_anything_is_looked_up(billing: Billing) -> None:
    payload = billing.event()
    process = billing.process()
    assert (await process.hear(payload, "")).heard is Heard.UNSIGNED
    assert (await process.hear(payload, billing.signed(payload, age=301))).heard is Heard.OLD
    large = billing.event(object="x", filler="x" * MAX_BODY)
    assert (await process.hear(large, billing.signed(large))).heard is Heard.TOO_LARGE
    assert (await process.hear(payload, billing.signed(payload, secret="whsec_other"))).heard is Heard.UNSIGNED
    assert (await process.hear(payload + b" ", billing.signed(payload))).heard is Heard.UNSIGNED
    assert not billing.state.inbox and not billing.account.asked


async def test_a_new_endpoints_secret_counts_at_once(billing: Billing) -> None:
    process, payload = billing.process(), billing.event()
    new = "whsec_new0123456789"
    await process.hear(payload, billing.signed(payload))
    await billing.store.vault.put(PLATFORM_UID, billing_events.SECRET_PATH, Secret(new), by="root")
    billing.clock.advance(2)
    assert (await process.hear(payload, billing.signed(payload, secret=new))).heard is Heard.REPEATED
    assert (await process.hear(payload, billing.signed(payload))).heard is Heard.UNSIGNED


async def test_without_an_endpoint_the_sender_is_asked_to_come_back(billing: Billing) -> None:
    await billing.store.vault.remove(PLATFORM_UID, billing_events.SECRET_PATH, by="root")
    process = billing.process()
    payload = billing.event()
    assert (await process.hear(payload, billing.signed(payload))).heard is Heard.NOT_READY
    assert not await process.well()


async def test_an_outage_leaves_everything_as_it_was_and_the_event_for_later(billing: Billing) -> None:
    billing.account.silent = True
    assert (await deliver(billing)).heard is Heard.FAILED
    assert texts(billing.standings) == {ACME: "active", BOLT: "active"}
    billing.account.silent = False
    billing.account.subscriptions[ACME] = {"status": "unpaid"}
    assert (await deliver(billing)).heard is Heard.HANDLED
    assert billing.standings[ACME].state == "suspended"


async def test_a_process_that_dies_after_writing_is_followed_by_another(billing: Billing) -> None:
    """The row is written, its end isn't: whoever gets the event next finds everything as it should be."""
    billing.account.subscriptions[ACME] = {"status": "unpaid"}
    dying = billing.process()

    async def never(*given: Any, **more: Any) -> Any:
        raise SystemExit

    inbox = dying._world.store.inbox
    inbox.finish, inbox.let_go = never, never  # type: ignore[method-assign]
    payload = billing.event()
    with pytest.raises(SystemExit):
        await dying.hear(payload, billing.signed(payload))
    assert billing.standings[ACME].state == "suspended" and not await billing.audited()
    assert (await deliver(billing)).heard is Heard.BUSY, "it might still be at it"
    billing.clock.advance(billing_events.HANDLING)
    assert (await deliver(billing)).heard is Heard.HANDLED
    assert (await deliver(billing)).heard is Heard.REPEATED
    assert len(await billing.audited()) == 1


async def test_an_account_that_did_not_answer_at_first_is_asked_again(billing: Billing) -> None:
    process, answers = billing.process(), iter([Unavailable("TEMO730", "Stripe does not answer")])
    instance = billing.account.instance

    async def first_silent() -> str:
        for error in answers:
            raise error
        return await instance()

    billing.account.instance = first_silent  # type: ignore[method-assign]
    payload = billing.event()
    assert (await process.hear(payload, billing.signed(payload))).heard is Heard.FAILED
    assert (await process.hear(payload, billing.signed(payload))).heard is Heard.HANDLED


async def test_another_account_is_never_read_for_our_tenants(billing: Billing) -> None:
    await billing.store.pin("stripe", "acct_of_somebody_else")
    heard = await deliver(billing)
    assert heard.heard is Heard.FAILED and "TEMO610" in heard.why
    assert not billing.account.asked
