"""Stripe's API through Stripe's own SDK: whole lists, single objects, changes, and what its answers mean.

The SDK makes the requests and tells refusals apart; how they travel is ours (`Wire`), because the SDK doesn't wait for
429, doesn't know our limits and clocks, and tells Stripe about this machine. Good answers are read here as plain JSON:
the SDK would log them, secrets and all, and making its objects of a fleet's lists takes longer than all the rest.
Decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import stripe

from temoctl.engine.ports import Clock, Permit, Slots
from temoctl.model.errors import Conflict, Refused, TemoError, Unavailable, UnknownOutcome
from temoctl.model.secret import Secret
from temoctl.systems.http import HttpApi

UNAVAILABLE, UNKNOWN, LIMITED = "TEMO730", "TEMO731", "TEMO732"
BAD_KEY, NO_RIGHT, REFUSED = "TEMO733", "TEMO734", "TEMO735"
REPLAYED, DECLINED = "TEMO736", "TEMO738"

PAGE = 100
_TRIES = 3
_REPLAY = "idempotent-replayed"
_WORDS = frozenset(
    [
        "v1",
        "account",
        "products",
        "prices",
        "features",
        "entitlements",
        "customers",
        "subscriptions",
        "resume",
        "invoices",
        "create_preview",
        "checkout",
        "sessions",
        "billing_portal",
        "configurations",
        "webhook_endpoints",
        "test_helpers",
        "test_clocks",
    ]
)
"""The fixed parts of the paths we use; everything else in a path is an id."""
_TOLD_NOBODY = ("x-stripe-client-user-agent", "x-stripe-client-telemetry")

Row = dict[str, Any]
Service = Callable[..., Awaitable[Any]]

stripe.enable_telemetry = False


@dataclass(slots=True)
class _Asking:
    """One call on its way: the permit it needs where it changes something, and what was answered."""

    permit: Permit | None = None
    answer: Row | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


_ASKING: ContextVar[_Asking] = ContextVar("temoctl_stripe_asking")


class Wire(stripe.HTTPClient):
    """How the SDK's requests travel: with our limits, our patience and our transport."""

    name = "temoctl"

    def __init__(self, http: HttpApi) -> None:
        super().__init__()
        self._http = http

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        asking = _ASKING.get()
        sent = {key: value for key, value in headers.items() if key.lower() not in _TOLD_NOBODY}
        verb, key = method.upper(), endpoint(method, url)
        if asking.permit is None:
            response = await self._http.read(verb, url, key=key, headers=sent, content=post_data)
        else:
            response = await self._http.write(verb, url, permit=asking.permit, key=key, headers=sent, content=post_data)
        asking.headers = response.headers
        asking.answer = _good(response)
        return response.content if asking.answer is None else b"{}", response.status_code, {}

    async def close_async(self) -> None:
        await self._http.close()


def endpoint(method: str, url: str) -> str:
    """What Stripe counts calls by: `GET /v1/customers/{id}` is one endpoint for all ids."""
    path = urlsplit(url).path
    return f"{method.upper()} /" + "/".join(part if part in _WORDS else "{id}" for part in path.strip("/").split("/"))


def _good(response: httpx.Response) -> Row | None:
    """The object of a good answer."""
    if response.status_code != 200:
        return None
    try:
        row = response.json()
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


class StripeApi:
    """One Stripe account, as one key opens it."""

    def __init__(
        self,
        url: str,
        key: Secret,
        *,
        clock: Clock,
        slots: Slots,
        timeout: float = 20.0,
        patience: float = 300.0,
        transport: httpx.AsyncBaseTransport | None = None,
        page: int = PAGE,
    ) -> None:
        self._wire = Wire(
            HttpApi(
                url,
                title="Stripe",
                codes=(UNAVAILABLE, UNKNOWN, LIMITED),
                clock=clock,
                slots=slots,
                timeout=timeout,
                patience=patience,
                transport=transport,
                replays=_REPLAY,
            )
        )
        self.live = "_live_" in key.reveal()
        self._page = page
        self._sdk = stripe.StripeClient(
            key.reveal(),
            base_addresses={"api": url, "connect": url, "files": url, "meter_events": url},
            http_client=self._wire,
            max_network_retries=0,
        )
        self.v1 = self._sdk.v1

    async def close(self) -> None:
        await self._wire.close_async()

    # --- reading

    async def get(self, service: Service, *path: str, expand: Sequence[str] = ()) -> Row | None:
        """One object, None where Stripe has none. Raises Unavailable, Refused or Retryable."""
        try:
            return await self._call(_Asking(), service, *path, params={"expand": list(expand)} if expand else None)
        except stripe.StripeError as error:
            if _is_missing(error):
                return None
            raise _meaning(error) from None

    async def ask(self, service: Service, *path: str, params: Mapping[str, Any]) -> Row:
        """A question that is asked with POST and changes nothing."""
        try:
            return await self._call(_Asking(), service, *path, params=dict(params))
        except stripe.StripeError as error:
            raise _meaning(error) from None

    async def all(self, service: Service, *path: str, **params: Any) -> list[Row]:
        """Every object of a list, page by page. What is made meanwhile comes first, and so moves no page."""
        for _ in range(_TRIES):
            rows = await self._pages(service, path, params)
            if rows is not None:
                return list(rows.values())
        raise Unavailable(
            UNAVAILABLE,
            "Stripe's list kept changing while it was read",
            fix="wait until whoever is deleting objects at Stripe has finished, and try again",
        )

    async def _pages(self, service: Service, path: tuple[str, ...], params: Mapping[str, Any]) -> dict[str, Row] | None:
        """All objects by id; None where the one that a page was to follow was deleted under our hands."""
        rows: dict[str, Row] = {}
        after: dict[str, str] = {}
        while True:
            asked = {**params, **after, "limit": self._page}
            try:
                page = await self._call(_Asking(), service, *path, params=asked)
            except stripe.StripeError as error:
                if after and error.code == "resource_missing":
                    return None
                raise _meaning(error) from None
            data = page.get("data")
            if not isinstance(data, list):
                raise Unavailable(UNAVAILABLE, "Stripe's answer makes no sense: a list without data")
            rows.update((str(row["id"]), row) for row in data)
            if not page.get("has_more") or not data:
                return rows
            after = {"starting_after": str(data[-1]["id"])}

    # --- changing

    async def change(self, service: Service, *path: str, permit: Permit, key: str, params: Mapping[str, Any]) -> Row:
        """A call that changes something, under an idempotency key. Raises UnknownOutcome as well."""
        return (await self.change_and_hear(service, *path, permit=permit, key=key, params=params))[0]

    async def change_and_hear(
        self, service: Service, *path: str, permit: Permit, key: str, params: Mapping[str, Any]
    ) -> tuple[Row, Secret | None]:
        """As `change`, with the secret that the answer told this one time. Without a key each call stands alone."""
        asking = _Asking(permit)
        try:
            row = await self._call(
                asking, service, *path, params=dict(params), options={"idempotency_key": key} if key else None
            )
        except stripe.StripeError as error:
            raise _meaning(error, asking) from None
        secret = row.pop("secret", None)
        return row, Secret(secret) if secret is not None else None

    async def remove(
        self, service: Service, *path: str, permit: Permit, params: Mapping[str, Any] | None = None
    ) -> bool:
        """A deletion; False where there was nothing to delete. Done twice it does no harm, so it needs no key."""
        asking = _Asking(permit)
        try:
            await self._call(asking, service, *path, params=dict(params or {}))
        except stripe.StripeError as error:
            if _is_missing(error):
                return False
            raise _meaning(error, asking) from None
        return True

    async def _call(self, asking: _Asking, service: Service, *path: str, **given: Any) -> Row:
        before = _ASKING.set(asking)
        try:
            await service(*path, **{name: value for name, value in given.items() if value is not None})
        finally:
            _ASKING.reset(before)
        if asking.answer is None:  # a good status, and nothing of Stripe's in it
            raise _nonsense(200, asking if asking.permit is not None else None)
        return asking.answer


def _is_missing(error: stripe.StripeError) -> bool:
    return error.http_status == 404 and error.code == "resource_missing"


def is_taken(error: TemoError) -> bool:
    """Whether a refusal says that there is one already."""
    return error.code == REFUSED and "(resource_already_exists)" in error.summary


def _meaning(error: stripe.StripeError, asking: _Asking | None = None) -> TemoError:
    """What a refusal of Stripe's means. `asking` is the change it refused, None for reads."""
    status, words = error.http_status or 0, _words(error)
    if not 400 <= status < 500:
        return _nonsense(status, asking)
    if isinstance(error, stripe.IdempotencyError):
        return Conflict(
            REPLAYED,
            "Stripe knows this change with another content",
            detail=words,
            fix="run the same command again: it looks at what is there and asks anew",
        )
    match status:
        case 401:
            return Refused(
                BAD_KEY,
                "Stripe refuses the API key",
                fix="copy the secret key from Stripe's Dashboard (Developers, API keys) to where "
                "systems.stripe.api_key points",
            )
        case 402:
            return Refused(
                DECLINED,
                "Stripe could not charge the customer",
                detail=words,
                fix="ask the customer for another card: `temoctl status TENANT --link` gives the address to enter it",
            )
        case 403:
            return Refused(
                NO_RIGHT,
                "the Stripe key doesn't allow this",
                detail=words,
                fix="use the account's secret key, or give the restricted key this right in Stripe's Dashboard",
            )
        case 409:
            return UnknownOutcome(UNKNOWN, "Stripe is still busy with the same change", detail=words)
        case _:
            code = f" ({error.code})" if error.code else ""
            return Refused(
                REFUSED,
                f"Stripe says no{code}",
                detail=words,
                fix="the words above are Stripe's own; mend what they name, or show them to an engineer",
            )


def _nonsense(status: int, asking: _Asking | None) -> TemoError:
    if asking is None:
        return Unavailable(
            UNAVAILABLE,
            f"what answers at Stripe's address isn't Stripe (HTTP {status})",
            fix="check systems.stripe.url in platform.yaml",
        )
    if _REPLAY in asking.headers:
        # The engine repeats a change only after it looked and found nothing: what Stripe remembers did nothing.
        return Refused(
            REPLAYED,
            "Stripe failed at this change and repeats its failure",
            detail="Stripe keeps even a failure under the change's key for 24 hours. Nothing had happened.",
            fix="run the same command again: it asks under a new key",
        )
    return UnknownOutcome(UNKNOWN, f"Stripe's answer to a change makes no sense (HTTP {status})")


def _words(error: stripe.StripeError) -> str:
    """Stripe's own words, without the key that some of them repeat."""
    return re.sub(r"\b([sr]k_(?:live|test)_)\w+", r"\1…", str(error.user_message or ""))
