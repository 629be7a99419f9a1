"""The Bot API over HTTP: typed calls and what its answers mean. Knows no resources.

The token is part of every URL, so it is kept out of all that httpx shows: the request that httpx logs, raises and
keeps carries only the bot's number, and a transport below httpx's logging puts the token in on its way to the wire.
"""

from __future__ import annotations

import logging
from typing import Any

import httpx

from temoctl.engine.ports import Clock, Permit, Slots
from temoctl.model.errors import Conflict, Refused, TemoError, Unavailable, UnknownOutcome
from temoctl.model.secret import Secret
from temoctl.systems.http import HttpApi
from temoctl.systems.kept_connections import KeptConnections
from temoctl.systems.telegram.tokens import bot_id, malformed, without_tokens

UNAVAILABLE, UNKNOWN, LIMITED = "TEMO720", "TEMO721", "TEMO722"
REFUSED_TOKEN, REFUSED_CHANGE, CONFLICT = "TEMO723", "TEMO726", "TEMO727"

_EXTENSION = "temoctl.token"


class _MaskTokens(logging.Filter):
    """httpcore's debug lines show response headers, and a redirect repeats the address it was asked at."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = without_tokens(record.getMessage()), ()
        return True


for _name in ("httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpx"):
    logging.getLogger(_name).addFilter(_MaskTokens())


class TokenInPath(httpx.AsyncBaseTransport):
    """Turns `/bot<id>/method` into `/bot<token>/method` below everything that logs or raises."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        failure: httpx.TransportError | None = None
        try:
            return await self._inner.handle_async_request(_with_token(request))
        except httpx.TransportError as error:
            failure = type(error)(without_tokens(str(error)))
        # Raised here, outside the handler, so that no frame which holds the real URL hangs on the new error.
        raise failure

    async def aclose(self) -> None:
        await self._inner.aclose()


def _with_token(request: httpx.Request) -> httpx.Request:
    token: Secret = request.extensions[_EXTENSION]
    text = token.reveal()
    short, full = f"/bot{text.partition(':')[0]}/".encode(), f"/bot{text}/".encode()
    before, _, method = request.url.raw_path.rpartition(short)
    return httpx.Request(
        request.method,
        request.url.copy_with(raw_path=before + full + method),
        headers=request.headers,
        stream=request.stream,
        extensions={key: value for key, value in request.extensions.items() if key != _EXTENSION},
    )


class TelegramApi:
    """One Bot API server: Telegram's own, a self-hosted one, or a stand-in."""

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        slots: Slots,
        timeout: float = 20.0,
        patience: float = 300.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = HttpApi(
            base_url,
            title="Telegram",
            codes=(UNAVAILABLE, UNKNOWN, LIMITED),
            clock=clock,
            slots=slots,
            timeout=timeout,
            patience=patience,
            transport=TokenInPath(transport or KeptConnections()),
        )

    async def get(self, token: Secret, method: str) -> Any:
        """The result of a `get…` method. Raises UserError, Refused, Retryable or Unavailable."""
        bot = bot_id(token)
        response = await self._http.read("GET", f"/bot{bot}/{method}", key=bot, extensions={_EXTENSION: token})
        answer = _answer(response)
        if answer is None:
            raise Unavailable(UNAVAILABLE, f"Telegram's answer makes no sense (HTTP {response.status_code})")
        return _result(answer)

    async def set(self, token: Secret, method: str, permit: Permit, **params: Any) -> Any:
        """The result of a method that changes something; raises UnknownOutcome as well."""
        bot = bot_id(token)
        response = await self._http.write(
            "POST", f"/bot{bot}/{method}", permit=permit, key=bot, extensions={_EXTENSION: token}, json=params
        )
        answer = _answer(response)
        if answer is None:
            raise UnknownOutcome(UNKNOWN, f"Telegram's answer to a change makes no sense (HTTP {response.status_code})")
        return _result(answer)

    async def close(self) -> None:
        await self._http.close()


def _answer(response: httpx.Response) -> dict[str, Any] | None:
    """Telegram's envelope, or None where something else answered (a proxy's page)."""
    try:
        answer = response.json()
    except ValueError:
        return None
    return answer if isinstance(answer, dict) and isinstance(answer.get("ok"), bool) else None


def _result(answer: dict[str, Any]) -> Any:
    if answer["ok"]:
        return answer.get("result")
    raise _refusal(int(answer.get("error_code") or 0), without_tokens(str(answer.get("description") or "")))


def _refusal(status: int, words: str) -> TemoError:
    match status:
        case 401:
            return Refused(
                REFUSED_TOKEN,
                "Telegram refuses the token",
                detail="It was revoked in @BotFather, or the bot was deleted.",
                fix="ask the bot's owner for the current token (@BotFather, /mybots, API Token) and store it with "
                "`temoctl secrets set TENANT PATH`",
            )
        case 404:
            return malformed()
        case 409:
            return Conflict(
                CONFLICT,
                "something else uses this bot at the same time",
                detail=words,
                fix="find the other program that uses this token and stop it",
            )
        case _:
            return Refused(
                REFUSED_CHANGE, f"Telegram says no ({status})", detail=words, fix="mend the text it names in the spec"
            )
