"""The little of the Bot API that n8n's Telegram Trigger and credential test call. Knows its good tokens, no more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from temoctl.engine.ports import Clock
from temoctl.systems.fake_http import FakeHttp, FakeRequest, FakeResponse


class BotApi(FakeHttp):
    """`webhooks` is what each bot's webhook was last set to; `calls` every (token, method)."""

    name = "telegram"

    def __init__(self, clock: Clock, tokens: Iterable[str]) -> None:
        super().__init__(clock)
        self.tokens = set(tokens)
        self.webhooks: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, str]] = []
        self.sent: list[tuple[str, dict[str, Any]]] = []
        for verb in ("GET", "POST"):
            self.route(verb, "/bot{token}/{method}", self._call)

    async def _call(self, request: FakeRequest, token: str, method: str) -> FakeResponse:
        self.calls.append((token, method))
        if token not in self.tokens:
            return FakeResponse(401, {"ok": False, "error_code": 401, "description": "Unauthorized"})
        body = request.json or {}
        match method:
            case "getMe":
                number = int(token.partition(":")[0])
                result: Any = {"id": number, "is_bot": True, "first_name": "Bot", "username": f"bot_{number}_bot"}
            case "getWebhookInfo":
                url = self.webhooks.get(token, {}).get("url", "")
                result = {"url": url, "has_custom_certificate": False, "pending_update_count": 0}
            case "setWebhook":
                self.webhooks[token], result = body, True
            case "deleteWebhook":
                result = self.webhooks.pop(token, None) is not None or True
            case "sendMessage":
                self.sent.append((token, body))
                chat = {"id": body.get("chat_id"), "type": "private"}
                result = {"message_id": len(self.sent), "date": int(self.clock.now()), "chat": chat, **body}
            case _:
                result = True
        return FakeResponse(200, {"ok": True, "result": result})
