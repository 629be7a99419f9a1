"""A stateful stand-in for Stripe: its API as far as temoctl and its tests use it, billing on injected time, events.

What it imitates is in README.md. It makes no connections by itself: events go through the poster it is given. People
(who pay at Checkout, whose cards fail) are methods here.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from temoctl.engine.ports import Clock
from temoctl.systems.fake_http import FakeHttp, FakeRequest, FakeResponse, Fault
from temoctl.systems.stripe.fake_api import ALLOWED, DELETES, FINDS, LISTS, POSTS, Parts
from temoctl.systems.stripe.fake_billing import Billing, Dunning
from temoctl.systems.stripe.fake_catalogue import Catalogue
from temoctl.systems.stripe.fake_checkout import Checkout
from temoctl.systems.stripe.fake_events import Events, Poster
from temoctl.systems.stripe.fake_invoices import Invoices
from temoctl.systems.stripe.fake_people import People
from temoctl.systems.stripe.fake_store import (
    BY_PREFIX,
    CUSTOMERS,
    HABITS,
    INVOICES,
    SUBSCRIPTIONS,
    TIME,
    Ledger,
    Params,
    Refusal,
    Row,
    bare,
    created_filter,
    parse_body,
    parsed,
    windows,
)
from temoctl.systems.stripe.fake_subscriptions import ENDED, Subscriptions

API_VERSION = "2026-10-28.endive"
KEPT = 86400.0
"""Seconds for which Stripe remembers what it answered to an idempotency key."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered to a request with an idempotency key, and when."""

    asked: str
    status: int
    body: Any
    at: float


class FakeStripe(FakeHttp):
    """One account. `deliver` is how its events leave; `rate` is the calls a second each endpoint allows (0: any).

    `seed` makes the ids others than those of another start; `advance` moves the account's time. With `early` events
    arrive before the answer to the call that caused them, with `twice` each arrives two times. `ready` clients give a
    card without being asked.
    """

    name = "stripe"

    def __init__(
        self,
        clock: Clock,
        *,
        key: str,
        account: str = "acct_1StandInTemoctl0",
        deliver: Poster | None = None,
        dunning: Dunning | None = None,
        rate: float = 25.0,
        ready: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(clock)
        self._key, self.account, self.rate = key, account, rate
        self.early, self._ready = False, ready
        self.ledger = Ledger(lambda: clock.now() + self.shift, livemode="_live_" in key, seed=seed)
        self.people, self.catalogue = People(self.ledger, lambda: self.ready), Catalogue(self.ledger)
        self.invoices = Invoices(self.ledger, self.people)
        self.subscriptions = Subscriptions(self.ledger, self.people, self.invoices)
        self.billing = Billing(self.ledger, self.people, self.invoices, self.subscriptions, dunning or Dunning())
        self.checkout = Checkout(self.ledger, self.people, self.subscriptions)
        self.events = Events(self.ledger, API_VERSION, clock.now)
        self.events.poster = deliver
        self._parts = Parts(
            account, self.ledger, self.catalogue, self.people, self.subscriptions, self.invoices, self.billing,
            self.checkout, self.events,
        )  # fmt: skip
        self._replies: dict[str, Reply] = {}
        self._calls: dict[str, deque[float]] = {}
        self._requests_made = 0
        for pattern, read in FINDS.items():
            self.route("GET", pattern, self._answering(read))
        for pattern, (table, read_all) in LISTS.items():
            self.route("GET", pattern, self._listing(table, read_all))
        for pattern, act in POSTS.items():
            self.route("POST", pattern, self._answering(act, ALLOWED[pattern]))
        for pattern, act in DELETES.items():
            self.route("DELETE", pattern, self._answering(act))

    # -- time

    @property
    def shift(self) -> float:
        """How far the account's time is ahead of the clock. Kept among the objects, so that it lasts as they do."""
        return float(self.ledger.table(TIME).get(TIME, {}).get("shift", 0.0))

    async def advance(self, seconds: float) -> None:
        """Let time pass for the account (not for test clocks), with all that happens in it."""
        self.ledger.table(TIME)[TIME] = {"shift": self.shift + seconds}
        self.settle()
        await self.events.deliver()

    def settle(self) -> None:
        """Let everything happen that is due by now."""
        self.checkout.expire_due()
        self.billing.run()

    async def deliver_due(self) -> None:
        """What time brings, and events whose turn it is; the sandbox calls this on a beat."""
        self.settle()
        await self.events.deliver()

    # -- what people do

    @property
    def ready(self) -> bool:
        """Whether clients give a card by themselves as soon as they are customers. Kept as the time is."""
        return bool(self.ledger.table(HABITS).get(HABITS, {}).get("ready", self._ready))

    @ready.setter
    def ready(self, ready: bool) -> None:
        self.ledger.table(HABITS)[HABITS] = {"ready": ready}

    async def pay(self, session: str, *, good: bool = True) -> Row:
        """Somebody opens a Checkout link (or the id in it) and enters a card, which pays or is declined when due."""
        return await self._done(self.checkout.complete(session, good=good))

    async def give_card(self, customer: str, *, good: bool = True, default: bool = True) -> Row:
        """Somebody enters a card in the portal, which makes it what the customer's subscriptions are paid with."""
        return await self._done(self.people.give_card(customer, good=good, default=default))

    async def take_card_away(self, customer: str) -> None:
        self.people.take_card_away(customer)
        await self._done({})

    async def pay_due(self, customer: str) -> int:
        """Somebody pays all that is open on Stripe's invoice pages. Returns how many invoices that were."""
        owed = [row for row in self.ledger.table(INVOICES).values() if row["customer"] == customer]
        owed = [row for row in owed if row["status"] in ("open", "draft") and row["amount_remaining"]]
        at = self.ledger.now_for(customer)
        for row in owed:
            if row["status"] == "draft":
                self.invoices.finalise(row, at)
            self.invoices.paid(row, at)
        for subscription in self.ledger.table(SUBSCRIPTIONS).values():
            if subscription["customer"] == customer and subscription["status"] not in ENDED:
                self.subscriptions.settle(subscription, at)
        await self._done({})
        return len(owed)

    def customers(self) -> list[Row]:
        """All living customers, also those on test clocks."""
        return [row for row in self.ledger.table(CUSTOMERS).values() if not row.get("deleted")]

    def subscription_of(self, customer: str) -> Row | None:
        """The customer's newest subscription, whatever became of it."""
        return next(iter(self.ledger.newest(SUBSCRIPTIONS, lambda row: row["customer"] == customer)), None)

    async def _done(self, row: Row) -> Row:
        self.billing.changed()
        self.settle()
        if self.early:
            await self.events.deliver()
        return bare(row) if row else row

    # -- the wire

    def not_found(self, request: FakeRequest) -> FakeResponse:
        return _error(404, f"Unrecognized request URL ({request.method}: {request.path}).")

    def failed(self, request: FakeRequest) -> FakeResponse:
        """Stripe keeps even this answer under the idempotency key, whatever the call did."""
        answer = _error(500, "An unknown error occurred", kind="api_error")
        self._keep(request, answer)
        return answer

    def denied(self, request: FakeRequest) -> FakeResponse:
        return _error(401, "Invalid API Key provided: sk_****", code="api_key_invalid")

    def too_many(self, request: FakeRequest, fault: Fault) -> FakeResponse:
        answer = _limited()
        if fault.retry_after:
            answer.headers["retry-after"] = str(int(fault.seconds or 1))
        return answer

    async def _dispatch(self, request: FakeRequest) -> FakeResponse:
        self._requests_made += 1
        number = f"req_standin{self._requests_made:08d}"
        answer = await self._judge(request, number)
        answer.headers |= {"request-id": number, "stripe-version": API_VERSION}
        if self.early:
            await self.events.deliver()
        return answer

    async def _judge(self, request: FakeRequest, number: str) -> FakeResponse:
        if request.headers.get("authorization") != f"Bearer {self._key}":
            return self.denied(request)
        if self._too_fast(request):
            return _limited()
        key = request.headers.get("idempotency-key", "") if request.method == "POST" else ""
        reply = self._replies.get(key)
        if reply is not None and self.ledger.now() - reply.at < KEPT:
            return self._replayed(request, key, reply)
        self.settle()
        self.events.request = (number, key or None)
        try:
            answer = await super()._dispatch(request)
        except Refusal as no:
            answer = FakeResponse(no.status, {"error": no.error})
            if no.kept:
                self._keep(request, answer)
        else:
            if answer.status < 300:
                self._keep(request, answer)
        self.events.request = (None, None)
        if request.method != "GET":
            self.billing.changed()
        return answer

    def _too_fast(self, request: FakeRequest) -> bool:
        if self.rate <= 0:
            return False
        line = next(
            (
                f"{method} {shape.pattern}"
                for method, shape, _ in self._routes
                if method == request.method and shape.fullmatch(request.path)
            ),
            "",
        )
        now, calls = self.clock.now(), self._calls.setdefault(line, deque())
        while calls and calls[0] <= now - 1.0:
            calls.popleft()
        if len(calls) >= self.rate:
            return True
        calls.append(now)
        return False

    def _keep(self, request: FakeRequest, answer: FakeResponse) -> None:
        key = request.headers.get("idempotency-key", "")
        if key and request.method == "POST":
            self._replies[key] = Reply(_digest(request), answer.status, answer.json, self.ledger.now())

    @staticmethod
    def _replayed(request: FakeRequest, key: str, reply: Reply) -> FakeResponse:
        if reply.asked != _digest(request):
            return _error(
                400,
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request.",
                kind="idempotency_error",
            )
        return FakeResponse(reply.status, reply.body, headers={"idempotent-replayed": "true"})

    def _answering(self, act: Callable[..., Row], allowed: frozenset[str] | None = None) -> Any:
        async def handler(request: FakeRequest, **parts: str) -> FakeResponse:
            params = parse_body(request.body) if request.method == "POST" else parsed(request.query.items())
            if allowed is not None:
                _known(params, allowed)
            row = act(self._parts, params, **parts)
            return FakeResponse(200, self._shown(row, params))

        return handler

    def _listing(self, table: str, read: Callable[..., list[Row]]) -> Any:
        async def handler(request: FakeRequest, **parts: str) -> FakeResponse:
            params = parsed(request.query.items())
            within = created_filter(params)
            rows = [row for row in read(self._parts, params, **parts) if within(row)]
            return FakeResponse(200, self._shown(windows(rows, params, request.path), params))

        return handler

    def _shown(self, row: Row, params: Params) -> Any:
        """The answer as sent: without what is ours, with what was asked to be expanded."""
        shown = json.loads(json.dumps(bare(row)))
        for path in params.get("expand") or ():
            self._expand(shown, str(path).split("."), str(path))
        return shown

    def _expand(self, node: Any, path: list[str], whole: str) -> None:
        if isinstance(node, list):
            for one in node:
                self._expand(one, path, whole)
            return
        if not isinstance(node, dict) or path[0] not in node:
            raise Refusal(f"This property cannot be expanded ({whole}).", param="expand")
        below = node[path[0]]
        if isinstance(below, str):
            table = BY_PREFIX.get(below.partition("_")[0])
            if table is None:
                raise Refusal(f"This property cannot be expanded ({whole}).", param="expand")
            below = node[path[0]] = json.loads(json.dumps(bare(self.ledger.table(table)[below])))
        if below is not None and len(path) > 1:
            self._expand(below, path[1:], whole)


def _known(params: Params, allowed: frozenset[str]) -> None:
    for name in params:
        if name not in allowed and name not in ("expand", "metadata"):
            raise Refusal(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def _digest(request: FakeRequest) -> str:
    return hashlib.sha256(f"{request.method} {request.path}\n".encode() + request.body).hexdigest()


def _limited() -> FakeResponse:
    return _error(
        429,
        "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.",
        code="rate_limit",
        headers={"stripe-rate-limited-reason": "endpoint-rate"},
    )


def _error(
    status: int,
    message: str,
    *,
    code: str = "",
    kind: str = "invalid_request_error",
    headers: dict[str, str] | None = None,
) -> FakeResponse:
    error: Row = {"message": message, "type": kind} | ({"code": code} if code else {})
    return FakeResponse(status, {"error": error}, headers=dict(headers or {}))
