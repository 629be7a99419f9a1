"""The control port: make the stand-ins misbehave, look into them, and be the people around them.

A stand-in of its own kind, so that it shares routing; every request must carry the world's control token. Knows no
tenant: commands find out which bot or workflow is meant.
"""

from __future__ import annotations

import dataclasses
import hmac
from collections.abc import Mapping
from typing import Any, TypeVar

from temoctl.engine.ports import Clock
from temoctl.sandbox.openai import FakeOpenAI
from temoctl.sandbox.till import Till
from temoctl.systems.fake_http import FakeHttp, FakeRequest, FakeResponse, Fault
from temoctl.systems.n8n.fake import FakeN8n
from temoctl.systems.stripe.fake import FakeStripe
from temoctl.systems.telegram.fake import FakeTelegram
from temoctl.systems.telegram.fake_bot import Bot

TOKEN_HEADER = "x-temoctl-control"  # noqa: S105
KINDS = ("latency", "429", "500-before", "500-after", "lost", "late", "refuse", "denied", "stale")
_LONGEST_WAIT = 60.0
_Fake = TypeVar("_Fake", bound=FakeHttp)


class Control(FakeHttp):
    """`fakes` by name ("n8n", "telegram", "storage", "llm", "stripe"); n8n is missing where a real one runs."""

    name = "control"

    def __init__(self, clock: Clock, fakes: Mapping[str, FakeHttp], token: str) -> None:
        super().__init__(clock)
        self._fakes, self._token = fakes, token
        self._telegram = _one(fakes, FakeTelegram)
        self._llm = _one(fakes, FakeOpenAI)
        for method, path, handler in (
            ("GET", "/ping", self._ping),
            ("GET", "/state", self._state),
            ("GET", "/requests", self._requests),
            ("DELETE", "/requests", self._forget_requests),
            ("GET", "/faults", self._list_faults),
            ("POST", "/faults", self._add_fault),
            ("DELETE", "/faults", self._clear_faults),
            ("POST", "/latency", self._latency),
            ("GET", "/bots", self._bots),
            ("POST", "/bots", self._add_bot),
            ("GET", "/bots/{who}", self._bot),
            ("POST", "/bots/{who}/says", self._says),
            ("POST", "/bots/{who}/revoke", self._revoke),
            ("POST", "/bots/{who}/webhook", self._point_elsewhere),
            ("GET", "/prompts", self._prompts),
        ):
            self.route(method, path, handler)
        Till(_one(fakes, FakeStripe), self)

    async def handle(self, request: FakeRequest) -> FakeResponse:
        given = request.headers.get(TOKEN_HEADER, "")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            return FakeResponse(403, {"message": "this port belongs to the sandbox; use `temoctl sandbox`"})
        try:
            return await self._dispatch(request)
        except KeyError as error:
            return FakeResponse(404, {"message": f"there is no {error.args[0]}"})
        except (ValueError, TypeError) as error:
            return FakeResponse(400, {"message": str(error)})

    async def _ping(self, request: FakeRequest) -> FakeResponse:
        return FakeResponse(json={"ok": True})

    async def _state(self, request: FakeRequest) -> FakeResponse:
        """What the stand-ins hold, without secrets."""
        shown: dict[str, Any] = {"telegram": [_shown(bot) for bot in self._telegram.bots.values()]}
        for fake in self._fakes.values():
            if isinstance(fake, FakeN8n):
                shown["n8n"] = {
                    "workflows": _columns(fake.workflows, "id", "name", "active", "triggerCount"),
                    "credentials": _columns(fake.credentials, "id", "name", "type"),
                    "received": len(fake.executions),
                }
        return FakeResponse(json=shown)

    async def _requests(self, request: FakeRequest) -> FakeResponse:
        """How many requests each stand-in has seen."""
        counts = {}
        for name, fake in self._fakes.items():
            writes = sum(fake.is_write(FakeRequest(*line, {}, {}, b"")) for line in fake.requests)
            counts[name] = {"reads": len(fake.requests) - writes, "writes": writes}
        return FakeResponse(json=counts)

    async def _forget_requests(self, request: FakeRequest) -> FakeResponse:
        for fake in self._fakes.values():
            fake.requests.clear()
        return FakeResponse(204)

    async def _list_faults(self, request: FakeRequest) -> FakeResponse:
        return FakeResponse(
            json=[
                {"system": name, **dataclasses.asdict(fault)}
                for name, fake in self._fakes.items()
                for fault in fake.faults
                if fault.count != 0
            ]
        )

    async def _add_fault(self, request: FakeRequest) -> FakeResponse:
        given = dict(request.json)
        name = given.pop("system")
        fake = self._fake(name)
        fault = Fault(**given)
        if fault.kind in fake.unable:
            raise ValueError(f"{name} can't misbehave like that: {fault.kind}")
        if fault.kind not in KINDS:
            raise ValueError(f"no such fault: {fault.kind} (there are {', '.join(KINDS)})")
        fake.faults.append(fault)
        return FakeResponse(201, dataclasses.asdict(fault))

    async def _clear_faults(self, request: FakeRequest) -> FakeResponse:
        cleared = 0
        for name, fake in self._fakes.items():
            if request.query.get("system", name) == name:
                cleared += sum(fault.count != 0 for fault in fake.faults)
                fake.faults.clear()
        return FakeResponse(json={"cleared": cleared})

    async def _latency(self, request: FakeRequest) -> FakeResponse:
        """`{"seconds": 0.05}` for all, or with `"system"` for one."""
        given = request.json
        for name, fake in self._fakes.items():
            if given.get("system") in (None, name):
                fake.latency = float(given["seconds"])
        return FakeResponse(json={name: fake.latency for name, fake in self._fakes.items()})

    async def _bots(self, request: FakeRequest) -> FakeResponse:
        return FakeResponse(json=[_shown(bot) for bot in self._telegram.bots.values()])

    async def _add_bot(self, request: FakeRequest) -> FakeResponse:
        given = request.json
        bot = self._telegram.add_bot(given["token"], given["username"], given.get("first_name", ""))
        return FakeResponse(201, _shown(bot))

    async def _bot(self, request: FakeRequest, who: str) -> FakeResponse:
        """One bot with what it has said; `after` and `wait` wait for more than that many messages."""
        bot = self._telegram.bot(who)
        after, wait = int(request.query.get("after", -1)), float(request.query.get("wait", 0))
        deadline = self.clock.monotonic() + min(wait, _LONGEST_WAIT)
        while len(bot.sent) <= after and self.clock.monotonic() < deadline:
            await self.clock.sleep(0.05)
        return FakeResponse(json=_shown(bot) | {"sent": bot.sent, "deliveries": bot.deliveries[-20:]})

    async def _says(self, request: FakeRequest, who: str) -> FakeResponse:
        given = request.json
        bot = self._telegram.bot(who)
        said, tried = len(bot.sent), len(bot.deliveries)
        update = await self._telegram.customer_says(
            who, int(given["chat_id"]), str(given["text"]), name=str(given.get("name") or "Customer")
        )
        return FakeResponse(
            json={"update_id": update, "said_before": said, "deliveries": bot.deliveries[tried:], "bot": _shown(bot)}
        )

    async def _revoke(self, request: FakeRequest, who: str) -> FakeResponse:
        return FakeResponse(json=_shown(self._telegram.revoke(who)))

    async def _point_elsewhere(self, request: FakeRequest, who: str) -> FakeResponse:
        return FakeResponse(json=_shown(self._telegram.point(who, str(request.json["url"]))))

    async def _prompts(self, request: FakeRequest) -> FakeResponse:
        return FakeResponse(json=self._llm.prompts)

    def _fake(self, name: str) -> FakeHttp:
        if name not in self._fakes:
            raise ValueError(f"no stand-in is called {name!r} (there are {', '.join(self._fakes)})")
        return self._fakes[name]


def _one(fakes: Mapping[str, FakeHttp], kind: type[_Fake]) -> _Fake:
    return next(fake for fake in fakes.values() if isinstance(fake, kind))


def _columns(rows: Mapping[str, Mapping[str, Any]], *names: str) -> list[dict[str, Any]]:
    return [{name: row[name] for name in names} for row in rows.values()]


def _shown(bot: Bot) -> dict[str, Any]:
    """A bot without its token."""
    return {
        "id": bot.id,
        "username": bot.username,
        "revoked": bot.revoked,
        "name": bot.me()["first_name"],
        "texts": {field: text for (field, language), text in bot.texts.items() if not language},
        "commands": [one for commands in bot.commands.values() for one in commands],
        "webhook": bot.webhook_info(),
        "said": len(bot.sent),
    }
