"""The stand-in's webhook endpoints: what they are told, signed as Stripe signs, again until they answer.

Knows no HTTP client: a poster is given, which sends one POST and returns the status (OSError: nobody answered).
"""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from temoctl.systems.stripe.fake_store import (
    ENDPOINTS,
    EVENTS,
    Ledger,
    Params,
    Refusal,
    Row,
    bare,
    flag,
    merged_metadata,
    required,
    text,
)

Poster = Callable[[str, Mapping[str, str], bytes], Awaitable[int]]
"""(url, headers, body) -> HTTP status."""

_MOST_ENDPOINTS = 16
_PAUSES = (5.0, 60.0, 600.0, 3600.0, 4 * 3600.0, 12 * 3600.0)
_GIVEN_UP = 3 * 86400


@dataclass(slots=True)
class Delivery:
    """One event on its way to one endpoint."""

    endpoint: str
    event: str
    made: float
    due: float
    tries: int = 0
    statuses: list[int] = field(default_factory=list)


class Events:
    """`api_version` is what events are written in; `poster` None keeps everything waiting.

    `wall` is the time that receivers know: signatures are of that, whatever time the account has.
    """

    def __init__(self, ledger: Ledger, api_version: str, wall: Callable[[], float]) -> None:
        self._ledger, self._api_version, self._wall = ledger, api_version, wall
        self.waiting: list[Delivery] = []
        self.delivered: list[Delivery] = []
        self.poster: Poster | None = None
        self.twice = False
        self.request: tuple[str | None, str | None] = (None, None)
        ledger.listeners.append(self._happened)

    # -- endpoints

    def create_endpoint(self, params: Params) -> Row:
        ledger = self._ledger
        for name in ("url", "enabled_events"):
            if not params.get(name):
                raise required(name)
        if len(ledger.table(ENDPOINTS)) >= _MOST_ENDPOINTS:
            raise Refusal(f"You have reached the maximum of {_MOST_ENDPOINTS} test webhook endpoints.")
        row: Row = {
            "id": ledger.new_id("we", 24),
            "object": "webhook_endpoint",
            "api_version": params.get("api_version"),
            "application": None,
            "created": ledger.now(),
            "description": text(params, "description"),
            "enabled_events": _events(params),
            "livemode": ledger.livemode,
            "metadata": merged_metadata({}, params),
            "status": "enabled",
            "url": self._url(params),
            "_secret": ledger.new_id("whsec", 32),
        }
        ledger.add(ENDPOINTS, row)
        return {**row, "secret": row["_secret"]}  # told this once, never again

    def update_endpoint(self, params: Params, ident: str) -> Row:
        row = self._ledger.get(ENDPOINTS, ident, "webhook endpoint")
        metadata = merged_metadata(row["metadata"], params)
        if "url" in params:
            row["url"] = self._url(params)
        if "enabled_events" in params:
            row["enabled_events"] = _events(params)
        if "description" in params:
            row["description"] = text(params, "description")
        if "disabled" in params:
            row["status"] = "disabled" if flag(params, "disabled") else "enabled"
        row["metadata"] = metadata
        return row

    def delete_endpoint(self, params: Params, ident: str) -> Row:
        self._ledger.get(ENDPOINTS, ident, "webhook endpoint")
        del self._ledger.table(ENDPOINTS)[ident]
        return {"id": ident, "object": "webhook_endpoint", "deleted": True}

    def _url(self, params: Params) -> str:
        url = str(params["url"])
        if not url.startswith("https://" if self._ledger.livemode else ("https://", "http://")):
            raise Refusal("Invalid URL: An explicit scheme (such as https) must be provided.", param="url")
        return url

    # -- events

    def _happened(self, kind: str, row: Row, at: int) -> None:
        request, key = self.request
        event: Row = {
            "id": self._ledger.new_id("evt", 24),
            "object": "event",
            "api_version": self._api_version,
            "created": at,
            "data": {"object": copy.deepcopy(bare(row))},
            "livemode": self._ledger.livemode,
            "pending_webhooks": 0,
            "request": {"id": request, "idempotency_key": key},
            "type": kind,
        }
        now = self._ledger.now()
        for endpoint in self._ledger.table(ENDPOINTS).values():
            wanted = endpoint["enabled_events"]
            if endpoint["status"] == "enabled" and (kind in wanted or "*" in wanted):
                event["pending_webhooks"] += 1
                self.waiting += [Delivery(endpoint["id"], event["id"], now, now) for _ in range(1 + self.twice)]
        self._ledger.add(EVENTS, event)

    def listing(self, params: Params) -> list[Row]:
        kind, kinds = params.get("type"), params.get("types")
        return self._ledger.newest(
            EVENTS, lambda row: kind in (None, row["type"]) and (kinds is None or row["type"] in kinds)
        )

    async def deliver(self, *, again: bool = False) -> int:
        """Send what waits and is due, in order; `again` also what is due later. Returns how many arrived."""
        arrived = 0
        for one in list(self.waiting):
            if self.poster is None or one not in self.waiting or (one.due > self._ledger.now() and not again):
                continue
            self.waiting.remove(one)
            arrived += await self._send(one, self.poster)
        return arrived

    async def _send(self, one: Delivery, poster: Poster) -> bool:
        endpoint, event = self._ledger.table(ENDPOINTS).get(one.endpoint), self._ledger.table(EVENTS)[one.event]
        if endpoint is None or endpoint["status"] != "enabled":
            return False
        body = json.dumps(bare(event), indent=2).encode()
        headers = {
            "content-type": "application/json; charset=utf-8",
            "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "stripe-signature": signature(body, endpoint["_secret"], int(self._wall())),
        }
        try:
            status = await poster(endpoint["url"], headers, body)
        except OSError:
            status = 0
        one.statuses.append(status)
        one.tries += 1
        if 200 <= status < 300:
            event["pending_webhooks"] = max(0, event["pending_webhooks"] - 1)
            self.delivered.append(one)
            return True
        one.due = self._ledger.now() + _PAUSES[min(one.tries - 1, len(_PAUSES) - 1)]
        if one.due - one.made < _GIVEN_UP:
            self.waiting.append(one)
        return False

    def secret(self, endpoint: str) -> str:
        """An endpoint's signing secret, for whoever plays Stripe in a test."""
        return str(self._ledger.table(ENDPOINTS)[endpoint]["_secret"])


def signature(body: bytes, secret: str, at: int) -> str:
    """The header `Stripe-Signature`: the time, and an HMAC of time and body."""
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"


def _events(params: Params) -> list[str]:
    given: Any = params["enabled_events"]
    return [str(one) for one in given] if isinstance(given, list) else [str(given)]
