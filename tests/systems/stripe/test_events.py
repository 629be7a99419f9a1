"""Events of the stand-in: signed as Stripe signs, told to who asked, in whatever order and number."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
import stripe

from temoctl.engine.clock import VirtualClock
from temoctl.systems.stripe.fake import FakeStripe
from temoctl.systems.stripe.fake_events import signature
from tests.systems.stripe.rig import KEY

pytestmark = pytest.mark.anyio


class Receiver:
    """Keeps what arrives; `answers` are given in turn, then 200."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Mapping[str, str], bytes]] = []
        self.answers: list[int] = []

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        answer = self.answers.pop(0) if self.answers else 200
        if answer == 0:
            raise OSError("nobody answers")
        self.heard.append((url, headers, body))
        return answer

    @property
    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _, _, body in self.heard]


def world(*events: str) -> tuple[FakeStripe, Receiver, dict[str, Any]]:
    receiver = Receiver()
    fake = FakeStripe(VirtualClock(), key=KEY, deliver=receiver)
    endpoint = fake.events.create_endpoint({"url": "https://t.example/e", "enabled_events": list(events)})
    return fake, receiver, endpoint


async def test_the_secret_is_told_once() -> None:
    fake, _, endpoint = world("*")
    assert endpoint["secret"] == fake.events.secret(endpoint["id"])
    assert endpoint["secret"].startswith("whsec_")
    again = fake.events.update_endpoint({"description": "d"}, endpoint["id"])
    assert "secret" not in again


async def test_the_signature_is_one_that_stripes_own_code_accepts() -> None:
    fake, receiver, endpoint = world("customer.created")
    fake.people.create_customer({"name": "A"})
    assert await fake.events.deliver() == 1
    ((url, headers, body),) = receiver.heard
    assert url == "https://t.example/e"
    at = int(headers["stripe-signature"].split(",")[0].removeprefix("t="))
    assert at == int(fake.clock.now())
    signer: Any = stripe.WebhookSignature
    assert signer.verify_header(body.decode(), headers["stripe-signature"], endpoint["secret"], tolerance=None)
    with pytest.raises(stripe.SignatureVerificationError):
        signer.verify_header(body.decode() + " ", headers["stripe-signature"], endpoint["secret"], tolerance=None)
    assert signature(body, endpoint["secret"], at) == headers["stripe-signature"]


async def test_only_what_was_asked_for_is_told() -> None:
    fake, receiver, endpoint = world("customer.deleted")
    owner = fake.people.create_customer({"name": "A"})
    fake.people.delete_customer({}, owner["id"])
    await fake.events.deliver()
    assert receiver.types == ["customer.deleted"]
    fake.events.update_endpoint({"disabled": "true"}, endpoint["id"])
    fake.people.create_customer({"name": "B"})
    assert fake.events.waiting == []


async def test_events_say_what_was_so_when_they_happened() -> None:
    fake, receiver, _ = world("*")
    owner = fake.people.create_customer({"name": "A"})
    fake.people.update_customer({"name": "B"}, owner["id"])
    await fake.events.deliver()
    assert [json.loads(body)["data"]["object"]["name"] for _, _, body in receiver.heard] == ["A", "B"]
    assert all("_" not in key[:1] for _, _, body in receiver.heard for key in json.loads(body)["data"]["object"])


async def test_what_is_not_taken_comes_again_until_it_is() -> None:
    fake, receiver, _ = world("customer.created")
    receiver.answers = [0, 503]
    fake.people.create_customer({"name": "A"})
    assert await fake.events.deliver() == 0
    assert await fake.events.deliver() == 0
    assert len(receiver.heard) == 0, "its turn has not come"
    await fake.advance(6)
    assert receiver.types == ["customer.created"]
    await fake.advance(120)
    assert receiver.types == ["customer.created"] * 2
    assert fake.events.waiting == []
    (event,) = fake.ledger.table("events").values()
    assert event["pending_webhooks"] == 0


async def test_an_event_may_come_twice() -> None:
    fake, receiver, _ = world("customer.created")
    fake.events.twice = True
    fake.people.create_customer({"name": "A"})
    await fake.events.deliver()
    assert receiver.types == ["customer.created"] * 2
    assert len({json.loads(body)["id"] for _, _, body in receiver.heard}) == 1


async def test_an_account_has_sixteen_endpoints_at_most() -> None:
    fake, _, _ = world("*")
    for _ in range(15):
        fake.events.create_endpoint({"url": "https://t.example/e", "enabled_events": ["*"]})
    with pytest.raises(Exception, match="maximum of 16"):
        fake.events.create_endpoint({"url": "https://t.example/e", "enabled_events": ["*"]})
