"""How the stand-in delivers an update to a webhook, fails, and says so. Knows no HTTP client of its own.

A poster sends one POST and returns the status; it raises OSError when nobody answered. `HttpPoster` is the real one.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from temoctl.systems.telegram.fake_bot import Bot

Poster = Callable[[str, Mapping[str, str], bytes], Awaitable[int]]
"""(url, headers, body) -> HTTP status."""

_PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


async def post_next(bot: Bot, poster: Poster, now: float) -> bool:
    """Deliver the oldest waiting update. False when it failed: it stays, and `next_try` says when to come back."""
    hook = bot.webhook
    if hook is None:
        return False
    update = bot.updates[0]
    headers = {"content-type": "application/json"}
    if hook.secret_token:
        headers["x-telegram-bot-api-secret-token"] = hook.secret_token
    try:
        status = await poster(hook.url, headers, json.dumps(update).encode())
        problem = "" if 200 <= status < 300 else f"Wrong response from the webhook: {status}"
    except TimeoutError:
        status, problem = 0, "Read timeout expired"
    except OSError:
        status, problem = 0, "Connection refused"
    bot.deliveries.append({"update_id": update["update_id"], "url": hook.url, "status": status, "at": now})
    if problem:
        hook.last_error_date, hook.last_error_message = int(now), problem
        bot.next_try = now + _PAUSES[min(bot.tries, len(_PAUSES) - 1)]
        bot.tries += 1
        return False
    bot.updates = [one for one in bot.updates if one["update_id"] != update["update_id"]]
    bot.tries, bot.next_try = 0, 0.0
    return True


class HttpPoster:
    """Posts with httpx. Failures become OSError, so that the stand-in needs no client's exceptions."""

    def __init__(self, timeout: float = 30.0, transport: Any = None) -> None:
        import httpx

        self._errors = httpx.HTTPError
        self._timeouts = httpx.TimeoutException
        self._client = httpx.AsyncClient(timeout=timeout, trust_env=False, transport=transport)

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        try:
            response = await self._client.post(url, headers=dict(headers), content=body)
        except self._timeouts:
            raise TimeoutError("no answer in time") from None
        except self._errors as error:
            raise OSError(type(error).__name__) from None
        return response.status_code

    async def close(self) -> None:
        await self._client.aclose()
