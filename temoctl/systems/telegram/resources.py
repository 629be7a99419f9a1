"""Bots and their webhooks as resources: look, set texts on difference, look again, prove. Knows no HTTP."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from temoctl.engine.ports import Clock, Permit
from temoctl.engine.protocol import (
    Call,
    Outcome,
    ProbeResult,
    Proof,
    Readiness,
    Ready,
    Scope,
    Snapshot,
    Target,
    Verb,
    Verdict,
)
from temoctl.model.errors import Bug, Refused, TemoError, Unavailable, UserError
from temoctl.model.kind import Kind
from temoctl.model.resource import Doubt, Observed, Presence
from temoctl.model.secret import Secret
from temoctl.model.value import Json, Props, digest
from temoctl.systems.telegram.client import REFUSED_TOKEN, TelegramApi
from temoctl.systems.telegram.kinds import KINDS, TEXTS, normalise_bot
from temoctl.systems.telegram.tokens import bot_id
from temoctl.systems.telegram.webhooks import Delivery

GETTERS = {
    "description": "getMyDescription",
    "short_description": "getMyShortDescription",
    "commands": "getMyCommands",
    "name": "getMyName",  # last, so that a half-done creation shows by the others
}
SETTERS = {
    "name": "setMyName",
    "description": "setMyDescription",
    "short_description": "setMyShortDescription",
    "commands": "setMyCommands",
}
_EMPTY: Mapping[str, Json] = {"name": "", "description": "", "short_description": "", "commands": []}


class TelegramSystem:
    """Implements engine.protocol.System, Waits and Probes."""

    name = "telegram"

    def __init__(self, api: TelegramApi, *, clock: Clock, settle: float | None = None) -> None:
        self._api = api
        self._clock = clock
        self.kinds: Mapping[str, Kind] = (
            KINDS if settle is None else {name: replace(kind, settle=settle) for name, kind in KINDS.items()}
        )

    async def instance(self) -> str:
        """There is one Telegram: a self-hosted Bot API server speaks for the same bots as the cloud's."""
        return "telegram"

    async def observe(self, scope: Scope) -> Snapshot:
        """All targets at once. Telegram has no lists: the cost is declared in `Kind.calls`."""
        seen = await asyncio.gather(*(self.read(target) for target in scope.targets))
        return Snapshot({one.address: one for one in seen})

    async def read(self, target: Target) -> Observed:
        token = target.secrets.get("token")
        if token is None:
            return Observed.unknown(
                target.address,
                Doubt.DENIED,
                "the bot's token is not stored",
                fix=f"temoctl secrets set {target.address.tenant} PATH",
                code="TEMO728",
            )
        try:
            if target.address.kind == "webhook":
                return (await self._delivery(token)).observed(target)
            return await self._bot(target, token)
        except TemoError as error:
            return _unknown(target, error)

    async def find(self, target: Target, intent: str) -> Sequence[Observed]:
        """The bot, when any of our texts is on it; the next plan finishes what was cut off."""
        seen = await self.read(target)
        if seen.presence is Presence.UNKNOWN:
            raise Unavailable(seen.code or "TEMO720", seen.why, fix=seen.fix)
        return [seen] if seen.presence is Presence.PRESENT else []

    async def execute(self, call: Call) -> Outcome:
        if call.target.address.kind == "webhook":
            raise Bug("TEMO729", "a webhook is watched, never set: n8n's trigger owns it")
        token = _token(call)
        if call.verb is Verb.DELETE:
            return await self._clear(call, token)
        me = await self._api.get(token, "getMe")
        wanted = {field: value for field, value in normalise_bot(call.props).items() if field in GETTERS}
        changed = {re.split(r"[.\[]", change.path)[0] for change in call.changes}
        dropped = (changed & GETTERS.keys()) - wanted.keys()  # the spec no longer gives this text
        await self._write(token, {**wanted, **{field: _EMPTY[field] for field in sorted(dropped)}}, call.permit)
        return Outcome(str(me["id"]), _outputs(me))

    async def gone(self, target: Target) -> Proof:
        """A bot itself can only be deleted by its owner in @BotFather: the proof says what of ours is gone."""
        seen = await self.read(target)
        if target.address.kind == "webhook":
            return _webhook_proof(seen)
        if seen.presence is Presence.ABSENT:
            return Proof(Verdict.RETAINED, "no text of ours is on the bot; the bot stays with its owner")
        if seen.presence is Presence.UNKNOWN:
            return Proof(Verdict.UNVERIFIED, f"{seen.why}: the bot's texts could not be read")
        left = _set_on(seen.props)
        if left:
            return Proof(Verdict.UNVERIFIED, f"still set at Telegram: {', '.join(left)}")
        token = target.secrets.get("token")
        if token is not None and (await self._delivery(token)).leads_to(target.marker):
            return Proof(Verdict.UNVERIFIED, "its messages are still sent to our n8n")
        looked = ", ".join(field.replace("_", " ") for field in seen.props if field != "name")
        return Proof(Verdict.RETAINED, f"found empty: {looked or 'nothing to ask for'}; the bot stays with its owner")

    async def ready(self, target: Target) -> Ready:
        if target.address.kind != "webhook":
            return Ready(Readiness.READY)
        seen = await self.read(target)
        match seen.presence:
            case Presence.PRESENT if seen.props.get("url") == target.props.get("url"):
                return Ready(Readiness.READY)
            case Presence.PRESENT:
                return Ready(Readiness.PENDING, "the bot still answers to our former address")
            case Presence.ABSENT:
                return Ready(Readiness.PENDING, "n8n has not registered at Telegram yet")
            case Presence.UNKNOWN if seen.doubt is Doubt.OUTAGE:
                return Ready(Readiness.PENDING, seen.why)
            case _:
                return Ready(Readiness.BROKEN, seen.why, seen.fix)

    async def probe(self, target: Target, neighbours: Sequence[Target]) -> Sequence[ProbeResult]:
        token = target.secrets.get("token")
        kind = target.address.kind
        try:
            if token is None:
                raise Refused("TEMO728", "the bot's token is not stored", fix="store it with `temoctl secrets set`")
            if kind == "webhook":
                return (await self._delivery(token)).proven(target, self._clock.now())
            await self._api.get(token, "getMe")
        except TemoError as error:
            name = "customers' messages are delivered to us" if kind == "webhook" else "Telegram accepts the token"
            return [ProbeResult(target.address, name, ok=False, why=error.summary, fix=error.fix)]
        return [ProbeResult(target.address, "Telegram accepts the token", ok=True)]

    async def close(self) -> None:
        await self._api.close()

    async def _delivery(self, token: Secret) -> Delivery:
        return Delivery.of(await self._api.get(token, "getWebhookInfo"), bot_id(token))

    async def _bot(self, target: Target, token: Secret) -> Observed:
        asked = [field for field in GETTERS if field in target.props]
        me, texts = await _both(self._api.get(token, "getMe"), self._texts(token, asked))
        if str(me["id"]) != target.ref and not _set_on(texts):
            # A bot is always there. For us it isn't before it is recorded or has a text of the kinds asked for.
            return Observed.absent(target.address)
        return Observed(
            target.address,
            Presence.PRESENT,
            ref=str(me["id"]),
            props=texts,
            outputs=_outputs(me),
            fingerprint=digest({"id": me["id"], "texts": texts}),
            marker=target.marker,  # whoever holds the token owns the bot: there is nowhere to write a marker
        )

    async def _texts(self, token: Secret, fields: Sequence[str]) -> Props:
        """The named texts as they stand now; one call each, because Telegram has no call for all."""
        answers = await asyncio.gather(
            *(self._api.get(token, GETTERS[field]) for field in fields), return_exceptions=True
        )
        texts: dict[str, Json] = {}
        for field, answer in zip(fields, answers, strict=True):
            if isinstance(answer, BaseException):
                raise answer
            texts[field] = answer.get(field, "") if field in TEXTS else answer
        return normalise_bot(texts)

    async def _write(self, token: Secret, wanted: Mapping[str, Json], permit: Permit) -> None:
        """Set what differs and nothing else: Telegram limits these calls to a few an hour."""
        fields = [field for field in GETTERS if field in wanted]
        now = await self._texts(token, fields)
        for field in fields:
            value = wanted[field]
            if now[field] == value:
                continue
            if field == "commands" and not value:
                await self._api.set(token, "deleteMyCommands", permit)
            else:
                await self._api.set(token, SETTERS[field], permit, **{field: value})

    async def _clear(self, call: Call, token: Secret) -> Outcome:
        ours = {field: _EMPTY[field] for field in GETTERS if field in call.props or field in call.target.props}
        try:
            await self._write(token, ours, call.permit)
        except (Refused, UserError) as error:
            # A dead token can't clear anything and never will; `gone` then says that nothing could be verified.
            if error.code not in (REFUSED_TOKEN, "TEMO724"):
                raise
            return Outcome(call.target.ref or "")
        if (await self._delivery(token)).leads_to(call.target.marker):
            # n8n takes the webhook back with its own login; where that was deleted by hand, nobody else would.
            await self._api.set(token, "deleteWebhook", call.permit)
        return Outcome(call.target.ref or "")


def _set_on(texts: Props) -> list[str]:
    """The texts that are set. The name doesn't count: a bot always has one, from @BotFather."""
    return [field for field, value in texts.items() if value and field != "name"]


def _token(call: Call) -> Secret:
    for given in (call.props.get("token"), call.target.secrets.get("token")):
        if isinstance(given, Secret):
            return given
    raise Refused("TEMO728", "the bot's token is not stored", fix=f"temoctl secrets set {call.target.address.tenant}")


def _outputs(me: Mapping[str, Any]) -> dict[str, Json]:
    return {"id": str(me["id"]), "username": me.get("username", "")}


def _webhook_proof(seen: Observed) -> Proof:
    if seen.presence is Presence.ABSENT:
        return Proof(Verdict.DELETED, "getWebhookInfo shows no address")
    if seen.doubt is Doubt.FOREIGN:
        return Proof(Verdict.DELETED, "getWebhookInfo shows an address that isn't ours")
    return Proof(Verdict.UNVERIFIED, seen.why or "getWebhookInfo still shows our address")


def _unknown(target: Target, error: TemoError) -> Observed:
    doubt = Doubt.DENIED if isinstance(error, UserError | Refused) else Doubt.OUTAGE
    return Observed.unknown(target.address, doubt, error.summary, fix=error.fix, code=error.code)


async def _both(first: Any, second: Any) -> tuple[Any, Any]:
    """Two awaitables at once; when either fails, the other one is still waited for."""
    results = await asyncio.gather(first, second, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results[0], results[1]
