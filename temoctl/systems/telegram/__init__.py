"""Telegram as a system: bots whose token a client gave us, and the webhook that n8n's trigger sets on them.

temoctl never sets a webhook itself; it watches it. Must not know n8n, blueprints or where tokens are kept.
"""

from __future__ import annotations

from temoctl.engine.protocol import Context, Limits, Plugin, System
from temoctl.systems.telegram.kinds import KINDS
from temoctl.systems.telegram.settings import TelegramSettings


async def _connect(settings: TelegramSettings, context: Context) -> System:
    from temoctl.systems.telegram.client import TelegramApi
    from temoctl.systems.telegram.resources import TelegramSystem

    api = TelegramApi(
        settings.url,
        clock=context.clock,
        slots=context.slots,
        timeout=settings.timeout or context.timeout,
        transport=context.transport,
    )
    return TelegramSystem(api, clock=context.clock, settle=settings.settle)


plugin = Plugin(
    name="telegram",
    kinds=KINDS,
    settings=TelegramSettings,
    connect=_connect,
    limits=Limits(concurrency=16, rate=0.0, burst=1, per_key=0.0),
    describe="Telegram bots: their texts, and whether customers' messages reach n8n",
    remains=(
        (
            "the bot, its token and its chats",
            "only the bot's owner can delete a bot or revoke its token, in @BotFather",
        ),
    ),
)
