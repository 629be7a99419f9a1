"""One bot of the stand-in: its texts, its webhook, what waits for delivery and what it has said. No network."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class Refusal(Exception):
    """The API's no, with its status and words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


@dataclass(slots=True)
class Webhook:
    """Where updates go. `allowed_updates` None is the default set; the secret is never given back."""

    url: str
    secret_token: str = field(default="", repr=False)
    allowed_updates: list[str] | None = None
    max_connections: int = 40
    ip_address: str = ""
    last_error_date: int = 0
    last_error_message: str = ""


@dataclass(slots=True)
class Bot:
    id: int
    username: str
    first_name: str
    token: str = field(repr=False)
    revoked: bool = False
    texts: dict[tuple[str, str], str] = field(default_factory=dict)  # (field, language) -> text
    commands: dict[tuple[str, str], list[dict[str, str]]] = field(default_factory=dict)  # (scope, language)
    changes: dict[str, list[float]] = field(default_factory=dict)  # setter -> times, for the flood limit
    webhook: Webhook | None = None
    updates: list[dict[str, Any]] = field(default_factory=list)
    deliveries: list[dict[str, Any]] = field(default_factory=list)  # what reached the webhook, and what it answered
    sent: list[dict[str, Any]] = field(default_factory=list)  # messages by the bot, as Telegram returned them
    chats: dict[int, str] = field(default_factory=dict)
    next_try: float = 0.0
    tries: int = 0
    last_update: int = 1000
    last_message: int = 0

    def me(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "is_bot": True,
            "first_name": self.texts.get(("name", "")) or self.first_name,
            "username": self.username,
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }

    # -- texts

    def text(self, name: str, params: Mapping[str, Any]) -> str:
        """A text in the asked language, else the default one."""
        language = str(params.get("language_code") or "")
        return self.texts.get((name, language)) or self.texts.get((name, ""), "")

    def set_text(self, name: str, params: Mapping[str, Any], *, limit: int) -> bool:
        text = _clean(params.get(name, ""))
        if len(text) > limit:
            raise Refusal(400, f"Bad Request: {name.replace('_', ' ')} is too long")
        key = (name, str(params.get("language_code") or ""))
        if text:
            self.texts[key] = text
        else:
            self.texts.pop(key, None)
        return True

    def get_commands(self, params: Mapping[str, Any]) -> list[dict[str, str]]:
        return self.commands.get(_scope(params), [])

    def set_commands(self, params: Mapping[str, Any]) -> bool:
        given = params.get("commands")
        if not isinstance(given, list):
            raise Refusal(400, "Bad Request: can't parse BotCommand: expected an Array")
        if len(given) > 100:
            raise Refusal(400, "Bad Request: BOT_COMMANDS_TOO_MUCH")
        checked = []
        for one in given:
            name, words = _clean(one.get("command", "")).removeprefix("/"), _clean(one.get("description", ""))
            if not re.fullmatch(r"[a-z0-9_]{1,32}", name):
                raise Refusal(400, "Bad Request: BOT_COMMAND_INVALID")
            if not 1 <= len(words) <= 256:
                raise Refusal(400, "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID")
            checked.append({"command": name, "description": words})
        self.commands[_scope(params)] = checked
        return True

    def delete_commands(self, params: Mapping[str, Any]) -> bool:
        self.commands.pop(_scope(params), None)
        return True

    # -- webhook and updates

    def webhook_info(self) -> dict[str, Any]:
        hook = self.webhook
        info: dict[str, Any] = {
            "url": hook.url if hook else "",
            "has_custom_certificate": False,
            "pending_update_count": len(self.updates),
        }
        if hook is None:
            return info
        info["max_connections"] = hook.max_connections
        optional = {
            "ip_address": hook.ip_address,
            "allowed_updates": hook.allowed_updates,
            "last_error_date": hook.last_error_date,
            "last_error_message": hook.last_error_message,
        }
        return info | {key: value for key, value in optional.items() if value}

    def drop(self, params: Mapping[str, Any]) -> None:
        if params.get("drop_pending_updates") in (True, "true", "True", "1"):
            self.updates.clear()

    def incoming(self, chat_id: int, text: str, name: str, at: int) -> dict[str, Any] | None:
        """Queue a customer's message; None when this bot doesn't want messages."""
        if self.webhook and self.webhook.allowed_updates and "message" not in self.webhook.allowed_updates:
            return None
        self.chats[chat_id] = name
        self.last_message += 1
        self.last_update += 1
        message: dict[str, Any] = {
            "message_id": self.last_message,
            "from": {"id": chat_id, "is_bot": False, "first_name": name, "language_code": "en"},
            "chat": {"id": chat_id, "first_name": name, "type": "private"},
            "date": at,
            "text": text,
        }
        if text.startswith("/"):
            message["entities"] = [{"offset": 0, "length": len(text.split(maxsplit=1)[0]), "type": "bot_command"}]
        update = {"update_id": self.last_update, "message": message}
        self.updates.append(update)
        return update

    def poll(self, offset: int, limit: int) -> list[dict[str, Any]]:
        """getUpdates: what is older than `offset` has been confirmed and goes."""
        if offset > 0:
            self.updates = [one for one in self.updates if one["update_id"] >= offset]
        return self.updates[: min(max(limit, 1), 100)]

    # -- what the bot says

    def chat(self, params: Mapping[str, Any]) -> int:
        try:
            chat_id = int(params.get("chat_id") or 0)
        except ValueError:
            chat_id = 0
        if not chat_id:
            raise Refusal(400, "Bad Request: chat_id is empty")
        if chat_id not in self.chats:
            raise Refusal(400, "Bad Request: chat not found")
        return chat_id

    def send(self, params: Mapping[str, Any], at: int) -> dict[str, Any]:
        text = str(params.get("text") or "").strip()
        if not text:
            raise Refusal(400, "Bad Request: message text is empty")
        if len(text) > 4096:
            raise Refusal(400, "Bad Request: message is too long")
        chat_id = self.chat(params)
        self.last_message += 1
        message = {
            "message_id": self.last_message,
            "from": {key: self.me()[key] for key in ("id", "is_bot", "first_name", "username")},
            "chat": {"id": chat_id, "first_name": self.chats[chat_id], "type": "private"},
            "date": at,
            "text": text,
        }
        self.sent.append(message)
        return message


def _clean(text: Any) -> str:
    """Telegram drops carriage returns and the white space around a text."""
    return str(text or "").replace("\r", "").strip()


def _scope(params: Mapping[str, Any]) -> tuple[str, str]:
    scope = params.get("scope") or {"type": "default"}
    return json.dumps(scope, sort_keys=True), str(params.get("language_code") or "")
