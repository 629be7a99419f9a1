"""A stateful stand-in for the Bot API: bots, texts, webhooks, deliveries, replies. Speaks `/bot<token>/<method>`.

What it imitates was read from the Bot API's description; error words are Telegram's where they are known. It makes no
connections by itself: deliveries go through a poster it is given (see fake_delivery).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from temoctl.engine.ports import Clock
from temoctl.systems.fake_http import FakeHttp, FakeRequest, FakeResponse, Fault
from temoctl.systems.telegram.fake_bot import Bot, Refusal, Webhook
from temoctl.systems.telegram.fake_delivery import Poster, post_next

_TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")
_TEXT_SETTERS = ("setmyname", "setmydescription", "setmyshortdescription")
_CLOUD_PORTS = (443, 80, 88, 8443)

Params = Mapping[str, Any]
Method = Callable[[Bot, Params], Any]


@dataclass(frozen=True, slots=True)
class Worded:
    """A result that Telegram comments on."""

    result: Any
    words: str


class FakeTelegram(FakeHttp):
    """Bots are known by token. `cloud` asks of webhooks what Telegram's own server asks (HTTPS, four ports).

    `flood` is how many changes of one text are let through per `flood_window` seconds before 429 is answered.
    """

    name = "telegram"

    def __init__(
        self,
        clock: Clock,
        *,
        poster: Poster | None = None,
        cloud: bool = False,
        flood: int = 20,
        flood_window: float = 60.0,
    ) -> None:
        super().__init__(clock)
        self.bots: dict[str, Bot] = {}
        self.poster = poster
        self.cloud, self.flood, self.flood_window = cloud, flood, flood_window
        self._delivering: dict[int, asyncio.Lock] = {}
        for verb in ("GET", "POST"):
            self.route(verb, "/bot{token}/{method}", self._call)
        self._methods: dict[str, Method] = {
            **_METHODS,
            "setwebhook": self._set_webhook,
            "sendmessage": lambda bot, params: bot.send(params, int(self.clock.now())),
        }

    # -- what a person does in BotFather or in the chat

    def add_bot(self, token: str, username: str, first_name: str = "") -> Bot:
        """A new bot, as @BotFather makes them. The same token again gives the same bot."""
        if token not in self.bots:
            self.bots[token] = Bot(int(token.partition(":")[0]), username, first_name or username, token)
        return self.bots[token]

    def bot(self, who: str) -> Bot:
        """By token, id or username (with or without @). Raises KeyError."""
        for bot in self.bots.values():
            if who in (bot.token, str(bot.id)) or who.removeprefix("@").lower() == bot.username.lower():
                return bot
        raise KeyError(who)

    def revoke(self, who: str, fresh: str = "") -> Bot:
        """The token is revoked: calls with it get 401. `fresh` is the bot's new token, if one is made."""
        bot = self.bot(who)
        bot.revoked = not fresh
        if fresh:
            del self.bots[bot.token]
            bot.token = fresh
            self.bots[fresh] = bot
        return bot

    def point(self, who: str, url: str) -> Bot:
        """Somebody else who knows the token sets the webhook ("" removes it)."""
        bot = self.bot(who)
        bot.webhook = Webhook(url) if url else None
        return bot

    async def customer_says(self, who: str, chat_id: int, text: str, *, name: str = "Customer") -> int:
        """A customer writes to the bot: queue the update and try to deliver it now. Returns the update's id."""
        bot = self.bot(who)
        update = bot.incoming(chat_id, text, name, int(self.clock.now()))
        if update is None:
            return 0
        await self.deliver(bot)
        return int(update["update_id"])

    async def deliver(self, bot: Bot, *, again: bool = True) -> None:
        """Post what waits, in order, until something fails. `again` also tries one whose retry isn't due yet."""
        async with self._delivering.setdefault(bot.id, asyncio.Lock()):
            while self.poster and bot.webhook and bot.updates and (again or bot.next_try <= self.clock.now()):
                if not await post_next(bot, self.poster, self.clock.now()):
                    return

    async def deliver_due(self) -> None:
        """Retry deliveries whose time has come; the sandbox calls this on a beat."""
        due = [bot for bot in self.bots.values() if bot.updates and bot.next_try <= self.clock.now()]
        await asyncio.gather(*(self.deliver(bot, again=False) for bot in due))

    # -- the wire

    def is_write(self, request: FakeRequest) -> bool:
        return not request.path.rpartition("/")[2].lower().startswith("get")

    def not_found(self, request: FakeRequest) -> FakeResponse:
        return _error(404, "Not Found")

    def failed(self, request: FakeRequest) -> FakeResponse:
        return _error(500, "Internal Server Error")

    def denied(self, request: FakeRequest) -> FakeResponse:
        return _error(401, "Unauthorized")

    def too_many(self, request: FakeRequest, fault: Fault) -> FakeResponse:
        return _flooded(max(1, int(fault.seconds or 1)) if fault.retry_after else None)

    async def _call(self, request: FakeRequest, token: str, method: str) -> FakeResponse:
        if not _TOKEN.fullmatch(token):
            return _error(404, "Not Found")
        bot = self.bots.get(token)
        if bot is None or bot.revoked:
            return _error(401, "Unauthorized")
        action = self._methods.get(method.lower())
        if action is None:
            return _error(404, "Not Found: method not found")
        if method.lower() in _TEXT_SETTERS and (wait := self._flooding(bot, method.lower())):
            return _flooded(wait)
        try:
            result = action(bot, _params(request))
        except Refusal as no:
            return _error(no.status, no.words)
        if isinstance(result, Worded):
            return FakeResponse(json={"ok": True, "result": result.result, "description": result.words})
        return FakeResponse(json={"ok": True, "result": result})

    def _flooding(self, bot: Bot, method: str) -> int:
        """Seconds to wait, 0 when this change is let through."""
        now = self.clock.now()
        times = bot.changes.setdefault(method, [])
        times[:] = [at for at in times if at > now - self.flood_window]
        if len(times) >= self.flood:
            return max(1, int(times[0] + self.flood_window - now) + 1)
        times.append(now)
        return 0

    def _set_webhook(self, bot: Bot, params: Params) -> Worded:
        url = str(params.get("url") or "")
        if not url:
            return _delete_webhook(bot, params)
        self._check_webhook(url, str(params.get("secret_token") or ""))
        same = bot.webhook is not None and bot.webhook.url == url
        kept = bot.webhook.allowed_updates if bot.webhook else None
        bot.webhook = Webhook(
            url,
            secret_token=str(params.get("secret_token") or ""),
            # Left out means "as before"; the empty list means Telegram's default.
            allowed_updates=(params["allowed_updates"] or None) if "allowed_updates" in params else kept,
            max_connections=int(params.get("max_connections") or 40),
            ip_address=str(params.get("ip_address") or ""),
        )
        bot.next_try = 0.0
        bot.drop(params)
        return Worded(True, "Webhook is already set" if same else "Webhook was set")

    def _check_webhook(self, url: str, secret_token: str) -> None:
        parts = urlsplit(url)
        if not parts.hostname or parts.scheme not in ("http", "https"):
            raise Refusal(400, "Bad Request: bad webhook: invalid webhook URL specified")
        if self.cloud and parts.scheme != "https":
            raise Refusal(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        if self.cloud and (parts.port or 443) not in _CLOUD_PORTS:
            raise Refusal(400, "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", secret_token):
            raise Refusal(400, "Bad Request: secret token contains unallowed characters")


def _params(request: FakeRequest) -> Mapping[str, Any]:
    """Query, form or JSON; lists and objects in a form are JSON texts, as the Bot API has it."""
    kind = request.headers.get("content-type", "")
    if request.body and "json" in kind:
        try:
            given = request.json
        except ValueError:
            raise Refusal(400, "Bad Request: can't parse JSON object") from None
        return {**request.query, **given} if isinstance(given, dict) else request.query
    if "multipart" in kind:
        raise Refusal(400, "Bad Request: this stand-in takes no multipart bodies")
    form = dict(parse_qsl(request.body.decode(), keep_blank_values=True)) if "urlencoded" in kind else {}
    return {key: _unpacked(text) for key, text in {**request.query, **form}.items()}


def _unpacked(text: str) -> Any:
    if text[:1] in ("[", "{") or text in ("true", "false"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _error(status: int, words: str) -> FakeResponse:
    return FakeResponse(status, {"ok": False, "error_code": status, "description": words})


def _flooded(wait: int | None) -> FakeResponse:
    answer: dict[str, Any] = {"ok": False, "error_code": 429, "description": "Too Many Requests"}
    if wait is not None:
        answer["description"] = f"Too Many Requests: retry after {wait}"
        answer["parameters"] = {"retry_after": wait}
    return FakeResponse(429, answer)


def _delete_webhook(bot: Bot, params: Params) -> Worded:
    was, bot.webhook = bot.webhook, None
    bot.drop(params)
    return Worded(True, "Webhook was deleted" if was else "Webhook is already deleted")


def _get_updates(bot: Bot, params: Params) -> Any:
    if bot.webhook:
        words = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
        raise Refusal(409, f"Conflict: {words}")
    return bot.poll(int(params.get("offset") or 0), int(params.get("limit") or 100))


_METHODS: dict[str, Method] = {
    "getme": lambda bot, params: bot.me(),
    "getmyname": lambda bot, params: {"name": bot.text("name", params) or bot.first_name},
    "setmyname": lambda bot, params: bot.set_text("name", params, limit=64),
    "getmydescription": lambda bot, params: {"description": bot.text("description", params)},
    "setmydescription": lambda bot, params: bot.set_text("description", params, limit=512),
    "getmyshortdescription": lambda bot, params: {"short_description": bot.text("short_description", params)},
    "setmyshortdescription": lambda bot, params: bot.set_text("short_description", params, limit=120),
    "getmycommands": lambda bot, params: bot.get_commands(params),
    "setmycommands": lambda bot, params: bot.set_commands(params),
    "deletemycommands": lambda bot, params: bot.delete_commands(params),
    "deletewebhook": _delete_webhook,
    "getwebhookinfo": lambda bot, params: bot.webhook_info(),
    "getupdates": _get_updates,
    "sendchataction": lambda bot, params: bool(bot.chat(params)),
}
"""In lower case, because the Bot API doesn't mind the case of its methods' names."""
