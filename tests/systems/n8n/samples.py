"""What n8n's kinds are tried with: credentials, a workflow that others call, and one that Telegram triggers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from temoctl.model.address import Address
from temoctl.model.identity import Owner
from temoctl.model.secret import Secret
from temoctl.model.value import ref
from tests.conformance.rig import Sample

N8N = "http://n8n.test"
BOT_API = "http://telegram.test"
API_KEY = "canary-key-0123456789"
TOKEN = "5512345678:AAHcanaryCanaryCanaryCanary_-012345"
NEW_TOKEN = "5512345678:AAHsecondSecondSecondSecond_-56789"
TOKENS = (TOKEN, NEW_TOKEN)
DEAD_TOKEN = "5512345678:AAHrevokedRevokedRevokedRevok_-666"
OWNER = Owner("0123456789", "abcdefghjkmnpqrs")
HOOK = "3b0d6a3e-8a55-5a44-9c6e-0f6f4f0c8d01"


def credential(kind: str, name: str, readable: str, data: dict[str, Any], secrets: dict[str, str]) -> Sample:
    """`changed` renames: what is inside a credential can't be read back, so only a name can be seen to change."""
    props = {"name": readable, "type": kind, "data": data}
    held = {path: Secret(text) for path, text in secrets.items()}
    return Sample(Address("acme", "n8n", "credential", name), props, {**props, "name": f"{readable} (new)"}, held)


def telegram(bot_api: str) -> Sample:
    return credential(
        "telegramApi",
        "telegram",
        "Acme Coffee: Telegram",
        {"accessToken": {"$secret": "telegram/token", "version": 1}, "baseUrl": bot_api},
        {"telegram/token": TOKEN},
    )


TELEGRAM = telegram(BOT_API)
KNOWLEDGE = credential(
    "postgres",
    "knowledge",
    "Acme Coffee: knowledge base",
    {
        "host": "127.0.0.1",
        "port": 5432,
        "database": "knowledge",
        "user": "temo_k",
        "password": {"$secret": "supabase/knowledge-role", "version": 1, "generate": True},
        "ssl": "disable",
    },
    {"supabase/knowledge-role": "canary-password-0123456789"},
)


def node(number: int, name: str, kind: str, version: float, parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": f"{number:08d}-0000-4000-8000-000000000000",
        "name": name,
        "type": f"n8n-nodes-base.{kind}",
        "typeVersion": version,
        "position": [220 * number, 0],
        "parameters": parameters,
        **more,
    }


def link(*names: str) -> dict[str, Any]:
    return {before: {"main": [[{"node": after, "type": "main", "index": 0}]]} for before, after in pairwise(names)}


def called(answer: str) -> dict[str, Any]:
    return {
        "name": "Acme Coffee: what we know",
        "nodes": [
            node(0, "Called", "executeWorkflowTrigger", 1.1, {"inputSource": "passthrough"}),
            node(1, "Answer", "set", 3.4, {"mode": "raw", "jsonOutput": f'{{"answer": "{answer}"}}', "options": {}}),
        ],
        "connections": link("Called", "Answer"),
        "settings": {"executionOrder": "v1", "saveDataSuccessExecution": "none"},
        "active": True,
    }


TENANT = Sample(Address("acme", "n8n", "workflow", "tenant"), called("one"), called("two"))


def ingress(text: str, updates: list[str]) -> dict[str, Any]:
    trigger = {"updates": updates, "additionalFields": {}}
    uses = {"telegramApi": {"id": ref(TELEGRAM.address, "id"), "name": ref(TELEGRAM.address, "name")}}
    return {
        "name": "Acme Coffee: Telegram messages, with a name that is far too long to fit beside its marker",
        "nodes": [
            node(0, "Telegram Trigger", "telegramTrigger", 1.2, trigger, webhookId=HOOK, credentials=uses),
            node(1, "Text", "set", 3.4, {"mode": "raw", "jsonOutput": f'{{"text": "{text}"}}', "options": {}}),
        ],
        "connections": link("Telegram Trigger", "Text"),
        "settings": {"executionOrder": "v1"},
        "active": True,
    }


INGRESS = Sample(
    Address("acme", "n8n", "workflow", "telegram-ingress"),
    ingress("one", ["message"]),
    ingress("two", ["message", "callback_query"]),
)
SAMPLES = (TELEGRAM, KNOWLEDGE, TENANT, INGRESS)


def at(bot_api: str) -> tuple[Sample, ...]:
    """The samples in a world whose Bot API answers somewhere else."""
    return telegram(bot_api), *SAMPLES[1:]
