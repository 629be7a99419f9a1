"""A Telegram bot: its texts, the ingress workflow that owns its webhook, and the webhook as the ingress' witness."""

from __future__ import annotations

from temoctl.blueprint import credentials
from temoctl.blueprint.builder import Builder
from temoctl.blueprint.workflows import workflow
from temoctl.model.address import Address
from temoctl.model.diagnostic import Where
from temoctl.model.identity import webhook_id
from temoctl.model.value import Json
from temoctl.spec.channels import TelegramChannel
from temoctl.spec.tenant import TenantSpec

KIND = "telegram"
BOT, WEBHOOK = "telegram.bot", "telegram.webhook"
TEMPLATE = "telegram-ingress.json"
CLOUD = "https://api.telegram.org"


def build(name: str, channel: TelegramChannel, spec: TenantSpec, builder: Builder, values: dict[str, Json]) -> None:
    """Ask for bot, credential, ingress and webhook of one channel."""
    n8n, telegram = builder.system("n8n"), builder.system("telegram")
    if n8n is None or telegram is None:
        return
    where = spec.where(f"channels.{name}")
    token_where = spec.where(f"channels.{name}.token")
    title = _title(name)
    token = builder.secret_of(channel.token, token_where, f"the Telegram bot of channel {name}")
    bot = _bot(name, channel, spec, builder, token)
    login = credentials.credential(
        builder,
        name,
        "telegramApi",
        {"accessToken": token, "baseUrl": str(telegram.get("url") or CLOUD).rstrip("/")},
        title=f"{builder.title}: {title}",
        label=f"{title} login",
        where=token_where,
    )
    hook = webhook_id(builder.marker("workflow", f"{name}-ingress"))
    ingress = workflow(
        builder,
        f"{name}-ingress",
        TEMPLATE,
        {**values, "webhook_id": hook, **credentials.values({"telegram": login})},
        title=f"{builder.title}: {title}",
        label=f"{title} ingress",
        where=where,
        after=(bot,),
        webhook=hook,
    )
    if ingress is not None:
        url = f"{_webhooks(n8n)}/webhook/{hook}/webhook"
        _witness(name, builder, {"token": token, "url": url}, ingress, where)


def _bot(name: str, channel: TelegramChannel, spec: TenantSpec, builder: Builder, token: Json) -> Address:
    props: dict[str, Json] = {"token": token}
    for field in ("name", "description", "short_description"):
        text = getattr(channel, field)
        if text is not None:
            props[field] = text
    if channel.commands:
        props["commands"] = [{"command": one.command, "description": one.description} for one in channel.commands]
    return builder.add(
        builder.address(BOT, name),
        props,
        f"{_title(name)} bot",
        spec.where(f"channels.{name}"),
        detail=channel.name or "",
        field_where={field: spec.where(f"channels.{name}.{field}") for field in props},
    )


def _witness(name: str, builder: Builder, props: dict[str, Json], ingress: Address, where: Where) -> None:
    builder.add(
        builder.address(WEBHOOK, name),
        props,
        f"{_title(name)} webhook",
        where,
        after=(ingress,),
        witness_of=ingress,
    )


def _title(name: str) -> str:
    return "Telegram" if name == KIND else f"Telegram {name}"


def _webhooks(n8n: object) -> str:
    section = n8n if isinstance(n8n, dict) else {}
    return str(section.get("webhook_url") or section.get("url") or "").rstrip("/").removesuffix("/api/v1")
