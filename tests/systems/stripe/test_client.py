"""How calls travel and what refusals mean: limits, 429, stored failures, keys, and nothing that tells on us."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from temoctl.engine.clock import VirtualClock
from temoctl.engine.protocol import Context
from temoctl.engine.throttle import Throttle
from temoctl.model.errors import Conflict, Refused, Retryable, TemoError, Unavailable, UnknownOutcome
from temoctl.model.secret import Secret
from temoctl.systems.fake_http import FakeRequest, FakeResponse, Fault, InProcess
from temoctl.systems.stripe import plugin
from temoctl.systems.stripe.client import StripeApi, endpoint
from temoctl.systems.stripe.fake import FakeStripe
from temoctl.systems.stripe.settings import StripeSettings
from tests.conformance.bench import Freely
from tests.systems.stripe.rig import KEY, URL

pytestmark = pytest.mark.anyio

PERMIT = Freely()


class Listening(FakeStripe):
    """Keeps whole requests."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock, key=KEY)
        self.heard: list[FakeRequest] = []

    async def _dispatch(self, request: FakeRequest) -> FakeResponse:
        self.heard.append(request)
        return await super()._dispatch(request)


def world(**options: Any) -> tuple[StripeApi, Listening, VirtualClock]:
    clock = VirtualClock()
    fake = Listening(clock)
    slots = Throttle(plugin.limits, clock)
    api = StripeApi(URL, Secret(KEY), clock=clock, slots=slots, transport=InProcess({URL: fake}), **options)
    return api, fake, clock


async def made(api: StripeApi, key: str = "k1", **params: Any) -> Mapping[str, Any]:
    return await api.change(api.v1.customers.create_async, permit=PERMIT, key=key, params=params)


async def test_a_change_goes_under_our_key_as_a_form() -> None:
    api, fake, _ = world()
    await made(api, name="Acme", metadata={"temo": "x"})
    (request,) = fake.heard
    assert request.headers["idempotency-key"] == "k1"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.body == b"name=Acme&metadata[temo]=x"


async def test_stripe_learns_nothing_of_this_machine() -> None:
    api, fake, _ = world()
    await api.get(api.v1.accounts.retrieve_current_async)
    assert not any(name.startswith("x-stripe-client") for name in fake.heard[0].headers)


async def test_two_hundred_calls_never_run_into_the_limit() -> None:
    api, fake, clock = world()
    for number in range(100):
        await made(api, f"k{number}", name=str(number))
        await api.get(api.v1.customers.retrieve_async, "cus_none")
    assert len(fake.requests) == 200, "none was refused and sent again"
    assert clock.monotonic() > 100 / 25


async def test_a_429_is_waited_for_though_stripe_does_not_say_how_long() -> None:
    api, fake, clock = world()
    fake.faults.append(Fault("429", count=3, retry_after=False))
    assert (await made(api))["object"] == "customer"
    assert clock.monotonic() >= 1 + 2 + 4


async def test_patience_with_429_ends() -> None:
    api, fake, _ = world(patience=60.0)
    fake.faults.append(Fault("429", count=-1, seconds=25))
    with pytest.raises(Retryable) as caught:
        await made(api)
    assert (caught.value.code, caught.value.after) == ("TEMO732", 25.0)


async def test_reading_is_tried_again_and_changing_is_not() -> None:
    api, fake, _ = world()
    fake.faults.append(Fault("refuse", count=2))
    assert (await api.get(api.v1.accounts.retrieve_current_async) or {})["object"] == "account"
    fake.faults.append(Fault("lost", writes=True))
    before = len(fake.requests)
    with pytest.raises(UnknownOutcome):
        await made(api)
    assert len(fake.requests) == before + 1


async def test_a_lost_answer_is_given_again_under_the_same_key() -> None:
    api, fake, _ = world()
    fake.faults.append(Fault("lost", writes=True))
    with pytest.raises(UnknownOutcome):
        await made(api)
    await made(api)
    assert len(fake.customers()) == 1


async def test_a_stored_failure_is_unknown_first_and_a_no_when_it_is_repeated() -> None:
    api, fake, _ = world()
    fake.faults.append(Fault("500-before", writes=True))
    with pytest.raises(UnknownOutcome):
        await made(api)
    with pytest.raises(Refused, match="TEMO736") as caught:
        await made(api)
    assert "new key" in caught.value.fix
    assert (await made(api, "k2"))["object"] == "customer"


async def test_a_key_with_other_content_is_a_conflict() -> None:
    api, _, _ = world()
    await made(api, name="A")
    with pytest.raises(Conflict, match="TEMO736"):
        await made(api, name="B")


@pytest.mark.parametrize(
    ("status", "code", "error", "raised"),
    [
        (401, "TEMO733", Refused, "refuses the API key"),
        (402, "TEMO738", Refused, "could not charge"),
        (403, "TEMO734", Refused, "doesn't allow"),
        (409, "TEMO731", UnknownOutcome, "busy"),
        (400, "TEMO735", Refused, "says no (some_code)"),
    ],
)
async def test_what_refusals_mean(status: int, code: str, error: type[TemoError], raised: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        said = {"type": "invalid_request_error", "code": "some_code", "message": f"Bad key {KEY}"}
        return httpx.Response(status, json={"error": said})

    clock = VirtualClock()
    slots = Throttle(plugin.limits, clock)
    api = StripeApi(URL, Secret(KEY), clock=clock, slots=slots, transport=httpx.MockTransport(answer))
    with pytest.raises(error) as caught:
        await made(api)
    assert caught.value.code == code
    assert raised in caught.value.summary
    assert KEY not in repr(caught.value) + caught.value.detail + caught.value.fix


async def test_what_is_not_stripe_is_not_believed() -> None:
    clock = VirtualClock()
    slots = Throttle(plugin.limits, clock)
    page = httpx.MockTransport(lambda request: httpx.Response(200, text="<html>proxy</html>"))
    api = StripeApi(URL, Secret(KEY), clock=clock, slots=slots, transport=page)
    with pytest.raises(Unavailable, match="TEMO730"):
        await api.get(api.v1.accounts.retrieve_current_async)
    with pytest.raises(UnknownOutcome, match="TEMO731"):
        await made(api)
    lies = httpx.MockTransport(lambda request: httpx.Response(200, json=[1]))
    api = StripeApi(URL, Secret(KEY), clock=clock, slots=slots, transport=lies)
    with pytest.raises(Unavailable):
        await api.all(api.v1.customers.list_async)


async def test_a_page_on_the_way_is_no_absence() -> None:
    clock = VirtualClock()
    slots = Throttle(plugin.limits, clock)
    page = httpx.MockTransport(lambda request: httpx.Response(404, text="not here"))
    api = StripeApi(URL, Secret(KEY), clock=clock, slots=slots, transport=page)
    with pytest.raises(TemoError):
        await api.get(api.v1.customers.retrieve_async, "cus_1")


async def test_a_list_is_read_to_its_end() -> None:
    api, fake, _ = world(page=7)
    for number in range(20):
        fake.people.create_customer({"name": str(number)})
    assert len(await api.all(api.v1.customers.list_async)) == 20
    assert len(fake.requests) == 3


async def test_a_list_whose_place_was_deleted_is_read_anew() -> None:
    api, fake, _ = world(page=5)
    ids = [fake.people.create_customer({"name": str(number)})["id"] for number in range(12)]
    dispatch, last = fake._dispatch, ids[-5]

    async def deleting(request: FakeRequest) -> FakeResponse:
        if request.query.get("starting_after") == last and last in {one["id"] for one in fake.customers()}:
            fake.people.delete_customer({}, last)
        return await dispatch(request)

    fake._dispatch = deleting  # type: ignore[method-assign]
    found = {row["id"] for row in await api.all(api.v1.customers.list_async)}
    assert found == set(ids) - {last}


async def test_an_issued_secret_reaches_nobody_but_its_caller(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    api, fake, _ = world()
    row, secret = await api.change_and_hear(
        api.v1.webhook_endpoints.create_async,
        permit=PERMIT,
        key="k1",
        params={"url": "https://t.example/e", "enabled_events": ["*"]},
    )
    assert secret == Secret(fake.events.secret(row["id"]))
    assert "secret" not in row
    assert fake.events.secret(row["id"]) not in caplog.text
    assert KEY not in caplog.text
    assert "Request to Stripe api" in caplog.text, "the SDK does log, and has nothing to tell"


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/v1/customers?limit=3", "/v1/customers"),
        ("/v1/customers/cus_ABC", "/v1/customers/{id}"),
        ("/v1/products/temo_a_b_start/features/prodft_1", "/v1/products/{id}/features/{id}"),
        ("/v1/subscriptions/sub_1/resume", "/v1/subscriptions/{id}/resume"),
        ("/v1/billing_portal/configurations", "/v1/billing_portal/configurations"),
        ("/v1/invoices/create_preview", "/v1/invoices/create_preview"),
    ],
)
def test_calls_are_counted_by_endpoint(path: str, shape: str) -> None:
    assert endpoint("get", URL + path) == f"GET {shape}"


async def test_the_account_and_the_mode_are_the_instance() -> None:
    for key, mode in ((KEY, "test"), ("sk_live_canary0123456789", "live")):
        clock = VirtualClock()
        fake = FakeStripe(clock, key=key)
        context = Context(
            clock=clock,
            slots=Throttle(plugin.limits, clock),
            secrets={"api_key": Secret(key)},
            transport=InProcess({URL: fake}),
        )
        settings = StripeSettings.model_validate({"url": URL, "api_key": {"env": "STRIPE_KEY"}})
        system = await plugin.connect(settings, context)
        assert await system.instance() == f"{fake.account}:{mode}"
        await system.close()
