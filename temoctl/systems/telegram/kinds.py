"""The kinds of resource at Telegram, as pure data for the planner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from temoctl.model.identity import Identity
from temoctl.model.kind import Impact, Kind
from temoctl.model.value import Props

TEXTS = ("name", "description", "short_description")


def tidy(text: Any) -> str:
    """A text as Telegram keeps it: no carriage returns, no white space around it."""
    return str(text or "").replace("\r", "").strip()


def _command(command: Mapping[str, Any]) -> dict[str, str]:
    return {"command": tidy(command["command"]).removeprefix("/"), "description": tidy(command["description"])}


def normalise_bot(props: Props) -> Props:
    """Bot props with their texts as Telegram gives them back; fields that aren't there stay away."""
    changed: dict[str, Any] = {field: tidy(props[field]) for field in TEXTS if field in props}
    if "commands" in props:
        changed["commands"] = [_command(one) for one in props["commands"] or ()]
    return {**props, **changed}


BOT = Kind(
    system="telegram",
    name="bot",
    label="Telegram bot",
    identity=Identity.CHOSEN,  # the token names the bot: setting its texts again is harmless
    write_only=frozenset({"token"}),
    observe_secrets=frozenset({"token"}),
    impact={
        "token": Impact.PAUSE,
        "create": Impact.CUSTOMERS,
        "name": Impact.CUSTOMERS,
        "description": Impact.CUSTOMERS,
        "short_description": Impact.CUSTOMERS,
        "commands": Impact.CUSTOMERS,
        "delete": Impact.CUSTOMERS,
    },
    exclusive="token",  # the bot's id stands before the colon
    settle=30.0,
    ready=0.0,
    calls=5,  # getMe, and one getter for each of the four texts a spec can ask for
    normalise=normalise_bot,
)

WEBHOOK = Kind(
    system="telegram",
    name="webhook",
    label="delivery of Telegram messages",
    identity=Identity.WITNESS,
    write_only=frozenset({"token"}),
    observe_secrets=frozenset({"token"}),
    settle=30.0,
    ready=60.0,
    calls=1,  # getWebhookInfo
)

KINDS: Mapping[str, Kind] = {BOT.name: BOT, WEBHOOK.name: WEBHOOK}
