"""The service over HTTP: the right status for everything, little patience for the large and slow, no word too much."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest

from temoctl.app.billing_events import MAX_BODY, Heard, Hearing
from temoctl.model.errors import UserError
from temoctl.serve import Listener, application, routes, run
from tests.app.billing_world import ACME, Billing

pytestmark = pytest.mark.anyio

CANARY = "canary-of-a-customer@example.com"


@dataclass
class Served:
    billing: Billing
    heard: list[Hearing] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.process = self.billing.process()
        self.application = application(self.process, heard=self.heard.append, complain=self.complaints.append)
        transport = httpx.ASGITransport(self.application, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://serve.test")

    async def post(self, payload: bytes, header: str | None = None) -> httpx.Response:
        header = self.billing.signed(payload) if header is None else header
        return await self.http.post("/stripe/events", content=payload, headers={"Stripe-Signature": header})


@pytest.fixture
async def served(anyio_backend: str) -> AsyncIterator[Served]:
    made = Served(await Billing().furnish())
    yield made
    await made.http.aclose()


async def test_each_outcome_has_its_status(served: Served) -> None:
    billing = served.billing
    payload = billing.event()
    assert (await served.post(payload)).status_code == 200
    assert (await served.post(payload)).status_code == 200
    assert (await served.post(billing.event("evt_2", object="x", metadata={}))).status_code == 200
    assert (await served.post(payload, "t=1,v1=ab")).status_code == 400
    assert (await served.post(payload, billing.signed(payload, secret="whsec_x"))).status_code == 400
    assert (await served.post(payload, "")).status_code == 400
    assert (await served.post(b"[]")).status_code == 400
    assert (await served.post(billing.event(object="x", filler="x" * MAX_BODY))).status_code == 413
    billing.account.silent = True
    assert (await served.post(billing.event("evt_3"))).status_code == 503
    assert [one.heard for one in served.heard] == [
        Heard.HANDLED,
        Heard.REPEATED,
        Heard.IGNORED,
        Heard.OLD,
        Heard.UNSIGNED,
        Heard.UNSIGNED,
        Heard.UNREADABLE,
        Heard.TOO_LARGE,
        Heard.FAILED,
    ]


async def test_every_outcome_has_a_status() -> None:
    assert set(routes.STATUS) == set(Heard)


async def test_there_is_nothing_else_to_ask_for(served: Served) -> None:
    for path in ("/", "/docs", "/openapi.json", "/redoc", "/stripe", "/metrics"):
        assert (await served.http.get(path)).status_code == 404
    assert (await served.http.get("/stripe/events")).status_code == 405
    assert (await served.http.post("/health")).status_code == 405


async def test_health(served: Served) -> None:
    assert (await served.http.get("/health")).json() == {"outcome": "ready"}
    await served.billing.store.vault.remove("p1atf0rm" + "0" * 8, "stripe/webhook-secret", by="root")
    served.billing.clock.advance(2)
    answer = await served.http.get("/health")
    assert (answer.status_code, answer.json()) == (503, {"outcome": "not ready"})


async def test_no_word_of_the_message_comes_back_or_is_told(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    billing = served.billing
    billing.account.subscriptions[ACME] = {"status": "unpaid"}
    about = {"object": "customer", "email": CANARY, "metadata": billing.metadata()}
    payloads = [billing.event("evt_1", **about), billing.event("evt_2", f"x {CANARY}", **about), CANARY.encode()]
    said = [(await served.post(payload)).text for payload in payloads]
    said += [(await served.post(payload, f"t={CANARY}")).text for payload in payloads]
    kept = [str(await billing.audited()), str(billing.state.inbox), caplog.text, str(served.heard), *served.complaints]
    for text in (*said, *kept):
        assert CANARY not in text and "whsec" not in text


async def test_a_fault_of_our_own_is_told_by_its_place_alone(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(payload: bytes, signature: str) -> Hearing:
        raise RuntimeError(f"went wrong with {payload!r} {signature}")

    monkeypatch.setattr(served.process, "hear", broken)
    answer = await served.post(CANARY.encode(), "t=1,v1=ab")
    assert (answer.status_code, answer.json()) == (500, {"outcome": "a fault of our own"})
    (complaint,) = served.complaints
    assert complaint.startswith("RuntimeError at ") and "test_routes.py" in complaint
    assert CANARY not in complaint + caplog.text + answer.text


async def test_who_is_slow_is_not_waited_for(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temoctl.serve.routes.READING", 0.05)

    async def trickle() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    answer = await served.http.post("/stripe/events", content=trickle())
    assert answer.status_code == 408
    assert not served.heard


async def test_ends_calmly_at_ctrl_c(served: Served, capfd: pytest.CaptureFixture[str]) -> None:
    """On a real port: what runs is finished, nothing is printed, and signals are as before."""
    listener = Listener.at("127.0.0.1", 0)
    before = signal.getsignal(signal.SIGINT)
    going_on, let_on = asyncio.Event(), asyncio.Event()
    read = served.billing.account.read

    async def slowly(target: object) -> object:
        going_on.set()
        await let_on.wait()
        return await read(target)  # type: ignore[arg-type]

    served.billing.account.read = slowly  # type: ignore[assignment]
    running = asyncio.create_task(run(served.application, listener))
    payload = served.billing.event()
    async with httpx.AsyncClient(base_url=listener.url, trust_env=False) as client:
        header = {"Stripe-Signature": served.billing.signed(payload)}
        answer = asyncio.create_task(client.post("/stripe/events?secret=canary", content=payload, headers=header))
        await asyncio.wait_for(going_on.wait(), 10)
        os.kill(os.getpid(), signal.SIGINT)
        let_on.set()
        assert (await asyncio.wait_for(answer, 10)).status_code == 200
    await asyncio.wait_for(running, 10)
    assert signal.getsignal(signal.SIGINT) is before
    assert capfd.readouterr() == ("", "")


async def test_a_taken_port_is_told(anyio_backend: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UserError) as caught:
        Listener.at("127.0.0.1", taken.getsockname()[1])
    assert caught.value.code == "TEMO138" and "--port" in caught.value.fix
    with pytest.raises(UserError, match="TEMO138"):
        Listener.at("no-such-host.invalid", 0)
