"""What can be known of a bot from its token alone. Makes no call and never shows the secret part."""

from __future__ import annotations

import re

from temoctl.model.errors import UserError
from temoctl.model.secret import Secret

_SHAPE = re.compile(r"(?P<bot>[0-9]{1,20}):[A-Za-z0-9_-]{8,}")
ANYWHERE = re.compile(r"([0-9]{1,20}):[A-Za-z0-9_-]{8,}")
"""A token inside a longer text; group 1 is the bot's id, which is no secret."""


def malformed() -> UserError:
    """The one answer to a text that isn't a bot token, whoever found out: we by its shape, or Telegram by 404."""
    return UserError(
        "TEMO724",
        "this is not a Telegram bot token",
        detail="A token looks like 123456789:AA… (the bot's number, a colon, then about 35 letters and digits).",
        fix="copy the whole token from @BotFather (/mybots, your bot, API Token) and store it with "
        "`temoctl secrets set TENANT PATH`",
    )


def bot_id(token: Secret) -> str:
    """The bot's number, which is the first part of its token. Raises UserError TEMO724 for another shape.

    Two tenants with one bot are found by it without a call (DECISIONS 26).
    """
    found = _SHAPE.fullmatch(token.reveal())
    if found is None:
        raise malformed()
    return found["bot"]


def without_tokens(text: str) -> str:
    """The text with the secret part of every bot token in it masked."""
    return ANYWHERE.sub(r"\1:<secret>", text)
