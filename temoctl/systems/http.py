"""How an HTTP system is called: slots, permits, Retry-After, and what a failed call proves. Knows no vendor.

The judgement (model.errors), which every vendor client inherits:

    connection refused, not sent                  Retryable      (nothing happened)
    429                                           retried here until `patience` is spent, then Retryable
    write: timeout, cut connection, 5xx           UnknownOutcome (it may have happened)
    read: timeout, cut connection, 5xx            retried twice, then Unavailable
    anything else                                 returned to the client, which knows what its vendor means
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from temoctl.engine.ports import Clock, Permit, Slots
from temoctl.model.errors import Retryable, Unavailable, UnknownOutcome
from temoctl.systems.kept_connections import KeptConnections

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_READ_TRIES = 3


class HttpApi:
    """One vendor's HTTP interface at one base URL.

    `title` is the vendor's name for people; `codes` are the codes of its Unavailable, UnknownOutcome and Retryable
    errors, in that order. `patience` is how many seconds of 429 are sat out before the call gives up. `replays` is the
    header of a vendor that answers a repeated write from memory: a 5xx with it did nothing now, and is returned.
    """

    def __init__(
        self,
        base_url: str,
        *,
        title: str,
        codes: tuple[str, str, str],
        clock: Clock,
        slots: Slots,
        timeout: float = 20.0,
        patience: float = 300.0,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        replays: str = "",
    ) -> None:
        self._title, self._codes, self._replays = title, codes, replays
        self._clock, self._slots, self._patience = clock, slots, patience
        self._client = httpx.AsyncClient(
            base_url=base_url,
            timeout=timeout,
            headers=dict(headers or {}),
            transport=transport or KeptConnections(),
            trust_env=False,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def read(self, method: str, path: str, *, key: str = "", lane: str = "", **request: Any) -> httpx.Response:
        """A call that changes nothing. Raises Unavailable when no trustworthy answer came.

        `key` and `lane` are those of `Slots.take`.
        """
        why = ""
        for attempt in range(_READ_TRIES):
            if attempt:
                await self._clock.sleep(
                    0.2 * 2**attempt * (1 + self._clock.monotonic() % 1)
                )  # spread, on injected time
            try:
                response = await self._patiently(method, path, key, None, request, lane=lane)
            except httpx.HTTPError as error:
                why = type(error).__name__
                continue
            if response.status_code < 500:
                return response
            why = f"HTTP {response.status_code}"
        raise Unavailable(self._codes[0], f"{self._title} does not answer ({why})", fix="try again later")

    async def write(self, method: str, path: str, *, permit: Permit, key: str = "", **request: Any) -> httpx.Response:
        """A call that may change something. Raises Retryable or UnknownOutcome as the table above says."""
        try:
            response = await self._patiently(method, path, key, permit, request)
        except _NOT_SENT as error:
            raise Retryable(
                self._codes[2], f"{self._title} can't be reached ({type(error).__name__})", fix="try again later"
            ) from None
        except httpx.HTTPError as error:
            raise UnknownOutcome(
                self._codes[1], f"{self._title} gave no answer to a change ({type(error).__name__})"
            ) from None
        if response.status_code >= 500 and self._replays not in response.headers:
            raise UnknownOutcome(self._codes[1], f"{self._title} answered a change with HTTP {response.status_code}")
        return response

    async def _patiently(
        self, method: str, path: str, key: str, permit: Permit | None, request: dict[str, Any], *, lane: str = ""
    ) -> httpx.Response:
        waited, tries = 0.0, 0
        while True:
            async with self._slots.take(key=key, write=permit is not None, lane=lane):
                if permit is not None:
                    permit.check()
                response = await self._client.request(method, path, **request)
            if response.status_code != 429:
                return response
            tries += 1
            pause = retry_after(response, self._clock.now())
            pause = pause if pause is not None else min(30.0, 0.5 * 2**tries)
            if waited + pause > self._patience:
                raise Retryable(
                    self._codes[2],
                    f"{self._title} limits our calls: 429 after {tries} tries",
                    after=pause,
                    fix="run the same command again later; nothing was changed by the refused call",
                )
            waited += pause
            self._slots.pause(pause, key=key)
            await self._clock.sleep(pause)


def retry_after(response: httpx.Response, now: float) -> float | None:
    """Seconds the vendor asks to wait: the Retry-After header (seconds or a date) or Telegram's `parameters`."""
    header = response.headers.get("retry-after")
    if header:
        try:
            return max(0.0, float(header))
        except ValueError:
            try:
                return max(0.0, parsedate_to_datetime(header).timestamp() - now)
            except (TypeError, ValueError):
                return None
    try:
        asked = response.json()["parameters"]["retry_after"]
    except (ValueError, KeyError, TypeError):
        return None
    return float(asked) if isinstance(asked, int | float) else None
