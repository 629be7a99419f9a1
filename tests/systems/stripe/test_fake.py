"""The stand-in does as Stripe: forms, pages, keys, limits, refusals. Asked over HTTP, as anybody would."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from temoctl.engine.clock import VirtualClock
from temoctl.systems.fake_http import Fault, InProcess
from temoctl.systems.stripe.fake import FakeStripe
from temoctl.systems.stripe.fake_store import CLOCKS
from tests.systems.stripe.rig import KEY, URL

pytestmark = pytest.mark.anyio

MONTHLY = {"currency": "eur", "unit_amount": "2900", "recurring[interval]": "month"}


class World:
    def __init__(self, **options: Any) -> None:
        self.clock = VirtualClock()
        self.fake = FakeStripe(self.clock, key=KEY, **options)
        self.http = httpx.AsyncClient(
            base_url=URL, transport=InProcess({URL: self.fake}), headers={"authorization": f"Bearer {KEY}"}
        )

    async def get(self, path: str, **query: str) -> Any:
        return (await self.http.get(f"/v1{path}", params=query)).json()

    async def post(self, path: str, form: Mapping[str, str], key: str = "") -> httpx.Response:
        return await self.http.post(f"/v1{path}", data=dict(form), headers={"idempotency-key": key} if key else {})

    async def made(self, path: str, **form: str) -> dict[str, Any]:
        answer = await self.post(path, form)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def refused(self, path: str, **form: str) -> str:
        answer = await self.post(path, form)
        assert 400 <= answer.status_code < 500
        error = answer.json()["error"]
        return f"{answer.status_code} {error.get('code', '')} {error.get('param', '')}".rstrip()

    async def subscribed(self, **customer: str) -> tuple[str, dict[str, Any]]:
        await self.made("/products", id="p", name="P")
        price = await self.made("/prices", product="p", **MONTHLY)
        owner = await self.made("/customers", email="a@b.example", **customer)
        form = {"customer": owner["id"], "items[0][price]": price["id"], "trial_period_days": "14"}
        return owner["id"], await self.made("/subscriptions", **form)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.http.aclose()


async def test_only_the_key_opens_it(world: World) -> None:
    answer = await world.http.get("/v1/account", headers={"authorization": "Bearer sk_test_other"})
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_ids_look_like_stripes(world: World) -> None:
    owner, subscription = await world.subscribed()
    assert owner.startswith("cus_")
    assert len(owner) == 18
    assert subscription["id"].startswith("sub_")
    assert subscription["items"]["data"][0]["id"].startswith("si_")
    feature = await world.made("/entitlements/features", name="F", lookup_key="f")
    assert feature["id"].startswith("feat_test_")


async def test_lists_come_in_pages_the_newest_first(world: World) -> None:
    for number in range(12):
        await world.made("/customers", name=f"c{number}")
        world.clock.advance(1)
    first = await world.get("/customers", limit="5")
    second = await world.get("/customers", limit="5", starting_after=first["data"][-1]["id"])
    rest = await world.get("/customers", limit="5", starting_after=second["data"][-1]["id"])
    names = [row["name"] for page in (first, second, rest) for row in page["data"]]
    assert names == [f"c{number}" for number in range(11, -1, -1)]
    assert [page["has_more"] for page in (first, second, rest)] == [True, True, False]
    assert len((await world.get("/customers"))["data"]) == 10
    back = await world.get("/customers", limit="5", ending_before=second["data"][0]["id"])
    assert back["data"] == first["data"]
    assert (await world.http.get("/v1/customers", params={"limit": "101"})).status_code == 400
    assert (await world.http.get("/v1/customers", params={"starting_after": "cus_x"})).status_code == 400


async def test_what_is_asked_for_is_expanded_and_nothing_else(world: World) -> None:
    owner, subscription = await world.subscribed()
    path = f"/subscriptions/{subscription['id']}"
    assert isinstance((await world.get(path))["customer"], str)
    shown = await world.get(path, **{"expand[0]": "customer", "expand[1]": "latest_invoice"})
    assert shown["customer"]["id"] == owner
    assert shown["latest_invoice"]["object"] == "invoice"
    listed = await world.get("/subscriptions", **{"expand[0]": "data.latest_invoice"})
    assert listed["data"][0]["latest_invoice"]["amount_due"] == 0
    assert (await world.http.get(f"/v1{path}", params={"expand[0]": "nothing"})).status_code == 400


async def test_metadata_is_merged_key_by_key(world: World) -> None:
    owner = await world.made("/customers", **{"metadata[a]": "1", "metadata[b]": "2"})
    path = f"/customers/{owner['id']}"
    assert (await world.made(path, **{"metadata[b]": "", "metadata[c]": "3"}))["metadata"] == {"a": "1", "c": "3"}
    assert (await world.made(path, metadata=""))["metadata"] == {}
    assert await world.refused(path, **{f"metadata[{'k' * 41}]": "1"}) == "400  metadata"
    assert await world.refused(path, **{"metadata[k]": "v" * 501}) == "400  metadata[k]"
    assert await world.refused(path, **{f"metadata[k{n}]": "v" for n in range(51)}) == "400  metadata"


async def test_a_key_gives_the_first_answer_again_for_a_day(world: World) -> None:
    first = await world.post("/customers", {"name": "A"}, key="k1")
    again = await world.post("/customers", {"name": "A"}, key="k1")
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    other = await world.post("/customers", {"name": "B"}, key="k1")
    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    world.clock.advance(86400)
    late = await world.post("/customers", {"name": "A"}, key="k1")
    assert late.json()["id"] != first.json()["id"], "after a day the key is forgotten, and another one is made"


async def test_a_refusal_before_any_work_is_not_kept(world: World) -> None:
    assert (await world.post("/prices", {"product": "p", **MONTHLY}, key="k1")).status_code == 400
    await world.made("/products", id="p", name="P")
    assert (await world.post("/prices", {"product": "p", **MONTHLY}, key="k1")).status_code == 200


@pytest.mark.parametrize(("fault", "made"), [("500-before", 0), ("500-after", 1)])
async def test_a_failure_is_kept_whatever_it_did(world: World, fault: str, made: int) -> None:
    world.fake.faults.append(Fault(fault, writes=True))
    assert (await world.post("/customers", {"name": "A"}, key="k1")).status_code == 500
    again = await world.post("/customers", {"name": "A"}, key="k1")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (500, "true")
    assert len(world.fake.customers()) == made


async def test_each_endpoint_takes_25_calls_a_second() -> None:
    world = World()
    codes = [(await world.http.get("/v1/customers")).status_code for _ in range(26)]
    assert codes == [200] * 25 + [429]
    answer = await world.http.get("/v1/customers")
    assert answer.json()["error"]["code"] == "rate_limit"
    assert "retry-after" not in answer.headers, "Stripe doesn't say how long"
    assert (await world.http.get("/v1/products")).status_code == 200
    world.clock.advance(1)
    assert (await world.http.get("/v1/customers")).status_code == 200
    await world.http.aclose()


async def test_ids_of_one_kind_share_an_endpoint() -> None:
    world = World()
    codes = {(await world.http.get(f"/v1/customers/cus_{number:014d}")).status_code for number in range(26)}
    assert codes == {404, 429}
    await world.http.aclose()


async def test_what_can_not_be_changed_is_an_unknown_parameter(world: World) -> None:
    await world.made("/products", id="p", name="P")
    price = await world.made("/prices", product="p", **MONTHLY)
    for name, value in (("unit_amount", "1"), ("currency", "usd"), ("product", "p")):
        assert await world.refused(f"/prices/{price['id']}", **{name: value}) == f"400 parameter_unknown {name}"
    owner = await world.made("/customers")
    assert await world.refused(f"/customers/{owner['id']}", test_clock="clock_1") == "400 parameter_unknown test_clock"
    feature = await world.made("/entitlements/features", name="F", lookup_key="f")
    path = f"/entitlements/features/{feature['id']}"
    assert await world.refused(path, lookup_key="g") == "400 parameter_unknown lookup_key"
    await world.made(path, active="false")
    assert await world.refused(path, active="true") == "400  active"


async def test_lists_hide_what_is_out_of_use(world: World) -> None:
    await world.made("/products", id="p", name="P")
    price = await world.made("/prices", product="p", **MONTHLY)
    await world.made(f"/prices/{price['id']}", active="false")
    assert (await world.get("/prices"))["data"] == []
    assert [row["id"] for row in (await world.get("/prices", active="false"))["data"]] == [price["id"]]
    feature = await world.made("/entitlements/features", name="F", lookup_key="f")
    await world.made(f"/entitlements/features/{feature['id']}", active="false")
    assert (await world.get("/entitlements/features"))["data"] == []
    assert len((await world.get("/entitlements/features", archived="true"))["data"]) == 1


async def test_a_lookup_key_is_one_prices_own(world: World) -> None:
    await world.made("/products", id="p", name="P")
    first = await world.made("/prices", product="p", lookup_key="k", **MONTHLY)
    taken = await world.refused("/prices", product="p", lookup_key="k", **MONTHLY)
    assert taken == "400 resource_already_exists lookup_key"
    second = await world.made("/prices", product="p", lookup_key="k", transfer_lookup_key="true", **MONTHLY)
    found = await world.get("/prices", **{"lookup_keys[0]": "k"})
    assert [row["id"] for row in found["data"]] == [second["id"]]
    assert (await world.get(f"/prices/{first['id']}"))["lookup_key"] is None


async def test_ids_of_products_are_ours_to_choose_once(world: World) -> None:
    await world.made("/products", id="temo_1", name="P")
    assert await world.refused("/products", id="temo_1", name="Q") == "400 resource_already_exists id"
    await world.made("/prices", product="temo_1", **MONTHLY)
    assert (await world.http.delete("/v1/products/temo_1")).status_code == 400, "it has a price"


async def test_a_deleted_customer_is_still_answered_for(world: World) -> None:
    owner, subscription = await world.subscribed()
    assert (await world.http.delete(f"/v1/customers/{owner}")).json()["deleted"] is True
    assert await world.get(f"/customers/{owner}") == {"id": owner, "object": "customer", "deleted": True}
    assert (await world.get("/customers"))["data"] == []
    ended = await world.get(f"/subscriptions/{subscription['id']}")
    assert ended["status"] == "canceled"
    assert (await world.get("/subscriptions"))["data"] == []
    assert len((await world.get("/subscriptions", status="canceled"))["data"]) == 1
    assert len((await world.get("/subscriptions", status="all"))["data"]) == 1


async def test_whoever_is_on_a_test_clock_is_hidden_unless_it_is_named(world: World) -> None:
    clock = await world.made("/test_helpers/test_clocks", frozen_time=str(int(world.clock.now())))
    owner, subscription = await world.subscribed(test_clock=clock["id"])
    assert (await world.get("/customers"))["data"] == []
    assert (await world.get("/subscriptions"))["data"] == []
    assert len((await world.get("/customers", test_clock=clock["id"]))["data"]) == 1
    assert len((await world.get("/subscriptions", test_clock=clock["id"]))["data"]) == 1
    assert len((await world.get("/subscriptions", customer=owner))["data"]) == 1
    path = f"/test_helpers/test_clocks/{clock['id']}/advance"
    assert await world.refused(path, frozen_time=str(int(world.clock.now()) + 70 * 86400)) == "400  frozen_time"
    later = str(int(world.clock.now()) + 15 * 86400)
    advanced = await world.made(f"/test_helpers/test_clocks/{clock['id']}/advance", frozen_time=later)
    assert advanced["status"] == "advancing"
    assert (await world.get(f"/test_helpers/test_clocks/{clock['id']}"))["status"] == "ready"
    assert (await world.get(f"/subscriptions/{subscription['id']}"))["status"] == "past_due"
    await world.http.delete(f"/v1/test_helpers/test_clocks/{clock['id']}")
    assert world.fake.customers() == []
    assert world.fake.ledger.table(CLOCKS) == {}


async def test_an_item_without_its_id_is_a_second_item(world: World) -> None:
    _, subscription = await world.subscribed()
    other = await world.made("/prices", product="p", **MONTHLY)
    changed = await world.made(f"/subscriptions/{subscription['id']}", **{"items[0][price]": other["id"]})
    assert len(changed["items"]["data"]) == 2


async def test_periods_stand_on_the_item(world: World) -> None:
    _, subscription = await world.subscribed()
    assert "current_period_end" not in subscription
    assert subscription["items"]["data"][0]["current_period_end"] == subscription["trial_end"]
    assert subscription["billing_mode"]["type"] == "flexible"


async def test_an_ended_subscription_takes_only_notes(world: World) -> None:
    _, subscription = await world.subscribed()
    path = f"/subscriptions/{subscription['id']}"
    await world.http.delete(f"/v1{path}")
    assert (await world.made(path, **{"metadata[why]": "moved"}))["metadata"] == {"why": "moved"}
    assert (await world.refused(path, cancel_at_period_end="false")).startswith("400 subscription_canceled")
    assert (await world.http.delete(f"/v1{path}")).status_code == 404


async def test_one_without_trial_and_card_is_refused_or_given_up(world: World) -> None:
    await world.made("/products", id="p", name="P")
    price = await world.made("/prices", product="p", **MONTHLY)
    owner = await world.made("/customers")
    form = {"customer": owner["id"], "items[0][price]": price["id"]}
    assert (await world.refused("/subscriptions", **form)).startswith("400 resource_missing")
    waiting = await world.made("/subscriptions", **form, payment_behavior="default_incomplete")
    assert waiting["status"] == "incomplete"
    world.clock.advance(24 * 3600)
    assert (await world.get(f"/subscriptions/{waiting['id']}"))["status"] == "incomplete_expired"


async def test_a_checkout_page_lasts_a_day(world: World) -> None:
    owner = await world.made("/customers")
    form = {"mode": "setup", "currency": "eur", "customer": owner["id"], "success_url": "https://x.example"}
    page = await world.made("/checkout/sessions", **form)
    assert page["expires_at"] == int(world.clock.now()) + 86400
    assert page["url"].endswith(page["id"])
    world.clock.advance(86401)
    assert (await world.get(f"/checkout/sessions/{page['id']}"))["status"] == "expired"
    too_long = str(int(world.clock.now()) + 90000)
    assert await world.refused("/checkout/sessions", **form, expires_at=too_long) == "400  expires_at"


async def test_entitlements_follow_the_subscription(world: World) -> None:
    owner, subscription = await world.subscribed()
    feature = await world.made("/entitlements/features", name="F", lookup_key="f")
    await world.made("/products/p/features", entitlement_feature=feature["id"])
    path = "/entitlements/active_entitlements"
    assert [row["lookup_key"] for row in (await world.get(path, customer=owner))["data"]] == ["f"]
    await world.http.delete(f"/v1/subscriptions/{subscription['id']}")
    assert (await world.get(path, customer=owner))["data"] == []


async def test_what_it_does_not_know_it_does_not_do(world: World) -> None:
    assert (await world.http.get("/v1/charges")).status_code == 404
    assert (await world.refused("/customers", coupon="x")) == "400 parameter_unknown coupon"
